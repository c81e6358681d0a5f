//! Chat history for late joiners. A doctor's client sends it; it is stored nowhere else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use autamedica_api::Role;
use autamedica_engine::{DataStreamError, EncryptionType, RemoteParticipant, StreamTextOptions, TextStreamReader};
use serde::{Deserialize, Serialize};

use super::chat::{Lines, time_of};
use super::event::Event;
use super::limits::{HISTORIES, ID_BYTES, displayable_text};
use super::task::Task;
use super::{ChatLog, ChatMessage};

/// Topic of text streams with a history.
const TOPIC: &str = "chat-history";
/// Topic of text streams that request a history.
const ASK_TOPIC: &str = "chat-history-request";
/// Maximum number of messages; the newest are sent.
const MOST_LINES: usize = 500;
/// Maximum size in bytes of JSON.
const MOST_BYTES: usize = 512 * 1024;

/// Pauses between requests for the history, because messages may not reach a participant just admitted.
const ASK_AGAIN: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// State of sending and receiving histories.
#[derive(Default)]
pub(super) struct Told {
    /// Participants who got the history, by sid.
    people: HashSet<String>,
    /// Number of answered requests, by participant sid.
    answers: HashMap<String, usize>,
    /// Number of histories received in this room.
    streams: usize,
    /// A history has been received.
    heard: bool,
}

/// Chat history, as sent.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct History {
    lines: Vec<Line>,
}

/// Message in a history.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Line {
    /// The author's id of the message.
    id: String,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    text: String,
    /// Time in milliseconds since 1970.
    at: i64,
}

impl History {
    /// Returns the newest messages without those that failed and without files.
    fn of(chat: &ChatLog, lines: &Lines) -> Self {
        let line = |(message, id): (&Arc<ChatMessage>, Option<&str>)| {
            let said = !message.failed && message.file.is_none();
            let at = message.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            Some(Line {
                id: id.filter(|_| said)?.to_owned(),
                from: message.from.clone(),
                role: message.role,
                text: message.text.clone(),
                at: i64::try_from(at).unwrap_or(i64::MAX),
            })
        };
        let mut bytes = 0;
        let newest = chat.iter().zip(lines.ids()).rev().filter_map(line).take(MOST_LINES);
        // Escaping may double the size of a text; field names add to each message.
        let mut lines: Vec<Line> = newest
            .take_while(|line| {
                bytes += 2 * line.text.len() + 300;
                bytes <= MOST_BYTES
            })
            .collect();
        lines.reverse();
        Self { lines }
    }
}

impl Told {
    /// Resets received histories: the doctor of the new room may have newer messages.
    pub(super) fn room_entered(&mut self) {
        (self.streams, self.heard) = (0, false);
    }
}

impl Task {
    /// Sends the history to a participant who may read it, once per stay, if we are a doctor.
    pub(super) fn tell_history(&mut self, to: &RemoteParticipant) {
        let may_read = to.permission().is_none_or(|may| may.can_subscribe);
        if may_read && self.state().role == Role::Doctor && self.told.people.insert(to.sid()) {
            self.send_history(to);
        }
    }

    /// Answers a request for the history, a few times per stay.
    fn answer_history(&mut self, to: &RemoteParticipant) {
        let answers = self.told.answers.entry(to.sid()).or_default();
        *answers += 1;
        if *answers <= ASK_AGAIN.len() && self.state().role == Role::Doctor {
            self.send_history(to);
        }
    }

    fn send_history(&mut self, to: &RemoteParticipant) {
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        let history = History::of(&self.state().chat.clone(), &self.lines);
        if history.lines.is_empty() {
            return;
        }
        let options = StreamTextOptions {
            topic: TOPIC.into(),
            destination_identities: vec![to.identity()],
            ..StreamTextOptions::default()
        };
        let text = serde_json::to_string(&history).expect("plain strings and numbers always become JSON");
        self.jobs.spawn(async move {
            if let Err(error) = participant.send_text(&text, options).await {
                tracing::warn!(%error, "chat history not sent");
            }
        });
    }

    /// Requests messages from before we had the key from the doctors, repeatedly: the SFU may announce a doctor only
    /// after it has admitted us.
    pub(super) fn ask_history(&mut self, attempt: usize) {
        let Some(pause) = ASK_AGAIN.get(attempt).copied().filter(|_| !self.told.heard) else { return };
        let Some(session) = &self.session else { return };
        let (participant, doctors) = (session.room.local_participant(), self.remotes.of_role(Role::Doctor));
        tracing::debug!(attempt, doctors = doctors.len(), "requesting chat history");
        let room = self.rooms;
        self.beside(Event::HistoryAsked { room, attempt }, async move {
            let options = StreamTextOptions {
                topic: ASK_TOPIC.into(),
                destination_identities: doctors,
                ..StreamTextOptions::default()
            };
            if !options.destination_identities.is_empty()
                && let Err(error) = participant.send_text("?", options).await
            {
                tracing::warn!(%error, "chat history not requested");
            }
            tokio::time::sleep(pause).await;
            Event::HistoryAsked { room, attempt }
        });
    }

