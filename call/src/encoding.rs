//! Encodings of our publications.

use autamedica_engine::{AudioEncoding, TrackPublishOptions, TrackSource, VideoEncoding};

use super::codec::CameraEncoding;

/// Encoding of the screen: sharp text matters more than the frame rate.
const SCREEN_ENCODING: VideoEncoding = VideoEncoding { max_bitrate: 2_500_000, max_framerate: 15.0 };
/// Bits per second of original sound.
const ORIGINAL_SOUND_BITRATE: u64 = 160_000;

/// Returns the options of a camera's publication.
pub(super) fn camera_options(camera: CameraEncoding, encoding: VideoEncoding) -> TrackPublishOptions {
    TrackPublishOptions {
        video_codec: camera.codec,
        video_encoder: camera.encoder,
        simulcast: camera.simulcast,
        source: TrackSource::Camera,
        video_encoding: Some(encoding),
        ..TrackPublishOptions::default()
    }
}

/// Returns the options of a screen's publication.
pub(super) fn screen_options() -> TrackPublishOptions {
    TrackPublishOptions {
        source: TrackSource::Screenshare,
        video_encoding: Some(SCREEN_ENCODING),
        simulcast: false,
        ..TrackPublishOptions::default()
    }
}

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
            audio_encoding: Some(AudioEncoding { max_bitrate: ORIGINAL_SOUND_BITRATE }),
            dtx: false,
            // Redundancy would double a bitrate that is high already.
            red: false,
            ..options
        }
    }
}
