//! Protocol between the backend and the recorder process: one JSON object per line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Role, Timestamp};

/// First line on the recorder's standard input. Contains secrets, which `Debug` omits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecorderOrder {
    /// URL of the SFU (`ws://` or `wss://`).
    pub url: String,
    /// Token of a hidden participant that may subscribe.
    pub token: String,
    /// The room's end-to-end key, as the clients use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// Index of that key.
    #[serde(default)]
    pub e2ee_key_index: u32,
    /// Folder of the files; created with mode 0700 if missing.
    pub directory: PathBuf,
    /// File name before `.partN`. Contains neither folders nor personal data.
    pub name: String,
    /// Number of this part of the recording, from 1. A recorder that replaces a crashed one writes the next part.
    pub part: u32,
    /// Identities of the participants who may be recorded, until [`Only`](RecorderCommand::Only) replaces them. Media
    /// of others is neither composed nor mixed nor written. Mandatory: an order without it is rejected.
    #[serde(default)]
    pub people: BTreeSet<String>,
    /// Language of the texts in the picture: `es` or `en`.
    pub language: String,
    /// Roles by identity. The picture shows the role of participants without a name, in its language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// Names by identity. Participants with neither a name nor a role here appear under their name in the room.
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

/// Later line on the recorder's standard input. End of input counts as [`Stop`](Self::Stop).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum RecorderCommand {
    /// Replaces the identities of the participants who may be recorded.
    Only {
        /// Identities of the participants who may be recorded.
        people: BTreeSet<String>,
    },
    /// Adds a key for decryption.
    Key {
        /// The key, as the clients use it.
        key: String,
        /// Index of the key.
        index: u32,
    },
    /// Pauses the recording until [`Resume`](Self::Resume). The file omits the paused time.
    Pause,
    /// Resumes after a pause.
    Resume,
    /// Finishes the file and exits.
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

/// Line on the recorder's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum RecorderEvent {
    /// The recording has begun.
    Started {
        /// Time of the first frame.
        at: Timestamp,
    },
    /// Progress, sent every second.
    Progress {
        /// Current size of the file in bytes.
        bytes: u64,
        /// Current duration of the file in seconds, without paused time.
        seconds: f64,
    },
    /// The recording is paused.
    Paused,
    /// The recording has resumed.
    Resumed,
    /// A problem. The recorder continues if possible; otherwise it exits with or without [`Finished`](Self::Finished).
    Problem {
        /// Kind of the problem.
        what: RecorderProblem,
        /// Description for the log, in English, without names and secrets.
        message: String,
    },
    /// The file is complete. The process exits with 0.
    Finished(RecordedPart),
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedPart {
    /// Path of the file: an `.mp4`, or the original `.mkv` if there is no disk space for remuxing, which `recover` does
    /// later.
    pub file: PathBuf,
    /// Duration in seconds.
    pub seconds: f64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Kinds of problems of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecorderProblem {
    /// The order is invalid, or the file already exists.
    BadOrder,
    /// Joining the room failed.
    NotJoined,
    /// The connection is lost. The recording shows a card until it is restored.
    ConnectionLost,
    /// The connection is restored after [`ConnectionLost`](Self::ConnectionLost).
    ConnectionBack,
    /// Media of a participant can't be decrypted.
    Undecryptable,
    /// The disk is full. The part written so far is finished.
    DiskFull,
    /// Writing the file failed for another reason. The part written so far is finished.
    WriteFailed,
    /// The machine is too slow. Video frames are dropped, audio isn't.
    TooSlow,
    /// Remuxing to MP4 failed. The Matroska file remains.
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
