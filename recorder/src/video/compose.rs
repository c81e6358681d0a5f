//! Draws the recorded video. Redraws only changed parts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::{VideoFrame, VideoRotation};

use super::canvas::{Area, Canvas, Colour};
use super::label::{Face, Fonts, Label};
use super::layout::{Content, Scene, Tile, layout};
use super::scale::Scaler;
use super::{HEIGHT, WIDTH};
use crate::texts::Texts;

/// Age from which a camera's frame is no longer shown. Screens may be still for longer.
const STALE: Duration = Duration::from_secs(3);
/// Margin of labels in pixels.
const MARGIN: usize = 12;

/// Draws scenes.
pub(crate) struct Composer {
    canvas: Canvas,
    fonts: Fonts,
    texts: Texts,
    background: Colour,
    card: Colour,
    accent: Colour,
    /// Scene drawn last.
    scene: Scene,
    tiles: Vec<DrawnTile>,
    clock: (String, Label),
    scalers: Vec<Scaler>,
    /// Everything must be redrawn.
    redraw_all: bool,
}

struct DrawnTile {
    tile: Tile,
    label: Label,
    shown: Shown,
}

/// Content drawn in a tile.
enum Shown {
    /// Not drawn yet.
    Nothing,
    /// Card with the name.
    Card,
    /// This frame.
    Frame(Arc<VideoFrame>),
}

