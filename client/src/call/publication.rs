//! Publications of local sources: requested, present in the room, muted by this side or by another.

use std::time::{Duration, Instant};

use autamedica_engine::{LocalParticipant, LocalTrack, LocalTrackPublication, RoomError, TrackPublishOptions};

/// Time after which a mute state in the room is newer than the last request.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Publication of one local source.
#[derive(Default)]
pub(super) enum Publication {
    #[default]
    None,
    /// Requested, with the number of the request.
    Requested(u64),
    Published {
        publication: LocalTrackPublication,
        /// Last requested mute state.
        requested: MuteRequest,
    },
}

/// Mute state requested of the room.
#[derive(Clone, Copy)]
pub(super) struct MuteRequest {
    pub(super) muted: bool,
    pub(super) at: Instant,
}

impl MuteRequest {
    /// Returns whether another participant muted what this side wants unmuted.
    pub(super) fn is_contradicted(self, muted_in_room: bool, now: Instant) -> bool {
        muted_in_room && now.saturating_duration_since(self.at) >= SETTLE_TIME
    }
}

/// Request for a publication, run beside the call task.
pub(super) struct Job {
    /// Number of the request.
    pub(super) request: u64,
    pub(super) participant: LocalParticipant,
    pub(super) track: LocalTrack,
    pub(super) options: TrackPublishOptions,
    /// Publication to end first.
    pub(super) replaces: Option<LocalTrackPublication>,
}

impl Job {
    /// Publishes the track, after the end of the publication that it replaces.
    pub(super) async fn run(self) -> Result<LocalTrackPublication, RoomError> {
        if let Some(old) = self.replaces
            && let Err(error) = self.participant.unpublish_track(&old.sid()).await
        {
            tracing::warn!(%error, "replaced track not unpublished");
        }
        self.participant.publish_track(self.track, self.options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_muting_that_contradicts_us_is_somebody_elses() {
        let at = Instant::now();
        let unmuted = MuteRequest { muted: false, at };
        let later = at + SETTLE_TIME;
        assert!(unmuted.is_contradicted(true, later));
        assert!(!unmuted.is_contradicted(false, later));
        assert!(!unmuted.is_contradicted(true, at), "it may be the echo of our own muting before");
        assert!(!MuteRequest { muted: true, at }.is_contradicted(true, later), "we wanted it");
    }
}
