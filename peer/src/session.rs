//! Media session with one presence of the peer: descriptions, candidates and tracks, in both directions.

use std::collections::{HashMap, HashSet, VecDeque};

use livekit_protocol as lk;
use lk::signal_response::Message as Response;
use serde_json::Value;

use crate::candidate::Candidate;
use crate::events::{ClientEvent, User};
use crate::extension::{Demand, Extension, MAX_TRACKS, Track};
use crate::livekit::{self, Identity, PEER_SID};
use crate::options::Secret;
use crate::outbox::Outbox;
use crate::sdp::{self, Description, Kind, browser_sid};

/// Maximum number of candidates that wait for their description.
const MAX_EARLY: usize = 64;
/// Maximum number of offers that the engine has not answered.
const MAX_OFFERS: usize = 32;
/// Media stream of the local tracks in a browser. Pages play tracks of one stream in sync.
const LOCAL_STREAM: &str = "autamedica";

/// Client of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// One PeerConnection, in which the engine offers.
    Browser,
    /// Two PeerConnections, each with an offering publisher.
    Native,
}

/// Result of a description from a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Connection {
    Same,
    /// The page has a new PeerConnection, which needs a new one of the engine.
    New,
}

#[derive(Debug)]
struct LocalTrack {
    /// The engine's id, as in its descriptions.
    cid: String,
    info: lk::TrackInfo,
    /// An offer had the track.
    offered: bool,
}

/// Media session with one presence of the peer.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) token: Secret,
    pub(crate) user: User,
    metadata: String,
    /// The peer's name, once known.
    pub(crate) name: Option<String>,
    /// `None` until the peer said hello or was late.
    pub(crate) client: Option<Client>,
    /// Instance of a native peer.
    pub(crate) peer_instance: Option<String>,
    /// This side's instance and the session's epoch, as the peer gets them.
    pub(crate) local: Extension,
    /// The engine has joined.
    pub(crate) joined: bool,
    remote_tracks: Vec<lk::TrackInfo>,
    local_tracks: Vec<LocalTrack>,
    last_sid: u32,
    /// Sids of the remote tracks that the engine unsubscribed from.
    hidden: HashSet<String>,
    /// Number of resubscriptions by sid.
    revived: HashMap<String, u32>,
    early: VecDeque<Candidate>,
    /// User fragments of the remote description of the engine's publisher.
    answered: Vec<String>,
    /// User fragments of the remote description of the engine's subscriber.
    offered: Vec<String>,
    /// Certificate of the browser's PeerConnection.
    fingerprint: Option<String>,
    is_offering: bool,
    /// Newest offer of a native peer.
    offer: Option<Description>,
    /// For each answer to come from the engine: whether the peer waits for it.
    relayed: VecDeque<bool>,
}

impl Session {
    pub(crate) fn new(number: u64, token: Secret, user: User, metadata: String, local: Extension) -> Self {
        Self {
            number,
            token,
            user,
            metadata,
            name: None,
            client: None,
            peer_instance: None,
            local,
            joined: false,
            remote_tracks: Vec::new(),
            local_tracks: Vec::new(),
            last_sid: 0,
            hidden: HashSet::new(),
            revived: HashMap::new(),
            early: VecDeque::new(),
            answered: Vec::new(),
            offered: Vec::new(),
            fingerprint: None,
            is_offering: false,
            offer: None,
            relayed: VecDeque::new(),
        }
    }

