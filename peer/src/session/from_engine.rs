//! Messages of the engine for the peer.

use livekit_protocol as lk;
use lk::signal_response::Message as Response;
use serde_json::Value;

use super::{AnswerTo, LocalOffer, LocalTrack, Session};
use crate::events::ClientEvent;
use crate::extension::{Demand, Extension, MAX_TRACKS};
use crate::livekit;
use crate::outbox::Outbox;
use crate::sdp::{self, Description, Kind, browser_sid};

/// Media stream of the local tracks in a browser. Pages play tracks of one stream in sync.
const LOCAL_STREAM: &str = "autamedica";

impl Session {
    /// Passes an offer of the engine's publisher to the peer.
    pub(crate) fn on_engine_offer(&mut self, text: &str, outbox: &mut Outbox) {
        let mut offer = Description::of_engine(text);
        self.last_offer = self.last_offer.wrapping_add(1);
        let sent = sdp::sent_tracks(&offer);
        self.local_tracks.retain_mut(|track| {
            let is_sent = sent.contains(&track.cid);
            // A track that is no longer offered was unpublished.
            let is_kept = is_sent || !track.offered;
            track.offered |= is_sent;
            is_kept
        });
        let tracks = &self.local_tracks;
        self.demanded.retain(|sid, _| tracks.iter().any(|track| track.info.sid == *sid));
        let extension = if self.is_native() {
            sdp::set_streams(&mut offer, |cid| {
                let track = self.local_tracks.iter().find(|track| track.cid == cid);
                let sid = track.map_or("-", |track| track.info.sid.as_str());
                format!("{sid} {sid}")
            });
            let (tracks, offer) = (Some(self.announced_tracks()), Some(self.last_offer));
            Some(Extension { tracks, offer, ..self.extension() })
        } else {
            // With the stream `-` a page's track event would have no stream.
            sdp::set_streams(&mut offer, |cid| format!("{LOCAL_STREAM} {cid}"));
            sdp::pause_sections(&mut offer, |kind, mid| {
                kind != Kind::Application && self.hidden.contains(&browser_sid(kind, mid))
            });
            None
        };
        let (sections, ufrag) = (offer.num_sections(), offer.ufrags().into_iter().next());
        let event = ClientEvent::Offer { sdp: offer.to_string(), extension };
        self.unanswered = Some(LocalOffer { event: event.clone(), sections, ufrag });
        outbox.send_to_peer(event);
    }

    /// Passes an answer of the engine's subscriber to the peer.
    pub(crate) fn on_engine_answer(&mut self, sdp: String, outbox: &mut Outbox) {
        if let Some(AnswerTo::Peer(offer)) = self.awaited.pop_front() {
            outbox.send_to_peer(ClientEvent::Answer { sdp, extension: Some(Extension { offer, ..self.extension() }) });
        }
    }

    /// Passes a candidate of the engine to the peer.
    pub(crate) fn on_engine_candidate(&mut self, trickle: &lk::TrickleRequest, outbox: &mut Outbox) {
        if let Ok(candidate) = serde_json::from_str::<Value>(&trickle.candidate_init) {
            self.local_candidates.keep(trickle.target(), candidate.clone());
            outbox.send_to_peer(ClientEvent::Candidate(candidate));
        }
    }

    /// Registers a local track and confirms its publication.
    pub(crate) fn add_track(&mut self, request: lk::AddTrackRequest, outbox: &mut Outbox) {
        if self.local_tracks.len() == MAX_TRACKS {
            tracing::warn!("too many local tracks; track not published");
            return;
        }
        self.last_sid += 1;
        let kind = if request.r#type == i32::from(lk::TrackType::Audio) { 'A' } else { 'V' };
        let info = lk::TrackInfo {
            sid: format!("TR_{kind}{}", self.last_sid),
            r#type: request.r#type,
            name: request.name,
            muted: request.muted,
            source: request.source,
            width: request.width,
            height: request.height,
            stream: request.stream,
            encryption: request.encryption,
            ..Default::default()
        };
        let track = LocalTrack { cid: request.cid, info, offered: false };
        outbox.send_to_engine(track.published());
        self.local_tracks.push(track);
    }

    /// Announces the mute state of a local track.
    pub(crate) fn on_mute(&mut self, mute: &lk::MuteTrackRequest, outbox: &mut Outbox) {
        for track in self.local_tracks.iter_mut().filter(|track| track.info.sid == mute.sid) {
            track.info.muted = mute.muted;
        }
        if self.is_native() {
            outbox.send_to_peer(self.announcement());
        }
    }

    /// Subscribes to, or unsubscribes from, tracks of the peer.
    pub(crate) fn on_subscription(&mut self, update: lk::UpdateSubscription, outbox: &mut Outbox) {
        for sid in update.track_sids {
            let is_known = self.remote_tracks.iter().any(|track| track.sid == sid);
            if !update.subscribe && is_known {
                self.hidden.insert(sid);
            } else if update.subscribe && self.hidden.remove(&sid) {
                *self.revived.entry(sid).or_default() += 1;
            }
        }
        if self.is_native() {
            self.offer_to_engine(AnswerTo::Nobody, outbox);
        } else {
            outbox.send_to_engine(livekit::renegotiate());
        }
    }

    /// Tells a native peer which tracks are shown at present.
    pub(crate) fn on_track_settings(&mut self, settings: lk::UpdateTrackSettings, outbox: &mut Outbox) {
        if self.is_native() {
            let enabled = !settings.disabled;
            for sid in &settings.track_sids {
                if self.remote_tracks.iter().any(|track| track.sid == *sid) {
                    self.shown.insert(sid.clone(), enabled);
                }
            }
            let demand = Demand { sids: settings.track_sids, enabled };
            outbox.send_to_peer(ClientEvent::Extension(Extension { demand: Some(demand), ..self.extension() }));
        }
    }
}

impl LocalTrack {
    /// Confirms the publication to the engine.
    pub(super) fn published(&self) -> Response {
        let (cid, track) = (self.cid.clone(), Some(self.info.clone()));
        Response::TrackPublished(lk::TrackPublishedResponse { cid, track })
    }
}
