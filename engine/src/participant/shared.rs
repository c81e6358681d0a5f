//! Common part of local and remote participants.

use std::collections::{BTreeMap, HashMap};

use parking_lot::RwLock;

use crate::backend;
use crate::info::ParticipantInfo;
use crate::limits;
use crate::types::{ConnectionQuality, DisconnectReason, ParticipantKind, ParticipantPermission};

/// Properties of a participant, updated by the room's events.
#[derive(Default)]
pub(crate) struct ParticipantState {
    pub sid: String,
    pub identity: String,
    pub name: String,
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub kind: ParticipantKind,
    pub permission: Option<ParticipantPermission>,
    pub joined_at: i64,
    pub disconnect_reason: DisconnectReason,
    pub is_speaking: bool,
    pub is_encrypted: bool,
    pub connection_quality: ConnectionQuality,
}

impl ParticipantState {
    /// Replaces the properties that `info` contains and keeps the others.
    pub(crate) fn update(&mut self, info: ParticipantInfo) {
        self.sid = info.sid;
        self.identity = info.identity;
        self.name = limits::displayable_name(&info.name);
        self.metadata = limits::allowed_metadata(info.metadata);
        self.attributes = limits::allowed_attributes(info.attributes);
        self.kind = info.kind;
        self.joined_at = info.joined_at;
        self.disconnect_reason = info.disconnect_reason;
        if let Some(permission) = info.permission {
            self.permission = Some(permission);
        }
    }
}

/// Common part of local and remote participants. `P` is the type of their publications.
pub(crate) struct ParticipantCore<P> {
    pub object: backend::Participant,
    pub state: RwLock<ParticipantState>,
    /// Publications by sid.
    pub publications: RwLock<BTreeMap<String, P>>,
}

impl<P> ParticipantCore<P> {
    pub(crate) fn new(object: backend::Participant, info: ParticipantInfo) -> Self {
        let mut state = ParticipantState::default();
        state.update(info);
        Self { object, state: RwLock::new(state), publications: RwLock::default() }
    }
}

/// Getters of local and remote participants, over `self.core()`.
macro_rules! participant_getters {
    () => {
        /// Id assigned by the server for this session.
        pub fn sid(&self) -> String {
            self.core().state.read().sid.clone()
        }

        /// Identity from the token: unique in the room, and the same after rejoining.
        pub fn identity(&self) -> String {
            self.core().state.read().identity.clone()
        }

        /// Display name; may be empty.
        pub fn name(&self) -> String {
            self.core().state.read().name.clone()
        }

        /// Metadata from the token or the participant.
        pub fn metadata(&self) -> String {
            self.core().state.read().metadata.clone()
        }

        /// Attributes from the token or the participant.
        pub fn attributes(&self) -> std::collections::HashMap<String, String> {
            self.core().state.read().attributes.clone()
        }

        /// Kind of the participant's client.
        pub fn kind(&self) -> $crate::types::ParticipantKind {
            self.core().state.read().kind
        }

        /// Permissions, if the server has sent them.
        pub fn permission(&self) -> Option<$crate::types::ParticipantPermission> {
            self.core().state.read().permission.clone()
        }

        /// Time of joining in milliseconds since 1970.
        pub fn joined_at(&self) -> i64 {
            self.core().state.read().joined_at
        }

        /// Reason for which the participant left; `UnknownReason` before.
        pub fn disconnect_reason(&self) -> $crate::types::DisconnectReason {
            self.core().state.read().disconnect_reason
        }

        /// Returns `true` while the SFU detects speech.
        pub fn is_speaking(&self) -> bool {
            self.core().state.read().is_speaking
        }

        /// Returns `true` if all tracks are end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core().state.read().is_encrypted
        }

        /// Quality of the connection, as measured by the SFU.
        pub fn connection_quality(&self) -> $crate::types::ConnectionQuality {
            self.core().state.read().connection_quality
        }
    };
}
pub(crate) use participant_getters;
