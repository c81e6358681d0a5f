//! Chat history for late joiners. A doctor's client sends it; it is stored nowhere else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use autamedica_api::Role;
use autamedica_engine::{DataStreamError, EncryptionType, RemoteParticipant, StreamTextOptions, TextStreamReader};
use serde::{Deserialize, Serialize};

use super::chat::{MessageIds, time_of};
use super::event::Event;
use super::limits::{MAX_HISTORIES, MAX_ID_BYTES, displayable_text};
use super::task::Task;
use super::{ChatLog, ChatMessage};

/// Topic of text streams with a history.
const TOPIC: &str = "chat-history";
/// Topic of text streams that request a history.
const REQUEST_TOPIC: &str = "chat-history-request";
/// Maximum number of messages; the newest are sent.
const MAX_MESSAGES: usize = 500;
/// Maximum size in bytes of JSON.
const MAX_BYTES: usize = 512 * 1024;

/// Pauses between requests for the history, because messages may not reach a participant just admitted.
const RETRY_PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// State of sending and receiving histories.
#[derive(Default)]
pub(super) struct HistorySync {
    /// Participants who got the history, by sid.
    recipients: HashSet<String>,
    /// Number of answered requests, by participant sid.
    answers: HashMap<String, usize>,
    /// Number of histories received in this room.
    received: usize,
    /// A history has been received.
    is_received: bool,
}

/// Chat history, as sent.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct History {
    lines: Vec<RelayedMessage>,
}

/// Message in a history.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct RelayedMessage {
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
    fn of(chat: &ChatLog, message_ids: &MessageIds) -> Self {
        let line = |(message, id): (&Arc<ChatMessage>, Option<&str>)| {
            let said = !message.failed && message.file.is_none();
            let at = message.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            Some(RelayedMessage {
                id: id.filter(|_| said)?.to_owned(),
                from: message.from.clone(),
                role: message.role,
                text: message.text.clone(),
                at: i64::try_from(at).unwrap_or(i64::MAX),
            })
        };
        let mut bytes = 0;
        let newest = chat.iter().zip(message_ids.ids()).rev().filter_map(line).take(MAX_MESSAGES);
        // Escaping may double the size of a text; field names add to each message.
        let mut lines: Vec<RelayedMessage> = newest
            .take_while(|line| {
                bytes += 2 * line.text.len() + 300;
                bytes <= MAX_BYTES
            })
            .collect();
        lines.reverse();
        Self { lines }
    }
}

impl HistorySync {
    /// Resets received histories: the doctor of the new room may have newer messages.
    pub(super) fn room_entered(&mut self) {
        (self.received, self.is_received) = (0, false);
    }
}

impl Task {
    /// Sends the history to a participant who may read it, once per stay, if we are a doctor.
    pub(super) fn offer_history(&mut self, to: &RemoteParticipant) {
        let may_read = to.permission().is_none_or(|may| may.can_subscribe);
        if may_read && self.state().role == Role::Doctor && self.history_sync.recipients.insert(to.sid()) {
            self.send_history(to);
        }
    }

    /// Answers a request for the history, a few times per stay.
    fn answer_history(&mut self, to: &RemoteParticipant) {
        let answers = self.history_sync.answers.entry(to.sid()).or_default();
        *answers += 1;
        if *answers <= RETRY_PAUSES.len() && self.state().role == Role::Doctor {
            self.send_history(to);
        }
    }