    /// The peer as a participant.
    pub(crate) fn identity(&self) -> Identity<'_> {
        let name = self.name.as_deref().unwrap_or(&self.user.id);
        Identity { id: &self.user.id, name, metadata: &self.metadata }
    }

    pub(crate) fn tracks(&self) -> Vec<lk::TrackInfo> {
        self.remote_tracks.clone()
    }

    fn is_native(&self) -> bool {
        self.client == Some(Client::Native)
    }

    fn extension(&self) -> Extension {
        Extension { name: None, ..self.local.clone() }
    }

    // From the peer

    /// Passes a native peer's offer to the engine's subscriber.
    pub(crate) fn on_native_offer(&mut self, offer: Description, tracks: Option<&[Track]>, outbox: &mut Outbox) {
        self.offered = offer.ufrags();
        self.set_tracks(tracks.unwrap_or_default(), outbox);
        self.offer = Some(offer);
        self.offer_to_engine(true, outbox);
        self.release_early(outbox);
    }

    /// Answers a browser's wish to negotiate with an offer of the engine. During glare the engine's offer wins: the
    /// browser rolls its own back when it arrives.
    pub(crate) fn on_browser_offer(&self, offer: &Description, outbox: &mut Outbox) -> Connection {
        if self.is_new_connection(offer) {
            return Connection::New;
        }
        if !self.is_offering && !self.answered.is_empty() {
            outbox.send_to_engine(livekit::renegotiate());
        }
        Connection::Same
    }

    fn is_new_connection(&self, description: &Description) -> bool {
        self.fingerprint.as_deref().is_some_and(|known| description.fingerprint() != Some(known))
    }

    /// Passes an answer to the engine's publisher.
    pub(crate) fn on_answer(&mut self, mut answer: Description, outbox: &mut Outbox) -> Connection {
        let mut mid_to_track_id = HashMap::new();
        if !self.is_native() {
            if self.is_new_connection(&answer) {
                return Connection::New;
            }
            self.fingerprint = answer.fingerprint().map(str::to_owned);
            let media = sdp::from_browser(&mut answer, PEER_SID, &self.hidden);
            mid_to_track_id = media.iter().map(|media| (media.mid.clone(), media.sid.clone())).collect();
            self.remote_tracks = browser_tracks(&media);
            outbox.send_to_engine(livekit::update(self.identity(), self.tracks()));
        }
        self.answered = answer.ufrags();
        self.is_offering = false;
        let (r#type, sdp) = ("answer".to_owned(), answer.to_string());
        outbox.send_to_engine(Response::Answer(lk::SessionDescription { r#type, sdp, id: 0, mid_to_track_id }));
        self.release_early(outbox);
        Connection::Same
    }

    /// Passes a candidate to the engine, or holds it until its description arrives.
    pub(crate) fn on_candidate(&mut self, candidate: Candidate, outbox: &mut Outbox) {
        let is_of = |ufrags: &[String]| match &candidate.ufrag {
            Some(ufrag) => ufrags.contains(ufrag),
            None => !ufrags.is_empty(),
        };
        let target = if is_of(&self.answered) {
            lk::SignalTarget::Publisher
        } else if is_of(&self.offered) {
            lk::SignalTarget::Subscriber
        } else {
            // It may also belong to an offer that was rolled back.
            if self.early.len() == MAX_EARLY {
                self.early.pop_front();
            }
            self.early.push_back(candidate);
            return;
        };
        let candidate_init = candidate.to_json().to_string();
        outbox.send_to_engine(Response::Trickle(lk::TrickleRequest {
            candidate_init,
            target: target.into(),
            ..Default::default()
        }));
    }

    fn release_early(&mut self, outbox: &mut Outbox) {
        for candidate in std::mem::take(&mut self.early) {
            self.on_candidate(candidate, outbox);
        }
    }

    /// Replaces the tracks of a native peer.
    pub(crate) fn set_tracks(&mut self, tracks: &[Track], outbox: &mut Outbox) {
        self.remote_tracks = tracks.iter().map(Track::to_info).collect();
        outbox.send_to_engine(livekit::update(self.identity(), self.tracks()));
    }

    /// Pauses or resumes local tracks as the peer demands.
    pub(crate) fn on_demand(&self, demand: &Demand, outbox: &mut Outbox) {
        for track in self.local_tracks.iter().filter(|track| demand.sids.contains(&track.info.sid)) {
            outbox.send_to_engine(livekit::demand(&track.info.sid, demand.enabled));
        }
    }

    fn offer_to_engine(&mut self, relay: bool, outbox: &mut Outbox) {
        let Some(mut offer) = self.offer.clone().filter(|_| self.relayed.len() < MAX_OFFERS) else { return };
        let announced = self.remote_tracks.iter().map(|track| track.sid.as_str()).collect();
        sdp::from_native(&mut offer, PEER_SID, &announced, &self.hidden, &self.revived);
        self.relayed.push_back(relay);
        let (r#type, sdp, mid_to_track_id) = ("offer".to_owned(), offer.to_string(), HashMap::new());
        outbox.send_to_engine(Response::Offer(lk::SessionDescription { r#type, sdp, id: 0, mid_to_track_id }));
    }

    // From the engine

    /// Passes an offer of the engine's publisher to the peer.
    pub(crate) fn on_engine_offer(&mut self, text: &str, outbox: &mut Outbox) {
        let mut offer = Description::of_engine(text);
        self.is_offering = true;
        let sent = sdp::sent_tracks(&offer);
        self.local_tracks.retain_mut(|track| {
            let is_sent = sent.contains(&track.cid);
            // A track that is no longer offered was unpublished.
            let is_kept = is_sent || !track.offered;
            track.offered |= is_sent;
            is_kept
        });
        let extension = if self.is_native() {
            sdp::set_streams(&mut offer, |cid| {
                let track = self.local_tracks.iter().find(|track| track.cid == cid);
                let sid = track.map_or("-", |track| track.info.sid.as_str());
                format!("{sid} {sid}")
            });
            Some(Extension { tracks: Some(self.announced_tracks()), ..self.extension() })
        } else {
            // With the stream `-` a page's track event would have no stream.
            sdp::set_streams(&mut offer, |cid| format!("{LOCAL_STREAM} {cid}"));
            sdp::pause_sections(&mut offer, |kind, mid| {
                kind != Kind::Application && self.hidden.contains(&browser_sid(kind, mid))
            });
            None
        };
        outbox.send_to_peer(ClientEvent::Offer { sdp: offer.to_string(), extension });
    }

    /// Passes an answer of the engine's subscriber to the peer.
    pub(crate) fn on_engine_answer(&mut self, sdp: String, outbox: &mut Outbox) {
        if self.relayed.pop_front() == Some(true) {
            outbox.send_to_peer(ClientEvent::Answer { sdp, extension: Some(self.extension()) });
        }
    }

    /// Passes a candidate of the engine to the peer.
    pub(crate) fn on_engine_candidate(candidate_init: &str, outbox: &mut Outbox) {
        if let Ok(candidate) = serde_json::from_str::<Value>(candidate_init) {
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
        self.local_tracks.push(LocalTrack { cid: request.cid.clone(), info: info.clone(), offered: false });
        let published = lk::TrackPublishedResponse { cid: request.cid, track: Some(info) };
        outbox.send_to_engine(Response::TrackPublished(published));
    }

    /// Announces the mute state of a local track.
    pub(crate) fn on_mute(&mut self, mute: &lk::MuteTrackRequest, outbox: &mut Outbox) {
        for track in self.local_tracks.iter_mut().filter(|track| track.info.sid == mute.sid) {
            track.info.muted = mute.muted;
        }
        if self.is_native() {
            let extension = Extension { tracks: Some(self.announced_tracks()), ..self.extension() };
            outbox.send_to_peer(ClientEvent::Extension(extension));
        }
    }

    /// Subscribes to, or unsubscribes from, tracks of the peer.
    pub(crate) fn on_subscription(&mut self, update: lk::UpdateSubscription, outbox: &mut Outbox) {
        for sid in update.track_sids {
            if !update.subscribe {
                self.hidden.insert(sid);
            } else if self.hidden.remove(&sid) {
                *self.revived.entry(sid).or_default() += 1;
            }
        }
        if self.is_native() {
            self.offer_to_engine(false, outbox);
        } else {
            outbox.send_to_engine(livekit::renegotiate());
        }
    }

    /// Tells a native peer which tracks are shown at present.
    pub(crate) fn on_track_settings(&self, settings: lk::UpdateTrackSettings, outbox: &mut Outbox) {
        if self.is_native() {
            let demand = Demand { sids: settings.track_sids, enabled: !settings.disabled };
            let extension = Extension { demand: Some(demand), ..self.extension() };
            outbox.send_to_peer(ClientEvent::Extension(extension));
        }
    }

    fn announced_tracks(&self) -> Vec<Track> {
        self.local_tracks.iter().map(|track| Track::from_info(&track.info)).collect()
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
