//! "Say something": whether a microphone hears the person.

use crate::device::audio::{CHUNK_LEN, Chunk};

/// From this loudness on (root mean square, 1 is full scale; -36 dB) it is a voice near enough.
const VOICE: f32 = 0.015;
/// From this on (-54 dB) it is at least something.
const SOMETHING: f32 = 0.002;
/// A voice for so many chunks (0.2 s), with pauses, is one; a knock on the table isn't.
const ENOUGH: u32 = 20;
/// After so many chunks (5 s) without one, the person is told.
const PATIENCE: u32 = 500;

/// What a microphone hears of the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Voice {
    /// Nothing yet; they should say something.
    #[default]
    Listening,
    /// Them, well.
    Heard,
    /// Something, but faintly.
    Faint,
    /// Nothing but the room: perhaps the wrong microphone.
    Silent,
    /// Not even the room: no microphone is that quiet, the system has it muted.
    Muted,
}

/// Listens to one microphone.
#[derive(Debug, Default)]
pub struct VoiceJudge {
    chunks: u32,
    /// Chunks with a voice, less a part of those without.
    voiced: u32,
    loudest: f32,
    voice: Voice,
}

impl VoiceJudge {
    /// Takes 10 ms in, and says what is heard so far. Once heard, a person may fall silent.
    pub fn hear(&mut self, chunk: &Chunk) -> Voice {
        if self.voice == Voice::Heard {
            return self.voice;
        }
        let squares: f32 = chunk.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
        let rms = (squares / CHUNK_LEN as f32).sqrt();
        self.chunks += 1;
        self.loudest = self.loudest.max(rms);
        if rms >= VOICE {
            self.voiced += 1;
        } else if self.chunks.is_multiple_of(4) {
            self.voiced = self.voiced.saturating_sub(1);
        }
        if self.voiced >= ENOUGH {
            self.voice = Voice::Heard;
        } else if self.chunks >= PATIENCE {
            self.voice = match self.loudest {
                0.0 => Voice::Muted,
                loudest if loudest < SOMETHING => Voice::Silent,
                _ => Voice::Faint,
            };
            // The next five seconds are judged by themselves: somebody may have unmuted it.
            (self.chunks, self.loudest) = (0, 0.0);
        }
        self.voice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::audio::Tone;

    fn after(judge: &mut VoiceJudge, chunks: u32, amplitude: f64) -> Voice {
        let mut tone = Tone::new(200.0, amplitude);
        let mut voice = Voice::Listening;
        for _ in 0..chunks {
            let mut chunk = [0; CHUNK_LEN];
            tone.fill(&mut chunk);
            voice = judge.hear(&chunk);
        }
        voice
    }

    #[test]
    fn a_voice_is_heard_soon_and_stays_heard() {
        let mut judge = VoiceJudge::default();
        assert_eq!(after(&mut judge, 100, 0.0), Voice::Listening);
        assert_eq!(after(&mut judge, ENOUGH, 0.1), Voice::Heard);
        assert_eq!(after(&mut judge, 2 * PATIENCE, 0.0), Voice::Heard);
    }

    #[test]
    fn a_knock_is_no_voice() {
        let mut judge = VoiceJudge::default();
        for _ in 0..10 {
            assert_eq!(after(&mut judge, 3, 0.5), Voice::Listening);
            assert_eq!(after(&mut judge, 40, 0.0), Voice::Listening);
        }
    }

    #[test]
    fn five_seconds_without_a_voice_are_told_by_how_quiet_they_are() {
        for (amplitude, expected) in [(0.0, Voice::Muted), (0.001, Voice::Silent), (0.01, Voice::Faint)] {
            let mut judge = VoiceJudge::default();
            assert_eq!(after(&mut judge, PATIENCE - 1, amplitude), Voice::Listening);
            assert_eq!(after(&mut judge, 1, amplitude), expected);
            assert_eq!(after(&mut judge, ENOUGH, 0.1), Voice::Heard, "and it is not too late then");
        }
    }

    #[test]
    fn a_microphone_unmuted_late_is_no_longer_called_muted() {
        let mut judge = VoiceJudge::default();
        assert_eq!(after(&mut judge, PATIENCE, 0.0), Voice::Muted);
        assert_eq!(after(&mut judge, PATIENCE, 0.001), Voice::Silent);
    }
}
