//! Chat messages: sending, receiving, and deduplication.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use autamedica_engine::{ChatMessage as Message, RoomError};

use super::event::{Event, task_failed};
use super::limits::{MAX_MESSAGES, MessageRates, displayable_text};
use super::task::Task;
use super::{ChatLog, ChatMessage};

/// Ids of the messages in the [`ChatLog`], in the same order.
#[derive(Default)]
pub(super) struct MessageIds {
    entries: Vec<Entry>,
    /// Number of messages so far.
    count: u64,
    /// Rate limiter, by participant.
    pub(super) rates: MessageRates,
}

struct Entry {
    /// The message's number in this call.
    number: u64,
    /// The author's id of the message; `None` for a file.
    id: Option<String>,
}

impl MessageIds {
    /// Appends a message. Returns its number.
    pub(super) fn push(&mut self, chat: &mut ChatLog, id: Option<String>, message: ChatMessage) -> u64 {
        self.count += 1;
        chat.push(ChatMessage { number: self.count, ..message });
        self.entries.push(Entry { number: self.count, id });
        self.count
    }

    /// Returns the id of each message that has one.
    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = Option<&str>> + ExactSizeIterator {
        self.entries.iter().map(|entry| entry.id.as_deref())
    }

    /// Returns the index of the message with this author and id.
    pub(super) fn position(&self, chat: &ChatLog, from: &str, id: &str) -> Option<usize> {
        chat.iter().zip(self.ids()).position(|(message, known)| message.from == from && known == Some(id))
    }

    /// Inserts a message by its time, unless it is there already.
    pub(super) fn merge(&mut self, chat: &mut ChatLog, id: String, message: ChatMessage) {
        if self.position(chat, &message.from, &id).is_some() {
            return;
        }
        let at = chat.iter().position(|other| other.at > message.at).unwrap_or(chat.len());
        self.count += 1;
        chat.insert(at, ChatMessage { number: self.count, ..message });
        self.entries.insert(at, Entry { number: self.count, id: Some(id) });
    }

    /// Removes the message at this index.
    pub(super) fn remove(&mut self, chat: &mut ChatLog, at: usize) -> Arc<ChatMessage> {
        self.entries.remove(at);
        chat.remove(at)
    }

    /// Removes a message when there are too many: the oldest of the participant who caused the most, so that a flood
    /// does not displace the messages of others.
    pub(super) fn trim(&mut self, chat: &mut ChatLog) -> Option<Arc<ChatMessage>> {
        if chat.len() <= MAX_MESSAGES {
            return None;
        }
        let source = |message: &ChatMessage| message.relayed_by.clone().unwrap_or_else(|| message.from.clone());
        let mut counts = std::collections::HashMap::<String, usize>::new();
        for message in chat.iter() {
            *counts.entry(source(message)).or_default() += 1;
        }
        let (most, _) = counts.into_iter().max_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)))?;
        let oldest = chat.iter().position(|message| source(message) == most)?;
        Some(self.remove(chat, oldest))
    }

    /// Returns the index of a message by its number.
    pub(super) fn find(&self, number: u64) -> Option<usize> {
        self.entries.iter().position(|entry| entry.number == number)
    }
}

impl Task {
    /// Appends a message. Returns its number.
    pub(super) fn add_message(&mut self, id: Option<String>, message: ChatMessage) -> u64 {
        let number = self.message_ids.push(&mut self.publisher.state.chat, id, message);
        self.trim_chat();
        number
    }

    /// Removes excess messages with their files.
    pub(super) fn trim_chat(&mut self) {
        while let Some(removed) = self.message_ids.trim(&mut self.publisher.state.chat) {
            if let Some(file) = &removed.file {
                self.files.discard(&file.id);
            }
        }
    }

    /// Returns a message by its number, to be changed.
    pub(super) fn message(&mut self, number: u64) -> Option<&mut ChatMessage> {
        let at = self.message_ids.find(number)?;
        self.state().chat.get_mut(at)
    }

