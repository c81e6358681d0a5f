//! What was sent and received, and how well.

use std::collections::HashMap;

use proto::rtc_stats::Stats;

use crate::proto;
use crate::types::TrackKind;

/// A room's statistics. Where there are two connections to the SFU, one sends and one receives; with newer servers there
/// is a single one, the publisher's, for both: [`inbound`](Self::inbound) and [`outbound`](Self::outbound) look in both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionStats {
    /// The connection that sends.
    pub publisher: PeerStats,
    /// The connection that receives.
    pub subscriber: PeerStats,
}

impl SessionStats {
    /// Everything that is received.
    pub fn inbound(&self) -> impl Iterator<Item = &InboundRtpStats> {
        self.publisher.inbound.iter().chain(&self.subscriber.inbound)
    }

    /// Everything that is sent: one for each track and simulcast layer.
    pub fn outbound(&self) -> impl Iterator<Item = &OutboundRtpStats> {
        self.publisher.outbound.iter().chain(&self.subscriber.outbound)
    }

    /// The round trip to the SFU in seconds, to the millisecond; `None` while there is no connection.
    pub fn round_trip_time(&self) -> Option<f64> {
        let mut peers = [&self.publisher, &self.subscriber].into_iter();
        peers.find_map(|peer| peer.candidate_pair.as_ref()).map(|pair| pair.current_round_trip_time)
    }
}

/// Statistics of one connection, or of one track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// What is received.
    pub inbound: Vec<InboundRtpStats>,
    /// What is sent: one for each track and simulcast layer.
    pub outbound: Vec<OutboundRtpStats>,
    /// The way through the network that is in use.
    pub candidate_pair: Option<CandidatePairStats>,
}

/// One media stream that is received. Counters run from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundRtpStats {
    /// The track's id in WebRTC.
    pub track_identifier: String,
    /// Sound or picture.
    pub kind: Option<TrackKind>,
    /// The RTP source.
    pub ssrc: u32,
    /// How it is compressed, such as `video/VP8`.
    pub codec: String,
    /// Packets.
    pub packets_received: u64,
    /// Packets that never came; negative when some came twice.
    pub packets_lost: i64,
    /// Packets that came too late.
    pub packets_discarded: u64,
    /// Bytes of payload.
    pub bytes_received: u64,
    /// How unevenly packets arrive, in seconds.
    pub jitter: f64,
    /// Seconds that all emitted frames or samples spent waiting, added up.
    pub jitter_buffer_delay: f64,
    /// Frames or samples that have left the jitter buffer.
    pub jitter_buffer_emitted_count: u64,
    /// Frames that were complete.
    pub frames_received: u64,
    /// Frames decoded.
    pub frames_decoded: u32,
    /// Frames dropped before they were shown.
    pub frames_dropped: u32,
    /// Frames decoded that need no other.
    pub key_frames_decoded: u32,
    /// Width of the newest frame, in pixels.
    pub frame_width: u32,
    /// Height of the newest frame, in pixels.
    pub frame_height: u32,
    /// Frames decoded in the last second.
    pub frames_per_second: f64,
    /// Seconds spent decoding.
    pub total_decode_time: f64,
    /// How often the picture stood still.
    pub freeze_count: u32,
    /// Seconds that it stood still.
    pub total_freezes_duration: f64,
    /// Packets asked for again, in requests.
    pub nack_count: u32,
    /// Key frames asked for.
    pub pli_count: u32,
    /// Key frames asked for, at once.
    pub fir_count: u32,
    /// The loudness now, 0 to 1.
    pub audio_level: f64,
    /// Samples played.
    pub total_samples_received: u64,
    /// Samples made up because the real ones had not come.
    pub concealed_samples: u64,
    /// What decodes it.
    pub decoder_implementation: String,
}

