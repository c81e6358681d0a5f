//! Selects codec, encoder and simulcast of our camera, and changes them during the call.
//!
//! H.264 is preferred: it costs half as much as VP8 and is the only codec that the engine encodes in hardware. Where
//! the SFU does not enable H.264, the engine negotiates VP8 by itself. A broken encoder shows in the statistics: frames
//! go in and none come out. Then the next attempt replaces the publication.
//!
//! Simulcast costs a third more CPU and is for receivers that need a smaller layer, of which there are none in a call
//! of two with a good connection. It starts with the first such receiver and stays until the room is left: stopping it
//! would interrupt the video once more.

use std::time::{Duration, Instant};

use autamedica_engine::{
    ConnectionQuality, LocalTrackPublication, OutboundRtpStats, RoomError, VideoCodec, VideoEncoderBackend,
};
use serde::{Deserialize, Serialize};

use super::local::{Source, delivers};
use super::task::Task;
use super::{CallPhase, ParticipantState};

/// Samples (one a second) without an encoded frame after which a new encoder counts as broken.
const BROKEN_AFTER: u32 = 4;
/// The same for an encoder that has worked: a bad network stops it too, but is detected sooner.
const STALLED_AFTER: u32 = 12;
/// Refusals in a row after which the codec is assumed to be the reason.
const MAX_REFUSALS: u32 = 2;
/// Time of a poor connection before simulcast starts for the participant.
const POOR_FOR: Duration = Duration::from_secs(5);

/// Video codec of our camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodecChoice {
    /// H.264, or VP8 where H.264 does not work.
    #[default]
    Auto,
    /// H.264, unless the SFU does not enable it.
    H264,
    /// VP8, unless the SFU does not enable it.
    Vp8,
}

impl VideoCodecChoice {
    /// Returns codecs and encoders to try, best first.
    fn attempts(self) -> &'static [(VideoCodec, VideoEncoderBackend)] {
        use VideoCodec::{H264, Vp8};
        use VideoEncoderBackend::{Auto, Software};
        match self {
            Self::Auto => &[(H264, Auto), (H264, Software), (Vp8, Auto)],
            Self::H264 => &[(H264, Auto), (H264, Software)],
            Self::Vp8 => &[(Vp8, Auto)],
        }
    }
}

impl std::str::FromStr for VideoCodecChoice {
    type Err = UnknownVideoCodec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "h264" => Ok(Self::H264),
            "vp8" => Ok(Self::Vp8),
            _ => Err(UnknownVideoCodec),
        }
    }
}

/// Name of an unsupported codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the video codec must be `auto`, `h264` or `vp8`")]
pub struct UnknownVideoCodec;

/// Encoding of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CameraEncoding {
    pub(super) codec: VideoCodec,
    pub(super) encoder: VideoEncoderBackend,
    pub(super) simulcast: bool,
}

/// Decides the encoding of the camera.
#[derive(Debug)]
pub(super) struct CodecPolicy {
    choice: VideoCodecChoice,
    /// Index into the choice's attempts.
    attempt: usize,
    refusals: u32,
    simulcast: bool,
    poor_since: Option<Instant>,
    encoder: EncoderWatch,
}

/// Progress of the encoder of the current publication.
#[derive(Debug, Default)]
struct EncoderWatch {
    /// Frames captured by the last sample.
    pictures: u64,
    /// Frames encoded by the last sample, in all layers.
    frames: u64,
    /// Samples in a row with captured but without encoded frames.
    idle: u32,
}

impl CodecPolicy {
    pub(super) fn new(choice: VideoCodecChoice) -> Self {
        Self { choice, attempt: 0, refusals: 0, simulcast: false, poor_since: None, encoder: EncoderWatch::default() }
    }

    /// Returns the encoding for the next publication.
    pub(super) fn camera(&self) -> CameraEncoding {
        let attempts = self.choice.attempts();
        let (codec, encoder) = attempts[self.attempt.min(attempts.len() - 1)];
        CameraEncoding { codec, encoder, simulcast: self.simulcast }
    }

    /// Resets the state of the previous room. Keeps the attempt: a failed encoder fails in the next room too.
    pub(super) fn room_entered(&mut self) {
        self.simulcast = false;
        self.poor_since = None;
        self.published();
    }

    /// Starts to watch the encoder of a new publication.
    pub(super) fn published(&mut self) {
        self.refusals = 0;
        self.encoder = EncoderWatch::default();
    }