    /// Returns whether the rate limit allows another message or file of this participant, and counts it as left out if
    /// not.
    pub(super) fn accepts_message(&mut self, from: &str) -> bool {
        let accepted = self.message_ids.rates.accepts(from, Instant::now());
        if !accepted {
            self.state().dropped_messages += 1;
        }
        accepted
    }

    pub(super) fn send_chat(&mut self, text: String) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let session = self.session.as_ref().filter(|session| session.admits());
        let participant = session.map(|session| session.room.local_participant());
        let message = self.own_message(text);
        // Unique among our messages, including those before a rejoin.
        let since_1970 = message.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("{:x}-{:x}", since_1970.as_nanos(), std::process::id());
        let number = self.add_message(Some(id.clone()), ChatMessage { failed: participant.is_none(), ..message });
        let to: Vec<String> = Vec::new();
        let Some(participant) = participant else { return };
        let text = text.to_owned();
        self.spawn_job(Event::ChatSent { number, result: Err(task_failed()) }, async move {
            let result = participant.send_chat_message_to(&text, Some(id), to).await.map(drop);
            Event::ChatSent { number, result }
        });
    }

    /// Sends a failed message of ours again, with a new time.
    pub(super) fn send_again(&mut self, number: u64) {
        let Some(at) = self.message_ids.find(number) else { return };
        let failed = |message: &ChatMessage| message.failed && message.own && message.file.is_none();
        if self.publisher.state.chat.get(at).is_some_and(|message| failed(message)) {
            let message = self.message_ids.remove(&mut self.publisher.state.chat, at);
            self.send_chat(message.text.clone());
        }
    }

    /// Creates a message of ours with the current time.
    pub(super) fn own_message(&mut self, text: &str) -> ChatMessage {
        let state = self.state();
        let message = ChatMessage::written(state.identity.clone(), true, text, SystemTime::now());
        ChatMessage { role: Some(state.role), ..message }
    }

    pub(super) fn on_chat_sent(&mut self, number: u64, result: Result<(), RoomError>) {
        if let Err(error) = result {
            tracing::warn!(%error, "chat message not sent");
            if let Some(message) = self.message(number) {
                message.failed = true;
            }
        }
    }

    pub(super) fn on_chat(&mut self, from: String, message: Message) {
        let known = self.message_ids.position(&self.publisher.state.chat, &from, &message.id);
        // A message from its author replaces a relayed copy.
        let is_relayed = known.is_some_and(|at| self.publisher.state.chat[at].relayed_by.is_some());
        if known.is_some() && !is_relayed || !self.accepts_message(&from) {
            return;
        }
        let text = displayable_text(&message.text);
        if text.trim().is_empty() {
            return;
        }
        if let Some(at) = known {
            self.message_ids.remove(&mut self.publisher.state.chat, at);
        }
        self.observe(crate::report::Measurements::chat_received);
        let role = self.remotes.role(&from);
        let received = ChatMessage::written(from, false, text, time_of(message.timestamp_ms));
        self.add_message(Some(message.id), ChatMessage { role, ..received });
    }
}

/// Converts a foreign timestamp, which may have any value.
pub(super) fn time_of(since_1970_ms: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(since_1970_ms).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: &str) -> ChatMessage {
        ChatMessage::written(from, false, "text", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_flood_washes_nobody_elses_lines_away() {
        let (mut chat, mut message_ids) = (ChatLog::default(), MessageIds::default());
        for _ in 0..10 {
            message_ids.push(&mut chat, None, message("doctor"));
        }
        for number in 0..5 * MAX_MESSAGES {
            message_ids.push(&mut chat, Some(number.to_string()), message("patient"));
            message_ids.trim(&mut chat);
            let relayed = ChatMessage { relayed_by: Some("patient".into()), ..message(&number.to_string()) };
            message_ids.merge(&mut chat, format!("relayed {number}"), relayed);
            message_ids.trim(&mut chat);
        }
        assert_eq!((chat.len(), message_ids.ids().len()), (MAX_MESSAGES, MAX_MESSAGES));
        assert_eq!(chat.iter().filter(|message| message.from == "doctor").count(), 10);
        assert_eq!(message_ids.find(chat[MAX_MESSAGES - 1].number), Some(MAX_MESSAGES - 1));
    }
}
