//! Options for joining a room and publishing a track.

use std::fmt;
use std::time::Duration;

use crate::e2ee::E2eeOptions;
use crate::limits::ReceiveLimits;
use crate::proto;
use crate::types::TrackSource;

/// Options for joining a room.
#[derive(Clone, Debug)]
pub struct RoomOptions {
    /// Subscribes to every track as it is published. On by default.
    pub auto_subscribe: bool,
    /// Receives each video only in the size in which it is shown. Off by default.
    pub adaptive_stream: bool,
    /// Stops sending simulcast layers that have no subscriber. Off by default.
    pub dynacast: bool,
    /// End-to-end encryption of media and messages. With `None`, the default, it can't be switched on later.
    pub e2ee: Option<E2eeOptions>,
    /// ICE servers and transports.
    pub rtc_config: RtcConfiguration,
    /// Number of retries after a failed attempt to join. Three by default.
    pub join_retries: u32,
    /// Timeout of one attempt to join. Five seconds by default.
    pub connect_timeout: Duration,
    /// Limits on data that other participants send.
    pub receive_limits: ReceiveLimits,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            auto_subscribe: true,
            adaptive_stream: false,
            dynacast: false,
            e2ee: None,
            rtc_config: RtcConfiguration::default(),
            join_retries: 3,
            connect_timeout: Duration::from_secs(5),
            receive_limits: ReceiveLimits::default(),
        }
    }
}

/// ICE servers and transports.
#[derive(Clone, Debug, Default)]
pub struct RtcConfiguration {
    /// STUN and TURN servers that replace those of the SFU. Empty by default.
    pub ice_servers: Vec<IceServer>,
    /// ICE candidates that may be used.
    pub ice_transport_type: IceTransportsType,
}

/// ICE candidates that may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceTransportsType {
    /// Relay candidates only: TURN hides this machine's addresses.
    Relay,
    /// All but host candidates.
    NoHost,
    /// All candidates.
    #[default]
    All,
}

/// A STUN or TURN server.
#[derive(Clone, Default)]
pub struct IceServer {
    /// Addresses, such as `turn:turn.example.com:3478`.
    pub urls: Vec<String>,
    /// User name for TURN.
    pub username: String,
    /// Password for TURN. `Debug` omits it.
    pub password: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl RoomOptions {
    pub(crate) fn to_proto(&self) -> proto::RoomOptions {
        let transport = match self.rtc_config.ice_transport_type {
            IceTransportsType::Relay => proto::IceTransportType::TransportRelay,
            IceTransportsType::NoHost => proto::IceTransportType::TransportNohost,
            IceTransportsType::All => proto::IceTransportType::TransportAll,
        };
        let some_text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let ice_servers = self.rtc_config.ice_servers.iter().map(|server| proto::IceServer {
            urls: server.urls.clone(),
            username: some_text(&server.username),
            password: some_text(&server.password),
        });
        proto::RoomOptions {
            auto_subscribe: Some(self.auto_subscribe),
            adaptive_stream: Some(self.adaptive_stream),
            dynacast: Some(self.dynacast),
            rtc_config: Some(proto::RtcConfig {
                ice_transport_type: Some(transport.into()),
                continual_gathering_policy: Some(proto::ContinualGatheringPolicy::GatherContinually.into()),
                ice_servers: ice_servers.collect(),
            }),
            join_retries: Some(self.join_retries),
            // The older field `e2ee` doesn't encrypt messages.
            encryption: self.e2ee.as_ref().map(E2eeOptions::to_proto),
            connect_timeout_ms: Some(self.connect_timeout.as_millis() as u64),
            // The engine's default is 5 GB.
            ..Default::default()
        }
    }
}

/// Video codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// VP8, which every client decodes.
    #[default]
    Vp8,
    /// H.264.
    H264,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// H.265.
    H265,
}

/// Implementation of a video encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoEncoderBackend {
    /// Hardware encoder where the engine has one for the codec, else software.
    #[default]
    Auto,
    /// Software encoder.
    Software,
}

/// Limits of a video encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoEncoding {
    /// Bits per second.
    pub max_bitrate: u64,
    /// Frames per second.
    pub max_framerate: f64,
}

