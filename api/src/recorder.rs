//! What the backend and the recorder's process say to each other: one JSON object a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Role, Timestamp};

/// The first line on the recorder's standard input: what to record. It holds secrets, which `Debug` doesn't show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecorderOrder {
    /// The SFU's address (`ws://` or `wss://`).
    pub url: String,
    /// A token for the room, of a hidden participant that may subscribe.
    pub token: String,
    /// The room's end-to-end encryption key, as the clients hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// The number of that key.
    #[serde(default)]
    pub e2ee_key_index: u32,
    /// The folder of the files; made with mode 0700 if missing.
    pub directory: PathBuf,
    /// What the files are called before `.partN`: no folder, nothing personal.
    pub name: String,
    /// Which part of the recording this is, from 1: a recorder that follows a dead one writes the next.
    pub part: u32,
    /// The people who may be recorded, by identity, until an [`Only`](RecorderCommand::Only) names others. Nobody else is
    /// composed, mixed or written. It has no default: an order without it is none.
    pub people: BTreeSet<String>,
    /// The language of what is written into the picture: `es` or `en`.
    pub language: String,
    /// The roles of people, by identity: in the picture they are called by them, in its language, unless they have a name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// The names of people, by identity. Who has neither a name nor a role here is called as the room calls them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl fmt::Debug for RecorderOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderOrder")
            .field("url", &self.url)
            .field("encrypted", &self.e2ee_key.is_some())
            .field("name", &self.name)
            .field("part", &self.part)
            .field("people", &self.people.len())
            .finish_non_exhaustive()
    }
}

/// A later line on the recorder's standard input. The end of the input is a [`Stop`](Self::Stop).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum RecorderCommand {
    /// Replaces the people who may be recorded, from here on.
    Only {
        /// The people who may be recorded, by identity.
        people: BTreeSet<String>,
    },
    /// Media may come encrypted with this key, too, from here on.
    Key {
        /// The key, as the clients hold it.
        key: String,
        /// Its number.
        index: u32,
    },
    /// Record nothing until [`Resume`](Self::Resume). What happens meanwhile is nowhere in the file.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Finish the file and end.
    Stop,
}

impl fmt::Debug for RecorderCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only { people } => f.debug_struct("Only").field("people", people).finish(),
            Self::Key { index, .. } => f.debug_struct("Key").field("index", index).finish_non_exhaustive(),
            Self::Pause => f.write_str("Pause"),
            Self::Resume => f.write_str("Resume"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

/// A line on the recorder's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum RecorderEvent {
    /// The file begins.
    Started {
        /// The moment of its first picture.
        at: Timestamp,
    },
    /// Comes every second.
    Progress {
        /// Size of the file so far.
        bytes: u64,
        /// Length of the file so far: paused time isn't in it.
        seconds: f64,
    },
    /// Nothing is recorded from here on.
    Paused,
    /// It is recorded again.
    Resumed,
    /// Something is wrong. The recorder goes on if it can; if not, it ends with or without a [`Finished`](Self::Finished).
    Problem {
        /// What.
        what: RecorderProblem,
        /// The same in words, in English, for the log: no names, no secrets.
        message: String,
    },
    /// The file is whole; the process ends with 0.
    Finished(RecordedPart),
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedPart {
    /// Where it is. An `.mp4`; the `.mkv` as it was written when there is no room to make one of it: `recover` does later.
    pub file: PathBuf,
    /// Its length in seconds.
    pub seconds: f64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// What can be wrong with a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecorderProblem {
    /// The order can't be carried out: it isn't one, or the file exists already.
    BadOrder,
    /// The room can't be joined.
    NotJoined,
    /// The connection is lost. A card is recorded until it is back.
    ConnectionLost,
    /// The connection is back: the end of [`ConnectionLost`](Self::ConnectionLost).
    ConnectionBack,
    /// Somebody's media can't be decrypted.
    Undecryptable,
    /// The disk is full. What was written so far is finished.
    DiskFull,
    /// The file can't be written for another reason. What was written so far is finished.
    WriteFailed,
    /// The machine is too slow: pictures are left out, sound isn't.
    TooSlow,
    /// The file can't be made an MP4; the Matroska file stays.
    RemuxFailed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_documented() {
        let order = r#"{"url":"ws://sfu","token":"t0ken","e2eeKey":"k3y","directory":"/r","name":"n","part":1,"people":["a"],"language":"es","names":{"a":"Ana"}}"#;
        let without_people = order.replace(r#""people":["a"],"#, "");
        assert!(serde_json::from_str::<RecorderOrder>(&without_people).is_err(), "nobody is recorded by default");
        let order: RecorderOrder = serde_json::from_str(order).unwrap();
        assert_eq!((order.e2ee_key.as_deref(), order.part), (Some("k3y"), 1));
        assert_eq!(order.people, BTreeSet::from(["a".to_owned()]));
        let shown = format!("{order:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("k3y") && !shown.contains("Ana"), "{shown}");

        assert_eq!(serde_json::from_str::<RecorderCommand>(r#"{"do":"pause"}"#).unwrap(), RecorderCommand::Pause);
        let only = RecorderCommand::Only { people: BTreeSet::from(["a".to_owned()]) };
        assert_eq!(serde_json::from_str::<RecorderCommand>(r#"{"do":"only","people":["a"]}"#).unwrap(), only);
        let key = RecorderCommand::Key { key: "k3y".to_owned(), index: 1 };
        assert_eq!(serde_json::from_str::<RecorderCommand>(r#"{"do":"key","key":"k3y","index":1}"#).unwrap(), key);
        assert!(!format!("{key:?}").contains("k3y"));
        let line = |event: RecorderEvent| serde_json::to_string(&event).unwrap();
        let at = Timestamp::from_millis(0);
        assert_eq!(line(RecorderEvent::Started { at }), r#"{"event":"started","at":"1970-01-01T00:00:00.000Z"}"#);
        let problem = RecorderEvent::Problem { what: RecorderProblem::DiskFull, message: "x".into() };
        assert_eq!(line(problem), r#"{"event":"problem","what":"disk-full","message":"x"}"#);
        let part = RecordedPart { file: "/r/n.part1.mp4".into(), seconds: 1.5, bytes: 9, sha256: "ab".into() };
        let finished = r#"{"event":"finished","file":"/r/n.part1.mp4","seconds":1.5,"bytes":9,"sha256":"ab"}"#;
        assert_eq!(line(RecorderEvent::Finished(part)), finished);
    }
}
