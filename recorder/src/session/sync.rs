//! Sound in step with the picture.
//!
//! A picture and a sound that were captured at the same moment leave the engine at different ones: each waits in a jitter
//! buffer of its own and is decoded in its own time. The engine knows by how much, once the sender has told how its two
//! clocks relate (RTCP sender reports): what plays *now* was captured then. The recording shows pictures [`HOLD`] after they
//! came, and holds each sound back as long as makes both meet.

use std::collections::HashMap;
use std::future::Future;

use autamedica_engine::{RoomError, SessionStats, TrackSource};
use tokio::sync::mpsc::OwnedPermit;

use super::tracks::Tracks;
use crate::recording::HOLD;

/// By how many seconds sound is ahead of the picture until it has been measured.
const UNMEASURED: f64 = 0.0;
/// More than this is no measurement, in seconds.
const MOST: f64 = 0.5;
/// How much a new measurement counts.
const WEIGHT: f64 = 0.25;
/// Sound is held back at least so long, in seconds: it evens out the engine's bursts.
const LEAST_DELAY: f64 = 0.04;

/// By how many seconds each person's sound leaves the engine before their picture of the same moment, by identity and
/// whether it is of their shared screen.
#[derive(Default)]
pub(super) struct Leads(HashMap<(String, bool), f64>);

/// Asks for statistics, and hands them on when they have come.
pub(super) async fn measure(
    stats: impl Future<Output = Result<SessionStats, RoomError>>,
    slot: OwnedPermit<SessionStats>,
) {
    match stats.await {
        Ok(stats) => drop(slot.send(stats)),
        Err(error) => tracing::debug!(%error, "no statistics"),
    }
}

fn of_screen(source: TrackSource) -> bool {
    matches!(source, TrackSource::Screenshare | TrackSource::ScreenshareAudio)
}

impl Leads {
    /// How long a sound is held back, in seconds.
    pub(super) fn delay(&self, identity: &str, source: TrackSource) -> f64 {
        let lead = self.0.get(&(identity.to_owned(), of_screen(source))).copied().unwrap_or(UNMEASURED);
        (HOLD.as_secs_f64() + lead).max(LEAST_DELAY)
    }

    /// Takes new statistics in.
    pub(super) fn measured(&mut self, stats: &SessionStats, tracks: &Tracks) {
        let (mut sounds, mut pictures) = (HashMap::new(), HashMap::new());
        for inbound in stats.inbound() {
            let (Some(playing), Some((identity, source))) =
                (inbound.estimated_playout_ms, tracks.owner(&inbound.track_identifier))
            else {
                continue;
            };
            let key = (identity.to_owned(), of_screen(source));
            let is_sound = matches!(source, TrackSource::Microphone | TrackSource::ScreenshareAudio);
            if is_sound {
                sounds.insert(key, playing)
            } else {
                pictures.insert(key, playing)
            };
        }
        for (key, sound) in sounds {
            let lead = pictures.get(&key).map(|picture| (sound - picture) / 1000.0).filter(|lead| lead.abs() < MOST);
            if let Some(lead) = lead {
                let known = self.0.entry(key).or_insert(lead);
                *known += (lead - *known) * WEIGHT;
                tracing::debug!(lead, known = *known, "sound ahead of the picture");
            }
        }
    }
}
