//! Measurements of one client in one call, for tests, the demo and the benchmark (`--report FILE`). Attached to the app
//! and the call only for a report; without it nothing is scanned, counted or read.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use autamedica_api::Role;
use autamedica_call::CallObserver;
use autamedica_engine::VideoFrame;
use autamedica_media::audio::PlayoutMeter;
use autamedica_media::timecode;
use parking_lot::Mutex;
use serde::Serialize;

use crate::app::ScreenName;
use crate::ui::stats::UiStats;
use crate::usage::{self, CpuTime};

/// Time over which the frame rate is measured.
const FPS_WINDOW: Duration = Duration::from_secs(10);

/// Measurements of one client; design.md explains the fields.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientReport {
    role: Role,
    join_ms: Option<u64>,
    video_fps: f64,
    video_width: u32,
    video_height: u32,
    latency_p50_ms: Option<f64>,
    latency_p95_ms: Option<f64>,
    /// Codec and encoder of our camera, such as `H264` and `OpenH264`.
    codec: Option<String>,
    encoder: Option<String>,
    audio_frames: u64,
    audio_tone_hz: Option<f64>,
    chat_received: bool,
    /// Media was end-to-end encrypted on entering the room.
    encrypted: bool,
    cpu_percent: Option<f64>,
    rss_mib: Option<f64>,
    ui_fps: f64,
    /// Number of passes drawn in each second, by seconds since 1970. Seconds without any are omitted.
    ui_seconds: Vec<(u64, u32)>,
    end: String,
    /// Drawn screens and their times in milliseconds since 1970.
    screens: Vec<(ScreenName, u64)>,
    /// CPU usage in percent of a core during the call, by thread name.
    threads: BTreeMap<String, f64>,
}

/// Collector of measurements. Clones share one collection; every method returns at once.
#[derive(Clone)]
pub struct Measurements {
    inner: Arc<Mutex<Inner>>,
    ui: Arc<UiStats>,
    playout: PlayoutMeter,
}

struct Inner {
    role: Role,
    asked_at: Option<Instant>,
    first_frame_at: Option<Instant>,
    last_frame_size: (u32, u32),
    shown: VecDeque<Instant>,
    /// Report at the time the window was closed.
    last: Option<ClientReport>,
    latencies_ms: Vec<f64>,
    /// Codec and encoder.
    camera: Option<(String, String)>,
    audio_tone_hz: Option<f64>,
    chat_received: bool,
    encrypted: bool,
    cpu_at_first_frame: Option<CpuTime>,
    /// End of the call and CPU time until then: the media threads end soon after.
    at_end: Option<(Instant, CpuTime)>,
    end: String,
    screens: Vec<(ScreenName, u64)>,
}

