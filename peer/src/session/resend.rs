//! Repetition of what may have been lost with a connection. The receivers ignore what they have.

use super::{AnswerTo, Session};
use crate::events::ClientEvent;
use crate::extension::{Demand, Extension};
use crate::livekit;
use crate::outbox::Outbox;

impl Session {
    /// Sends the peer the state of this side, after one of the two joined the room again.
    pub(crate) fn resend_to_peer(&self, outbox: &mut Outbox) {
        if self.is_native() {
            outbox.send_to_peer(self.announcement());
            for enabled in [true, false] {
                let shown = self.shown.iter().filter(|(_, is_shown)| **is_shown == enabled);
                let sids: Vec<_> = shown.map(|(sid, _)| sid.clone()).collect();
                if !sids.is_empty() {
                    let demand = Some(Demand { sids, enabled });
                    outbox.send_to_peer(ClientEvent::Extension(Extension { demand, ..self.extension() }));
                }
            }
        }
        if let Some(offer) = &self.unanswered {
            outbox.send_to_peer(offer.event.clone());
        }
        for candidate in self.local_candidates.events() {
            outbox.send_to_peer(candidate);
        }
    }

    /// Has the engine offer to a browser after signaling was interrupted: the answer shows whether the page still has
    /// the same PeerConnection.
    pub(crate) fn offer_again(&self, outbox: &mut Outbox) {
        if self.unanswered.is_some() {
            // The engine makes no further offer before the answer to this one.
            self.resend_to_peer(outbox);
        } else {
            outbox.send_to_engine(livekit::renegotiate());
        }
    }

    /// Forgets the offer of an engine that resumes: it offers again with a restart of ICE, so an answer to its previous
    /// offer comes too late.
    pub(crate) fn forget_offer(&mut self) {
        self.unanswered = None;
    }

    /// Sends an engine that resumed the state of the peer. What was queued for it is part of that.
    pub(crate) fn resend_to_engine(&mut self, outbox: &mut Outbox) {
        outbox.clear_engine();
        outbox.send_to_engine(livekit::update(self.identity(), self.tracks()));
        for track in &self.local_tracks {
            outbox.send_to_engine(track.published());
        }
        for (sid, enabled) in &self.demanded {
            outbox.send_to_engine(livekit::demand(sid, *enabled));
        }
        let owed = self.awaited.iter().rev().find(|to| **to != AnswerTo::Nobody).copied();
        if let Some(owed) = owed.or(self.awaited.back().copied()) {
            self.awaited.clear();
            self.offer_to_engine(owed, outbox);
        }
        // The publisher gets new candidates with the answer to its restart.
        let offered = &self.offered;
        self.remote_candidates.reset(|candidate| candidate.ufrag.as_ref().is_some_and(|ufrag| offered.contains(ufrag)));
        self.send_candidates(outbox);
    }
}
