//! Synchronizes audio with video.
//!
//! Audio and video captured at the same time leave the engine at different times: each passes its own jitter buffer, and
//! video is decoded after that. The engine's statistics have these times; the delays in the sender are assumed constant.
//! The recording shows frames about [`PLAYOUT_DELAY`] after their arrival and delays audio to match.

use std::collections::HashMap;
use std::time::Duration;

use autamedica_engine::{InboundRtpStats, RemoteTrack, TrackSource};
use tokio::sync::mpsc::OwnedPermit;

use super::tracks::Tracks;
use crate::recording::{HALF_FRAME, PLAYOUT_DELAY};

/// Delay in seconds of audio relative to video in the sender. Measured with synchronous beeps and time codes: -7 ms when
/// captured directly into the engine (`recorder/tests/recording.rs`), 5 to 15 ms in the app, which buffers audio
/// (`tests/e2e/recorded.rs`).
const SENDER_DELAY: f64 = 0.005;
/// Default delays of audio and video in the receiver, in seconds, until they are measured.
const DEFAULT_DELAYS: (f64, f64) = (0.040, 0.025);
/// Measured delays from this on, in seconds, are ignored as implausible.
const MAX_DELAY: f64 = 0.5;
/// Weight of a new measurement in the moving average.
const WEIGHT: f64 = 0.25;
/// Minimum delay of audio in seconds, which absorbs the engine's bursts.
const MIN_AUDIO_DELAY: f64 = 0.04;

/// Cumulative counters of a track from the engine's statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct DelayCounters {
    /// Total seconds of frames or samples in the jitter buffer.
    waited: f64,
    /// Number of frames or samples emitted from the jitter buffer.
    emitted: f64,
    /// Total seconds of decoding.
    decoding: f64,
    /// Number of frames decoded.
    decoded: f64,
}

impl DelayCounters {
    fn new(stats: &InboundRtpStats) -> Self {
        Self {
            waited: stats.jitter_buffer_delay,
            emitted: stats.jitter_buffer_emitted_count as f64,
            decoding: stats.total_decode_time,
            decoded: f64::from(stats.frames_decoded),
        }
    }

    /// Mean delay of jitter buffer and decoder in seconds since `before`; `None` when nothing was received.
    fn delay_since(self, before: Self) -> Option<f64> {
        let mean = |sum: f64, count: f64| (count > 0.0).then_some(sum / count);
        let waited = mean(self.waited - before.waited, self.emitted - before.emitted)?;
        let decoding = mean(self.decoding - before.decoding, self.decoded - before.decoded).unwrap_or(0.0);
        Some(waited + decoding).filter(|delay| (0.0..MAX_DELAY).contains(delay))
    }
}

/// Reads the counters of all tracks and sends them through `slot`.
pub(super) async fn measure(tracks: Vec<(String, RemoteTrack)>, slot: OwnedPermit<Vec<(String, DelayCounters)>>) {
    let mut counted = Vec::with_capacity(tracks.len());
    for (sid, track) in tracks {
        let stats = match &track {
            RemoteTrack::Audio(track) => track.get_stats().await,
            RemoteTrack::Video(track) => track.get_stats().await,
        };
        match stats {
            Ok(stats) => counted.extend(stats.inbound.first().map(|inbound| (sid, DelayCounters::new(inbound)))),
            Err(error) => tracing::debug!(%error, "track statistics not available"),
        }
    }
    slot.send(counted);
}

/// Receiver delays of all tracks, and the audio delays that follow from them.
#[derive(Default)]
pub(super) struct AudioDelays {
    counted: HashMap<String, DelayCounters>,
    /// Measured delays in seconds, by identity and source.
    measured: HashMap<String, HashMap<TrackSource, f64>>,
}

/// Returns the video source that belongs to an audio source.
pub(super) fn video_source(audio: TrackSource) -> TrackSource {
    if audio == TrackSource::ScreenshareAudio { TrackSource::Screenshare } else { TrackSource::Camera }
}

impl AudioDelays {
    /// Returns the delay to add to an audio track, in seconds. `age` is the [mean age](crate::video::FrameBuffer::age) of
    /// the frames of its video.
    pub(super) fn delay(&self, identity: &str, source: TrackSource, age: Option<Duration>) -> f64 {
        let measured = |source| self.measured.get(identity).and_then(|delays| delays.get(&source)).copied();
        let audio = measured(source).unwrap_or(DEFAULT_DELAYS.0);
        // Without video, the default keeps the audio close to the delay that it will need when video is published.
        let video = measured(video_source(source)).unwrap_or(DEFAULT_DELAYS.1);
        let shown_after = PLAYOUT_DELAY - HALF_FRAME + age.unwrap_or(HALF_FRAME);
        (shown_after.as_secs_f64() + video - audio - SENDER_DELAY).max(MIN_AUDIO_DELAY)
    }

    /// Updates the measured delays with new counters.
    pub(super) fn update(&mut self, counted: &[(String, DelayCounters)], tracks: &Tracks) {
        let before = std::mem::take(&mut self.counted);
        for (sid, counted) in counted {
            self.counted.insert(sid.clone(), *counted);
            let delay = counted.delay_since(before.get(sid).copied().unwrap_or_default());
            if let (Some(delay), Some((identity, source))) = (delay, tracks.owner(sid)) {
                let average = self.measured.entry(identity.to_owned()).or_default().entry(source).or_insert(delay);
                *average += (delay - *average) * WEIGHT;
                tracing::debug!(?source, delay, average, "receiver delay measured");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_delayed_to_match_its_video() {
        let mut delays = AudioDelays::default();
        let delay = |delays: &AudioDelays, identity, source| delays.delay(identity, source, None);
        let default = delay(&delays, "ana", TrackSource::Microphone);
        let measured = HashMap::from([(TrackSource::Microphone, 0.030), (TrackSource::Camera, 0.120)]);
        delays.measured.insert("ana".to_owned(), measured);
        let adjusted = delay(&delays, "ana", TrackSource::Microphone);
        assert!((adjusted - (PLAYOUT_DELAY.as_secs_f64() + 0.090 - SENDER_DELAY)).abs() < 1e-9, "{adjusted}");
        assert_eq!(delay(&delays, "luis", TrackSource::Microphone), default);
        assert_eq!(delay(&delays, "ana", TrackSource::ScreenshareAudio), default, "it belongs to another video");
        // Frames that arrive just before their tick are shown half a frame early.
        let earliest = delays.delay("ana", TrackSource::Microphone, Some(Duration::ZERO));
        assert!((adjusted - earliest - HALF_FRAME.as_secs_f64()).abs() < 1e-9, "{earliest}");
    }

    #[test]
    fn a_delay_is_the_mean_since_the_last_counters() {
        let before = DelayCounters { waited: 10.0, emitted: 100.0, decoding: 1.0, decoded: 100.0 };
        let now = DelayCounters { waited: 10.6, emitted: 130.0, decoding: 1.15, decoded: 130.0 };
        assert!((now.delay_since(before).unwrap() - 0.025).abs() < 1e-9);
        assert_eq!(before.delay_since(before), None, "nothing was received");
        assert_eq!(before.delay_since(now), None, "the counters were reset");
    }
}
