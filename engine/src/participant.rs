//! Participants of a room.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::ffi::Handle;
use crate::limits::{self, PUBLICATIONS};
use crate::local_participant::LocalParticipant;
use crate::proto;
use crate::publication::{RemoteTrackPublication, TrackPublication};
use crate::types::{ConnectionQuality, TrackSource};

/// Kind of a participant's client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParticipantKind {
    /// A person with an app or a browser.
    #[default]
    Standard,
    /// An ingress stream.
    Ingress,
    /// A recorder or a broadcaster.
    Egress,
    /// A telephone.
    Sip,
    /// An agent program.
    Agent,
    /// A connector to another service.
    Connector,
    /// A bridge to another room or network.
    Bridge,
}

/// Permissions of a participant, from its token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantPermission {
    /// May subscribe to tracks.
    pub can_subscribe: bool,
    /// May publish tracks.
    pub can_publish: bool,
    /// May send data and messages.
    pub can_publish_data: bool,
    /// Sources that may be published; empty for all.
    pub can_publish_sources: Vec<TrackSource>,
    /// Invisible to other participants.
    pub hidden: bool,
    /// May change its own name, metadata and attributes.
    pub can_update_metadata: bool,
}

impl ParticipantPermission {
    /// Returns `true` if a track with this source may be published.
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

/// Properties of a participant, updated by the room's events.
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
    /// Replaces the properties that `info` contains and keeps the others.
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
        self.name = limits::displayable_name(&info.name);
        self.metadata = limits::allowed_metadata(info.metadata);
        self.attributes = limits::allowed_attributes(info.attributes);
        self.kind = kind;
        self.joined_at_ms = info.joined_at;
        if let Some(permission) = info.permission {
            self.permission = Some(permission.into());
        }
    }
}

/// Common part of local and remote participants. `P` is the type of their publications.
pub(crate) struct ParticipantCore<P> {
    pub handle: Handle,
    pub info: RwLock<ParticipantInfo>,
    /// Publications by sid.
    pub publications: RwLock<BTreeMap<String, P>>,
}

impl<P> ParticipantCore<P> {
    pub(crate) fn new(owned: proto::OwnedParticipant) -> Self {
        let mut info = ParticipantInfo::default();
        info.update(owned.info);
        Self { handle: Handle::new(owned.handle), info: RwLock::new(info), publications: RwLock::default() }
    }
}

/// Getters of local and remote participants, over `self.core()`.
macro_rules! participant_getters {
    () => {
        /// Id assigned by the server for this session.
        pub fn sid(&self) -> String {
            self.core().info.read().sid.clone()
        }

        /// Identity from the token: unique in the room, and the same after rejoining.
        pub fn identity(&self) -> String {
            self.core().info.read().identity.clone()
        }

        /// Display name; may be empty.
        pub fn name(&self) -> String {
            self.core().info.read().name.clone()
        }

        /// Metadata from the token or the participant.
        pub fn metadata(&self) -> String {
            self.core().info.read().metadata.clone()
        }

        /// Attributes from the token or the participant.
        pub fn attributes(&self) -> std::collections::HashMap<String, String> {
            self.core().info.read().attributes.clone()
        }

        /// Kind of the participant's client.
        pub fn kind(&self) -> $crate::participant::ParticipantKind {
            self.core().info.read().kind
        }

        /// Permissions, if the server has sent them.
        pub fn permission(&self) -> Option<$crate::participant::ParticipantPermission> {
            self.core().info.read().permission.clone()
        }

        /// Time of joining in milliseconds since 1970.
        pub fn joined_at_ms(&self) -> i64 {
            self.core().info.read().joined_at_ms
        }

        /// Returns `true` while the SFU detects speech.
        pub fn is_speaking(&self) -> bool {
            self.core().info.read().is_speaking
        }

        /// Returns `true` if all tracks are end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core().info.read().is_encrypted
        }

        /// Quality of the connection, as measured by the SFU.
        pub fn connection_quality(&self) -> $crate::types::ConnectionQuality {
            self.core().info.read().connection_quality
        }
    };
}
pub(crate) use participant_getters;

/// A remote participant. Clones share one state; getters return its current value.
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
        if true || publications.len() < PUBLICATIONS || publications.contains_key(&sid) {
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
    pub fn track_publications(&self) -> BTreeMap<String, RemoteTrackPublication> {
        self.core.publications.read().clone()
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

/// A local or remote participant.
#[derive(Clone, Debug, PartialEq)]
pub enum Participant {
    /// The local participant.
    Local(LocalParticipant),
    /// A remote participant.
    Remote(RemoteParticipant),
}

/// Delegates getters to the local or remote participant.
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
        /// Id assigned by the server for this session.
        sid -> String;
        /// Identity from the token: unique in the room, and the same after rejoining.
        identity -> String;
        /// Display name; may be empty.
        name -> String;
        /// Metadata from the token or the participant.
        metadata -> String;
        /// Attributes from the token or the participant.
        attributes -> HashMap<String, String>;
        /// Kind of the participant's client.
        kind -> ParticipantKind;
        /// Permissions, if the server has sent them.
        permission -> Option<ParticipantPermission>;
        /// Returns `true` while the SFU detects speech.
        is_speaking -> bool;
        /// Returns `true` if all tracks are end-to-end encrypted.
        is_encrypted -> bool;
        /// Quality of the connection, as measured by the SFU.
        connection_quality -> ConnectionQuality;
    }

    /// Returns `true` for the local participant.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Returns the publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<TrackPublication> {
        match self {
            Self::Local(participant) => participant.get_track_publication(sid).map(TrackPublication::Local),
            Self::Remote(participant) => participant.get_track_publication(sid).map(TrackPublication::Remote),
        }
    }

    /// Changes the properties.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut ParticipantInfo) -> T) -> T {
        match self {
            Self::Local(participant) => change(&mut participant.core.info.write()),
            Self::Remote(participant) => change(&mut participant.core.info.write()),
        }
    }
}
