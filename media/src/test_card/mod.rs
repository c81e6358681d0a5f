//! Test source for cameras: a moving card that carries its capture time.
//!
//! Cost at 1280x720: the background is drawn once; each frame copies it (1.4 MB) and draws the time code, the clock and
//! a few discs: a third of a millisecond, 1.1 % of a core at 30 frames a second.

mod canvas;
mod font;

use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;
use canvas::{Canvas, Colour};

use super::camera::{CameraFormat, CameraStream};
use super::clock::now_us;
use super::{DeviceProblem, timecode};

/// Style of a test card, to tell cards apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStyle {
    /// Large text on the card; capitals, digits and `: . · -` have a glyph.
    pub label: String,
    /// Accent colour: red, green, blue.
    pub accent: [u8; 3],
}

impl CardStyle {
    /// Creates a style with one of several distinct accent colours, selected by `seed`.
    pub fn new(label: &str, seed: u8) -> Self {
        const ACCENTS: [[u8; 3]; 6] =
            [[38, 196, 186], [255, 166, 77], [126, 140, 255], [240, 98, 146], [156, 204, 101], [255, 213, 79]];
        Self { label: label.to_uppercase(), accent: ACCENTS[usize::from(seed) % ACCENTS.len()] }
    }
}

impl Default for CardStyle {
    fn default() -> Self {
        Self::new("", 0)
    }
}

/// Moving test card, drawn frame by frame at a constant rate.
pub struct TestCard {
    background: Canvas,
    accent: Colour,
    /// Scale relative to a card of 720 rows.
    scale: f32,
    centre: [f32; 2],
    interval: Duration,
    started: Instant,
    due: Instant,
}

impl TestCard {
    /// Creates a card of this size (made even, at least 64x36) and rate.
    pub fn new(format: CameraFormat, style: &CardStyle) -> Self {
        let (width, height) = (format.width.max(64) as usize & !1, format.height.max(36) as usize & !1);
        let scale = height as f32 / 720.0;
        let [red, green, blue] = style.accent;
        let now = Instant::now();
        let mut card = Self {
            background: Canvas::new(width, height),
            accent: Colour::rgb(red, green, blue),
            scale,
            centre: [width as f32 * 0.73, height as f32 * 0.5],
            interval: Duration::from_secs(1) / format.fps.max(1),
            started: now,
            due: now,
        };
        card.draw_background(&style.label);
        card
    }

    fn draw_background(&mut self, label: &str) {
        let (accent, scale, [cx, cy]) = (self.accent, self.scale, self.centre);
        let card = &mut self.background;
        let (width, height, code) = (card.width, card.height, timecode::rows(card.height));
        let (dark, ink) = (Colour::rgb(16, 22, 25), Colour::rgb(241, 245, 247));

        for row in (0..height).step_by(2) {
            card.rect(0, row, width, 2, dark.mix(accent, 0.05 + 0.22 * row as f32 / height as f32));
        }
        let line = dark.mix(accent, 0.34);
        let step = (80.0 * scale).max(8.0) as usize & !1;
        for x in (step..width).step_by(step) {
            card.rect(x, code, 1, height - code, line);
        }
        for y in (code + step..height).step_by(step) {
            card.rect(0, y, width, 1, line);
        }
        for (radius, alpha) in [(210.0, 1.0), (140.0, 0.6), (70.0, 0.4)] {
            card.ring(cx, cy, radius * scale, 3.0 * scale, accent, alpha);
        }
        card.text(64.0 * scale, 168.0 * scale, 10.0 * scale, "TEST", accent);
        // As large as fits left of the circle.
        let room = cx - 210.0 * scale - 104.0 * scale;
        let pitch = (room / Canvas::text_width(label, 1.0).max(1.0)).min(18.0 * scale);
        card.text(64.0 * scale, 268.0 * scale, pitch, label, ink);

        let bars = [
            [235, 235, 235],
            [235, 235, 16],
            [16, 235, 235],
            [16, 235, 16],
            [235, 16, 235],
            [235, 16, 16],
            [16, 16, 235],
            [16, 16, 16],
        ];
        let (top, left, bar) = (600.0 * scale, 64.0 * scale, 56.0 * scale);
        for (i, [red, green, blue]) in bars.into_iter().enumerate() {
            let x = (left + bar * i as f32) as usize & !1;
            card.rect(x, top as usize & !1, bar as usize, (56.0 * scale) as usize, Colour::rgb(red, green, blue));
        }
        // Neutral chroma under the time code, whose luma is drawn with each frame.
        card.rect(0, 0, width, code, Colour::rgb(0, 0, 0));
    }

