//! Who is in the picture, and where.

use super::canvas::Area;
use super::feed::Feed;
use super::{HEIGHT, WIDTH};

/// What there is to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene {
    /// Who is there, in the order in which they are shown.
    pub people: Vec<Person>,
    /// The connection is lost: pictures are old.
    pub reconnecting: bool,
}

/// Somebody in the room.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Person {
    /// What they are called in the picture.
    pub name: String,
    /// Their camera, unless it is off.
    pub camera: Option<Feed>,
    /// The screen that they share.
    pub screen: Option<Feed>,
}

/// What a tile shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The camera of the person with this index.
    Camera(usize),
    /// Their screen.
    Screen(usize),
}

/// A part of the picture and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub content: Content,
    pub area: Area,
}

/// More faces than this have no room.
const MOST: usize = 16;
/// The height of the tiles beside a stage; their shape is 16:9.
const SIDE_HEIGHT: usize = HEIGHT / 5;
const SIDE_WIDTH: usize = SIDE_HEIGHT * 16 / 9;

/// Where everybody is shown: one fills the picture, two are side by side, more in a grid. A shared screen has the stage,
/// with up to five tiles at its right.
pub(crate) fn layout(scene: &Scene) -> Vec<Tile> {
    let screens = (0..scene.people.len()).filter(|i| scene.people[*i].screen.is_some()).map(Content::Screen);
    let cameras = (0..scene.people.len()).map(Content::Camera);
    let mut screens = screens.collect::<Vec<_>>().into_iter();
    let Some(stage) = screens.next() else {
        return grid(&cameras.take(MOST).collect::<Vec<_>>());
    };
    let stage_width = WIDTH - SIDE_WIDTH;
    let stage = Tile { content: stage, area: Area::new(0, 0, stage_width, HEIGHT).fit(16, 9) };
    // Another screen matters more than a fifth face.
    let side: Vec<_> = screens.chain(cameras).take(HEIGHT / SIDE_HEIGHT).collect();
    let top = (HEIGHT - side.len() * SIDE_HEIGHT) / 2;
    let beside = side.into_iter().enumerate().map(|(i, content)| Tile {
        content,
        area: Area::new(stage_width, top + i * SIDE_HEIGHT, SIDE_WIDTH, SIDE_HEIGHT),
    });
    std::iter::once(stage).chain(beside).collect()
}

/// Tiles of 16:9 in as few rows as there are columns, the last row in the middle.
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
        let person = |i: usize| Person { screen: (i < screens).then(Feed::default), ..Default::default() };
        Scene { people: (0..people).map(person).collect(), reconnecting: false }
    }

    #[test]
    fn one_fills_the_picture_and_two_are_side_by_side() {
        assert_eq!(layout(&scene(0, 0)), []);
        assert_eq!(layout(&scene(1, 0)), [Tile { content: Content::Camera(0), area: Area::new(0, 0, 1280, 720) }]);
        let tiles = layout(&scene(2, 0));
        assert_eq!(tiles[0], Tile { content: Content::Camera(0), area: Area::new(0, 180, 640, 360) });
        assert_eq!(tiles[1], Tile { content: Content::Camera(1), area: Area::new(640, 180, 640, 360) });
    }

    #[test]
    fn a_shared_screen_has_the_stage() {
        let tiles = layout(&scene(2, 1));
        assert_eq!(tiles[0], Tile { content: Content::Screen(0), area: Area::new(0, 72, 1024, 576) });
        assert_eq!(tiles[1], Tile { content: Content::Camera(0), area: Area::new(1024, 216, 256, 144) });
        assert_eq!(tiles[2], Tile { content: Content::Camera(1), area: Area::new(1024, 360, 256, 144) });
        assert_eq!(tiles.len(), 3);
    }

    proptest! {
        #[test]
        fn tiles_never_overlap_and_are_never_outside(people in 0usize..40, screens in 0usize..4) {
            let screens = screens.min(people);
            let tiles = layout(&scene(people, screens));
            prop_assert_eq!(tiles.len(), if screens == 0 { people.min(MOST) } else { 1 + (people + screens - 1).min(5) });
            for (i, tile) in tiles.iter().enumerate() {
                prop_assert!(tile.area.x + tile.area.width <= WIDTH && tile.area.y + tile.area.height <= HEIGHT);
                prop_assert!(tiles[..i].iter().all(|other| !other.area.meets(tile.area)));
                // 16:9, to within evenness.
                prop_assert!((tile.area.width * 9).abs_diff(tile.area.height * 16) <= 48);
            }
        }
    }
}
