//! Moving natural pictures: still photographs, panned, zoomed, and with a camera's noise.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use autamedica_engine::VideoFrame;

pub const WIDTH: usize = 1280;
pub const HEIGHT: usize = 720;
pub const FPS: u32 = 30;

/// Photographs, and the share of their width that fills the frame when closest. The first is a portrait.
const PHOTOGRAPHS: [(&str, f32); 3] = [("astronaut.png", 0.8), ("chelsea.png", 0.9), ("coffee.png", 0.8)];
/// Frames of a scene, which runs forward and back.
const FRAMES: usize = 60;
/// Header of a frame in the file.
const FRAME: &[u8] = b"FRAME\n";
/// Height of the number in the top rows, and the width of each of its bits.
const NUMBER_ROWS: usize = 16;
const BIT: usize = 32;
const BITS: usize = 9;

/// The rendered video, which repeats for ever.
pub struct Scenes {
    frames: Vec<Vec<u8>>,
}

impl Scenes {
    /// Reads the rendered video.
    pub fn read(video: &Path) -> Result<Self> {
        let bytes = std::fs::read(video).with_context(|| format!("reading {}", video.display()))?;
        let header = bytes.iter().position(|byte| *byte == b'\n').context("no header")?;
        let frame = VideoFrame::packed_len(WIDTH as u32, HEIGHT as u32);
        let frames = bytes[header + 1..].chunks_exact(FRAME.len() + frame);
        Ok(Self { frames: frames.map(|chunk| chunk[FRAME.len()..].to_vec()).collect() })
    }

    /// Returns the frame of a position in the endless video.
    pub fn frame(&self, position: usize) -> VideoFrame {
        let bytes = self.frames[position % self.frames.len()].clone();
        VideoFrame::from_packed(WIDTH as u32, HEIGHT as u32, bytes, 0).expect("the size fits")
    }

    /// Returns the number of the captured frame that `shown` comes from; `None` if it can't be read.
    pub fn captured(&self, shown: &VideoFrame) -> Option<usize> {
        let (width, height) = (shown.width() as usize, shown.height() as usize);
        let [luma, ..] = shown.planes();
        let bit = |index: usize| {
            let (x, y) = ((index * BIT + BIT / 2) * width / WIDTH, NUMBER_ROWS / 2 * height / HEIGHT);
            luma.data.get(y * luma.stride + x).map(|pixel| usize::from(*pixel > 125))
        };
        let number = |from: usize| (0..BITS).try_fold(0, |number, index| Some(number | bit(from + index)? << index));
        let (number, inverted) = (number(0)?, number(BITS)?);
        (number == !inverted & ((1 << BITS) - 1) && number < self.frames.len()).then_some(number)
    }
}

/// Renders the scenes from the photographs of a folder into a video.
pub fn render(folder: &Path, video: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(video)?);
    writeln!(out, "YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg")?;
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    for (scene, (name, closest)) in PHOTOGRAPHS.into_iter().enumerate() {
        let file = folder.join(name);
        let photograph = image::open(&file).with_context(|| format!("reading {}", file.display()))?.to_rgb8();
        ensure!(photograph.width() > 256 && photograph.height() > 144, "{name} is too small");
        let frames: Vec<_> = (0..FRAMES).map(|step| render_frame(&photograph, closest, step, &mut noise)).collect();
        for (step, frame) in frames.iter().chain(frames.iter().rev()).enumerate() {
            let mut frame = frame.clone();
            draw_number(&mut frame, scene * 2 * FRAMES + step);
            out.write_all(FRAME)?;
            out.write_all(&frame)?;
        }
    }
    Ok(out.flush()?)
}

/// Draws the number of a frame as black and white bits; the check bits are the inverted number.
fn draw_number(frame: &mut [u8], number: usize) {
    for bit in 0..2 * BITS {
        let is_set = (number >> (bit % BITS) & 1 == 1) == (bit < BITS);
        for row in frame[..WIDTH * HEIGHT].chunks_exact_mut(WIDTH).take(NUMBER_ROWS) {
            row[bit * BIT..(bit + 1) * BIT].fill(if is_set { 235 } else { 16 });
        }
    }
}

/// Renders one frame: the camera drifts over the photograph and comes closer.
fn render_frame(photograph: &image::RgbImage, closest: f32, step: usize, noise: &mut Noise) -> Vec<u8> {
    let progress = step as f32 / FRAMES as f32;
    let (full_width, full_height) = (photograph.width() as f32, photograph.height() as f32);
    let zoom = closest + (1.0 - closest) * (1.0 - progress);
    let width = (full_width * zoom).min(full_height * zoom * WIDTH as f32 / HEIGHT as f32) - 2.0;
    let scale = width / WIDTH as f32;
    let (left, top) = ((full_width - width) * progress, (full_height - scale * HEIGHT as f32) * progress * 0.4);
    let mut bytes = vec![0; VideoFrame::packed_len(WIDTH as u32, HEIGHT as u32)];
    let (luma, chroma) = bytes.split_at_mut(WIDTH * HEIGHT);
    let (u, v) = chroma.split_at_mut(chroma.len() / 2);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let [r, g, b] = sample(photograph, left + x as f32 * scale, top + y as f32 * scale);
            // BT.601, limited range.
            luma[y * WIDTH + x] = noise.add(0.257 * r + 0.504 * g + 0.098 * b + 16.0, 2.0);
            if x % 2 == 0 && y % 2 == 0 {
                let at = y / 2 * (WIDTH / 2) + x / 2;
                u[at] = noise.add(-0.148 * r - 0.291 * g + 0.439 * b + 128.0, 1.0);
                v[at] = noise.add(0.439 * r - 0.368 * g - 0.071 * b + 128.0, 1.0);
            }
        }
    }
    bytes
}

/// Interpolates between four pixels.
fn sample(photograph: &image::RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = ((x as u32).min(photograph.width() - 2), (y as u32).min(photograph.height() - 2));
    let (right_share, bottom_share) = ((x - left as f32).clamp(0.0, 1.0), (y - top as f32).clamp(0.0, 1.0));
    std::array::from_fn(|channel| {
        let at = |dx, dy| f32::from(photograph.get_pixel(left + dx, top + dy).0[channel]);
        let row = |dy| at(0, dy) + (at(1, dy) - at(0, dy)) * right_share;
        row(0) + (row(1) - row(0)) * bottom_share
    })
}

/// Pseudo-random noise (xorshift), the same in every run.
struct Noise(u64);

impl Noise {
    /// Adds about normally distributed noise with this standard deviation.
    fn add(&mut self, value: f32, deviation: f32) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let sum: f32 = self.0.to_le_bytes().iter().map(|byte| f32::from(*byte)).sum();
        // Eight uniform bytes: mean 1020, standard deviation 209.
        (value + (sum - 1020.0) / 209.0 * deviation).round().clamp(0.0, 255.0) as u8
    }
}
