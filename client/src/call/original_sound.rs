//! Original sound: a microphone that is sent as it is, for a stethoscope or a singing voice.

use autamedica_api::Role;
use autamedica_engine::{AudioEncoding, TrackPublishOptions, TrackSource};

use super::local::Source;
use super::task::Task;

/// Bits per second of original sound.
const BITRATE: u64 = 160_000;

/// Encoding of a microphone.
pub(super) struct SoundEncoding {
    pub(super) channels: u32,
    original: bool,
}

impl SoundEncoding {
    /// Returns the encoding of original or processed sound. Opus filters low frequencies from a single channel, which it
    /// takes for speech, and sends two as they are.
    pub(super) fn new(original: bool) -> Self {
        Self { channels: if original { 2 } else { 1 }, original }
    }

    /// Returns the options of the publication.
    pub(super) fn options(&self) -> TrackPublishOptions {
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..TrackPublishOptions::default() };
        if !self.original {
            return options;
        }
        TrackPublishOptions {
            audio_encoding: Some(AudioEncoding { max_bitrate: BITRATE }),
            dtx: false,
            // Redundancy would double a bitrate that is high already.
            red: false,
            ..options
        }
    }
}

impl Task {
    /// Sends our microphone as it is (`true`) or processed.
    pub(super) fn use_original_sound(&mut self, on: bool) {
        if self.state().original_sound == on {
            return;
        }
        tracing::info!(on, "original sound");
        self.state().original_sound = on;
        let replaced = self.local.set_original_sound(on);
        self.publish_instead(Source::Microphone, replaced);
    }

    /// Follows a doctor's request for original sound.
    pub(super) fn on_original_sound_request(&mut self, from: &str, on: bool) {
        if self.remotes.role(from) == Some(Role::Doctor) {
            self.use_original_sound(on);
        } else {
            tracing::warn!("request for original sound ignored: not from a doctor");
        }
    }
}
