//! WebRTC statistics of rooms and tracks.

use crate::types::TrackKind;

/// Statistics of a room. Newer servers use one peer connection for both directions, the publisher's; older ones use two.
/// [`inbound`](Self::inbound) and [`outbound`](Self::outbound) combine both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionStats {
    /// Publishing peer connection.
    pub publisher: PeerStats,
    /// Subscribing peer connection.
    pub subscriber: PeerStats,
}

impl SessionStats {
    /// All received streams.
    pub fn inbound(&self) -> impl Iterator<Item = &InboundRtpStats> {
        self.publisher.inbound.iter().chain(&self.subscriber.inbound)
    }

    /// All sent streams, one for each track and simulcast layer.
    pub fn outbound(&self) -> impl Iterator<Item = &OutboundRtpStats> {
        self.publisher.outbound.iter().chain(&self.subscriber.outbound)
    }

    /// Round-trip time to the SFU in seconds, with a resolution of 1 ms; `None` while not connected.
    pub fn round_trip_time(&self) -> Option<f64> {
        let mut peers = [&self.publisher, &self.subscriber].into_iter();
        peers.find_map(|peer| peer.candidate_pair.as_ref()).map(|pair| pair.current_round_trip_time)
    }
}

/// Statistics of one peer connection or one track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// Received streams.
    pub inbound: Vec<InboundRtpStats>,
    /// Sent streams, one for each track and simulcast layer.
    pub outbound: Vec<OutboundRtpStats>,
    /// Selected ICE candidate pair.
    pub candidate_pair: Option<CandidatePairStats>,
}

/// Statistics of a received RTP stream. Counters start with the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundRtpStats {
    /// Id of the track in WebRTC.
    pub track_identifier: String,
    /// Kind of media.
    pub kind: Option<TrackKind>,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// Codec as a MIME type, such as `video/VP8`.
    pub codec: String,
    /// Packets received.
    pub packets_received: u64,
    /// Packets lost; negative when there were duplicates.
    pub packets_lost: i64,
    /// Packets discarded because they arrived too late.
    pub packets_discarded: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// Packet jitter in seconds.
    pub jitter: f64,
    /// Total time in seconds that emitted frames or samples spent in the jitter buffer.
    pub jitter_buffer_delay: f64,
    /// Frames or samples emitted from the jitter buffer.
    pub jitter_buffer_emitted_count: u64,
    /// Complete frames received.
    pub frames_received: u64,
    /// Frames decoded.
    pub frames_decoded: u32,
    /// Frames dropped before display.
    pub frames_dropped: u32,
    /// Key frames decoded.
    pub key_frames_decoded: u32,
    /// Width of the newest frame, in pixels.
    pub frame_width: u32,
    /// Height of the newest frame, in pixels.
    pub frame_height: u32,
    /// Frames decoded in the last second.
    pub frames_per_second: f64,
    /// Total decoding time in seconds.
    pub total_decode_time: f64,
    /// Number of freezes.
    pub freeze_count: u32,
    /// Total duration of freezes in seconds.
    pub total_freezes_duration: f64,
    /// NACK packets sent.
    pub nack_count: u32,
    /// PLI packets sent.
    pub pli_count: u32,
    /// FIR packets sent.
    pub fir_count: u32,
    /// Current audio level, 0 to 1.
    pub audio_level: f64,
    /// Samples received, including concealed ones.
    pub total_samples_received: u64,
    /// Samples synthesized in place of lost or late ones.
    pub concealed_samples: u64,
    /// Name of the decoder.
    pub decoder_implementation: String,
}

/// Statistics of a sent RTP stream. Counters start with the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboundRtpStats {
    /// Kind of media.
    pub kind: Option<TrackKind>,
    /// RTP synchronization source.
    pub ssrc: u32,
    /// RTP stream id of the simulcast layer; empty without simulcast.
    pub rid: String,
    /// Codec as a MIME type, such as `video/VP8`.
    pub codec: String,
    /// `true` while the stream is being sent.
    pub active: bool,
    /// Packets sent.
    pub packets_sent: u64,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Packets retransmitted.
    pub retransmitted_packets_sent: u64,
    /// Target bitrate of the encoder in bits per second.
    pub target_bitrate: f64,
    /// Width of the newest frame, in pixels.
    pub frame_width: u32,
    /// Height of the newest frame, in pixels.
    pub frame_height: u32,
    /// Frames encoded in the last second.
    pub frames_per_second: f64,
    /// Frames encoded.
    pub frames_encoded: u32,
    /// Frames sent.
    pub frames_sent: u32,
    /// Key frames encoded.
    pub key_frames_encoded: u32,
    /// Total encoding time in seconds.
    pub total_encode_time: f64,
    /// Current reason for a reduced quality.
    pub quality_limitation_reason: QualityLimitationReason,
    /// Number of resolution changes due to limited quality.
    pub quality_limitation_resolution_changes: u32,
    /// NACK packets received.
    pub nack_count: u32,
    /// PLI packets received.
    pub pli_count: u32,
    /// FIR packets received.
    pub fir_count: u32,
    /// Name of the encoder.
    pub encoder_implementation: String,
    /// Scalability mode of the codec; empty if it has none.
    pub scalability_mode: String,
    /// Report of the SFU about this stream.
    pub remote: Option<RemoteInboundStats>,
}

/// Report of the SFU about a stream that it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteInboundStats {
    /// Round-trip time in seconds.
    pub round_trip_time: f64,
    /// Recent packet loss, 0 to 1.
    pub fraction_lost: f64,
    /// Packets lost.
    pub packets_lost: i64,
    /// Packet jitter in seconds.
    pub jitter: f64,
}

/// Statistics of the selected ICE candidate pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CandidatePairStats {
    /// Round-trip time in seconds.
    pub current_round_trip_time: f64,
    /// Estimated outgoing bandwidth in bits per second; zero if unknown.
    pub available_outgoing_bitrate: f64,
    /// Estimated incoming bandwidth in bits per second; zero if unknown.
    pub available_incoming_bitrate: f64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// `true` if the local candidate is a TURN relay.
    pub relayed: bool,
}

/// Reason for sending a video at reduced quality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QualityLimitationReason {
    /// Not reduced.
    #[default]
    None,
    /// Insufficient CPU.
    Cpu,
    /// Insufficient bandwidth.
    Bandwidth,
    /// Another reason.
    Other,
}