    /// Draws the card at `time_us` (µs since 1970), `elapsed` after its start.
    pub fn draw(&self, time_us: i64, elapsed: Duration) -> VideoFrame {
        let (scale, [cx, cy], seconds) = (self.scale, self.centre, elapsed.as_secs_f32());
        let mut card = self.background.clone();
        for i in (0..8).rev() {
            let angle = (seconds - i as f32 * 0.045) * TAU / 4.0;
            let (sin, cos) = angle.sin_cos();
            let (x, y) = (cx + 140.0 * scale * sin, cy - 140.0 * scale * cos);
            let size = (34.0 - 3.0 * i as f32) * scale;
            card.disc(x, y, size, self.accent, if i == 0 { 1.0 } else { 0.5 - 0.06 * i as f32 });
        }
        card.text(64.0 * scale, 452.0 * scale, 9.0 * scale, &clock_text(time_us), self.accent);
        let (width, height) = (card.width, card.height);
        timecode::draw(&mut card.bytes, width, width, height, time_us);
        VideoFrame::from_packed(width as u32, height as u32, card.bytes, time_us)
            .expect("invariant: a canvas is tightly packed")
    }
}

/// Formats UTC to the hundredth of a second.
fn clock_text(time_us: i64) -> String {
    let hundredths = time_us / 10_000;
    let (seconds, rest) = (hundredths / 100, hundredths % 100);
    format!("{:02}:{:02}:{:02}.{rest:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

impl CameraStream for TestCard {
    fn name(&self) -> &str {
        "Test"
    }

    fn next_frame(&mut self) -> Result<VideoFrame, DeviceProblem> {
        let now = Instant::now();
        match self.due.checked_duration_since(now) {
            Some(wait) => std::thread::sleep(wait),
            // Late by more than a frame: skips frames, like a camera.
            None if now - self.due > self.interval => self.due = now,
            None => {}
        }
        self.due += self.interval;
        Ok(self.draw(now_us(), self.started.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_carries_its_time_and_moves() {
        for (width, height) in [(1280, 720), (640, 360), (320, 180)] {
            let card = TestCard::new(CameraFormat { width, height, fps: 30 }, &CardStyle::new("doctor", 0));
            let first = card.draw(1_795_000_000_000_000, Duration::ZERO);
            let second = card.draw(1_795_000_000_033_300, Duration::from_millis(33));
            assert_eq!(timecode::read(&first), Some(1_795_000_000_000_000));
            assert_eq!(timecode::read(&second), Some(1_795_000_000_033_300));
            let below = |frame: &VideoFrame| {
                frame.planes()[0].data[timecode::rows(height as usize) * width as usize..].to_vec()
            };
            assert_ne!(below(&first), below(&second));
        }
    }

    #[test]
    fn cards_of_two_roles_differ_in_colour() {
        let format = CameraFormat::default();
        let [doctor, patient] = [("doctor", 0), ("paciente", 1)]
            .map(|(label, seed)| TestCard::new(format, &CardStyle::new(label, seed)).draw(0, Duration::ZERO));
        let mean = |frame: &VideoFrame, plane: usize| {
            let data = frame.planes()[plane].data;
            data.iter().map(|value| f64::from(*value)).sum::<f64>() / data.len() as f64
        };
        assert!((mean(&doctor, 2) - mean(&patient, 2)).abs() > 5.0);
    }

    #[test]
    fn frames_come_at_the_wanted_rate() {
        let mut card = TestCard::new(CameraFormat { width: 64, height: 36, fps: 100 }, &CardStyle::default());
        let started = Instant::now();
        let mut times = Vec::new();
        for _ in 0..31 {
            times.push(card.next_frame().expect("a frame").timestamp_us);
        }
        assert!(started.elapsed() >= Duration::from_millis(300));
        assert!(times.is_sorted_by(|a, b| a < b));
    }
}