impl Measurements {
    /// Creates an empty collection.
    pub fn new(role: Role) -> Self {
        let inner = Inner {
            role,
            asked_at: None,
            first_frame_at: None,
            last_frame_size: (0, 0),
            shown: VecDeque::new(),
            last: None,
            latencies_ms: Vec::new(),
            camera: None,
            audio_tone_hz: None,
            chat_received: false,
            encrypted: false,
            cpu_at_first_frame: None,
            at_end: None,
            end: "never joined".to_owned(),
            screens: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), ui: Arc::default(), playout: PlayoutMeter::default() }
    }

    /// Returns the counter of drawn passes.
    pub fn ui(&self) -> &Arc<UiStats> {
        &self.ui
    }

    /// Records that another screen was drawn.
    pub fn screen_shown(&self, screen: ScreenName) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.inner.lock().screens.push((screen, now_ms));
    }

    /// Records that the window was closed: later events do not count.
    pub fn ui_ended(&self) {
        let report = self.report();
        self.inner.lock().last = Some(report);
    }

    /// Records that a frame of a remote camera was drawn for the first time.
    pub fn frame_shown(&self, frame: &VideoFrame) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let captured_us = timecode::read(frame);
        let mut inner = self.inner.lock();
        if inner.first_frame_at.is_none() {
            inner.first_frame_at = Some(now);
            inner.cpu_at_first_frame = usage::cpu_time();
        }
        inner.last_frame_size = (frame.width(), frame.height());
        note(&mut inner.shown, now);
        if let (Some(captured_us), Ok(clock)) = (captured_us, clock.duration_since(UNIX_EPOCH)) {
            let latency_us = i64::try_from(clock.as_micros()).unwrap_or(i64::MAX).saturating_sub(captured_us);
            inner.latencies_ms.push(latency_us as f64 / 1000.0);
        }
    }

    /// Returns the current measurements.
    pub fn report(&self) -> ClientReport {
        let now = Instant::now();
        let inner = self.inner.lock();
        if let Some(last) = &inner.last {
            return last.clone();
        }
        let since_join = |at: Instant| inner.asked_at.map(|asked| at.saturating_duration_since(asked));
        let mut sorted = inner.latencies_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let (until, used) = match inner.at_end.clone() {
            Some((at, used)) => (at, Some(used)),
            None => (now, usage::cpu_time()),
        };
        let in_call = inner.first_frame_at.map(|first| until.saturating_duration_since(first));
        let cpu = in_call.zip(inner.cpu_at_first_frame.as_ref()).zip(used);
        let percent = |used: Duration, of: Duration| tenths(100.0 * used.as_secs_f64() / of.as_secs_f64().max(0.001));
        ClientReport {
            role: inner.role,
            join_ms: inner.first_frame_at.and_then(since_join).and_then(|time| u64::try_from(time.as_millis()).ok()),
            video_fps: rate(&inner.shown),
            video_width: inner.last_frame_size.0,
            video_height: inner.last_frame_size.1,
            latency_p50_ms: percentile(&sorted, 0.50),
            latency_p95_ms: percentile(&sorted, 0.95),
            codec: inner.camera.as_ref().map(|(codec, _)| codec.clone()),
            encoder: inner.camera.as_ref().map(|(_, encoder)| encoder.clone()),
            audio_frames: self.playout.frames_played(),
            audio_tone_hz: inner.audio_tone_hz.map(tenths),
            chat_received: inner.chat_received,
            encrypted: inner.encrypted,
            cpu_percent: cpu
                .as_ref()
                .map(|((of, before), after)| percent(after.total.saturating_sub(before.total), *of)),
            rss_mib: usage::rss_mib().map(tenths),
            ui_seconds: self.ui.drawn_each_second(),
            ui_fps: tenths(f64::from(self.ui.ui_fps())),
            end: inner.end.clone(),
            screens: inner.screens.clone(),
            threads: cpu.map_or_else(BTreeMap::new, |((of, before), after)| {
                let used = |(name, time): (String, Duration)| {
                    let before = before.by_thread.get(&name).copied().unwrap_or_default();
                    (name, percent(time.saturating_sub(before), of))
                };
                after.by_thread.into_iter().map(used).filter(|(_, percent)| *percent >= 0.1).collect()
            }),
        }
    }

    /// Writes the measurements to a file as `{"clients": [ … ]}`.
    ///
    /// # Errors
    /// When serializing or writing fails.
    pub fn write(&self, file: &Path) -> Result<()> {
        let json = serde_json::json!({ "clients": [self.report()] });
        let text = serde_json::to_string_pretty(&json).context("making the report")?;
        std::fs::write(file, text).with_context(|| format!("writing the report to {}", file.display()))
    }
}

impl CallObserver for Measurements {
    fn playout(&self) -> &PlayoutMeter {
        &self.playout
    }

    fn join_asked(&self) {
        self.inner.lock().asked_at.get_or_insert_with(Instant::now);
    }

    fn entered(&self, encrypted: bool) {
        self.inner.lock().encrypted = encrypted;
    }

    fn camera_encoded(&self, codec: &str, encoder: &str) {
        let mut inner = self.inner.lock();
        if inner.camera.as_ref().is_none_or(|(before, by)| before != codec || by != encoder) {
            inner.camera = Some((codec.to_owned(), encoder.to_owned()));
        }
    }

    fn chat_received(&self) {
        self.inner.lock().chat_received = true;
    }

    fn find_tone(&self) {
        let tone_hz = self.playout.tone_hz();
        let mut inner = self.inner.lock();
        inner.audio_tone_hz = tone_hz.or(inner.audio_tone_hz);
    }

    fn ended(&self, reason: &str) {
        let used = usage::cpu_time();
        let mut inner = self.inner.lock();
        reason.clone_into(&mut inner.end);
        inner.at_end = used.map(|used| (Instant::now(), used));
    }
}

fn note(times: &mut VecDeque<Instant>, now: Instant) {
    times.push_back(now);
    while times.front().is_some_and(|first| now.saturating_duration_since(*first) > FPS_WINDOW) {
        times.pop_front();
    }
}

/// Returns the events per second between the first and the last time.
fn rate(times: &VecDeque<Instant>) -> f64 {
    let (Some(first), Some(last)) = (times.front(), times.back()) else { return 0.0 };
    let seconds = last.saturating_duration_since(*first).as_secs_f64();
    if seconds > 0.0 { tenths((times.len() - 1) as f64 / seconds) } else { 0.0 }
}

fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied().map(tenths)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_many() {
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[7.0], 0.95), Some(7.0));
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.5), Some(50.0));
        assert_eq!(percentile(&hundred, 0.95), Some(95.0));
    }

    #[test]
    fn a_rate_needs_two_events() {
        let now = Instant::now();
        assert_eq!(rate(&VecDeque::from([now])), 0.0);
        let every_100_ms: VecDeque<_> = (0..=10).map(|i| now + Duration::from_millis(100 * i)).collect();
        assert_eq!(rate(&every_100_ms), 10.0);
    }
}
