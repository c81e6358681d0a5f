//! Extension of the Socket.io protocol between two native apps, under the key `autamedica`.
//!
//! It travels inside payloads that servers relay as they are: offers, answers and candidates. Browsers ignore it.

use std::collections::HashSet;

use livekit_protocol as lk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::{is_id, is_plain, is_track_sid};

/// Key of the extension.
pub(crate) const KEY: &str = "autamedica";
/// Maximum number of tracks of one participant.
pub(crate) const MAX_TRACKS: usize = 16;
/// Highest epoch that is believed.
const MAX_EPOCH: u32 = 1_000_000;
/// Largest side of a video.
const MAX_SIDE: u32 = 16_384;

/// Message of a native app. One without tracks and demand is a hello.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extension {
    /// Random id of the sender's adapter.
    pub(crate) instance: String,
    /// Number of the media session. Both sides have to be in the same one; the lower number begins anew.
    pub(crate) epoch: u32,
    /// Instance of the receiver, once the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    /// Number of the offer that this message has or answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offer: Option<u32>,
    /// Sender's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// All tracks that the sender publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tracks: Option<Vec<Track>>,
    /// Pauses or resumes tracks of the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) demand: Option<Demand>,
}

/// Published track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) sid: String,
    #[serde(default)]
    pub(crate) name: String,
    /// Number of the kind in LiveKit's protocol.
    pub(crate) kind: i32,
    /// Number of the source in LiveKit's protocol.
    pub(crate) source: i32,
    #[serde(default)]
    pub(crate) muted: bool,
    #[serde(default)]
    pub(crate) width: u32,
    #[serde(default)]
    pub(crate) height: u32,
    /// Number of the encryption in LiveKit's protocol. The receiver decrypts by it.
    #[serde(default)]
    pub(crate) encryption: i32,
}

/// Whether the sender wants to receive these tracks at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Demand {
    pub(crate) sids: Vec<String>,
    pub(crate) enabled: bool,
}

impl Extension {
    /// Reads and validates the extension in a payload. Returns `None` if there is none, or it is invalid.
    pub(crate) fn of(payload: &Value) -> Option<Self> {
        let extension = Self::deserialize(payload.get(KEY)?).ok()?;
        extension.is_valid().then_some(extension)
    }

    fn is_valid(&self) -> bool {
        let mut sids = HashSet::new();
        is_id(&self.instance, 64)
            && self.epoch <= MAX_EPOCH
            && self.peer.as_deref().is_none_or(|peer| is_id(peer, 64))
            && self.name.as_deref().is_none_or(is_plain)
            && self.tracks.as_ref().is_none_or(|tracks| {
                tracks.len() <= MAX_TRACKS && tracks.iter().all(|track| track.is_valid() && sids.insert(&track.sid))
            })
            && self
                .demand
                .as_ref()
                .is_none_or(|demand| demand.sids.len() <= MAX_TRACKS && demand.sids.iter().all(|sid| is_track_sid(sid)))
    }
}

impl Track {
    fn is_valid(&self) -> bool {
        is_track_sid(&self.sid)
            && (self.name.is_empty() || is_plain(&self.name))
            && matches!(lk::TrackType::try_from(self.kind), Ok(lk::TrackType::Audio | lk::TrackType::Video))
            && lk::TrackSource::try_from(self.source).is_ok()
            && lk::encryption::Type::try_from(self.encryption).is_ok()
            && self.width.max(self.height) <= MAX_SIDE
    }

    /// The track for the engine.
    pub(crate) fn to_info(&self) -> lk::TrackInfo {
        lk::TrackInfo {
            sid: self.sid.clone(),
            name: self.name.clone(),
            r#type: self.kind,
            source: self.source,
            muted: self.muted,
            width: self.width,
            height: self.height,
            encryption: self.encryption,
            ..Default::default()
        }
    }

    /// Track of the local engine.
    pub(crate) fn from_info(info: &lk::TrackInfo) -> Self {
        Self {
            sid: info.sid.clone(),
            name: info.name.clone(),
            kind: info.r#type,
            source: info.source,
            muted: info.muted,
            width: info.width,
            height: info.height,
            encryption: info.encryption,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_extension_survives_its_transport() {
        let track =
            Track::from_info(&lk::TrackInfo { sid: "TR_V1".into(), r#type: 1, source: 1, ..Default::default() });
        let demand = Demand { sids: vec!["TR_A1".into()], enabled: false };
        let extension = Extension {
            instance: "a1".into(),
            epoch: 3,
            peer: Some("b1".into()),
            offer: Some(2),
            name: Some("Ana".into()),
            tracks: Some(vec![track]),
            demand: Some(demand),
        };
        assert_eq!(Extension::of(&json!({ KEY: extension })), Some(extension));
    }

    #[test]
    fn invalid_extensions_are_ignored() {
        let track = json!({ "sid": "TR_V1", "kind": 1, "source": 1 });
        assert!(Extension::of(&json!({ KEY: { "instance": "a", "epoch": 0, "tracks": [track] } })).is_some());
        for (field, value) in [
            ("instance", json!("a|b")),
            ("instance", json!("")),
            ("epoch", json!(-1)),
            ("epoch", json!(4_000_000)),
            ("peer", json!("a|b")),
            ("offer", json!(-1)),
            ("name", json!("a\nb")),
            ("tracks", json!([track, track])),
            ("tracks", json!([{ "sid": "TR_a|b", "kind": 1, "source": 1 }])),
            ("tracks", json!([{ "sid": "TR_a", "kind": 2, "source": 1 }])),
            ("tracks", json!([{ "sid": "TR_a", "kind": 1, "source": 99 }])),
            ("tracks", json!([{ "sid": "TR_a", "kind": 1, "source": 1, "width": 99999 }])),
            ("demand", json!({ "sids": ["x"], "enabled": true })),
        ] {
            let mut extension = json!({ "instance": "a", "epoch": 0 });
            extension[field] = value;
            assert_eq!(Extension::of(&json!({ KEY: extension })), None, "{extension}");
        }
    }
}
