//! Conversion of WebRTC statistics.

use std::collections::HashMap;

use proto::rtc_stats::Stats;

use crate::prebuilt::proto;
use crate::stats::{
    CandidatePairStats, InboundRtpStats, OutboundRtpStats, PeerStats, QualityLimitationReason, RemoteInboundStats,
};
use crate::types::TrackKind;

/// Records that other records refer to, by id.
#[derive(Default)]
struct Index {
    codecs: HashMap<String, String>,
    /// Reports of the SFU by the id of the outbound record.
    reports: HashMap<String, RemoteInboundStats>,
    pairs: HashMap<String, proto::CandidatePairStats>,
    /// Protocol, and `true` for a relay candidate.
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