/// Limits of an audio encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioEncoding {
    /// Bits per second.
    pub max_bitrate: u64,
}

/// Quality to keep when bandwidth or CPU is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DegradationPreference {
    /// Reduces both frame rate and resolution.
    Balanced,
    /// Reduces the resolution: movement stays smooth.
    MaintainFramerate,
    /// Reduces the frame rate: text stays legible.
    MaintainResolution,
    /// Reduces neither.
    MaintainFramerateAndResolution,
}

/// Options for publishing a track.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackPublishOptions {
    /// Source of the track; the token must grant it.
    pub source: TrackSource,
    /// Preferred video codec. If the SFU doesn't enable it, the engine sends the first codec that both support.
    pub video_codec: VideoCodec,
    /// Encoder of the video.
    pub video_encoder: VideoEncoderBackend,
    /// Limits of the video. With `None` the engine chooses by resolution and sends at most 15 frames per second at
    /// 320x180, 20 at 640x360 and 30 at 1280x720.
    pub video_encoding: Option<VideoEncoding>,
    /// Limits of the audio; `None` lets the engine choose.
    pub audio_encoding: Option<AudioEncoding>,
    /// Sends video in several sizes, for the SFU to choose from.
    pub simulcast: bool,
    /// Discontinuous transmission: sends almost nothing during silence.
    pub dtx: bool,
    /// Redundant audio: sends each frame twice, so that the audio survives packet loss.
    pub red: bool,
    /// Name of the media stream that the track belongs to; tracks of one stream are played in sync.
    pub stream: String,
    /// Quality to keep when bandwidth or CPU is short; `None` lets the engine choose.
    pub degradation_preference: Option<DegradationPreference>,
}

impl Default for TrackPublishOptions {
    fn default() -> Self {
        Self {
            source: TrackSource::Unknown,
            video_codec: VideoCodec::Vp8,
            video_encoder: VideoEncoderBackend::Auto,
            video_encoding: None,
            audio_encoding: None,
            simulcast: true,
            dtx: true,
            red: true,
            stream: String::new(),
            degradation_preference: None,
        }
    }
}

impl TrackPublishOptions {
    pub(crate) fn to_proto(&self) -> proto::TrackPublishOptions {
        let codec = match self.video_codec {
            VideoCodec::Vp8 => proto::VideoCodec::Vp8,
            VideoCodec::H264 => proto::VideoCodec::H264,
            VideoCodec::Vp9 => proto::VideoCodec::Vp9,
            VideoCodec::Av1 => proto::VideoCodec::Av1,
            VideoCodec::H265 => proto::VideoCodec::H265,
        };
        let encoder = match self.video_encoder {
            VideoEncoderBackend::Auto => proto::VideoEncoderBackend::EncoderBackendAuto,
            VideoEncoderBackend::Software => proto::VideoEncoderBackend::EncoderBackendSoftware,
        };
        let degradation = self.degradation_preference.map(|preference| match preference {
            DegradationPreference::Balanced => proto::DegradationPreference::Balanced,
            DegradationPreference::MaintainFramerate => proto::DegradationPreference::MaintainFramerate,
            DegradationPreference::MaintainResolution => proto::DegradationPreference::MaintainResolution,
            DegradationPreference::MaintainFramerateAndResolution => {
                proto::DegradationPreference::MaintainFramerateAndResolution
            }
        });
        proto::TrackPublishOptions {
            video_encoding: self.video_encoding.map(|encoding| proto::VideoEncoding {
                max_bitrate: encoding.max_bitrate,
                max_framerate: encoding.max_framerate,
            }),
            audio_encoding: self
                .audio_encoding
                .map(|encoding| proto::AudioEncoding { max_bitrate: encoding.max_bitrate }),
            video_codec: Some(codec.into()),
            video_encoder: Some(encoder.into()),
            dtx: Some(self.dtx),
            red: Some(self.red),
            simulcast: Some(self.simulcast),
            source: Some(proto::TrackSource::from(self.source).into()),
            stream: Some(self.stream.clone()).filter(|stream| !stream.is_empty()),
            degradation_preference: degradation.map(Into::into),
            ..Default::default()
        }
    }
}
