//! Detection of a voice at the microphone.

use autamedica_media::audio::{CHUNK_LEN, Chunk};

/// Minimum root mean square (1 is full scale; -36 dB) of a voice.
const MIN_VOICE_RMS: f32 = 0.015;
/// Minimum root mean square of an audible sound (-54 dB).
const MIN_AUDIBLE_RMS: f32 = 0.002;
/// Number of chunks (0.2 s) with a voice, allowing pauses, needed to exclude a knock on the table.
const MIN_VOICED_CHUNKS: u32 = 20;
/// Number of chunks (5 s) without a voice after which the person is notified.
const MAX_SILENT_CHUNKS: u32 = 500;

/// Voice level at a microphone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Voice {
    /// No voice yet.
    #[default]
    Listening,
    /// Loud enough.
    Heard,
    /// Faint.
    Faint,
    /// Only background noise: perhaps the wrong microphone.
    Silent,
    /// Digital silence: the system has muted the microphone.
    Muted,
}

/// Voice detector of one microphone.
#[derive(Debug, Default)]
pub struct VoiceDetector {
    chunks: u32,
    /// Chunks with a voice, minus a part of those without.
    voiced: u32,
    loudest: f32,
    voice: Voice,
}

impl VoiceDetector {
    /// Measures 10 ms and returns the result so far. Once a voice is heard, the result stays.
    pub fn observe(&mut self, chunk: &Chunk) -> Voice {
        if self.voice == Voice::Heard {
            return self.voice;
        }
        let squares: f32 = chunk.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
        let rms = (squares / CHUNK_LEN as f32).sqrt();
        self.chunks += 1;
        self.loudest = self.loudest.max(rms);
        if rms >= MIN_VOICE_RMS {
            self.voiced += 1;
        } else if self.chunks.is_multiple_of(4) {
            self.voiced = self.voiced.saturating_sub(1);
        }
        if self.voiced >= MIN_VOICED_CHUNKS {
            self.voice = Voice::Heard;
        } else if self.chunks >= MAX_SILENT_CHUNKS {
            self.voice = match self.loudest {
                0.0 => Voice::Muted,
                loudest if loudest < MIN_AUDIBLE_RMS => Voice::Silent,
                _ => Voice::Faint,
            };
            // The next five seconds are judged separately, because the microphone may have been unmuted.
            (self.chunks, self.loudest) = (0, 0.0);
        }
        self.voice
    }
}

#[cfg(test)]
mod tests {
    use autamedica_media::audio::Tone;

    use super::*;

    fn after(detector: &mut VoiceDetector, chunks: u32, amplitude: f64) -> Voice {
        let mut tone = Tone::new(200.0, amplitude);
        let mut voice = Voice::Listening;
        for _ in 0..chunks {
            let mut chunk = [0; CHUNK_LEN];
            tone.fill(&mut chunk);
            voice = detector.observe(&chunk);
        }
        voice
    }

    #[test]
    fn a_voice_is_heard_soon_and_stays_heard() {
        let mut detector = VoiceDetector::default();
        assert_eq!(after(&mut detector, 100, 0.0), Voice::Listening);
        assert_eq!(after(&mut detector, MIN_VOICED_CHUNKS, 0.1), Voice::Heard);
        assert_eq!(after(&mut detector, 2 * MAX_SILENT_CHUNKS, 0.0), Voice::Heard);
    }

    #[test]
    fn a_knock_is_no_voice() {
        let mut detector = VoiceDetector::default();
        for _ in 0..10 {
            assert_eq!(after(&mut detector, 3, 0.5), Voice::Listening);
            assert_eq!(after(&mut detector, 40, 0.0), Voice::Listening);
        }
    }

    #[test]
    fn five_seconds_without_a_voice_are_told_by_how_quiet_they_are() {
        for (amplitude, expected) in [(0.0, Voice::Muted), (0.001, Voice::Silent), (0.01, Voice::Faint)] {
            let mut detector = VoiceDetector::default();
            assert_eq!(after(&mut detector, MAX_SILENT_CHUNKS - 1, amplitude), Voice::Listening);
            assert_eq!(after(&mut detector, 1, amplitude), expected);
            assert_eq!(after(&mut detector, MIN_VOICED_CHUNKS, 0.1), Voice::Heard, "and it is not too late then");
        }
    }

    #[test]
    fn a_microphone_unmuted_late_is_no_longer_called_muted() {
        let mut detector = VoiceDetector::default();
        assert_eq!(after(&mut detector, MAX_SILENT_CHUNKS, 0.0), Voice::Muted);
        assert_eq!(after(&mut detector, MAX_SILENT_CHUNKS, 0.001), Voice::Silent);
    }
}