    fn send_history(&mut self, to: &RemoteParticipant) {
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        let history = History::of(&self.state().chat.clone(), &self.message_ids);
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
    pub(super) fn request_history(&mut self, attempt: usize) {
        let Some(pause) = RETRY_PAUSES.get(attempt).copied().filter(|_| !self.history_sync.is_received) else { return };
        let Some(session) = &self.session else { return };
        let (participant, doctors) = (session.room.local_participant(), self.remotes.of_role(Role::Doctor));
        tracing::debug!(attempt, doctors = doctors.len(), "requesting chat history");
        let room = self.room_count;
        self.spawn_job(Event::HistoryTimeout { room, attempt }, async move {
            let options = StreamTextOptions {
                topic: REQUEST_TOPIC.into(),
                destination_identities: doctors,
                ..StreamTextOptions::default()
            };
            if !options.destination_identities.is_empty()
                && let Err(error) = participant.send_text("?", options).await
            {
                tracing::warn!(%error, "chat history not requested");
            }
            tokio::time::sleep(pause).await;
            Event::HistoryTimeout { room, attempt }
        });
    }

    pub(super) fn on_history_timeout(&mut self, room: u64, attempt: usize) {
        if room == self.room_count {
            self.request_history(attempt + 1);
        }
    }

    /// Handles a text stream that is not a chat message.
    pub(super) fn on_text(&mut self, from: &str, reader: TextStreamReader) {
        let info = reader.info();
        let is_sealed = info.encryption_type != EncryptionType::None || !self.is_encrypted();
        if info.topic == REQUEST_TOPIC && is_sealed {
            if let Some(participant) = self.remotes.participant(from) {
                // Not limited to one history: the participant could not decrypt an earlier one. Admission is not
                // checked, because the SFU lets only admitted participants send and may announce it later.
                self.answer_history(&participant);
            }
            return;
        }
        let is_expected = self.history_sync.received < MAX_HISTORIES && self.remotes.role(from) == Some(Role::Doctor);
        if info.topic != TOPIC || !is_sealed || !is_expected {
            return tracing::debug!(topic = info.topic, "text stream ignored");
        }
        self.history_sync.received += 1;
        let sender = from.to_owned();
        let if_panics = Event::History { sender: sender.clone(), result: Err(DataStreamError::Disconnected) };
        self.spawn_job(if_panics, async move {
            let read = async {
                let text = reader.read_all(MAX_BYTES).await?;
                serde_json::from_str(&text).map_err(|error| DataStreamError::Aborted(error.to_string()))
            };
            Event::History { sender, result: read.await }
        });
    }

    pub(super) fn on_history(&mut self, sender: &str, result: Result<History, DataStreamError>) {
        let history = match result {
            Ok(history) => history,
            Err(error) => return tracing::warn!(%error, "chat history not read"),
        };
        self.history_sync.is_received = true;
        let me = self.state().identity.clone();
        for line in history.lines.into_iter().take(MAX_MESSAGES) {
            let Some((id, message)) = line.into_message(sender, &me) else { continue };
            self.message_ids.merge(&mut self.publisher.state.chat, id, message);
        }
        self.trim_chat();
    }
}

impl RelayedMessage {
    /// Converts a message relayed by `sender`, with its id. Ignores messages attributed to us: our own are in the chat
    /// already.
    fn into_message(self, sender: &str, me: &str) -> Option<(String, ChatMessage)> {
        let text = displayable_text(&self.text);
        let too_long = self.id.len() > MAX_ID_BYTES || self.from.len() > MAX_ID_BYTES;
        if too_long || text.trim().is_empty() {
            return None;
        }
        let relayed_by = (self.from != sender).then(|| sender.to_owned());
        let message = ChatMessage::written(self.from, false, text, time_of(self.at));
        Some((self.id, ChatMessage { role: self.role, relayed_by, ..message }))
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
        let (mut chat, mut message_ids) = (ChatLog::default(), MessageIds::default());
        let mut add = |from: &str, id: &str, text: &str, at| {
            message_ids.merge(&mut chat, id.into(), message(from, text, at));
        };
        add("ana", "1", "second", 2000);
        add("eva", "1", "first", 1000);
        add("ana", "1", "second", 2000);
        add("luis", "9", "third", 3000);
        let texts: Vec<_> = chat.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["first", "second", "third"]);
        let history = History::of(&chat, &message_ids);
        let ids: Vec<_> = history.lines.iter().map(|line| (line.from.as_str(), line.id.as_str())).collect();
        assert_eq!(ids, [("eva", "1"), ("ana", "1"), ("luis", "9")]);
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    }

    #[test]
    fn only_what_was_sent_is_told_and_not_too_much_of_it() {
        let (mut chat, mut message_ids) = (ChatLog::default(), MessageIds::default());
        message_ids.push(&mut chat, None, message("ana", "a file", 1));
        message_ids.push(&mut chat, Some("2".into()), ChatMessage { failed: true, ..message("ana", "failed", 2) });
        assert!(History::of(&chat, &message_ids).lines.is_empty());
        for at in 0..40_i64 {
            message_ids.push(&mut chat, Some(at.to_string()), message("ana", &"ñ\"".repeat(10_000), at));
        }
        let history = History::of(&chat, &message_ids);
        assert!(!history.lines.is_empty() && history.lines.last().unwrap().at == 39);
        assert!(serde_json::to_string(&history).unwrap().len() <= MAX_BYTES);
    }

    #[test]
    fn a_teller_speaks_for_itself_alone() {
        let relayed = |from: &str| {
            let line =
                RelayedMessage { id: "1".into(), from: from.into(), role: None, text: "never said".into(), at: 1 };
            line.into_message("doctor-1", "patient-1").map(|(_, message)| (message.own, message.relayed_by))
        };
        assert_eq!(relayed("patient-1"), None, "our own lines are known to us");
        assert_eq!(relayed("doctor-1"), Some((false, None)));
        assert_eq!(relayed("companion-1"), Some((false, Some("doctor-1".into()))));
        assert_eq!(relayed(&"x".repeat(1000)), None);
    }
}
