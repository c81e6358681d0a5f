//! Participants of a room.

mod local;
mod remote;
mod shared;

use std::collections::HashMap;

pub use local::LocalParticipant;
pub use remote::RemoteParticipant;

use crate::participant::shared::ParticipantState;
use crate::publication::TrackPublication;
use crate::types::{ConnectionQuality, DisconnectReason, ParticipantKind, ParticipantPermission};

pub(crate) use shared::ParticipantCore;

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
        /// Time of joining in milliseconds since 1970.
        joined_at -> i64;
        /// Reason for which the participant left; `UnknownReason` before.
        disconnect_reason -> DisconnectReason;
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
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut ParticipantState) -> T) -> T {
        match self {
            Self::Local(participant) => change(&mut participant.core.state.write()),
            Self::Remote(participant) => change(&mut participant.core.state.write()),
        }
    }
}
