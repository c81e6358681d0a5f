//! Layout of the recorded video.

use super::canvas::Area;
use super::frame_buffer::FrameBuffer;
use super::{HEIGHT, WIDTH};

/// Participants to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene {
    /// Participants in display order.
    pub people: Vec<Person>,
    /// The connection is lost, so that frames are outdated.
    pub reconnecting: bool,
}

/// A participant to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Person {
    /// Displayed name.
    pub name: String,
    /// Frames of the camera; `None` while it is off.
    pub camera: Option<FrameBuffer>,
    /// Frames of the shared screen.
    pub screen: Option<FrameBuffer>,
}

/// Content of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Camera of the person with this index.
    Camera(usize),
    /// Screen of the person with this index.
    Screen(usize),
}

/// Area of the frame and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub content: Content,
    pub area: Area,
}

/// Maximum number of tiles in a grid.
const MAX_TILES: usize = 16;
/// Height of the tiles on the right of a shared screen; their aspect ratio is 16:9.
const SIDE_HEIGHT: usize = HEIGHT / 5;
const SIDE_WIDTH: usize = SIDE_HEIGHT * 16 / 9;

/// Arranges the scene: one person fills the frame, two are side by side, more form a grid. A shared screen is large, with up
/// to five tiles on its right.
pub(crate) fn layout(scene: &Scene) -> Vec<Tile> {
    let screens = (0..scene.people.len()).filter(|i| scene.people[*i].screen.is_some()).map(Content::Screen);
    let cameras = (0..scene.people.len()).map(Content::Camera);
    let mut screens = screens.collect::<Vec<_>>().into_iter();
    let Some(stage) = screens.next() else {
        return grid(&cameras.take(MAX_TILES).collect::<Vec<_>>());
    };
    let stage_width = WIDTH - SIDE_WIDTH;
    let stage = Tile { content: stage, area: Area::new(0, 0, stage_width, HEIGHT).fit(16, 9) };
    // Other screens take precedence over cameras.
    let side: Vec<_> = screens.chain(cameras).take(HEIGHT / SIDE_HEIGHT).collect();
    let top = (HEIGHT - side.len() * SIDE_HEIGHT) / 2;
    let side_tiles = side.into_iter().enumerate().map(|(i, content)| Tile {
        content,
        area: Area::new(stage_width, top + i * SIDE_HEIGHT, SIDE_WIDTH, SIDE_HEIGHT),
    });
    std::iter::once(stage).chain(side_tiles).collect()
}

/// Arranges tiles of 16:9 in a square grid, with the last row centred.
fn grid(contents: &[Content]) -> Vec<Tile> {
    let columns = (1..).find(|columns| columns * columns >= contents.len()).unwrap_or(1);
    let (width, height) = (WIDTH / columns, HEIGHT / columns);
    let rows = contents.len().div_ceil(columns);
    let top = (HEIGHT - rows * height) / 2;
    let tiles = contents.iter().enumerate().map(|(i, content)| {
        let (row, column) = (i / columns, i % columns);
        let in_row = columns.min(contents.len() - row * columns);
        let left = (WIDTH - in_row * width) / 2;
        Tile { content: *content, area: Area::new(left + column * width, top + row * height, width, height) }
    });
    tiles.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scene(people: usize, screens: usize) -> Scene {
        let person = |i: usize| Person { screen: (i < screens).then(FrameBuffer::default), ..Default::default() };
        Scene { people: (0..people).map(person).collect(), reconnecting: false }
    }

    #[test]
    fn one_person_fills_the_frame_and_two_are_side_by_side() {
        assert_eq!(layout(&scene(0, 0)), []);
        assert_eq!(layout(&scene(1, 0)), [Tile { content: Content::Camera(0), area: Area::new(0, 0, 1280, 720) }]);
        let tiles = layout(&scene(2, 0));
        assert_eq!(tiles[0], Tile { content: Content::Camera(0), area: Area::new(0, 180, 640, 360) });
        assert_eq!(tiles[1], Tile { content: Content::Camera(1), area: Area::new(640, 180, 640, 360) });
    }

    #[test]
    fn a_shared_screen_is_the_largest_tile() {
        let tiles = layout(&scene(2, 1));
        assert_eq!(tiles[0], Tile { content: Content::Screen(0), area: Area::new(0, 72, 1024, 576) });
        assert_eq!(tiles[1], Tile { content: Content::Camera(0), area: Area::new(1024, 216, 256, 144) });
        assert_eq!(tiles[2], Tile { content: Content::Camera(1), area: Area::new(1024, 360, 256, 144) });
        assert_eq!(tiles.len(), 3);
    }

    proptest! {
        #[test]
        fn tiles_are_inside_and_do_not_overlap(people in 0usize..40, screens in 0usize..4) {
            let screens = screens.min(people);
            let tiles = layout(&scene(people, screens));
            prop_assert_eq!(tiles.len(), if screens == 0 { people.min(MAX_TILES) } else { 1 + (people + screens - 1).min(5) });
            for (i, tile) in tiles.iter().enumerate() {
                prop_assert!(tile.area.x + tile.area.width <= WIDTH && tile.area.y + tile.area.height <= HEIGHT);
                prop_assert!(tiles[..i].iter().all(|other| !other.area.overlaps(tile.area)));
                // 16:9, within the rounding to even sides.
                prop_assert!((tile.area.width * 9).abs_diff(tile.area.height * 16) <= 48);
            }
        }
    }
}
