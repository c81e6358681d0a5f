//! Options for joining a room and publishing a track.

use std::fmt;
use std::time::Duration;

use crate::limits::ReceiveLimits;
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
    pub encryption: Option<E2eeOptions>,
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
            encryption: None,
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

/// Shared key. `Debug` omits its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Vec<u8>);

impl EncryptionKey {
    /// Creates a key from bytes of any length. LiveKit's clients use the UTF-8 of a text.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for EncryptionKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(…)")
    }
}

/// Options for end-to-end encryption with AES-GCM and a shared key.
#[derive(Clone, Debug)]
pub struct E2eeOptions {
    /// Shared key.
    pub key: EncryptionKey,
    /// Index of the key. Frames and messages carry it modulo 16, so that the key can change during a call.
    pub index: u32,
}

impl E2eeOptions {
    /// Creates options with this key at index 0.
    pub fn with_shared_key(key: impl Into<EncryptionKey>) -> Self {
        Self { key: key.into(), index: 0 }
    }

    /// Sets the index of the key.
    #[must_use]
    pub fn at_index(self, index: u32) -> Self {
        Self { index, ..self }
    }
}

/// Processing steps for the captured audio. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioProcessingOptions {
    /// Removes the audio of the speaker.
    pub echo_cancellation: bool,
    /// Removes steady noise.
    pub noise_suppression: bool,
    /// Levels loud and quiet voices.
    pub auto_gain_control: bool,
    /// Removes low-frequency rumble.
    pub high_pass_filter: bool,
}
