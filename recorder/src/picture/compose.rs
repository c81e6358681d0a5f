//! Draws the recording's picture. Only what has changed is drawn again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::{VideoFrame, VideoRotation};

use super::canvas::{Area, Canvas, Colour};
use super::layout::{Content, Scene, Tile, layout};
use super::scale::Scaler;
use super::sticker::{Face, Fonts, Sticker};
use super::{HEIGHT, WIDTH};
use crate::texts::Texts;

/// A camera without a new picture for so long has none. A screen may stand still.
const STALE: Duration = Duration::from_secs(3);
/// Between a label and the edge.
const MARGIN: usize = 12;

/// Draws scenes.
pub(crate) struct Composer {
    canvas: Canvas,
    fonts: Fonts,
    texts: Texts,
    background: Colour,
    card: Colour,
    accent: Colour,
    /// What is drawn at the moment.
    scene: Scene,
    tiles: Vec<Drawn>,
    clock: (String, Sticker),
    scalers: Vec<Scaler>,
    /// No tile is drawn as it should be.
    afresh: bool,
}

struct Drawn {
    tile: Tile,
    label: Sticker,
    shows: Shows,
}

/// What is in a tile.
enum Shows {
    /// Nothing yet.
    Nothing,
    /// A card with the name.
    Card,
    /// This picture.
    Picture(Arc<VideoFrame>),
}

impl Composer {
    /// An empty picture, with words in a language.
    pub(crate) fn new(texts: Texts) -> Self {
        let fonts = Fonts::new();
        let clock = (String::new(), fonts.pill("", Face::Regular, 18.0, WIDTH));
        Self {
            canvas: Canvas::new(WIDTH, HEIGHT),
            fonts,
            texts,
            background: Colour::rgb(0x0e_1519),
            card: Colour::rgb(0x1a_252c),
            accent: Colour::rgb(0x0b_6e6e),
            scene: Scene::default(),
            tiles: Vec::new(),
            clock,
            scalers: Vec::new(),
            afresh: true,
        }
    }

    /// What was drawn last.
    pub(crate) fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// The scene as it was at `moment`, with the time of day that it was then.
    pub(crate) fn draw(&mut self, scene: &Scene, moment: Instant, time: &str) -> &Canvas {
        if self.afresh || *scene != self.scene {
            self.arrange(scene);
        }
        let clock_changed = self.clock.0 != time;
        if clock_changed {
            self.clock = (time.to_owned(), self.fonts.pill(time, Face::Regular, 18.0, WIDTH));
        }
        let clock_at = (WIDTH - self.clock.1.width() - MARGIN, HEIGHT - self.clock.1.height() - MARGIN);
        let clock_area = self.clock.1.area(clock_at.0, clock_at.1);
        let mut clock_covered = clock_changed || self.afresh;

        let mut tiles = std::mem::take(&mut self.tiles);
        if clock_changed && !tiles.iter().any(|drawn| drawn.tile.area.meets(clock_area)) {
            self.canvas.fill(clock_area, self.background);
        }
        for drawn in &mut tiles {
            let under_clock = drawn.tile.area.meets(clock_area);
            let redraw = self.afresh || (under_clock && clock_changed);
            let changed = self.draw_tile(drawn, moment, redraw);
            clock_covered |= under_clock && changed;
        }
        self.tiles = tiles;
        if self.afresh && self.tiles.is_empty() {
            self.notice("recorder-nobody");
        }
        self.afresh = false;
        if clock_covered {
            self.clock.1.stick(&mut self.canvas, clock_at.0, clock_at.1);
        }
        &self.canvas
    }

    /// Everything anew, for another scene.
    fn arrange(&mut self, scene: &Scene) {
        self.scene = scene.clone();
        self.afresh = true;
        let area = self.canvas.area();
        self.canvas.fill(area, self.background);
        let tiles = layout(scene).into_iter().map(|tile| {
            let small = tile.area.height < 200;
            let name = match tile.content {
                Content::Camera(person) => scene.people[person].name.clone(),
                Content::Screen(person) => self.texts.with("recorder-screen", "name", &scene.people[person].name),
            };
            let (size, most) = (if small { 14.0 } else { 20.0 }, tile.area.width - 2 * MARGIN);
            Drawn { tile, label: self.fonts.pill(&name, Face::Bold, size, most), shows: Shows::Nothing }
        });
        self.tiles = tiles.collect();
        // A new arrangement may need other ones.
        self.scalers.clear();
    }

