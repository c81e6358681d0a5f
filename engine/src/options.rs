//! How a room is joined and a track is published.

use std::fmt;
use std::time::Duration;

use crate::e2ee::E2eeOptions;
use crate::proto;
use crate::types::TrackSource;

/// How a room is joined.
#[derive(Clone, Debug)]
pub struct RoomOptions {
    /// Subscribe to every track as it is published. On by default.
    pub auto_subscribe: bool,
    /// Let the SFU send only the size of each video that is really shown. Off by default.
    pub adaptive_stream: bool,
    /// Stop sending simulcast layers that nobody receives. Off by default.
    pub dynacast: bool,
    /// End-to-end encryption of media and messages. `None`, the default, leaves it off for good.
    pub e2ee: Option<E2eeOptions>,
    /// How media finds its way through the network.
    pub rtc_config: RtcConfiguration,
    /// How often joining is tried again after a failure. Three by default.
    pub join_retries: u32,
    /// How long one attempt to join may take. Five seconds by default.
    pub connect_timeout: Duration,
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
        }
    }
}

/// How media finds its way through the network.
#[derive(Clone, Debug, Default)]
pub struct RtcConfiguration {
    /// STUN and TURN servers, in the place of those that the SFU names. Empty by default.
    pub ice_servers: Vec<IceServer>,
    /// Which ways may be taken.
    pub ice_transport_type: IceTransportsType,
}

/// Which ways media may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceTransportsType {
    /// Only through a TURN server, which hides this machine's addresses.
    Relay,
    /// Not directly from this machine's own addresses.
    NoHost,
    /// Any.
    #[default]
    All,
}

/// A STUN or TURN server.
#[derive(Clone, Default)]
pub struct IceServer {
    /// Its addresses, such as `turn:turn.example.com:3478`.
    pub urls: Vec<String>,
    /// The user's name, for TURN.
    pub username: String,
    /// The password, for TURN. Never shown by `Debug`.
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
            // `e2ee`, the older field, leaves messages in the clear.
            encryption: self.e2ee.as_ref().map(E2eeOptions::to_proto),
            connect_timeout_ms: Some(self.connect_timeout.as_millis() as u64),
            ..Default::default()
        }
    }
}

/// How video is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// VP8: every client can show it.
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

/// The most a video may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoEncoding {
    /// Bits a second.
    pub max_bitrate: u64,
    /// Frames a second.
    pub max_framerate: f64,
}

/// The most a sound may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioEncoding {
    /// Bits a second.
    pub max_bitrate: u64,
}

/// What is given up first when bandwidth or CPU is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DegradationPreference {
    /// Some of both.
    Balanced,
    /// Resolution: movement stays smooth.
    MaintainFramerate,
    /// Frames: text stays legible.
    MaintainResolution,
    /// Neither.
    MaintainFramerateAndResolution,
}

/// How a track is published.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackPublishOptions {
    /// Where the track comes from; the token's grants are about these.
    pub source: TrackSource,
    /// How video is compressed.
    pub video_codec: VideoCodec,
    /// The most that video may take. `None` lets the engine choose by resolution, and then it sends no more than 15 frames
    /// a second at 320x180, 20 at 640x360 and 30 at 1280x720.
    pub video_encoding: Option<VideoEncoding>,
    /// The most that sound may take; `None` lets the engine choose.
    pub audio_encoding: Option<AudioEncoding>,
    /// Send video in several sizes, for the SFU to choose from.
    pub simulcast: bool,
    /// Send next to nothing while nobody speaks.
    pub dtx: bool,
    /// Send sound twice, so that it survives loss.
    pub red: bool,
    /// The name of the media stream that the track belongs to: tracks of one stream play in step.
    pub stream: String,
    /// What is given up first when bandwidth or CPU is short; `None` lets the engine choose.
    pub degradation_preference: Option<DegradationPreference>,
}

impl Default for TrackPublishOptions {
    fn default() -> Self {
        Self {
            source: TrackSource::Unknown,
            video_codec: VideoCodec::Vp8,
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
