//! Network test against the SFU of the call: one client sends what a call sends, another receives it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use autamedica_api::{CheckRoom, ErrorCode};
use autamedica_engine::{
    EngineError, LocalAudioTrack, LocalParticipant, LocalTrack, LocalVideoTrack, NativeAudioSource, NativeVideoSource,
    QualityLimitationReason, ReceiveLimits, Room, RoomError, RoomOptions, SessionStats, TrackPublishOptions,
    TrackSource, VideoEncoding, VideoFrame, VideoResolution,
};
use autamedica_media::audio::{Chunk, Microphone, MicrophoneOptions, SAMPLE_RATE};
use autamedica_media::{DeviceChoice, now_us};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use url::Url;

use crate::backend::BackendError;
use crate::{EndReason, Entrance, JoinTarget, Secret};

/// Maximum duration of the test. A network too slow for it is too slow for a call.
pub const MAX_DURATION: Duration = Duration::from_secs(8);
/// Part of the maximum reserved for evaluation.
const RESERVE: Duration = Duration::from_millis(700);
/// Interval of samples.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(300);
/// Time over which bitrates are averaged. The best average counts, because the sender starts low and ramps up.
const WINDOW: Duration = Duration::from_millis(1200);
/// Minimum duration of the measurement after the first media is received.
const MEASURE_FOR: Duration = Duration::from_millis(2500);
/// Bitrate in kbit/s in each direction at which the test ends early: more than a call at full quality needs.
const PLENTY_KBPS: f64 = 2_000.0;
/// Maximum encoding of a call.
const ENCODING: VideoEncoding = VideoEncoding { max_bitrate: 2_500_000, max_framerate: 30.0 };
const SIZE: VideoResolution = VideoResolution { width: 640, height: 360 };

/// State of the network test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkState {
    /// This room has no backend that provides a room for the test.
    NoServer,
    /// Running.
    Running(NetworkStep),
    /// Completed.
    Done(NetworkReport),
    /// Failed.
    Failed(NetworkProblem),
}

/// Step of the network test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkStep {
    /// Connecting to the SFU.
    Connecting,
    /// Sending and receiving.
    Measuring,
}

/// Result of the network test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkReport {
    /// Time until both clients were in the room, in milliseconds.
    pub connect_ms: u32,
    /// Round-trip time to the SFU in milliseconds.
    pub round_trip_ms: u32,
    /// Packet loss of the worse direction in percent.
    pub loss_percent: f64,
    /// Sent bitrate in kbit/s.
    pub up_kbps: u32,
    /// Received bitrate in kbit/s.
    pub down_kbps: u32,
}

/// Expected quality of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkVerdict {
    /// Good video and audio.
    Good,
    /// Usable; video may be soft.
    Fair,
    /// Better without the camera.
    Poor,
}

impl NetworkReport {
    /// Returns the expected quality of a call, decided by the worst measurement.
    pub fn verdict(&self) -> NetworkVerdict {
        let slower = self.up_kbps.min(self.down_kbps);
        if self.loss_percent < 2.0 && self.round_trip_ms < 200 && slower >= 900 {
            NetworkVerdict::Good
        } else if self.loss_percent < 6.0 && self.round_trip_ms < 500 && slower >= 300 {
            NetworkVerdict::Fair
        } else {
            NetworkVerdict::Poor
        }
    }
}

/// Reason for which the network test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkProblem {
    /// The clinic's backend does not answer.
    ServerUnreachable,
    /// The backend provides no room for this link or key.
    Refused,
    /// The link or code leads to no consultation; a call would end for this reason.
    DeadEnd(EndReason),
    /// The clinic's servers failed.
    ClinicTrouble,
    /// The SFU is unreachable, or no media is returned.
    MediaUnreachable,
    /// The network was too slow for the test to complete.
    TooSlow,
    /// This machine was too busy to send; the network is not known.
    Busy,
    /// The engine or the SFU failed.
    Failed,
}

/// Tests the network to the SFU of `target` for at most eight seconds. Calls `step` at the start of each step.
pub async fn test_network(entrance: &Entrance, target: &JoinTarget, step: impl Fn(NetworkStep)) -> NetworkState {
    if matches!(target, JoinTarget::Room { .. }) {
        return NetworkState::NoServer;
    }
    step(NetworkStep::Connecting);
    let started = Instant::now();
    let probe = SfuProbe::default();
    let outcome = timeout(MAX_DURATION, run(entrance, target, started, &probe, step)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(probe.problem()));
    tracing::info!(?outcome, "the network was tried");
    outcome.map_or_else(NetworkState::Failed, NetworkState::Done)
}

