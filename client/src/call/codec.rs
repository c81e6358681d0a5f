//! Codec, encoder and simulcast of our camera: decided here alone, and changed without ending the call.
//!
//! H.264 comes first: it costs half of what VP8 does, and is the only codec that the engine encodes in hardware. The SFU's
//! answer decides: where it doesn't enable H.264, the engine negotiates VP8 by itself. What fails here is the encoder, which
//! shows in the statistics: pictures go in and no frame comes out. Then the next attempt replaces the publication.
//!
//! Simulcast costs a third more and is for receivers who want less than the whole picture, of whom there is none in a call
//! of two with a good connection. It begins when there is one, and stays until the room is left: ending it would save CPU at the
//! price of another gap in the picture.

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
/// The same for an encoder that has worked: a bad network stops it, too, but is noticed sooner.
const STALLED_AFTER: u32 = 12;
/// Refusals in a row after which the codec is taken for the reason.
const REFUSALS: u32 = 2;
/// Time for which somebody's connection must be poor before layers are sent for it.
const POOR_FOR: Duration = Duration::from_secs(5);

/// Video codec of our camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodecChoice {
    /// H.264, and VP8 where H.264 doesn't work.
    #[default]
    Auto,
    /// H.264, unless the SFU doesn't enable it.
    H264,
    /// VP8, unless the SFU doesn't enable it.
    Vp8,
}

impl VideoCodecChoice {
    /// What to try, best first.
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

/// A codec that the camera isn't sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the video codec must be `auto`, `h264` or `vp8`")]
pub struct UnknownVideoCodec;

/// How the camera is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CameraEncoding {
    pub(super) codec: VideoCodec,
    pub(super) encoder: VideoEncoderBackend,
    pub(super) simulcast: bool,
}

/// Decides how the camera is published.
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
    /// Pictures that the camera had delivered by the last sample.
    pictures: u64,
    /// Frames encoded by the last sample, all layers together.
    frames: u64,
    /// Samples in a row with pictures and without frames.
    idle: u32,
}

impl CodecPolicy {
    pub(super) fn new(choice: VideoCodecChoice) -> Self {
        Self { choice, attempt: 0, refusals: 0, simulcast: false, poor_since: None, encoder: EncoderWatch::default() }
    }

    /// Encoding with which the camera is to be published from now on.
    pub(super) fn camera(&self) -> CameraEncoding {
        let attempts = self.choice.attempts();
        let (codec, encoder) = attempts[self.attempt.min(attempts.len() - 1)];
        CameraEncoding { codec, encoder, simulcast: self.simulcast }
    }

    /// Resets what belongs to the room that was left. An encoder that failed fails in the next room, too.
    pub(super) fn room_entered(&mut self) {
        self.simulcast = false;
        self.poor_since = None;
        self.published();
    }

    /// Begins to watch the encoder of a new publication.
    pub(super) fn published(&mut self) {
        self.refusals = 0;
        self.encoder = EncoderWatch::default();
    }

    /// Counts a refused publication; a codec that is refused again gives way to the next.
    pub(super) fn refused(&mut self, error: &RoomError) {
        // The others are about the connection.
        if matches!(error, RoomError::Other(_)) {
            self.refusals += 1;
            if self.refusals >= REFUSALS {
                self.next_attempt();
            }
        }
    }

    /// Begins simulcast when somebody can use a smaller picture: where several receive, or one whose connection is poor.
    pub(super) fn look_at_others(&mut self, others: &[ParticipantState], now: Instant) {
        let mut receivers = others.iter().filter(|other| other.waiting_since.is_none());
        let is_crowd = receivers.clone().count() > 1;
        // Whoever is lost receives nothing.
        if receivers.any(|other| other.quality == ConnectionQuality::Poor) {
            self.poor_since.get_or_insert(now);
        } else {
            self.poor_since = None;
        }
        let is_poor = self.poor_since.is_some_and(|since| now.saturating_duration_since(since) >= POOR_FOR);
        self.simulcast |= is_crowd || is_poor;
    }

    /// Takes a sample of the publication's statistics, with the number of pictures that the camera has delivered so far.
    pub(super) fn look_at_encoder(&mut self, layers: &[OutboundRtpStats], pictures: u64) {
        let watch = &mut self.encoder;
        let frames = layers.iter().map(|layer| u64::from(layer.frames_encoded)).sum();
        let (had_pictures, had_frames) = (pictures > watch.pictures, frames > watch.frames);
        // The SFU pauses layers that nobody receives.
        let is_active = layers.iter().any(|layer| layer.active);
        let is_new = std::mem::replace(&mut watch.pictures, pictures) == 0;
        watch.frames = frames;
        if had_frames || !is_active {
            watch.idle = 0;
        } else if had_pictures && !is_new {
            watch.idle += 1;
        }
        let patience = if frames == 0 { BROKEN_AFTER } else { STALLED_AFTER };
        if watch.idle >= patience {
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
    pub(super) fn look_at_encoder(&mut self, layers: &[OutboundRtpStats]) {
        let state = &self.publisher.state;
        // While the connection is being restored nothing is encoded, and that isn't the encoder's fault.
        if state.phase == CallPhase::InCall && !state.camera.muted && delivers(&state.camera.device) {
            let pictures = state.self_view.count();
            self.codec.look_at_encoder(layers, pictures);
        }
    }

    /// Publishes the camera anew if it is to be encoded otherwise than it is.
    pub(super) fn tend_codec(&mut self) {
        self.codec.look_at_others(&self.publisher.state.participants, Instant::now());
        let state = &self.publisher.state;
        // Nobody sees a muted camera: it can wait, and must not seem to be on for a moment.
        if state.phase != CallPhase::InCall || state.camera.muted || !delivers(&state.camera.device) {
            return;
        }
        let encoding = self.codec.camera();
        if let Some(old) = self.local.retract_camera(encoding) {
            tracing::info!(?encoding, "camera published anew");
            self.publish_instead(Source::Camera, Some(old));
        }
    }

    /// Notes what came of publishing the camera.
    pub(super) fn note_camera(&mut self, result: &Result<LocalTrackPublication, RoomError>) {
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

    /// Takes samples until the codec or encoder changes; after how many.
    fn until_changed(policy: &mut CodecPolicy, samples: impl Iterator<Item = (OutboundRtpStats, u64)>) -> Option<u32> {
        let before = policy.camera();
        for (sample, (layer, pictures)) in (1..).zip(samples) {
            policy.look_at_encoder(&[layer], pictures);
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
            policy.look_at_others(&others, now + Duration::from_secs(seconds));
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