    /// Counts a refused publication. After [`MAX_REFUSALS`] in a row the next codec is tried.
    pub(super) fn refused(&mut self, error: &RoomError) {
        // Other errors concern the connection.
        if matches!(error, RoomError::Other(_)) {
            self.refusals += 1;
            if self.refusals >= MAX_REFUSALS {
                self.next_attempt();
            }
        }
    }

    /// Starts simulcast when a receiver needs a smaller layer: with several receivers, or one with a poor connection.
    pub(super) fn observe_receivers(&mut self, others: &[ParticipantState], now: Instant) {
        let mut receivers = others.iter().filter(|other| other.waiting_since.is_none());
        let is_crowd = receivers.clone().count() > 1;
        // A lost participant receives nothing.
        if receivers.any(|other| other.quality == ConnectionQuality::Poor) {
            self.poor_since.get_or_insert(now);
        } else {
            self.poor_since = None;
        }
        let is_poor = self.poor_since.is_some_and(|since| now.saturating_duration_since(since) >= POOR_FOR);
        self.simulcast |= is_crowd || is_poor;
    }

    /// Takes a sample of the publication's statistics, with the number of frames captured so far.
    pub(super) fn observe_encoder(&mut self, layers: &[OutboundRtpStats], pictures: u64) {
        let watch = &mut self.encoder;
        let frames = layers.iter().map(|layer| u64::from(layer.frames_encoded)).sum();
        let (had_pictures, had_frames) = (pictures > watch.pictures, frames > watch.frames);
        // The SFU pauses layers without receivers.
        let is_active = layers.iter().any(|layer| layer.active);
        let is_new = std::mem::replace(&mut watch.pictures, pictures) == 0;
        watch.frames = frames;
        if had_frames || !is_active {
            watch.idle = 0;
        } else if had_pictures && !is_new {
            watch.idle += 1;
        }
        let max_idle = if frames == 0 { BROKEN_AFTER } else { STALLED_AFTER };
        if watch.idle >= max_idle {
            self.next_attempt();
        }
    }

    fn next_attempt(&mut self) {
        self.published();
        if self.attempt + 1 < self.choice.attempts().len() {
            let failed = self.camera();
            self.attempt += 1;
            tracing::warn!(?failed, next = ?self.camera(), "camera encoder failed");
        }
    }
}

impl Task {
    /// Takes a sample of the camera's statistics.
    pub(super) fn observe_encoder(&mut self, layers: &[OutboundRtpStats]) {
        let state = &self.publisher.state;
        // The encoder pauses while the connection is restored.
        if state.phase == CallPhase::InCall && !state.camera.muted && delivers(&state.camera.device) {
            let pictures = state.self_view.count();
            self.codec.observe_encoder(layers, pictures);
        }
    }

    /// Republishes the camera if its encoding is to change.
    pub(super) fn update_codec(&mut self) {
        self.codec.observe_receivers(&self.publisher.state.participants, Instant::now());
        let state = &self.publisher.state;
        // A muted camera can wait, and must not appear unmuted for a moment.
        if state.phase != CallPhase::InCall || state.camera.muted || !delivers(&state.camera.device) {
            return;
        }
        let encoding = self.codec.camera();
        if let Some(old) = self.local.retract_camera(encoding) {
            tracing::info!(?encoding, "camera republished");
            self.publish_instead(Source::Camera, Some(old));
        }
    }