async fn run(
    entrance: &Entrance,
    target: &JoinTarget,
    started: Instant,
    probe: &SfuProbe,
    step: impl Fn(NetworkStep),
) -> Result<NetworkReport, NetworkProblem> {
    let room = request_room(entrance, target).await.map_err(|error| {
        tracing::info!(%error, "no room for the network test");
        if let Some(reason) = entrance.dead_end(target, &error) {
            return NetworkProblem::DeadEnd(reason);
        }
        match error {
            BackendError::Unreachable(_) | BackendError::InvalidResponse => NetworkProblem::ServerUnreachable,
            BackendError::TaskFailed => NetworkProblem::Failed,
            BackendError::Refused { code: ErrorCode::SfuUnavailable | ErrorCode::DatabaseUnavailable, .. } => {
                NetworkProblem::ClinicTrouble
            }
            BackendError::Refused { .. } => NetworkProblem::Refused,
        }
    })?;
    let requested_at = Instant::now();
    let (sender, receiver, ()) = tokio::try_join!(
        connect(&room.livekit_url, &room.sender_token, probe),
        connect(&room.livekit_url, &room.receiver_token, probe),
        probe.run(&room.livekit_url),
    )?;
    let connect_ms = requested_at.elapsed().as_millis() as u32;
    step(NetworkStep::Measuring);
    let media = Media::publish(&sender.local_participant()).await.map_err(|error| {
        tracing::warn!(%error, "test media not published");
        NetworkProblem::Failed
    })?;
    let measured = measure(&sender, &receiver, &media, started + MAX_DURATION - RESERVE).await;
    drop(media);
    // In the background: the result is known.
    tokio::spawn(async move {
        for room in [sender, receiver] {
            if let Err(error) = room.close().await {
                tracing::debug!(%error, "test room not left cleanly");
            }
        }
    });
    measured.report(connect_ms)
}

/// Requests a room for the test. Starts a backend on this machine if needed.
async fn request_room(entrance: &Entrance, target: &JoinTarget) -> Result<CheckRoom, BackendError> {
    let Entrance { backend, server, key, .. } = entrance;
    match target {
        JoinTarget::Link(link) => backend.check(link.server(), Some(&Secret::new(link.code().expose())), None).await,
        JoinTarget::Consultation { .. } => match backend.check(server, None, key.as_ref()).await {
            Err(BackendError::Unreachable(_)) if entrance.start_bundled().await.is_ok() => {
                backend.check(server, None, key.as_ref()).await
            }
            answer => answer,
        },
        JoinTarget::Digits(digits) => backend.check(server, Some(digits), key.as_ref()).await,
        JoinTarget::Scheduled { .. } | JoinTarget::Room { .. } => backend.check(server, None, key.as_ref()).await,
    }
}

/// Maximum round-trip time of a network that cannot be the reason for a slow connection.
const MAX_SHORT_TRIP: Duration = Duration::from_millis(300);

/// Result of probing the SFU's machine. If it answers fast, this machine or the SFU is the reason for a slow
/// connection, not the network.
#[derive(Default)]
struct SfuProbe(AtomicBool);

