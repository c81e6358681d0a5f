//! Messages of the peer for the engine.

use std::collections::{HashMap, HashSet};

use livekit_protocol as lk;
use lk::signal_response::Message as Response;

use super::{AnswerTo, Connection, Session};
use crate::candidate::Candidate;
use crate::extension::{Demand, Track};
use crate::livekit::{self, PEER_SID};
use crate::outbox::Outbox;
use crate::sdp::{self, Description, Kind};

/// Maximum number of offers that the engine has not answered.
const MAX_OFFERS: usize = 32;

impl Session {
    /// Passes a native peer's offer to the engine's subscriber.
    pub(crate) fn on_native_offer(
        &mut self,
        offer: Description,
        number: Option<u32>,
        tracks: Option<&[Track]>,
        outbox: &mut Outbox,
    ) {
        self.offered = offer.ufrags();
        self.set_tracks(tracks.unwrap_or_default(), outbox);
        self.offer = Some(offer);
        self.offer_to_engine(AnswerTo::Peer(number), outbox);
        self.send_candidates(outbox);
    }

    /// Answers a browser's wish to negotiate with an offer of the engine. During glare the engine's offer wins: the
    /// browser rolls its own back when it arrives.
    pub(crate) fn on_browser_offer(&self, offer: &Description, outbox: &mut Outbox) -> Connection {
        if self.is_new_connection(offer) {
            return Connection::New;
        }
        if self.unanswered.is_none() && !self.answered.is_empty() {
            outbox.send_to_engine(livekit::renegotiate());
        }
        Connection::Same
    }

    fn is_new_connection(&self, description: &Description) -> bool {
        self.fingerprint.as_deref().is_some_and(|known| description.fingerprint() != Some(known))
    }