impl Composer {
    /// Creates a composer with texts in one language.
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
            redraw_all: true,
        }
    }

    /// Returns the frame drawn last.
    pub(crate) fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// Draws the scene as of `moment`, with `time` as the displayed time of day.
    pub(crate) fn draw(&mut self, scene: &Scene, moment: Instant, time: &str) -> &Canvas {
        if self.redraw_all || *scene != self.scene {
            self.arrange(scene);
        }
        let clock_changed = self.clock.0 != time;
        if clock_changed {
            self.clock = (time.to_owned(), self.fonts.pill(time, Face::Regular, 18.0, WIDTH));
        }
        let clock_at = (WIDTH - self.clock.1.width() - MARGIN, HEIGHT - self.clock.1.height() - MARGIN);
        let clock_area = self.clock.1.area(clock_at.0, clock_at.1);
        let mut clock_covered = clock_changed || self.redraw_all;

        let mut tiles = std::mem::take(&mut self.tiles);
        if clock_changed && !tiles.iter().any(|drawn| drawn.tile.area.overlaps(clock_area)) {
            self.canvas.fill(clock_area, self.background);
        }
        for drawn in &mut tiles {
            let under_clock = drawn.tile.area.overlaps(clock_area);
            let redraw = self.redraw_all || (under_clock && clock_changed);
            let changed = self.draw_tile(drawn, moment, redraw);
            clock_covered |= under_clock && changed;
        }
        self.tiles = tiles;
        if self.redraw_all && self.tiles.is_empty() {
            self.draw_notice("recorder-nobody");
        }
        self.redraw_all = false;
        if clock_covered {
            self.clock.1.draw(&mut self.canvas, clock_at.0, clock_at.1);
        }
        &self.canvas
    }

    /// Lays out a changed scene and marks everything for redrawing.
    fn arrange(&mut self, scene: &Scene) {
        self.scene = scene.clone();
        self.redraw_all = true;
        let area = self.canvas.area();
        self.canvas.fill(area, self.background);
        let tiles = layout(scene).into_iter().map(|tile| {
            let small = tile.area.height < 200;
            let name = match tile.content {
                Content::Camera(person) => scene.people[person].name.clone(),
                Content::Screen(person) => self.texts.with("recorder-screen", "name", &scene.people[person].name),
            };
            let (size, max_width) = (if small { 14.0 } else { 20.0 }, tile.area.width - 2 * MARGIN);
            DrawnTile { tile, label: self.fonts.pill(&name, Face::Bold, size, max_width), shown: Shown::Nothing }
        });
        self.tiles = tiles.collect();
        self.scalers.clear();
    }

    /// Draws a tile if its content has changed or `redraw` is set. Returns `true` if it was drawn.
    fn draw_tile(&mut self, drawn: &mut DrawnTile, moment: Instant, redraw: bool) -> bool {
        let (frames, may_be_still) = match drawn.tile.content {
            Content::Camera(person) => (&self.scene.people[person].camera, false),
            Content::Screen(person) => (&self.scene.people[person].screen, true),
        };
        let frame = frames.as_ref().filter(|_| !self.scene.reconnecting).and_then(|frames| frames.at(moment));
        let frame = frame.filter(|(arrived, _)| may_be_still || moment.saturating_duration_since(*arrived) < STALE);
        let area = drawn.tile.area;
        match (frame, &drawn.shown) {
            (Some((_, frame)), Shown::Frame(shown)) if Arc::ptr_eq(&frame, shown) && !redraw => return false,
            (None, Shown::Card) if !redraw => return false,
            (Some((_, frame)), _) => {
                self.draw_frame(&frame, area);
                drawn.shown = Shown::Frame(frame);
                let bottom = area.y + area.height - drawn.label.height();
                let margin = MARGIN.min(area.width / 20);
                drawn.label.draw(&mut self.canvas, area.x + margin, bottom - margin);
            }
            (None, _) => {
                self.draw_card(drawn.tile);
                drawn.shown = Shown::Card;
            }
        }
        true
    }

    /// Draws a frame, scaled to fit the area.
    fn draw_frame(&mut self, frame: &VideoFrame, area: Area) {
        let rotated;
        let frame = if frame.rotation == VideoRotation::Rotation0 {
            frame
        } else {
            rotated = upright(frame);
            &rotated
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

    /// Draws a card in place of a frame, with initials, name and reason.
    fn draw_card(&mut self, tile: Tile) {
        let area = tile.area;
        // A thin border separates adjacent cards.
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
        let max_width = area.width.saturating_sub(2 * MARGIN);
        let reason = match (self.scene.reconnecting, off) {
            (true, _) => "recorder-reconnecting",
            (false, true) => "recorder-camera-off",
            (false, false) => "recorder-no-picture",
        };
        let initials = self.fonts.plain(&initials(name), Face::Bold, 1.5 * unit, max_width);
        let (name, reason) = (
            self.fonts.plain(name, Face::Bold, unit.max(11.0), max_width),
            self.fonts.plain(&self.texts.t(reason), Face::Regular, (0.7 * unit).max(9.0), max_width),
        );
        let middle = |label: &Label| cx.saturating_sub(label.width() / 2) & !1;
        let below = area.y + (7.2 * unit) as usize;
        initials.draw(&mut self.canvas, middle(&initials), cy.saturating_sub(initials.height() / 2) & !1);
        name.draw(&mut self.canvas, middle(&name), below & !1);
        reason.draw(&mut self.canvas, middle(&reason), (below + name.height()) & !1);
    }

    /// Draws a text in the middle of an empty frame.
    fn draw_notice(&mut self, key: &str) {
        let key = if self.scene.reconnecting { "recorder-reconnecting" } else { key };
        let label = self.fonts.plain(&self.texts.t(key), Face::Regular, 28.0, WIDTH - 2 * MARGIN);
        label.draw(&mut self.canvas, (WIDTH - label.width()) / 2, (HEIGHT - label.height()) / 2);
    }
}

/// Returns the scaler for these sizes, and creates it if necessary.
fn scaler(scalers: &mut Vec<Scaler>, from: (usize, usize), to: (usize, usize)) -> &mut Scaler {
    let found = scalers.iter().position(|scaler| scaler.is_for(from, to));
    let index = found.unwrap_or_else(|| {
        // Senders change their size, so unused scalers accumulate.
        if scalers.len() > 32 {
            scalers.clear();
        }
        scalers.push(Scaler::new(from, to));
        scalers.len() - 1
    });
    &mut scalers[index]
}

/// Returns the first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|sign| sign.is_alphanumeric()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

/// Rotates a frame upright.
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
    use super::super::{FrameBuffer, Person};
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
    fn tiles_show_frames_until_they_are_muted_or_stale() {
        let mut composer = Composer::new(Texts::new("es"));
        let (left, right, start) = (FrameBuffer::default(), FrameBuffer::default(), Instant::now());
        let mut scene = Scene::default();
        composer.draw(&scene, start, "10:00:00");
        left.push(plain(1280, 720, 200), start);
        right.push(plain(720, 1280, 90), start);
        for (name, frames) in [("Ana", &left), ("Luis", &right)] {
            scene.people.push(Person { name: name.into(), camera: Some(frames.clone()), screen: None });
        }
        let canvas = composer.draw(&scene, start, "10:00:00");
        assert_eq!((luma(canvas, 320, 300), luma(canvas, 960, 300)), (200, 90));
        assert_eq!(luma(canvas, 650, 300), 16, "a portrait frame has black bars");

        left.push(plain(640, 360, 180), start + Duration::from_secs(2));
        let canvas = composer.draw(&scene, start + Duration::from_secs(4), "10:00:04");
        assert_eq!(luma(canvas, 320, 300), 180);
        assert!(luma(canvas, 860, 190) < 60, "a frame of four seconds ago is stale");

        scene.people[0].camera = None;
        let canvas = composer.draw(&scene, start + Duration::from_secs(4), "10:00:04");
        assert!(luma(canvas, 20, 200) < 60, "muted");
    }

    #[test]
    fn incremental_drawing_equals_drawing_at_once() {
        let (frames, start) = (FrameBuffer::default(), Instant::now());
        let scene = Scene {
            people: vec![Person { name: "Ana".into(), camera: Some(frames.clone()), screen: Some(frames.clone()) }],
            reconnecting: false,
        };
        let mut composer = Composer::new(Texts::new("en"));
        for i in 0..5_u8 {
            let moment = start + Duration::from_millis(33 * u64::from(i));
            frames.push(plain(320, 180, 40 + 30 * i), moment);
            composer.draw(&scene, moment, &format!("10:00:0{}", i / 2));
        }
        let moment = start + Duration::from_millis(33 * 4);
        let incremental = composer.draw(&scene, moment, "10:00:09").bytes().to_vec();
        let mut fresh = Composer::new(Texts::new("en"));
        assert!(incremental == fresh.draw(&scene, moment, "10:00:09").bytes());
    }

    #[test]
    fn rotated_frames_are_turned_upright() {
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
