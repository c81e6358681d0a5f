//! Who is in a room.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::ffi::Handle;
use crate::local_participant::LocalParticipant;
use crate::proto;
use crate::publication::{RemoteTrackPublication, TrackPublication};
use crate::types::{ConnectionQuality, TrackSource};

/// What kind of client a participant is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParticipantKind {
    /// A person with an app or a browser.
    #[default]
    Standard,
    /// A stream that was brought in.
    Ingress,
    /// A recorder or a broadcast.
    Egress,
    /// A telephone.
    Sip,
    /// A program that takes part.
    Agent,
    /// A line to another service.
    Connector,
    /// A bridge to another room or network.
    Bridge,
}

/// What a participant's token lets it do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantPermission {
    /// See and hear others.
    pub can_subscribe: bool,
    /// Publish tracks.
    pub can_publish: bool,
    /// Send messages.
    pub can_publish_data: bool,
    /// The sources it may publish; empty for all.
    pub can_publish_sources: Vec<TrackSource>,
    /// Others do not see it.
    pub hidden: bool,
    /// Change its own name, metadata and attributes.
    pub can_update_metadata: bool,
}

impl ParticipantPermission {
    /// Whether a track from this source may be published.
    pub fn may_publish(&self, source: TrackSource) -> bool {
        self.can_publish && (self.can_publish_sources.is_empty() || self.can_publish_sources.contains(&source))
    }
}

impl From<proto::ParticipantPermission> for ParticipantPermission {
    fn from(permission: proto::ParticipantPermission) -> Self {
        Self {
            can_subscribe: permission.can_subscribe,
            can_publish: permission.can_publish,
            can_publish_data: permission.can_publish_data,
            can_publish_sources: permission.can_publish_sources().map(TrackSource::from).collect(),
            hidden: permission.hidden,
            can_update_metadata: permission.can_update_metadata,
        }
    }
}

/// What is known of a participant, kept up to date by the room's events.
#[derive(Default)]
pub(crate) struct ParticipantInfo {
    pub sid: String,
    pub identity: String,
    pub name: String,
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub kind: ParticipantKind,
    pub permission: Option<ParticipantPermission>,
    pub joined_at_ms: i64,
    pub is_speaking: bool,
    pub is_encrypted: bool,
    pub connection_quality: ConnectionQuality,
}

impl ParticipantInfo {
    /// Takes over what the engine says, and keeps what it says elsewhere.
    pub(crate) fn update(&mut self, info: proto::ParticipantInfo) {
        let kind = match info.kind() {
            proto::ParticipantKind::Standard => ParticipantKind::Standard,
            proto::ParticipantKind::Ingress => ParticipantKind::Ingress,
            proto::ParticipantKind::Egress => ParticipantKind::Egress,
            proto::ParticipantKind::Sip => ParticipantKind::Sip,
            proto::ParticipantKind::Agent => ParticipantKind::Agent,
            proto::ParticipantKind::Connector => ParticipantKind::Connector,
            proto::ParticipantKind::Bridge => ParticipantKind::Bridge,
        };
        self.sid = info.sid;
        self.identity = info.identity;
        self.name = info.name;
        self.metadata = info.metadata;
        self.attributes = info.attributes;
        self.kind = kind;
        self.joined_at_ms = info.joined_at;
        if let Some(permission) = info.permission {
            self.permission = Some(permission.into());
        }
    }
}

/// What a local and a remote participant have in common. `P` is the publications' type.
pub(crate) struct ParticipantCore<P> {
    pub handle: Handle,
    pub info: RwLock<ParticipantInfo>,
    /// By sid.
    pub publications: RwLock<BTreeMap<String, P>>,
}

impl<P> ParticipantCore<P> {
    pub(crate) fn new(owned: proto::OwnedParticipant) -> Self {
        let mut info = ParticipantInfo::default();
        info.update(owned.info);
        Self { handle: Handle::new(owned.handle), info: RwLock::new(info), publications: RwLock::default() }
    }
}