    pub(super) fn on_history_asked(&mut self, room: u64, attempt: usize) {
        if room == self.rooms {
            self.ask_history(attempt + 1);
        }
    }

    /// Handles a text stream that is not a chat message.
    pub(super) fn on_text(&mut self, from: &str, reader: TextStreamReader) {
        let info = reader.info();
        let is_sealed = info.encryption_type != EncryptionType::None || !self.is_encrypted();
        if info.topic == ASK_TOPIC && is_sealed {
            if let Some(participant) = self.remotes.participant(from) {
                // Not limited to one history: the participant could not decrypt an earlier one. Admission is not
                // checked, because the SFU lets only admitted participants send and may announce it later.
                self.answer_history(&participant);
            }
            return;
        }
        let is_expected = self.told.streams < HISTORIES && self.remotes.role(from) == Some(Role::Doctor);
        if info.topic != TOPIC || !is_sealed || !is_expected {
            return tracing::debug!(topic = info.topic, "text stream ignored");
        }
        self.told.streams += 1;
        let teller = from.to_owned();
        let if_panics = Event::History { teller: teller.clone(), result: Err(DataStreamError::Disconnected) };
        self.beside(if_panics, async move {
            let read = async {
                let text = reader.read_all(MOST_BYTES).await?;
                serde_json::from_str(&text).map_err(|error| DataStreamError::Aborted(error.to_string()))
            };
            Event::History { teller, result: read.await }
        });
    }

    pub(super) fn on_history(&mut self, teller: &str, result: Result<History, DataStreamError>) {
        let history = match result {
            Ok(history) => history,
            Err(error) => return tracing::warn!(%error, "chat history not read"),
        };
        self.told.heard = true;
        let me = self.state().identity.clone();
        for line in history.lines.into_iter().take(MOST_LINES) {
            let Some((id, message)) = line.into_message(teller, &me) else { continue };
            self.lines.merge(&mut self.publisher.state.chat, id, message);
        }
        self.trim_chat();
    }
}

impl Line {
    /// Converts a message relayed by `teller`, with its id. Ignores messages attributed to us: our own are in the chat
    /// already.
    fn into_message(self, teller: &str, me: &str) -> Option<(String, ChatMessage)> {
        let text = displayable_text(&self.text);
        let too_long = self.id.len() > ID_BYTES || self.from.len() > ID_BYTES;
        if self.from == me || too_long || text.trim().is_empty() {
            return None;
        }
        let told_by = (self.from != teller).then(|| teller.to_owned());
        let message = ChatMessage::written(self.from, false, text, time_of(self.at));
        Some((self.id, ChatMessage { role: self.role, told_by, ..message }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: &str, text: &str, at: i64) -> ChatMessage {
        ChatMessage { role: Some(Role::Patient), ..ChatMessage::written(from, false, text, time_of(at)) }
    }

    #[test]
    fn lines_come_once_and_in_the_order_in_which_they_were_written() {
        let (mut chat, mut lines) = (ChatLog::default(), Lines::default());
        let mut add = |from: &str, id: &str, text: &str, at| {
            lines.merge(&mut chat, id.into(), message(from, text, at));
        };
        add("ana", "1", "second", 2000);
        add("eva", "1", "first", 1000);
        add("ana", "1", "second", 2000);
        add("luis", "9", "third", 3000);
        let texts: Vec<_> = chat.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["first", "second", "third"]);
        let history = History::of(&chat, &lines);
        let ids: Vec<_> = history.lines.iter().map(|line| (line.from.as_str(), line.id.as_str())).collect();
        assert_eq!(ids, [("eva", "1"), ("ana", "1"), ("luis", "9")]);
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    }

    #[test]
    fn only_what_was_sent_is_told_and_not_too_much_of_it() {
        let (mut chat, mut lines) = (ChatLog::default(), Lines::default());
        lines.push(&mut chat, None, message("ana", "a file", 1));
        lines.push(&mut chat, Some("2".into()), ChatMessage { failed: true, ..message("ana", "failed", 2) });
        assert!(History::of(&chat, &lines).lines.is_empty());
        for at in 0..40_i64 {
            lines.push(&mut chat, Some(at.to_string()), message("ana", &"ñ\"".repeat(10_000), at));
        }
        let history = History::of(&chat, &lines);
        assert!(!history.lines.is_empty() && history.lines.last().unwrap().at == 39);
        assert!(serde_json::to_string(&history).unwrap().len() <= MOST_BYTES);
    }

    #[test]
    fn a_teller_speaks_for_itself_alone() {
        let told = |from: &str| {
            let line = Line { id: "1".into(), from: from.into(), role: None, text: "never said".into(), at: 1 };
            line.into_message("doctor-1", "patient-1").map(|(_, message)| (message.own, message.told_by))
        };
        assert_eq!(told("patient-1"), None, "our own lines are known to us");
        assert_eq!(told("doctor-1"), Some((false, None)));
        assert_eq!(told("companion-1"), Some((false, Some("doctor-1".into()))));
        assert_eq!(told(&"x".repeat(1000)), None);
    }
}