    /// Draws a tile if there is a reason to; whether it did.
    fn draw_tile(&mut self, drawn: &mut Drawn, moment: Instant, redraw: bool) -> bool {
        let (feed, may_stand) = match drawn.tile.content {
            Content::Camera(person) => (&self.scene.people[person].camera, false),
            Content::Screen(person) => (&self.scene.people[person].screen, true),
        };
        let frame = feed.as_ref().filter(|_| !self.scene.reconnecting).and_then(|feed| feed.at(moment));
        let frame = frame.filter(|(came, _)| may_stand || moment.saturating_duration_since(*came) < STALE);
        let area = drawn.tile.area;
        match (frame, &drawn.shows) {
            (Some((_, frame)), Shows::Picture(shown)) if Arc::ptr_eq(&frame, shown) && !redraw => return false,
            (None, Shows::Card) if !redraw => return false,
            (Some((_, frame)), _) => {
                self.picture(&frame, area);
                drawn.shows = Shows::Picture(frame);
                let bottom = area.y + area.height - drawn.label.height();
                let margin = MARGIN.min(area.width / 20);
                drawn.label.stick(&mut self.canvas, area.x + margin, bottom - margin);
            }
            (None, _) => {
                self.card(drawn.tile);
                drawn.shows = Shows::Card;
            }
        }
        true
    }

    /// A picture, as large as the area allows, in its middle.
    fn picture(&mut self, frame: &VideoFrame, area: Area) {
        let turned;
        let frame = if frame.rotation == VideoRotation::Rotation0 {
            frame
        } else {
            turned = upright(frame);
            &turned
        };
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let fit = area.fit(width, height);
        if fit != area {
            self.canvas.fill(area, Colour([16, 128, 128]));
        }
        let sizes = [(width, height), (width.div_ceil(2), height.div_ceil(2)), (width.div_ceil(2), height.div_ceil(2))];
        for (index, (mut rows, plane)) in self.canvas.planes(fit).into_iter().zip(frame.planes()).enumerate() {
            let scale = if index == 0 { 1 } else { 2 };
            let to = (fit.width / scale, fit.height / scale);
            scaler(&mut self.scalers, sizes[index], to).scale(plane.data, plane.stride, &mut rows);
        }
    }

    /// A card in the place of a picture: the initials, the name, and why.
    fn card(&mut self, tile: Tile) {
        let area = tile.area;
        // A hair of background between two cards.
        self.canvas.fill(area, self.background);
        self.canvas.fill(Area::new(area.x + 2, area.y + 2, area.width - 4, area.height - 4), self.card);
        let (person, off) = match tile.content {
            Content::Camera(person) => (person, self.scene.people[person].camera.is_none()),
            Content::Screen(person) => (person, false),
        };
        let name = &self.scene.people[person].name;
        let unit = area.height as f32 / 12.0;
        let (cx, cy) = (area.x + area.width / 2, area.y + (4.2 * unit) as usize);
        self.canvas.disc(cx, cy, (2.2 * unit) as usize, self.accent);
        let most = area.width.saturating_sub(2 * MARGIN);
        let why = match (self.scene.reconnecting, off) {
            (true, _) => "recorder-reconnecting",
            (false, true) => "recorder-camera-off",
            (false, false) => "recorder-no-picture",
        };
        let initials = self.fonts.words(&initials(name), Face::Bold, 1.5 * unit, most);
        let (name, why) = (
            self.fonts.words(name, Face::Bold, unit.max(11.0), most),
            self.fonts.words(&self.texts.t(why), Face::Regular, (0.7 * unit).max(9.0), most),
        );
        let middle = |sticker: &Sticker| cx.saturating_sub(sticker.width() / 2) & !1;
        let below = area.y + (7.2 * unit) as usize;
        initials.stick(&mut self.canvas, middle(&initials), cy.saturating_sub(initials.height() / 2) & !1);
        name.stick(&mut self.canvas, middle(&name), below & !1);
        why.stick(&mut self.canvas, middle(&why), (below + name.height()) & !1);
    }

    /// A sentence in the middle of an empty picture.
    fn notice(&mut self, key: &str) {
        let key = if self.scene.reconnecting { "recorder-reconnecting" } else { key };
        let words = self.fonts.words(&self.texts.t(key), Face::Regular, 28.0, WIDTH - 2 * MARGIN);
        words.stick(&mut self.canvas, (WIDTH - words.width()) / 2 & !1, (HEIGHT - words.height()) / 2 & !1);
    }
}

