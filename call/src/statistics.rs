//! Connection statistics: every second for the statistics panel, every five seconds for the backend.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::{QualityFigures, QualitySample, TrackQuality};
use autamedica_engine::{
    InboundRtpStats, OutboundRtpStats, PeerStats, QualityLimitationReason, RemoteTrack, RoomError, SessionStats,
    TrackSource,
};

use super::bandwidth_fallback::Upstream;
use super::event::{Event, task_failed};
use super::local::Source;
use super::task::Task;
use super::{CallPhase, StatisticsSample, TrackStatistics};
use crate::backend::BackendError;

/// Interval of samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Number of samples kept.
const MAX_SAMPLES: usize = 60;
/// Number of samples from one sent to the backend to the next.
const BACKEND_INTERVAL: u32 = 5;
/// Number of samples from one sent to the peer to the next.
const PEER_INTERVAL: u32 = 2;

/// State between samples.
#[derive(Default)]
pub(super) struct Statistics {
    requested_at: Option<Instant>,
    is_pending: bool,
    counters: Counters,
    /// The SFU's track sids by WebRTC's track names.
    names: HashMap<String, String>,
    count: u32,
    sending: bool,
    /// Number of samples that the backend did not accept.
    failures: u64,
}

/// Counters at the last sample.
#[derive(Default)]
struct Counters {
    at: Option<Instant>,
    /// Packets, packets lost and bytes, by SSRC.
    inbound: HashMap<u32, (u64, i64, u64)>,
    /// Bytes, by SSRC.
    outbound: HashMap<u32, u64>,
}

/// Statistics from the engine.
pub(super) struct Measured {
    at: Instant,
    session: SessionStats,
    own: Vec<(String, TrackSource, PeerStats)>,
    /// New track names and sids.
    names: Vec<(String, String)>,
}

/// Origin of a received track.
struct TrackOwner {
    sid: String,
    identity: String,
    source: TrackSource,
}

impl Counters {
    fn sample(
        &mut self,
        measured: &Measured,
        owner_of: impl Fn(&str) -> Option<TrackOwner>,
    ) -> Option<StatisticsSample> {
        let seconds = self.at.map(|at| measured.at.saturating_duration_since(at).as_secs_f64());
        self.at = Some(measured.at);
        let own: Vec<_> = measured.own.iter().map(|own| (own, self.sent(&own.2.outbound))).collect();
        let theirs: Vec<_> = measured.session.inbound().map(|stats| (stats, self.received(stats))).collect();
        self.inbound = measured.session.inbound().map(|stats| (stats.ssrc, counted(stats))).collect();
        self.outbound =
            measured.own.iter().flat_map(|own| &own.2.outbound).map(|stats| (stats.ssrc, stats.bytes_sent)).collect();
        // The first sample has nothing to compare with.
        let seconds = seconds.filter(|seconds| *seconds > 0.1)?;
        let kbps = |bytes: u64| bytes as f64 * 8.0 / 1000.0 / seconds;
        let (packets, lost) =
            theirs.iter().fold((0, 0), |(packets, lost), (_, new)| (packets + new.packets, lost + new.lost));
        let mut tracks: Vec<_> = own
            .iter()
            .map(|((sid, source, stats), bytes)| own_track(sid.clone(), *source, &stats.outbound, kbps(*bytes)))
            .collect();
        tracks.extend(theirs.iter().filter_map(|(stats, new)| {
            let TrackOwner { sid, identity, source } = owner_of(&stats.track_identifier)?;
            Some(TrackStatistics {
                sid,
                identity: Some(identity),
                source,
                codec: codec(&stats.codec),
                encoder: String::new(),
                kbps: kbps(new.bytes),
                width: stats.frame_width,
                height: stats.frame_height,
                fps: stats.frames_per_second,
                loss_percent: percent(new.lost, new.packets),
                jitter_ms: stats.jitter * 1000.0,
            })
        }));
        Some(StatisticsSample {
            at: measured.at,
            round_trip_ms: measured.session.round_trip_time().map(|seconds| seconds * 1000.0),
            loss_percent: percent(lost, packets),
            jitter_ms: theirs.iter().map(|(stats, _)| stats.jitter * 1000.0).fold(0.0, f64::max),
            sent_kbps: kbps(own.iter().map(|(_, bytes)| bytes).sum()),
            received_kbps: kbps(theirs.iter().map(|(_, new)| new.bytes).sum()),
            tracks,
        })
    }

