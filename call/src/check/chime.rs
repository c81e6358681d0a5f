//! Test sound: three soft notes, unobtrusive in a waiting room.

use std::f32::consts::TAU;

use autamedica_media::audio::SAMPLE_RATE;

/// Frequencies of C5, E5 and G5 in hertz.
const NOTES: [f32; 3] = [523.25, 659.26, 783.99];
/// Time from one note to the next, in samples.
const STEP: usize = SAMPLE_RATE as usize * 3 / 10;
/// Duration of the last note, in samples.
const TAIL: usize = SAMPLE_RATE as usize;
/// Amplitude of a note; 1 is full scale.
const AMPLITUDE: f32 = 0.22;
/// Time constant of the decay in seconds.
const DECAY_SECONDS: f32 = 0.28;
/// Duration of the attack in seconds, to avoid a click.
const ATTACK_SECONDS: f32 = 0.008;

/// Generator of the test sound.
#[derive(Debug, Default)]
pub struct Chime {
    at: usize,
}

impl Chime {
    /// Returns the next samples (48 kHz mono), fewer at the end; none when it is over.
    pub fn next(&mut self, count: usize) -> Vec<i16> {
        let end = (self.at + count).min((NOTES.len() - 1) * STEP + TAIL);
        let piece = (self.at..end).map(sample).collect();
        self.at = end;
        piece
    }
}

fn sample(at: usize) -> i16 {
    let notes = NOTES.iter().enumerate().filter_map(|(n, hz)| {
        let seconds = at.checked_sub(n * STEP)? as f32 / SAMPLE_RATE as f32;
        let loudness = (seconds / ATTACK_SECONDS).min(1.0) * (-seconds / DECAY_SECONDS).exp();
        Some((TAU * hz * seconds).sin() * loudness)
    });
    (notes.sum::<f32>() * AMPLITUDE * 32_767.0).clamp(-32_767.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use autamedica_media::audio::CHUNK_LEN;

    use super::*;

    #[test]
    fn it_starts_with_its_first_note_ends_quietly_and_never_clips() {
        let mut chime = Chime::default();
        let mut all = Vec::new();
        loop {
            let piece = chime.next(CHUNK_LEN);
            if piece.is_empty() {
                break;
            }
            all.extend(piece);
        }
        assert_eq!(all.len(), 2 * STEP + TAIL);
        let loudest = all.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((4_000..20_000).contains(&loudest), "{loudest}");
        assert!(all[all.len() - CHUNK_LEN..].iter().all(|sample| sample.unsigned_abs() < 400), "it rings out");
        // Rising zero crossings of the first note.
        let first = &all[..STEP];
        let rises = first.windows(2).filter(|pair| pair[0] <= 0 && pair[1] > 0).count();
        let hz = rises as f32 / (STEP as f32 / SAMPLE_RATE as f32);
        assert!((hz / NOTES[0] - 1.0).abs() < 0.02, "{hz}");
    }
}