/// The scaler for these sizes, made if there is none.
fn scaler(scalers: &mut Vec<Scaler>, from: (usize, usize), to: (usize, usize)) -> &mut Scaler {
    let found = scalers.iter().position(|scaler| scaler.is(from, to));
    let index = found.unwrap_or_else(|| {
        // Senders change their size now and then; what isn't needed any more goes.
        if scalers.len() > 32 {
            scalers.clear();
        }
        scalers.push(Scaler::new(from, to));
        scalers.len() - 1
    });
    &mut scalers[index]
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|sign| sign.is_alphanumeric()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

/// The picture as it stands.
fn upright(frame: &VideoFrame) -> VideoFrame {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let sideways = matches!(frame.rotation, VideoRotation::Rotation90 | VideoRotation::Rotation270);
    let (to_width, to_height) = if sideways { (height, width) } else { (width, height) };
    let mut bytes = Vec::with_capacity(VideoFrame::packed_len(to_width as u32, to_height as u32));
    for (index, plane) in frame.planes().into_iter().enumerate() {
        let half = |side: usize| if index == 0 { side } else { side.div_ceil(2) };
        let (w, h) = (half(width), half(height));
        for y in 0..half(to_height) {
            bytes.extend((0..half(to_width)).map(|x| {
                let (x, y) = match frame.rotation {
                    VideoRotation::Rotation0 => (x, y),
                    VideoRotation::Rotation90 => (y, h - 1 - x),
                    VideoRotation::Rotation180 => (w - 1 - x, h - 1 - y),
                    VideoRotation::Rotation270 => (w - 1 - y, x),
                };
                plane.data[y * plane.stride + x]
            }));
        }
    }
    VideoFrame::from_packed(to_width as u32, to_height as u32, bytes, frame.timestamp_us)
        .expect("invariant: three whole planes were written")
}

#[cfg(test)]
mod tests {
    use super::super::{Feed, Person};
    use super::*;

    fn plain(width: u32, height: u32, luma: u8) -> Arc<VideoFrame> {
        let mut bytes = vec![luma; (width * height) as usize];
        bytes.resize(VideoFrame::packed_len(width, height), 100);
        Arc::new(VideoFrame::from_packed(width, height, bytes, 0).unwrap())
    }

    fn luma(canvas: &Canvas, x: usize, y: usize) -> u8 {
        canvas.bytes()[y * WIDTH + x]
    }

    #[test]
    fn everybody_is_in_their_place_until_they_are_muted_or_stale() {
        let mut composer = Composer::new(Texts::new("es"));
        let (left, right, start) = (Feed::default(), Feed::default(), Instant::now());
        let mut scene = Scene::default();
        composer.draw(&scene, start, "10:00:00");
        left.put(plain(1280, 720, 200), start);
        right.put(plain(720, 1280, 90), start);
        for (name, feed) in [("Ana", &left), ("Luis", &right)] {
            scene.people.push(Person { name: name.into(), camera: Some(feed.clone()), screen: None });
        }
        let canvas = composer.draw(&scene, start, "10:00:00");
        assert_eq!((luma(canvas, 320, 300), luma(canvas, 960, 300)), (200, 90));
        assert_eq!(luma(canvas, 650, 300), 16, "an upright picture has black beside it");

        left.put(plain(640, 360, 180), start + Duration::from_secs(2));
        let canvas = composer.draw(&scene, start + Duration::from_secs(4), "10:00:04");
        assert_eq!(luma(canvas, 320, 300), 180);
        assert!(luma(canvas, 860, 190) < 60, "a picture of four seconds ago is none");

        scene.people[0].camera = None;
        let canvas = composer.draw(&scene, start + Duration::from_secs(4), "10:00:04");
        assert!(luma(canvas, 20, 200) < 60, "muted");
    }

    #[test]
    fn what_is_drawn_in_steps_is_as_if_drawn_at_once() {
        let (feed, start) = (Feed::default(), Instant::now());
        let scene = Scene {
            people: vec![Person { name: "Ana".into(), camera: Some(feed.clone()), screen: Some(feed.clone()) }],
            reconnecting: false,
        };
        let mut composer = Composer::new(Texts::new("en"));
        for i in 0..5_u8 {
            let moment = start + Duration::from_millis(33 * u64::from(i));
            feed.put(plain(320, 180, 40 + 30 * i), moment);
            composer.draw(&scene, moment, &format!("10:00:0{}", i / 2));
        }
        let moment = start + Duration::from_millis(33 * 4);
        let stepwise = composer.draw(&scene, moment, "10:00:09").bytes().to_vec();
        let mut fresh = Composer::new(Texts::new("en"));
        assert!(stepwise == fresh.draw(&scene, moment, "10:00:09").bytes());
    }

    #[test]
    fn turned_pictures_are_put_upright() {
        let mut frame = VideoFrame::from_packed(2, 2, vec![1, 2, 3, 4, 9, 9], 0).unwrap();
        for (rotation, wanted) in [
            (VideoRotation::Rotation90, [3, 1, 4, 2]),
            (VideoRotation::Rotation180, [4, 3, 2, 1]),
            (VideoRotation::Rotation270, [2, 4, 1, 3]),
        ] {
            frame.rotation = rotation;
            assert_eq!(upright(&frame).planes()[0].data, wanted, "{rotation:?}");
        }
    }

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        assert_eq!(initials("maría de los núñez"), "MN");
        assert_eq!(initials("Dr."), "D");
        assert_eq!(initials("  "), "");
    }
}