/// One media stream that is sent. Counters run from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboundRtpStats {
    /// Sound or picture.
    pub kind: Option<TrackKind>,
    /// The RTP source.
    pub ssrc: u32,
    /// The simulcast layer; empty when there is only one.
    pub rid: String,
    /// How it is compressed, such as `video/VP8`.
    pub codec: String,
    /// Whether it is being sent.
    pub active: bool,
    /// Packets.
    pub packets_sent: u64,
    /// Bytes of payload.
    pub bytes_sent: u64,
    /// Packets sent again.
    pub retransmitted_packets_sent: u64,
    /// Bits a second that the encoder aims at.
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
    /// Frames encoded that need no other.
    pub key_frames_encoded: u32,
    /// Seconds spent encoding.
    pub total_encode_time: f64,
    /// Why it is not better than it is.
    pub quality_limitation_reason: QualityLimitationReason,
    /// How often the resolution changed for that.
    pub quality_limitation_resolution_changes: u32,
    /// Packets that were asked for again, in requests.
    pub nack_count: u32,
    /// Key frames that were asked for.
    pub pli_count: u32,
    /// Key frames that were asked for, at once.
    pub fir_count: u32,
    /// What encodes it.
    pub encoder_implementation: String,
    /// The scalability mode, for codecs that have one.
    pub scalability_mode: String,
    /// What the SFU reports about it.
    pub remote: Option<RemoteInboundStats>,
}

/// What the SFU reports about a stream that it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteInboundStats {
    /// Seconds there and back.
    pub round_trip_time: f64,
    /// The part of the packets that was lost lately, 0 to 1.
    pub fraction_lost: f64,
    /// Packets that were lost.
    pub packets_lost: i64,
    /// How unevenly packets arrive, in seconds.
    pub jitter: f64,
}

/// The way through the network that is in use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CandidatePairStats {
    /// Seconds there and back.
    pub current_round_trip_time: f64,
    /// Bits a second that could be sent, as far as is known; zero if unknown.
    pub available_outgoing_bitrate: f64,
    /// Bits a second that could be received, as far as is known; zero if unknown.
    pub available_incoming_bitrate: f64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// Whether it goes through a TURN server.
    pub relayed: bool,
}

/// Why a video is not sent at full quality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QualityLimitationReason {
    /// It is.
    #[default]
    None,
    /// The CPU is too slow.
    Cpu,
    /// The network is too slow.
    Bandwidth,
    /// Another reason.
    Other,
}

/// What other records refer to, by id.
#[derive(Default)]
struct Index {
    codecs: HashMap<String, String>,
    /// What the SFU reports, by the id of the outbound record.
    reports: HashMap<String, RemoteInboundStats>,
    pairs: HashMap<String, proto::CandidatePairStats>,
    /// Protocol, and whether it is relayed.
    candidates: HashMap<String, (String, bool)>,
    selected: Option<String>,
}

impl From<Vec<proto::RtcStats>> for PeerStats {
    fn from(records: Vec<proto::RtcStats>) -> Self {
        let (mut index, mut inbound, mut outbound) = (Index::default(), Vec::new(), Vec::new());
        for record in records.into_iter().filter_map(|record| record.stats) {
            match record {
                Stats::InboundRtp(record) => inbound.push(record),
                Stats::OutboundRtp(record) => outbound.push(record),
                Stats::Codec(record) => drop(index.codecs.insert(record.rtc.id, record.codec.mime_type)),
                Stats::RemoteInboundRtp(record) => {
                    let report = RemoteInboundStats {
                        round_trip_time: record.remote_inbound.round_trip_time,
                        fraction_lost: record.remote_inbound.fraction_lost,
                        packets_lost: record.received.packets_lost,
                        jitter: record.received.jitter,
                    };
                    index.reports.insert(record.remote_inbound.local_id, report);
                }
                Stats::Transport(record) if !record.transport.selected_candidate_pair_id.is_empty() => {
                    index.selected = Some(record.transport.selected_candidate_pair_id);
                }
                Stats::CandidatePair(record) => drop(index.pairs.insert(record.rtc.id, record.candidate_pair)),
                Stats::LocalCandidate(record) => {
                    let relayed = record.candidate.candidate_type() == proto::IceCandidateType::Relay;
                    index.candidates.insert(record.rtc.id, (record.candidate.protocol, relayed));
                }
                _ => {}
            }
        }
        Self {
            inbound: inbound.into_iter().map(|record| index.inbound(record)).collect(),
            outbound: outbound.into_iter().map(|record| index.outbound(record)).collect(),
            candidate_pair: index.candidate_pair(),
        }
    }
}

fn kind(kind: &str) -> Option<TrackKind> {
    match kind {
        "audio" => Some(TrackKind::Audio),
        "video" => Some(TrackKind::Video),
        _ => None,
    }
}