    /// Records the result of publishing the camera.
    pub(super) fn on_camera_published(&mut self, result: &Result<LocalTrackPublication, RoomError>) {
        match result {
            Ok(_) => self.codec.published(),
            Err(error) => self.codec.refused(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(frames_encoded: u32, active: bool) -> OutboundRtpStats {
        OutboundRtpStats { frames_encoded, active, ..OutboundRtpStats::default() }
    }

    /// Takes samples until codec or encoder change. Returns their number.
    fn until_changed(policy: &mut CodecPolicy, samples: impl Iterator<Item = (OutboundRtpStats, u64)>) -> Option<u32> {
        let before = policy.camera();
        for (sample, (layer, pictures)) in (1..).zip(samples) {
            policy.observe_encoder(&[layer], pictures);
            if policy.camera() != before {
                return Some(sample);
            }
        }
        None
    }

    fn other(waits: bool, quality: ConnectionQuality) -> ParticipantState {
        ParticipantState {
            may_send: true,
            identity: String::new(),
            name: String::new(),
            role: None,
            camera: None,
            screen: None,
            others: Vec::new(),
            camera_absence: None,
            original_sound: false,
            microphone_muted: true,
            speaking: false,
            waiting_since: waits.then_some(std::time::SystemTime::UNIX_EPOCH),
            joined_at: None,
            quality,
        }
    }

    #[test]
    fn a_broken_encoder_gives_way_to_software_and_then_to_vp8() {
        let mut policy = CodecPolicy::new(VideoCodecChoice::Auto);
        let broken = || (1..100).map(|second| (layer(0, true), second * 30));
        let (codec, encoder) = (VideoCodec::H264, VideoEncoderBackend::Auto);
        assert_eq!(policy.camera(), CameraEncoding { codec, encoder, simulcast: false });
        assert_eq!(until_changed(&mut policy, broken()), Some(BROKEN_AFTER + 1));
        assert_eq!((policy.camera().codec, policy.camera().encoder), (codec, VideoEncoderBackend::Software));
        assert_eq!(until_changed(&mut policy, broken()), Some(BROKEN_AFTER + 1));
        assert_eq!(policy.camera().codec, VideoCodec::Vp8);
        assert_eq!(until_changed(&mut policy, broken()), None, "there is nothing after it");
        policy.room_entered();
        assert_eq!(policy.camera().codec, VideoCodec::Vp8, "in the next room it is as broken");
        let mut policy = CodecPolicy::new(VideoCodecChoice::H264);
        assert!(until_changed(&mut policy, broken()).is_some());
        assert_eq!(until_changed(&mut policy, broken()), None, "VP8 wasn't wanted");
    }

    #[test]
    fn an_encoder_that_has_nothing_to_do_isnt_broken() {
        let mut policy = CodecPolicy::new(VideoCodecChoice::Auto);
        let works = (1..100).map(|second| (layer(second * 30, true), u64::from(second) * 30));
        assert_eq!(until_changed(&mut policy, works), None);
        let no_pictures = (1..100).map(|_| (layer(2970, true), 2970));
        assert_eq!(until_changed(&mut policy, no_pictures), None);
        let nobody_receives = (1..100).map(|second| (layer(2970, false), 2970 + second * 30));
        assert_eq!(until_changed(&mut policy, nobody_receives), None);
        let stalled = (1..100).map(|second| (layer(2970, true), 10_000 + second * 30));
        assert_eq!(until_changed(&mut policy, stalled), Some(STALLED_AFTER));
    }

    #[test]
    fn only_refusals_that_are_the_codecs_count() {
        let mut policy = CodecPolicy::new(VideoCodecChoice::Auto);
        let first = policy.camera();
        for _ in 0..5 {
            policy.refused(&RoomError::Timeout(Duration::ZERO));
        }
        assert_eq!(policy.camera(), first);
        policy.refused(&RoomError::Other("no".into()));
        assert_eq!(policy.camera(), first, "once may be chance");
        policy.refused(&RoomError::Other("no".into()));
        assert_ne!(policy.camera(), first);
    }

    #[test]
    fn layers_are_sent_once_somebody_can_use_a_smaller_one() {
        use ConnectionQuality::{Excellent, Poor};
        let now = Instant::now();
        let simulcast = |policy: &mut CodecPolicy, others: &[(bool, ConnectionQuality)], seconds: u64| {
            let others: Vec<_> = others.iter().map(|(waits, quality)| other(*waits, *quality)).collect();
            policy.observe_receivers(&others, now + Duration::from_secs(seconds));
            policy.camera().simulcast
        };
        let mut policy = CodecPolicy::new(VideoCodecChoice::Auto);
        assert!(!simulcast(&mut policy, &[], 0));
        assert!(!simulcast(&mut policy, &[(false, Excellent)], 0), "two ask for one picture");
        assert!(!simulcast(&mut policy, &[(false, Excellent), (true, Excellent)], 0), "who waits receives nothing");
        assert!(simulcast(&mut policy, &[(false, Excellent), (false, Excellent)], 0));
        assert!(simulcast(&mut policy, &[(false, Excellent)], 0), "and stays");
        policy.room_entered();
        assert!(!simulcast(&mut policy, &[(false, Poor)], 10));
        assert!(!simulcast(&mut policy, &[(false, Excellent)], 14));
        assert!(!simulcast(&mut policy, &[(false, Poor)], 16), "counted anew");
        assert!(simulcast(&mut policy, &[(false, Poor)], 21));
    }

    #[test]
    fn choices_have_the_names_of_the_command_line() {
        for (text, choice) in
            [("auto", VideoCodecChoice::Auto), ("H264", VideoCodecChoice::H264), ("vp8", VideoCodecChoice::Vp8)]
        {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(serde_json::to_string(&choice).unwrap(), format!("\"{}\"", text.to_lowercase()));
        }
        assert_eq!("mpeg2".parse::<VideoCodecChoice>(), Err(UnknownVideoCodec));
    }
}
