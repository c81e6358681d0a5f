//! Remote participants.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::backend;
use crate::info::ParticipantInfo;
use crate::limits::PUBLICATIONS;
use crate::participant::shared::{ParticipantCore, participant_getters};
use crate::publication::RemoteTrackPublication;
use crate::types::TrackSource;

/// A remote participant. Clones share one state; getters return its current value.
#[derive(Clone)]
pub struct RemoteParticipant {
    pub(crate) core: Arc<ParticipantCore<RemoteTrackPublication>>,
}

impl RemoteParticipant {
    pub(crate) fn new(object: backend::Participant, info: ParticipantInfo) -> Self {
        Self { core: Arc::new(ParticipantCore::new(object, info)) }
    }

    fn core(&self) -> &ParticipantCore<RemoteTrackPublication> {
        &self.core
    }

    participant_getters!();

    /// Ends all tracks, because the participant has left or the room has ended.
    pub(crate) fn end_tracks(&self) {
        // Iterates over a copy, so that no lock is held while the streams' hooks run.
        for publication in self.track_publications().values() {
            publication.end_track();
        }
    }

    /// Ends the tracks and resubscriptions of a participant who has left.
    pub(crate) fn end(&self) {
        self.cancel_resubscriptions();
        self.end_tracks();
    }

    /// Cancels running resubscriptions to all publications.
    pub(crate) fn cancel_resubscriptions(&self) {
        for publication in self.core.publications.read().values() {
            publication.cancel_resubscription();
        }
    }

    /// Adds a publication. Unsubscribes from it and returns `false` when the participant has too many.
    pub(crate) fn add_publication(&self, publication: RemoteTrackPublication) -> bool {
        let mut publications = self.core.publications.write();
        let sid = publication.sid();
        if publications.len() < PUBLICATIONS || publications.contains_key(&sid) {
            publications.insert(sid, publication);
            return true;
        }
        drop(publications);
        tracing::warn!(limit = PUBLICATIONS, "publication ignored, because its participant has too many");
        if let Err(error) = publication.set_subscribed(false) {
            tracing::warn!(%error, "ignored publication not unsubscribed");
        }
        false
    }

    /// Current publications by sid.
    pub fn track_publications(&self) -> HashMap<String, RemoteTrackPublication> {
        self.core.publications.read().iter().map(|(sid, publication)| (sid.clone(), publication.clone())).collect()
    }

    /// Returns the publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<RemoteTrackPublication> {
        self.core.publications.read().get(sid).cloned()
    }

    /// Returns the first publication with this source.
    pub fn get_track_publication_by_source(&self, source: TrackSource) -> Option<RemoteTrackPublication> {
        self.core.publications.read().values().find(|publication| publication.source() == source).cloned()
    }
}

impl PartialEq for RemoteParticipant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl fmt::Debug for RemoteParticipant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteParticipant({})", self.identity())
    }
}