impl Index {
    fn codec(&self, id: &str) -> String {
        self.codecs.get(id).cloned().unwrap_or_default()
    }

    fn inbound(&self, record: proto::rtc_stats::InboundRtp) -> InboundRtpStats {
        let proto::rtc_stats::InboundRtp { stream, received, inbound, .. } = record;
        InboundRtpStats {
            kind: kind(&stream.kind),
            ssrc: stream.ssrc,
            codec: self.codec(&stream.codec_id),
            packets_received: received.packets_received,
            packets_lost: received.packets_lost,
            jitter: received.jitter,
            track_identifier: inbound.track_identifier,
            packets_discarded: inbound.packets_discarded,
            bytes_received: inbound.bytes_received,
            jitter_buffer_delay: inbound.jitter_buffer_delay,
            jitter_buffer_emitted_count: inbound.jitter_buffer_emitted_count,
            frames_received: inbound.frames_received,
            frames_decoded: inbound.frames_decoded,
            frames_dropped: inbound.frames_dropped,
            key_frames_decoded: inbound.key_frames_decoded,
            frame_width: inbound.frame_width,
            frame_height: inbound.frame_height,
            frames_per_second: inbound.frames_per_second,
            total_decode_time: inbound.total_decode_time,
            freeze_count: inbound.freeze_count,
            total_freezes_duration: inbound.total_freeze_duration,
            nack_count: inbound.nack_count,
            pli_count: inbound.pli_count,
            fir_count: inbound.fir_count,
            audio_level: inbound.audio_level,
            total_samples_received: inbound.total_samples_received,
            concealed_samples: inbound.concealed_samples,
            decoder_implementation: inbound.decoder_implementation,
        }
    }

    fn outbound(&self, record: proto::rtc_stats::OutboundRtp) -> OutboundRtpStats {
        let proto::rtc_stats::OutboundRtp { rtc, stream, sent, outbound } = record;
        let limitation = match outbound.quality_limitation_reason() {
            proto::QualityLimitationReason::LimitationNone => QualityLimitationReason::None,
            proto::QualityLimitationReason::LimitationCpu => QualityLimitationReason::Cpu,
            proto::QualityLimitationReason::LimitationBandwidth => QualityLimitationReason::Bandwidth,
            proto::QualityLimitationReason::LimitationOther => QualityLimitationReason::Other,
        };
        OutboundRtpStats {
            kind: kind(&stream.kind),
            ssrc: stream.ssrc,
            codec: self.codec(&stream.codec_id),
            remote: self.reports.get(&rtc.id).copied(),
            packets_sent: sent.packets_sent,
            bytes_sent: sent.bytes_sent,
            quality_limitation_reason: limitation,
            rid: outbound.rid,
            active: outbound.active,
            retransmitted_packets_sent: outbound.retransmitted_packets_sent,
            target_bitrate: outbound.target_bitrate,
            frame_width: outbound.frame_width,
            frame_height: outbound.frame_height,
            frames_per_second: outbound.frames_per_second,
            frames_encoded: outbound.frames_encoded,
            frames_sent: outbound.frames_sent,
            key_frames_encoded: outbound.key_frames_encoded,
            total_encode_time: outbound.total_encode_time,
            quality_limitation_resolution_changes: outbound.quality_limitation_resolution_changes,
            nack_count: outbound.nack_count,
            pli_count: outbound.pli_count,
            fir_count: outbound.fir_count,
            encoder_implementation: outbound.encoder_implementation,
            scalability_mode: outbound.scalability_mode,
        }
    }

    fn candidate_pair(mut self) -> Option<CandidatePairStats> {
        let selected = self.selected.as_ref().and_then(|id| self.pairs.remove(id));
        let pair = selected.or_else(|| self.pairs.into_values().find(|pair| pair.nominated))?;
        let (protocol, relayed) = self.candidates.remove(&pair.local_candidate_id).unwrap_or_default();
        Some(CandidatePairStats {
            current_round_trip_time: pair.current_round_trip_time,
            available_outgoing_bitrate: pair.available_outgoing_bitrate,
            available_incoming_bitrate: pair.available_incoming_bitrate,
            bytes_sent: pair.bytes_sent,
            bytes_received: pair.bytes_received,
            protocol,
            relayed,
        })
    }
}