    /// Returns the bytes sent since the last sample.
    fn sent(&self, streams: &[OutboundRtpStats]) -> u64 {
        let new = |stats: &OutboundRtpStats| {
            stats.bytes_sent.saturating_sub(self.outbound.get(&stats.ssrc).copied().unwrap_or(stats.bytes_sent))
        };
        streams.iter().map(new).sum()
    }

    fn received(&self, stats: &InboundRtpStats) -> Increase {
        let (packets, lost, bytes) = self.inbound.get(&stats.ssrc).copied().unwrap_or(counted(stats));
        Increase {
            packets: stats.packets_received.saturating_sub(packets),
            lost: u64::try_from(stats.packets_lost.saturating_sub(lost)).unwrap_or(0),
            bytes: stats.bytes_received.saturating_sub(bytes),
        }
    }
}

/// Increase of a stream's counters since the last sample.
struct Increase {
    packets: u64,
    lost: u64,
    bytes: u64,
}

fn counted(stats: &InboundRtpStats) -> (u64, i64, u64) {
    (stats.packets_received, stats.packets_lost, stats.bytes_received)
}

fn percent(lost: u64, arrived: u64) -> f64 {
    if lost == 0 { 0.0 } else { 100.0 * lost as f64 / (lost + arrived) as f64 }
}

fn is_camera(track: &TrackStatistics) -> bool {
    track.identity.is_none() && track.source == TrackSource::Camera
}