/// The getters that all kinds of participants have, over `self.core()`.
macro_rules! participant_getters {
    () => {
        /// The server's own id of this stay in the room.
        pub fn sid(&self) -> String {
            self.core().info.read().sid.clone()
        }

        /// Who it is: unique in the room, and the same after it comes back.
        pub fn identity(&self) -> String {
            self.core().info.read().identity.clone()
        }

        /// The name to show; may be empty.
        pub fn name(&self) -> String {
            self.core().info.read().name.clone()
        }

        /// What the token or the participant itself says more, as text.
        pub fn metadata(&self) -> String {
            self.core().info.read().metadata.clone()
        }

        /// What the token or the participant itself says more, by key.
        pub fn attributes(&self) -> std::collections::HashMap<String, String> {
            self.core().info.read().attributes.clone()
        }

        /// What kind of client it is.
        pub fn kind(&self) -> $crate::participant::ParticipantKind {
            self.core().info.read().kind
        }

        /// What its token lets it do, if the server tells.
        pub fn permission(&self) -> Option<$crate::participant::ParticipantPermission> {
            self.core().info.read().permission.clone()
        }

        /// When it joined, in milliseconds since 1970.
        pub fn joined_at_ms(&self) -> i64 {
            self.core().info.read().joined_at_ms
        }

        /// Whether it speaks at the moment, as the SFU hears it.
        pub fn is_speaking(&self) -> bool {
            self.core().info.read().is_speaking
        }

        /// Whether all its tracks are end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core().info.read().is_encrypted
        }

        /// How good its connection is, as the SFU sees it.
        pub fn connection_quality(&self) -> $crate::types::ConnectionQuality {
            self.core().info.read().connection_quality
        }
    };
}
pub(crate) use participant_getters;

/// Somebody else in the room. Clones are the same participant, and its getters say what is known now.
#[derive(Clone)]
pub struct RemoteParticipant {
    pub(crate) core: Arc<ParticipantCore<RemoteTrackPublication>>,
}

impl RemoteParticipant {
    pub(crate) fn new(owned: proto::OwnedParticipant) -> Self {
        Self { core: Arc::new(ParticipantCore::new(owned)) }
    }

    fn core(&self) -> &ParticipantCore<RemoteTrackPublication> {
        &self.core
    }

    participant_getters!();

    /// No media comes from it any more.
    pub(crate) fn end_tracks(&self) {
        // No lock is held while the streams' hooks run.
        for publication in self.track_publications().values() {
            publication.end_track();
        }
    }

    /// What it publishes at the moment, by sid.
    pub fn track_publications(&self) -> BTreeMap<String, RemoteTrackPublication> {
        self.core.publications.read().clone()
    }

    /// The publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<RemoteTrackPublication> {
        self.core.publications.read().get(sid).cloned()
    }

    /// The first publication that comes from this source.
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

/// Anybody in the room.
#[derive(Clone, Debug, PartialEq)]
pub enum Participant {
    /// This client.
    Local(LocalParticipant),
    /// Somebody else.
    Remote(RemoteParticipant),
}

/// Passes a getter on to either kind.
macro_rules! either {
    ($($(#[$doc:meta])* $name:ident -> $type:ty;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> $type {
            match self {
                Self::Local(participant) => participant.$name(),
                Self::Remote(participant) => participant.$name(),
            }
        })*
    };
}

impl Participant {
    either! {
        /// The server's own id of this stay in the room.
        sid -> String;
        /// Who it is: unique in the room, and the same after it comes back.
        identity -> String;
        /// The name to show; may be empty.
        name -> String;
        /// What the token or the participant itself says more, as text.
        metadata -> String;
        /// What the token or the participant itself says more, by key.
        attributes -> HashMap<String, String>;
        /// What kind of client it is.
        kind -> ParticipantKind;
        /// What its token lets it do, if the server tells.
        permission -> Option<ParticipantPermission>;
        /// Whether it speaks at the moment, as the SFU hears it.
        is_speaking -> bool;
        /// Whether all its tracks are end-to-end encrypted.
        is_encrypted -> bool;
        /// How good its connection is, as the SFU sees it.
        connection_quality -> ConnectionQuality;
    }

    /// Whether it is this client.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<TrackPublication> {
        match self {
            Self::Local(participant) => participant.get_track_publication(sid).map(TrackPublication::Local),
            Self::Remote(participant) => participant.get_track_publication(sid).map(TrackPublication::Remote),
        }
    }

    /// Changes what is known.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut ParticipantInfo) -> T) -> T {
        match self {
            Self::Local(participant) => change(&mut participant.core.info.write()),
            Self::Remote(participant) => change(&mut participant.core.info.write()),
        }
    }
}
