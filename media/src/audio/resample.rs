//! Conversion between the sample rates of devices and ours.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, ResamplerConstructionError};

/// Converts a mono stream from one sample rate to another, with a delay of about 5 ms if they differ.
pub struct Resampler {
    fft: Option<Fft<f32>>,
    waiting: Vec<f32>,
    converted: Vec<f32>,
}

impl Resampler {
    /// Creates a converter between these rates in hertz.
    ///
    /// # Errors
    /// When a rate is 0.
    pub fn new(from: u32, to: u32) -> Result<Self, ResamplerConstructionError> {
        let (from, to) = (from as usize, to as usize);
        let fft = if from == to {
            None
        } else {
            Some(Fft::new_custom(
                from,
                to,
                from / 100,
                1,
                1,
                rubato::WindowFunction::BlackmanHarris2,
                FixedSync::Input,
            )?)
        };
        let converted = vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_max())];
        Ok(Self { fft, waiting: Vec::new(), converted })
    }

    /// Converts samples and appends those that are ready to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let Some(fft) = &mut self.fft else {
            out.extend_from_slice(samples);
            return;
        };
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        while self.waiting.len() - used >= fft.input_frames_next() {
            let input = &self.waiting[used..];
            let (from, to) = (input.len(), self.converted.len());
            let source = InterleavedSlice::new(input, 1, from).expect("invariant: mono, so as many frames as samples");
            let mut target = InterleavedSlice::new_mut(&mut self.converted, 1, to)
                .expect("invariant: mono, so as many frames as samples");
            match fft.process_into_buffer(&source, &mut target, None) {
                Ok((taken, given)) => {
                    used += taken;
                    out.extend_from_slice(&self.converted[..given]);
                }
                Err(error) => {
                    tracing::warn!(%error, "resampling failed; audio lost");
                    used = self.waiting.len();
                }
            }
        }
        self.waiting.drain(..used);
    }
}

/// Converts a sample to 16 bits, with clipping.
pub fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// Converts a sample from 16 bits to -1–1.
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{CHUNK_LEN, SAMPLE_RATE, ToneMeter};

    #[test]
    fn a_tone_keeps_its_pitch_loudness_and_length() {
        for rate in [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
            let mut resampler = Resampler::new(rate, SAMPLE_RATE).expect("resampler");
            let mut out = Vec::new();
            let seconds = 3;
            let samples: Vec<f32> = (0..rate * seconds)
                .map(|i| 0.5 * (f64::from(i) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() as f32)
                .collect();
            // Pieces that do not match the block size.
            samples.chunks(337).for_each(|piece| resampler.push(piece, &mut out));
            let missing = (SAMPLE_RATE * seconds) as usize - out.len();
            assert!(missing < SAMPLE_RATE as usize / 20, "{rate}: {missing} samples missing");

            let mut meter = ToneMeter::default();
            let mut loudest = 0.0_f32;
            for piece in out[out.len() / 2..].chunks_exact(CHUNK_LEN) {
                let mut chunk = [0; CHUNK_LEN];
                for (sample, value) in chunk.iter_mut().zip(piece) {
                    loudest = loudest.max(value.abs());
                    *sample = to_i16(*value);
                }
                meter.take(&chunk);
            }
            let hz = meter.tone_hz().expect("a tone");
            assert!((hz - 440.0).abs() < 0.5, "{rate}: {hz} Hz");
            assert!((loudest - 0.5).abs() < 0.01, "{rate}: {loudest}");
        }
    }

    #[test]
    fn too_loud_is_cut_off() {
        assert_eq!([2.0, -2.0, 1.0, -1.0, 0.0].map(to_i16), [32_767, -32_768, 32_767, -32_768, 0]);
    }
}