/// Returns `VP8` for `video/VP8`.
fn codec(mime_type: &str) -> String {
    mime_type.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Returns the statistics of our track: size of the largest layer sent, and the SFU's reports on all layers.
fn own_track(sid: String, source: TrackSource, layers: &[OutboundRtpStats], kbps: f64) -> TrackStatistics {
    let largest = layers.iter().filter(|layer| layer.frames_per_second > 0.0).max_by_key(|layer| layer.frame_width);
    let reports = || layers.iter().filter_map(|layer| layer.remote);
    let encoder = layers.iter().map(|layer| &layer.encoder_implementation).find(|name| !name.is_empty());
    TrackStatistics {
        sid,
        identity: None,
        source,
        codec: layers.first().map(|layer| codec(&layer.codec)).unwrap_or_default(),
        encoder: encoder.cloned().unwrap_or_default(),
        kbps,
        width: largest.map_or(0, |layer| layer.frame_width),
        height: largest.map_or(0, |layer| layer.frame_height),
        fps: largest.map_or(0.0, |layer| layer.frames_per_second),
        loss_percent: reports().map(|report| report.fraction_lost * 100.0).fold(0.0, f64::max),
        jitter_ms: reports().map(|report| report.jitter * 1000.0).fold(0.0, f64::max),
    }
}

fn upstream(measured: &Measured) -> Option<Upstream> {
    let layers = || measured.own.iter().flat_map(|own| &own.2.outbound);
    let reports = || layers().filter_map(|layer| layer.remote);
    let round_trip = measured.session.round_trip_time()?;
    reports().next()?;
    Some(Upstream {
        loss_percent: reports().map(|report| report.fraction_lost * 100.0).fold(0.0, f64::max),
        round_trip_ms: reports().map(|report| report.round_trip_time).fold(round_trip, f64::max) * 1000.0,
        limited: layers().any(|layer| layer.quality_limitation_reason == QualityLimitationReason::Bandwidth),
    })
}

/// Converts a sample for the backend.
fn for_backend(sample: &StatisticsSample) -> QualitySample {
    let figures = |track: &TrackStatistics| QualityFigures {
        jitter_ms: Some(track.jitter_ms),
        packet_loss_percent: Some(track.loss_percent.clamp(0.0, 100.0)),
        bitrate_kbps: Some(track.kbps),
        fps: Some(track.fps).filter(|_| track.width > 0),
        width: Some(track.width).filter(|width| *width > 0),
        height: Some(track.height).filter(|height| *height > 0),
        ..QualityFigures::default()
    };
    let theirs = sample.tracks.iter().filter(|track| track.identity.is_some());
    let largest = theirs.max_by_key(|track| track.width).filter(|track| track.width > 0);
    let tracks = sample.tracks.iter().take(QualitySample::MAX_TRACKS);
    QualitySample {
        figures: QualityFigures {
            round_trip_ms: sample.round_trip_ms,
            jitter_ms: Some(sample.jitter_ms),
            packet_loss_percent: Some(sample.loss_percent.clamp(0.0, 100.0)),
            bitrate_kbps: Some(sample.received_kbps + sample.sent_kbps),
            ..largest.map(figures).map_or_else(QualityFigures::default, |of| QualityFigures {
                fps: of.fps,
                width: of.width,
                height: of.height,
                ..QualityFigures::default()
            })
        },
        tracks: tracks.map(|track| TrackQuality { sid: track.sid.clone(), figures: figures(track) }).collect(),
    }
}

impl Task {
    /// Requests statistics from the engine when they are due and no request is pending.
    pub(super) fn update_statistics(&mut self) {
        let due = self.statistics.requested_at.is_none_or(|at| at.elapsed() >= SAMPLE_INTERVAL);
        let Some(session) = self.session.as_ref().filter(|session| due && session.admits()) else { return };
        if self.statistics.is_pending {
            return;
        }
        self.statistics.is_pending = true;
        self.statistics.requested_at = Some(Instant::now());
        let (room_number, room) = (self.room_count, Arc::clone(&session.room));
        // WebRTC's name of a track is only in the track's own statistics.
        let known = &self.statistics.names;
        let is_new = |track: &RemoteTrack| !known.values().any(|sid| sid == track.sid());
        let nameless: Vec<RemoteTrack> = self.remotes.tracks().filter(is_new).collect();
        let own: Vec<_> = [Source::Microphone, Source::Camera, Source::Screen, Source::SecondCamera]
            .into_iter()
            .filter_map(|source| self.local.in_room(source))
            .filter_map(|publication| Some((publication.sid(), publication.source(), publication.track()?)))
            .collect();
        let if_panics = Event::Measured { room: room_number, result: Err(task_failed()) };
        self.spawn_job(if_panics, async move {
            let result = async {
                let session = room.get_stats().await?;
                let mut measured = Measured { at: Instant::now(), session, own: Vec::new(), names: Vec::new() };
                for (sid, source, track) in own {
                    measured.own.push((sid, source, track.get_stats().await?));
                }
                for track in nameless {
                    let stats = track.get_stats().await?;
                    let name = stats.inbound.into_iter().next().map(|stats| stats.track_identifier);
                    measured.names.extend(name.map(|name| (name, track.sid().to_owned())));
                }
                Ok(measured)
            };
            Event::Measured { room: room_number, result: result.await }
        });
    }

    pub(super) fn on_measured(&mut self, room: u64, result: Result<Measured, RoomError>) {
        self.statistics.is_pending = false;
        if room != self.room_count {
            return;
        }
        let mut measured = match result {
            Ok(measured) => measured,
            Err(error) => return tracing::debug!(%error, "statistics not available"),
        };
        self.statistics.names.extend(measured.names.drain(..));
        let (names, remotes) = (&self.statistics.names, &self.remotes);
        let owner_of = |name: &str| {
            let sid = names.get(name)?.clone();
            let (identity, source) = remotes.owner_of(&sid)?;
            Some(TrackOwner { sid, identity, source })
        };
        let sample = self.statistics.counters.sample(&measured, owner_of);
        self.update_bandwidth_fallback(upstream(&measured));
        if let Some((_, _, stats)) = measured.own.iter().find(|(_, source, _)| *source == TrackSource::Camera) {
            self.observe_encoder(&stats.outbound);
        }
        let Some(sample) = sample else { return };
        if let Some(camera) = sample.tracks.iter().find(|track| !track.encoder.is_empty() && is_camera(track)) {
            self.observe(|observer| observer.camera_encoded(&camera.codec, &camera.encoder));
        }
        self.statistics.count += 1;
        if self.statistics.count.is_multiple_of(BACKEND_INTERVAL) {
            self.send_quality(&sample);
        }
        if self.statistics.count.is_multiple_of(PEER_INTERVAL) {
            self.send_peer_stats(&sample);
        }
        let samples = &mut Arc::make_mut(&mut self.state().statistics).samples;
        samples.push_back(sample);
        while samples.len() > MAX_SAMPLES {
            samples.pop_front();
        }
    }

    fn send_quality(&mut self, sample: &StatisticsSample) {
        if self.statistics.sending || self.state().phase != CallPhase::InCall {
            return;
        }
        let Some((consultation, token)) = self.consultation_ref() else { return };
        let (backend, sample) = (self.entrance.backend.clone(), for_backend(sample));
        self.statistics.sending = true;
        let if_panics = Event::QualitySent(Err(BackendError::TaskFailed));
        let work = async move { Event::QualitySent(backend.send_quality(&consultation, &token, &sample).await) };
        self.spawn_job(if_panics, work);
    }

    /// Logs a failure only: the backend may be down for the rest of the call.
    pub(super) fn on_quality_sent(&mut self, result: Result<(), BackendError>) {
        self.statistics.sending = false;
        if let Err(error) = result {
            self.statistics.failures += 1;
            tracing::debug!(%error, failures = self.statistics.failures, "quality sample not sent");
        }
    }

    /// Resets the counters on entering a room.
    pub(super) fn restart_statistics(&mut self) {
        self.statistics.counters = Counters::default();
        self.statistics.names.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(at: Instant, packets: u64, lost: i64, bytes: u64) -> Measured {
        let inbound = InboundRtpStats {
            track_identifier: "TR_1".into(),
            ssrc: 7,
            codec: "video/VP8".into(),
            packets_received: packets,
            packets_lost: lost,
            bytes_received: bytes,
            jitter: 0.004,
            frame_width: 640,
            frame_height: 360,
            frames_per_second: 30.0,
            ..InboundRtpStats::default()
        };
        let layer = |ssrc, width, fps| OutboundRtpStats {
            ssrc,
            codec: "video/VP8".into(),
            bytes_sent: bytes,
            frame_width: width,
            frame_height: width / 2,
            frames_per_second: fps,
            ..OutboundRtpStats::default()
        };
        let outbound = vec![layer(1, 320, 30.0), layer(2, 640, 25.0), layer(3, 1280, 0.0)];
        let own = PeerStats { outbound, ..PeerStats::default() };
        let subscriber = PeerStats { inbound: vec![inbound], ..PeerStats::default() };
        let session = SessionStats { subscriber, ..SessionStats::default() };
        Measured { at, session, own: vec![("TR_own".into(), TrackSource::Camera, own)], names: Vec::new() }
    }

    #[test]
    fn a_sample_is_what_was_counted_since_the_last() {
        let owner_of = |sid: &str| {
            let (sid, identity) = (sid.to_owned(), "ana".to_owned());
            Some(TrackOwner { sid, identity, source: TrackSource::Camera })
        };
        let (mut counters, now) = (Counters::default(), Instant::now());
        assert_eq!(counters.sample(&measured(now, 1000, 10, 50_000), owner_of), None, "nothing to compare with");
        let sample = counters.sample(&measured(now + Duration::from_secs(2), 1090, 20, 150_000), owner_of).unwrap();
        assert_eq!((sample.received_kbps, sample.sent_kbps), (400.0, 1200.0));
        assert_eq!((sample.loss_percent, sample.jitter_ms), (10.0, 4.0));
        let [own, theirs] = &sample.tracks[..] else { panic!("{:?}", sample.tracks) };
        assert_eq!((own.identity.as_deref(), own.width, own.fps, own.kbps), (None, 640, 25.0, 1200.0));
        assert_eq!((theirs.identity.as_deref(), theirs.width, theirs.kbps), (Some("ana"), 640, 400.0));
        assert_eq!(theirs.codec, "VP8");
        let sample_sent = for_backend(&sample);
        assert!(sample_sent.figures.is_plausible() && sample_sent.tracks.len() == 2);
        assert_eq!((sample_sent.figures.bitrate_kbps, sample_sent.figures.width), (Some(1600.0), Some(640)));
        // Duplicate packets decrease the counter of lost packets.
        let sample = counters.sample(&measured(now + Duration::from_secs(3), 1190, 15, 150_000), owner_of).unwrap();
        assert_eq!((sample.loss_percent, sample.received_kbps), (0.0, 0.0));
    }
}