    /// Passes an answer to the engine's publisher. One that is not to its newest offer is dropped.
    pub(crate) fn on_answer(
        &mut self,
        mut answer: Description,
        number: Option<u32>,
        outbox: &mut Outbox,
    ) -> Connection {
        if !self.is_native() && self.is_new_connection(&answer) {
            return Connection::New;
        }
        if !self.is_awaited(&answer, number) {
            tracing::debug!("answer to an earlier offer dropped");
            return Connection::Same;
        }
        let Some(offer) = self.unanswered.take() else { return Connection::Same };
        self.settled = offer.ufrag;
        let mut mid_to_track_id = HashMap::new();
        if !self.is_native() {
            self.fingerprint = answer.fingerprint().map(str::to_owned);
            let media = sdp::from_browser(&mut answer, PEER_SID, &self.hidden);
            mid_to_track_id = media.iter().map(|media| (media.mid.clone(), media.sid.clone())).collect();
            self.remote_tracks = browser_tracks(&media);
            self.forget_absent_tracks();
            outbox.send_to_engine(livekit::update(self.identity(), self.tracks()));
        }
        self.answered = answer.ufrags();
        let (r#type, sdp) = ("answer".to_owned(), answer.to_string());
        outbox.send_to_engine(Response::Answer(lk::SessionDescription { r#type, sdp, id: 0, mid_to_track_id }));
        self.send_candidates(outbox);
        Connection::Same
    }

    /// Returns `true` if an answer is to the engine's newest offer. An engine that resumes may offer again before the
    /// answer to its previous offer arrives.
    fn is_awaited(&self, answer: &Description, number: Option<u32>) -> bool {
        let Some(offer) = &self.unanswered else { return false };
        if number.is_some_and(|number| number != self.last_offer) || answer.num_sections() != offer.sections {
            return false;
        }
        // Whoever answers a restart of ICE restarts it as well.
        let is_restart = self.settled.is_some() && offer.ufrag != self.settled;
        !is_restart || answer.ufrags().first() != self.answered.first()
    }

    /// Passes a candidate to the engine once its description has arrived.
    pub(crate) fn on_candidate(&mut self, candidate: Candidate, outbox: &mut Outbox) {
        self.remote_candidates.keep(candidate);
        self.send_candidates(outbox);
    }

    /// Sends the engine the candidates whose description has arrived.
    pub(super) fn send_candidates(&mut self, outbox: &mut Outbox) {
        // A candidate without description may also belong to an offer that was rolled back.
        let target_of = |candidate: &Candidate| {
            let is_of = |ufrags: &[String]| match &candidate.ufrag {
                Some(ufrag) => ufrags.contains(ufrag),
                None => !ufrags.is_empty(),
            };
            let targets =
                [(&self.answered, lk::SignalTarget::Publisher), (&self.offered, lk::SignalTarget::Subscriber)];
            targets.into_iter().find(|(ufrags, _)| is_of(ufrags)).map(|(_, target)| target)
        };
        for (candidate, target) in self.remote_candidates.release(target_of) {
            let (candidate_init, target) = (candidate.to_json().to_string(), target.into());
            outbox.send_to_engine(Response::Trickle(lk::TrickleRequest {
                candidate_init,
                target,
                ..Default::default()
            }));
        }
    }

    /// Replaces the tracks of a native peer.
    pub(crate) fn set_tracks(&mut self, tracks: &[Track], outbox: &mut Outbox) {
        self.remote_tracks = tracks.iter().map(Track::to_info).collect();
        self.forget_absent_tracks();
        outbox.send_to_engine(livekit::update(self.identity(), self.tracks()));
    }

    fn forget_absent_tracks(&mut self) {
        let sids: HashSet<&str> = self.remote_tracks.iter().map(|track| track.sid.as_str()).collect();
        self.hidden.retain(|sid| sids.contains(sid.as_str()));
        self.revived.retain(|sid, _| sids.contains(sid.as_str()));
        self.shown.retain(|sid, _| sids.contains(sid.as_str()));
    }

    /// Pauses or resumes local tracks as the peer demands.
    pub(crate) fn on_demand(&mut self, demand: &Demand, outbox: &mut Outbox) {
        for track in self.local_tracks.iter().filter(|track| demand.sids.contains(&track.info.sid)) {
            self.demanded.insert(track.info.sid.clone(), demand.enabled);
            outbox.send_to_engine(livekit::demand(&track.info.sid, demand.enabled));
        }
    }

    /// Passes the newest offer of a native peer to the engine.
    pub(super) fn offer_to_engine(&mut self, answer_to: AnswerTo, outbox: &mut Outbox) {
        let Some(mut offer) = self.offer.clone().filter(|_| self.awaited.len() < MAX_OFFERS) else { return };
        let announced = self.remote_tracks.iter().map(|track| track.sid.as_str()).collect();
        sdp::from_native(&mut offer, PEER_SID, &announced, &self.hidden, &self.revived);
        self.awaited.push_back(answer_to);
        let (r#type, sdp, mid_to_track_id) = ("offer".to_owned(), offer.to_string(), HashMap::new());
        outbox.send_to_engine(Response::Offer(lk::SessionDescription { r#type, sdp, id: 0, mid_to_track_id }));
    }
}

/// Tracks of a browser: the first of a kind is camera or microphone, the second a shared screen.
fn browser_tracks(media: &[sdp::RemoteMedia]) -> Vec<lk::TrackInfo> {
    let mut tracks = Vec::<lk::TrackInfo>::new();
    for media in media {
        let kind = if media.kind == Kind::Audio { lk::TrackType::Audio } else { lk::TrackType::Video };
        let is_first = !tracks.iter().any(|track| track.r#type == i32::from(kind));
        let source = match (kind, is_first) {
            (lk::TrackType::Audio, true) => lk::TrackSource::Microphone,
            (lk::TrackType::Audio, false) => lk::TrackSource::ScreenShareAudio,
            (_, true) => lk::TrackSource::Camera,
            (_, false) => lk::TrackSource::ScreenShare,
        };
        let (sid, mid) = (media.sid.clone(), media.mid.clone());
        tracks.push(lk::TrackInfo { sid, mid, r#type: kind.into(), source: source.into(), ..Default::default() });
    }
    tracks
}
