//! Conversions of options and stream headers to and from the protocol.

use crate::data::{ByteStreamInfo, StreamByteOptions, StreamTextOptions, TextStreamInfo};
use crate::options::{
    DegradationPreference, E2eeOptions, IceTransportsType, RoomOptions, TrackPublishOptions, VideoCodec,
    VideoEncoderBackend,
};
use crate::prebuilt::proto;

/// Salt of the key derivation in all of LiveKit's clients.
const RATCHET_SALT: &[u8] = b"LKFrameEncryptionKey";
/// Number of slots of the key ring in all of LiveKit's clients.
const KEY_RING_SIZE: u8 = 16;

/// Slot of a key in the engine's key ring.
pub(super) fn key_slot(index: u32) -> i32 {
    i32::try_from(index % u32::from(KEY_RING_SIZE)).unwrap_or_default()
}

impl From<&E2eeOptions> for proto::E2eeOptions {
    fn from(options: &E2eeOptions) -> Self {
        Self {
            encryption_type: proto::EncryptionType::Gcm.into(),
            key_provider_options: proto::KeyProviderOptions {
                shared_key: Some(options.key.bytes().to_vec()),
                // With a ratchet window, a wrong key keeps a core busy ratcheting and is never reported.
                ratchet_window_size: 0,
                ratchet_salt: RATCHET_SALT.to_vec(),
                failure_tolerance: 10,
                key_ring_size: KEY_RING_SIZE.into(),
                key_derivation_function: proto::KeyDerivationFunction::Pbkdf2.into(),
            },
        }
    }
}

impl From<&RoomOptions> for proto::RoomOptions {
    fn from(options: &RoomOptions) -> Self {
        let transport = match options.rtc_config.ice_transport_type {
            IceTransportsType::Relay => proto::IceTransportType::TransportRelay,
            IceTransportsType::NoHost => proto::IceTransportType::TransportNohost,
            IceTransportsType::All => proto::IceTransportType::TransportAll,
        };
        let some_text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let ice_servers = options.rtc_config.ice_servers.iter().map(|server| proto::IceServer {
            urls: server.urls.clone(),
            username: some_text(&server.username),
            password: some_text(&server.password),
        });
        Self {
            auto_subscribe: Some(options.auto_subscribe),
            adaptive_stream: Some(options.adaptive_stream),
            dynacast: Some(options.dynacast),
            rtc_config: Some(proto::RtcConfig {
                ice_transport_type: Some(transport.into()),
                continual_gathering_policy: Some(proto::ContinualGatheringPolicy::GatherContinually.into()),
                ice_servers: ice_servers.collect(),
            }),
            join_retries: Some(options.join_retries),
            // The older field `e2ee` doesn't encrypt messages.
            encryption: options.encryption.as_ref().map(Into::into),
            connect_timeout_ms: Some(options.connect_timeout.as_millis() as u64),
            // The engine's default is 5 GB.
            data_stream: Some(proto::RoomDataStreamOptions {
                max_payload_byte_length: Some(options.receive_limits.stream_bytes as u64),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

impl From<&TrackPublishOptions> for proto::TrackPublishOptions {
    fn from(options: &TrackPublishOptions) -> Self {
        let codec = match options.video_codec {
            VideoCodec::Vp8 => proto::VideoCodec::Vp8,
            VideoCodec::H264 => proto::VideoCodec::H264,
            VideoCodec::Vp9 => proto::VideoCodec::Vp9,
            VideoCodec::Av1 => proto::VideoCodec::Av1,
            VideoCodec::H265 => proto::VideoCodec::H265,
        };
        let encoder = match options.video_encoder {
            VideoEncoderBackend::Auto => proto::VideoEncoderBackend::EncoderBackendAuto,
            VideoEncoderBackend::Software => proto::VideoEncoderBackend::EncoderBackendSoftware,
        };
        let degradation = options.degradation_preference.map(|preference| match preference {
            DegradationPreference::Balanced => proto::DegradationPreference::Balanced,
            DegradationPreference::MaintainFramerate => proto::DegradationPreference::MaintainFramerate,
            DegradationPreference::MaintainResolution => proto::DegradationPreference::MaintainResolution,
            DegradationPreference::MaintainFramerateAndResolution => {
                proto::DegradationPreference::MaintainFramerateAndResolution
            }
        });
        Self {
            video_encoding: options.video_encoding.map(|encoding| proto::VideoEncoding {
                max_bitrate: encoding.max_bitrate,
                max_framerate: encoding.max_framerate,
            }),
            audio_encoding: options
                .audio_encoding
                .map(|encoding| proto::AudioEncoding { max_bitrate: encoding.max_bitrate }),
            video_codec: Some(codec.into()),
            video_encoder: Some(encoder.into()),
            dtx: Some(options.dtx),
            red: Some(options.red),
            simulcast: Some(options.simulcast),
            source: Some(proto::TrackSource::from(options.source).into()),
            stream: Some(options.stream.clone()).filter(|stream| !stream.is_empty()),
            degradation_preference: degradation.map(Into::into),
            ..Default::default()
        }
    }
}

impl From<StreamTextOptions> for proto::StreamTextOptions {
    fn from(options: StreamTextOptions) -> Self {
        Self {
            topic: options.topic,
            attributes: options.attributes,
            destination_identities: options.destination_identities,
            id: options.id,
            ..Default::default()
        }
    }
}

impl From<StreamByteOptions> for proto::StreamByteOptions {
    fn from(options: StreamByteOptions) -> Self {
        Self {
            topic: options.topic,
            attributes: options.attributes,
            destination_identities: options.destination_identities,
            id: options.id,
            name: options.name,
            mime_type: options.mime_type,
            total_length: options.total_length,
            ..Default::default()
        }
    }
}

impl From<proto::TextStreamInfo> for TextStreamInfo {
    fn from(info: proto::TextStreamInfo) -> Self {
        Self {
            encryption_type: info.encryption_type().into(),
            id: info.stream_id,
            timestamp_ms: info.timestamp,
            topic: info.topic,
            mime_type: info.mime_type,
            total_length: info.total_length,
            attributes: info.attributes,
        }
    }
}

impl From<proto::ByteStreamInfo> for ByteStreamInfo {
    fn from(info: proto::ByteStreamInfo) -> Self {
        Self {
            encryption_type: info.encryption_type().into(),
            id: info.stream_id,
            timestamp_ms: info.timestamp,
            topic: info.topic,
            name: info.name,
            mime_type: info.mime_type,
            total_length: info.total_length,
            attributes: info.attributes,
        }
    }
}