impl SfuProbe {
    /// Connects to the SFU's port to measure the round-trip time. Never returns an error.
    async fn run(&self, url: &str) -> Result<(), NetworkProblem> {
        let Ok(url) = Url::parse(url) else { return Ok(()) };
        let port = url.port().unwrap_or(if matches!(url.scheme(), "ws" | "http") { 80 } else { 443 });
        let Some(host) = url.host_str() else { return Ok(()) };
        let host = host.trim_matches(['[', ']']);
        if let Ok(Ok(_)) = timeout(MAX_SHORT_TRIP, TcpStream::connect((host, port))).await {
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns the problem that a timeout indicates.
    fn problem(&self) -> NetworkProblem {
        if self.0.load(Ordering::Relaxed) { NetworkProblem::Failed } else { NetworkProblem::TooSlow }
    }
}

async fn connect(url: &str, token: &str, probe: &SfuProbe) -> Result<Room, NetworkProblem> {
    let options = RoomOptions {
        join_retries: 0,
        connect_timeout: MAX_DURATION,
        receive_limits: ReceiveLimits::MEDIA_ONLY,
        ..RoomOptions::default()
    };
    let (room, events) = Room::connect(url, token, options).await.map_err(|error| {
        tracing::info!(%error, "SFU not reachable");
        match error {
            RoomError::Unreachable(_) => NetworkProblem::MediaUnreachable,
            RoomError::Timeout(_) => probe.problem(),
            _ => NetworkProblem::Failed,
        }
    })?;
    // Not needed: the measurement uses statistics only.
    drop(events);
    Ok(room)
}

/// Media of the test: a tone, and video that is hard to compress and so needs the full bitrate.
struct Media {
    video: NativeVideoSource,
    noise: Vec<VideoFrame>,
    _tone: Microphone,
}

impl Media {
    async fn publish(participant: &LocalParticipant) -> Result<Self, PublishError> {
        let video = NativeVideoSource::new(SIZE, false)?;
        let audio = NativeAudioSource::new(SAMPLE_RATE, 1, 100)?;
        let picture = LocalTrack::Video(LocalVideoTrack::create_video_track("check picture", video.clone())?);
        let sound = LocalTrack::Audio(LocalAudioTrack::create_audio_track("check sound", audio.clone())?);
        let camera = TrackPublishOptions {
            source: TrackSource::Camera,
            video_encoding: Some(ENCODING),
            simulcast: false,
            ..TrackPublishOptions::default()
        };
        let microphone = TrackPublishOptions { source: TrackSource::Microphone, ..TrackPublishOptions::default() };
        tokio::try_join!(participant.publish_track(picture, camera), participant.publish_track(sound, microphone))?;
        let options = MicrophoneOptions { choice: DeviceChoice::Test, tone_hz: 440.0, processing: None };
        let tone = Microphone::open(
            options,
            move |chunk: &Chunk| {
                if let Err(error) = audio.try_capture_frame(chunk) {
                    tracing::trace!(%error, "test audio not sent");
                }
            },
            |_| {},
        );
        Ok(Self { video, noise: noise(), _tone: tone })
    }

    /// Sends a frame.
    fn show(&self, number: usize) {
        if let Some(frame) = self.noise.get(number % self.noise.len())
            && let Err(error) = self.video.capture_frame(frame, now_us())
        {
            tracing::trace!(%error, "test frame not sent");
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// Returns grey frames of noise, so different that none can be predicted from another.
fn noise() -> Vec<VideoFrame> {
    let VideoResolution { width, height } = SIZE;
    let luma = (width * height) as usize;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let picture = |n: i64| {
        let mut bytes = vec![128; VideoFrame::packed_len(width, height)];
        for pixel in &mut bytes[..luma] {
            // xorshift64: any noise is sufficient.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *pixel = 96 + (state >> 58) as u8;
        }
        VideoFrame::from_packed(width, height, bytes, n)
    };
    (0..5).filter_map(picture).collect()
}

/// Bytes sent and received until one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    sent: u64,
    received: u64,
}

/// Measurements of both clients.
#[derive(Debug, Default)]
struct Measured {
    samples: Vec<Sample>,
    round_trip: Option<f64>,
    lost_up: f64,
    packets_lost: i64,
    packets_received: u64,
    /// Frames passed to the encoder, and frames that it encoded.
    shown: u64,
    encoded: u64,
    /// The encoder reported a lack of CPU time.
    lacked_cpu: bool,
}

async fn measure(sender: &Room, receiver: &Room, media: &Media, until: Instant) -> Measured {
    let mut measured = Measured::default();
    let mut frames = interval(Duration::from_secs(1) / 30);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut samples = interval(SAMPLE_INTERVAL);
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut number, mut first_media) = (0, None);
    while Instant::now() < until {
        tokio::select! {
            _ = frames.tick() => {
                media.show(number);
                number += 1;
                measured.shown += 1;
            }
            _ = samples.tick() => {
                let (Ok(out), Ok(back)) = tokio::join!(sender.get_stats(), receiver.get_stats()) else { continue };
                measured.take(&out, &back);
                if measured.samples.last().is_some_and(|sample| sample.received > 0) {
                    let since = *first_media.get_or_insert_with(Instant::now);
                    let (up, down) = measured.kbps();
                    if since.elapsed() >= MEASURE_FOR && up.min(down) >= PLENTY_KBPS {
                        break;
                    }
                }
            }
        }
    }
    measured
}

impl Measured {
    fn take(&mut self, out: &SessionStats, back: &SessionStats) {
        let sent = out.outbound().map(|stream| stream.bytes_sent).sum();
        let received = back.inbound().map(|stream| stream.bytes_received).sum();
        self.samples.push(Sample { at: Instant::now(), sent, received });
        let trips = [out, back].into_iter().filter_map(SessionStats::round_trip_time);
        self.encoded = out.outbound().map(|stream| u64::from(stream.frames_encoded)).max().unwrap_or_default();
        self.lacked_cpu |=
            out.outbound().any(|stream| stream.quality_limitation_reason == QualityLimitationReason::Cpu);
        // The minimum is the network's; higher values include queuing of our own packets.
        self.round_trip = trips.chain(self.round_trip).reduce(f64::min);
        let lost = out.outbound().filter_map(|stream| stream.remote).map(|report| report.fraction_lost);
        self.lost_up = lost.fold(self.lost_up, f64::max);
        self.packets_lost = back.inbound().map(|stream| stream.packets_lost).sum();
        self.packets_received = back.inbound().map(|stream| stream.packets_received).sum();
    }

    /// Returns the best average bitrates up and down, in kbit/s.
    fn kbps(&self) -> (f64, f64) {
        let mut best = (0.0_f64, 0.0_f64);
        for (n, start) in self.samples.iter().enumerate() {
            let Some(end) = self.samples[n..].iter().find(|sample| sample.at - start.at >= WINDOW) else { break };
            let seconds = (end.at - start.at).as_secs_f64();
            let kbps = |from: u64, to: u64| to.saturating_sub(from) as f64 * 8.0 / 1000.0 / seconds;
            best = (best.0.max(kbps(start.sent, end.sent)), best.1.max(kbps(start.received, end.received)));
        }
        best
    }

    fn report(&self, connect_ms: u32) -> Result<NetworkReport, NetworkProblem> {
        let (up, down) = self.kbps();
        // If the encoder misses every second frame, the result would describe this machine.
        if self.lacked_cpu && self.encoded < self.shown / 2 {
            return Err(NetworkProblem::Busy);
        }
        if self.packets_received == 0 {
            return Err(NetworkProblem::MediaUnreachable);
        }
        if up == 0.0 || down == 0.0 {
            return Err(NetworkProblem::TooSlow);
        }
        let lost = self.packets_lost.max(0) as f64;
        let lost_down = lost / (lost + self.packets_received as f64);
        Ok(NetworkReport {
            connect_ms,
            round_trip_ms: (self.round_trip.unwrap_or_default() * 1000.0).round() as u32,
            loss_percent: 100.0 * lost_down.max(self.lost_up),
            up_kbps: up as u32,
            down_kbps: down as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_figure_decides() {
        let good =
            NetworkReport { connect_ms: 90, round_trip_ms: 20, loss_percent: 0.0, up_kbps: 2400, down_kbps: 2300 };
        assert_eq!(good.verdict(), NetworkVerdict::Good);
        for (report, verdict) in [
            (NetworkReport { loss_percent: 3.0, ..good }, NetworkVerdict::Fair),
            (NetworkReport { round_trip_ms: 300, ..good }, NetworkVerdict::Fair),
            (NetworkReport { up_kbps: 500, ..good }, NetworkVerdict::Fair),
            (NetworkReport { down_kbps: 100, ..good }, NetworkVerdict::Poor),
            (NetworkReport { loss_percent: 12.0, ..good }, NetworkVerdict::Poor),
            (NetworkReport { round_trip_ms: 900, ..good }, NetworkVerdict::Poor),
        ] {
            assert_eq!(report.verdict(), verdict, "{report:?}");
        }
    }

    #[test]
    fn bit_rates_are_the_best_over_a_while() {
        let start = Instant::now();
        let sample = |ms, sent, received| Sample { at: start + Duration::from_millis(ms), sent, received };
        let mut measured = Measured { packets_received: 10, ..Measured::default() };
        // Up: 1 MB in the first two seconds, 4 MB in the next two. Down: half of it.
        measured.samples = vec![sample(0, 0, 0), sample(2000, 1_000_000, 500_000), sample(4000, 5_000_000, 2_500_000)];
        assert_eq!(measured.kbps(), (16_000.0, 8_000.0));
        assert_eq!(measured.report(1).map(|report| report.down_kbps), Ok(8_000));
    }

    #[test]
    fn a_machine_that_cannot_keep_up_is_not_told_as_a_weak_line() {
        let busy = Measured { shown: 120, encoded: 20, lacked_cpu: true, packets_received: 3, ..Measured::default() };
        assert_eq!(busy.report(1), Err(NetworkProblem::Busy));
        // On a weak network an encoder drops frames as well.
        let weak = Measured { lacked_cpu: false, ..busy };
        assert_eq!(weak.report(1), Err(NetworkProblem::TooSlow));
    }

    #[tokio::test]
    async fn a_server_that_is_near_and_silent_is_not_told_as_a_slow_line() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let probe = SfuProbe::default();
        assert_eq!(probe.problem(), NetworkProblem::TooSlow, "nothing is known");
        probe.run(&format!("ws://{}", listener.local_addr().unwrap())).await.unwrap();
        assert_eq!(probe.problem(), NetworkProblem::Failed);
    }

    #[test]
    fn nothing_received_is_told_from_too_little_time() {
        assert_eq!(Measured::default().report(1), Err(NetworkProblem::MediaUnreachable));
        let short = Measured { packets_received: 3, ..Measured::default() };
        assert_eq!(short.report(1), Err(NetworkProblem::TooSlow));
    }
}
