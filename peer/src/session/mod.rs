//! Media session with one presence of the peer: descriptions, candidates and tracks, in both directions.

mod candidates;
mod from_engine;
mod from_peer;
mod resend;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};

use autamedica_text::Secret;
use candidates::{LocalCandidates, RemoteCandidates};
use livekit_protocol as lk;

use crate::client::Client;
use crate::events::{ClientEvent, User};
use crate::extension::{Extension, Track};
use crate::livekit::Identity;
use crate::sdp::Description;

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

/// Offer of the engine that the peer has not answered.
#[derive(Debug)]
struct LocalOffer {
    event: ClientEvent,
    /// Number of media sections.
    sections: usize,
    /// First user fragment, which changes when ICE restarts.
    ufrag: Option<String>,
}

/// Receiver of an answer that the engine owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnswerTo {
    /// The peer, for its offer of this number.
    Peer(Option<u32>),
    /// Nobody: the offer was a repetition.
    Nobody,
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
    /// This side's instance, the peer's once known, and the session's epoch, as the peer gets them.
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
    /// Remote tracks that the engine paused or resumed, by sid; `true` if they are shown.
    shown: HashMap<String, bool>,
    /// Local tracks that the peer paused or resumed, by sid; `true` if it shows them.
    demanded: HashMap<String, bool>,
    remote_candidates: RemoteCandidates,
    local_candidates: LocalCandidates,
    /// User fragments of the remote description of the engine's publisher.
    answered: Vec<String>,
    /// User fragments of the remote description of the engine's subscriber.
    offered: Vec<String>,
    /// Certificate of the browser's PeerConnection.
    fingerprint: Option<String>,
    /// Number of the engine's newest offer.
    last_offer: u32,
    /// Newest offer of the engine, until its answer arrives.
    unanswered: Option<LocalOffer>,
    /// User fragment of the newest offer of the engine that was answered.
    settled: Option<String>,
    /// Newest offer of a native peer.
    offer: Option<Description>,
    /// Answers to come from the engine, oldest first.
    awaited: VecDeque<AnswerTo>,
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
            local,
            joined: false,
            remote_tracks: Vec::new(),
            local_tracks: Vec::new(),
            last_sid: 0,
            hidden: HashSet::new(),
            revived: HashMap::new(),
            shown: HashMap::new(),
            demanded: HashMap::new(),
            remote_candidates: RemoteCandidates::default(),
            local_candidates: LocalCandidates::default(),
            answered: Vec::new(),
            offered: Vec::new(),
            fingerprint: None,
            last_offer: 0,
            unanswered: None,
            settled: None,
            offer: None,
            awaited: VecDeque::new(),
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

    fn announced_tracks(&self) -> Vec<Track> {
        self.local_tracks.iter().map(|track| Track::from_info(&track.info)).collect()
    }

    /// Message to a native peer with all local tracks.
    fn announcement(&self) -> ClientEvent {
        ClientEvent::Extension(Extension { tracks: Some(self.announced_tracks()), ..self.extension() })
    }
}
