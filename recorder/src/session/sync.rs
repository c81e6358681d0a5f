//! Sound in step with the picture.
//!
//! A picture and a sound of the same moment leave the engine at different ones: each waits in a jitter buffer of its own,
//! as long as the network makes it, and pictures are decoded after that. The engine counts how long. How long both take in
//! the sender isn't known here: about the same. The recording shows pictures about [`HOLD`] after they came, and holds each
//! sound back as long as makes both meet.

use std::collections::HashMap;
use std::time::Duration;

use autamedica_engine::{InboundRtpStats, RemoteTrack, TrackSource};
use tokio::sync::mpsc::OwnedPermit;

use super::tracks::Tracks;
use crate::recording::{EARLY, HOLD};

/// By how many seconds the sender is slower with a sound than with a picture: both are about 30 ms on their way into packets.
/// Measured with sources whose beeps and time codes are made together: -7 ms where the engine gets them at once
/// (`recorder/tests/recording.rs`), 5 to 15 ms in the app, which keeps some sound (`tests/e2e/recorded.rs`).
const SENDER: f64 = 0.005;
/// How long a sound and a picture usually wait, in seconds, until it has been measured.
const USUAL: (f64, f64) = (0.040, 0.025);
/// More than this is no measurement, in seconds.
const MOST: f64 = 0.5;
/// How much a new measurement counts.
const WEIGHT: f64 = 0.25;
/// Sound is held back at least so long, in seconds: it evens out the engine's bursts.
const LEAST_DELAY: f64 = 0.04;

/// What the engine has counted of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counted {
    /// Seconds in the jitter buffer, of all frames or samples together…
    waited: f64,
    /// …which were so many.
    emitted: f64,
    /// Seconds in the decoder, of all pictures together…
    decoding: f64,
    /// …which were so many.
    decoded: f64,
}

impl Counted {
    fn new(stats: &InboundRtpStats) -> Self {
        Self {
            waited: stats.jitter_buffer_delay,
            emitted: stats.jitter_buffer_emitted_count as f64,
            decoding: stats.total_decode_time,
            decoded: f64::from(stats.frames_decoded),
        }
    }

    /// The mean seconds from the network to us since `before`; `None` when nothing came.
    fn wait_since(self, before: Self) -> Option<f64> {
        let mean = |sum: f64, count: f64| (count > 0.0).then_some(sum / count);
        let waited = mean(self.waited - before.waited, self.emitted - before.emitted)?;
        let decoding = mean(self.decoding - before.decoding, self.decoded - before.decoded).unwrap_or(0.0);
        Some(waited + decoding).filter(|wait| (0.0..MOST).contains(wait))
    }
}

/// Asks for what has been counted of tracks, and hands it on when all have answered.
pub(super) async fn measure(tracks: Vec<(String, RemoteTrack)>, slot: OwnedPermit<Vec<(String, Counted)>>) {
    let mut counted = Vec::with_capacity(tracks.len());
    for (sid, track) in tracks {
        let stats = match &track {
            RemoteTrack::Audio(track) => track.get_stats().await,
            RemoteTrack::Video(track) => track.get_stats().await,
        };
        match stats {
            Ok(stats) => counted.extend(stats.inbound.first().map(|inbound| (sid, Counted::new(inbound)))),
            Err(error) => tracing::debug!(%error, "no statistics of a track"),
        }
    }
    slot.send(counted);
}

/// How long everybody's sounds and pictures wait.
#[derive(Default)]
pub(super) struct Leads {
    counted: HashMap<String, Counted>,
    /// In seconds, by identity and source.
    waits: HashMap<String, HashMap<TrackSource, f64>>,
}

/// What is seen while this is heard.
pub(super) fn seen_with(sound: TrackSource) -> TrackSource {
    if sound == TrackSource::ScreenshareAudio { TrackSource::Screenshare } else { TrackSource::Camera }
}

impl Leads {
    /// How long a sound is held back, in seconds. `age` is how old the pictures that belong to it are when they are
    /// [asked for](crate::picture::Feed::age).
    pub(super) fn delay(&self, identity: &str, source: TrackSource, age: Option<Duration>) -> f64 {
        let wait = |source| self.waits.get(identity).and_then(|waits| waits.get(&source)).copied();
        let sound = wait(source).unwrap_or(USUAL.0);
        // Where there is no picture, there is nothing to be in step with; it may come.
        let picture = wait(seen_with(source)).unwrap_or(USUAL.1);
        let held = HOLD - EARLY + age.unwrap_or(EARLY);
        (held.as_secs_f64() + picture - sound - SENDER).max(LEAST_DELAY)
    }

    /// Takes in what has been counted.
    pub(super) fn measured(&mut self, counted: &[(String, Counted)], tracks: &Tracks) {
        let before = std::mem::take(&mut self.counted);
        for (sid, counted) in counted {
            self.counted.insert(sid.clone(), *counted);
            let wait = counted.wait_since(before.get(sid).copied().unwrap_or_default());
            if let (Some(wait), Some((identity, source))) = (wait, tracks.owner(sid)) {
                let known = self.waits.entry(identity.to_owned()).or_default().entry(source).or_insert(wait);
                *known += (wait - *known) * WEIGHT;
                tracing::debug!(?source, wait, known, "waits");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_held_back_by_what_it_came_earlier() {
        let mut leads = Leads::default();
        let delay = |leads: &Leads, identity, source| leads.delay(identity, source, None);
        let usual = delay(&leads, "ana", TrackSource::Microphone);
        let waits = HashMap::from([(TrackSource::Microphone, 0.030), (TrackSource::Camera, 0.120)]);
        leads.waits.insert("ana".to_owned(), waits);
        let held = delay(&leads, "ana", TrackSource::Microphone);
        assert!((held - (HOLD.as_secs_f64() + 0.090 - SENDER)).abs() < 1e-9, "{held}");
        assert_eq!(delay(&leads, "luis", TrackSource::Microphone), usual);
        assert_eq!(delay(&leads, "ana", TrackSource::ScreenshareAudio), usual, "of another picture");
        // Pictures that come just before they are asked for are shown too early: by as much as they may be.
        let soonest = leads.delay("ana", TrackSource::Microphone, Some(Duration::ZERO));
        assert!((held - soonest - EARLY.as_secs_f64()).abs() < 1e-9, "{soonest}");
    }

    #[test]
    fn a_wait_is_the_mean_since_the_last_look() {
        let before = Counted { waited: 10.0, emitted: 100.0, decoding: 1.0, decoded: 100.0 };
        let now = Counted { waited: 10.6, emitted: 130.0, decoding: 1.15, decoded: 130.0 };
        assert!((now.wait_since(before).unwrap() - 0.025).abs() < 1e-9);
        assert_eq!(before.wait_since(before), None, "nothing came");
        assert_eq!(before.wait_since(now), None, "counted anew");
    }
}
