//! Chat messages: sending, receiving, and deduplication.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use autamedica_engine::{ChatMessage as Message, RoomError};

use super::event::{Event, broke_off};
use super::limits::{LINES, LineRates, displayable_text};
use super::task::Task;
use super::{ChatLog, ChatMessage};

/// Ids of the messages in the [`ChatLog`], in the same order.
#[derive(Default)]
pub(super) struct Lines {
    known: Vec<Known>,
    /// Number of messages so far.
    count: u64,
    /// Rate limiter, by participant.
    pub(super) rates: LineRates,
}

struct Known {
    /// The message's number in this call.
    line: u64,
    /// The author's id of the message; `None` for a file.
    id: Option<String>,
}

impl Lines {
    /// Appends a message. Returns its number.
    pub(super) fn push(&mut self, chat: &mut ChatLog, id: Option<String>, message: ChatMessage) -> u64 {
        self.count += 1;
        chat.push(ChatMessage { number: self.count, ..message });
        self.known.push(Known { line: self.count, id });
        self.count
    }

    /// Returns the id of each message that has one.
    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = Option<&str>> + ExactSizeIterator {
        self.known.iter().map(|known| known.id.as_deref())
    }

    /// Returns the index of the message with this author and id.
    pub(super) fn position(&self, chat: &ChatLog, from: &str, id: &str) -> Option<usize> {
        chat.iter().zip(self.ids()).position(|(line, known)| line.from == from && known == Some(id))
    }

    /// Inserts a message by its time, unless it is there already.
    pub(super) fn merge(&mut self, chat: &mut ChatLog, id: String, message: ChatMessage) {
        if self.position(chat, &message.from, &id).is_some() {
            return;
        }
        let at = chat.iter().position(|line| line.at > message.at).unwrap_or(chat.len());
        self.count += 1;
        chat.insert(at, ChatMessage { number: self.count, ..message });
        self.known.insert(at, Known { line: self.count, id: Some(id) });
    }

    /// Removes the message at this index.
    pub(super) fn remove(&mut self, chat: &mut ChatLog, at: usize) -> Arc<ChatMessage> {
        self.known.remove(at);
        chat.remove(at)
    }

    /// Removes a message when there are too many: the oldest of the participant who caused the most, so that a flood
    /// does not displace the messages of others.
    pub(super) fn trim(&mut self, chat: &mut ChatLog) -> Option<Arc<ChatMessage>> {
        if chat.len() <= LINES {
            return None;
        }
        let source = |line: &ChatMessage| line.told_by.clone().unwrap_or_else(|| line.from.clone());
        let mut counts = std::collections::HashMap::<String, usize>::new();
        for line in chat.iter() {
            *counts.entry(source(line)).or_default() += 1;
        }
        let (most, _) = counts.into_iter().max_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)))?;
        let oldest = chat.iter().position(|line| source(line) == most)?;
        Some(self.remove(chat, oldest))
    }

    /// Returns the index of a message by its number.
    pub(super) fn find(&self, line: u64) -> Option<usize> {
        self.known.iter().position(|known| known.line == line)
    }
}

impl Task {
    /// Appends a message. Returns its number.
    pub(super) fn add_line(&mut self, id: Option<String>, line: ChatMessage) -> u64 {
        let number = self.lines.push(&mut self.publisher.state.chat, id, line);
        self.trim_chat();
        number
    }

    /// Removes excess messages with their files.
    pub(super) fn trim_chat(&mut self) {
        while let Some(removed) = self.lines.trim(&mut self.publisher.state.chat) {
            if let Some(file) = &removed.file {
                self.files.forget(&file.id);
            }
        }
    }

    /// Returns a message by its number, to be changed.
    pub(super) fn line(&mut self, line: u64) -> Option<&mut ChatMessage> {
        let at = self.lines.find(line)?;
        self.state().chat.get_mut(at)
    }

    /// Returns whether the rate limit allows another message or file of this participant, and counts it as left out if
    /// not.
    pub(super) fn takes_line(&mut self, from: &str) -> bool {
        let taken = self.lines.rates.takes(from, Instant::now());
        if !taken {
            self.state().chat_left_out += 1;
        }
        taken
    }

    pub(super) fn send_chat(&mut self, text: String) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let session = self.session.as_ref().filter(|session| session.admits());
        let participant = session.map(|session| session.room.local_participant());
        let line = self.own_line(text);
        // Unique among our messages, including those before a rejoin.
        let since_1970 = line.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("{:x}-{:x}", since_1970.as_nanos(), std::process::id());
        let line = self.add_line(Some(id.clone()), ChatMessage { failed: participant.is_none(), ..line });
        let to = self.remotes.admitted();
        // The doctor's client sends the history to participants admitted later. An empty list would send to everybody.
        let Some(participant) = participant.filter(|_| !to.is_empty()) else { return };
        let text = text.to_owned();
        self.beside(Event::ChatSent { line, result: Err(broke_off()) }, async move {
            let result = participant.send_chat_message_to(&text, Some(id), to).await.map(drop);
            Event::ChatSent { line, result }
        });
    }

    /// Sends a failed message of ours again, with a new time.
    pub(super) fn send_again(&mut self, line: u64) {
        let Some(at) = self.lines.find(line) else { return };
        let failed = |line: &ChatMessage| line.failed && line.own && line.file.is_none();
        if self.publisher.state.chat.get(at).is_some_and(|line| failed(line)) {
            let line = self.lines.remove(&mut self.publisher.state.chat, at);
            self.send_chat(line.text.clone());
        }
    }

    /// Creates a message of ours with the current time.
    pub(super) fn own_line(&mut self, text: &str) -> ChatMessage {
        let state = self.state();
        let line = ChatMessage::written(state.identity.clone(), true, text, SystemTime::now());
        ChatMessage { role: Some(state.role), ..line }
    }

    pub(super) fn on_chat_sent(&mut self, line: u64, result: Result<(), RoomError>) {
        if let Err(error) = result {
            tracing::warn!(%error, "chat message not sent");
            if let Some(line) = self.line(line) {
                line.failed = true;
            }
        }
    }

    pub(super) fn on_chat(&mut self, from: String, message: Message) {
        let known = self.lines.position(&self.publisher.state.chat, &from, &message.id);
        // A message from its author replaces a relayed copy.
        let is_told = known.is_some_and(|at| self.publisher.state.chat[at].told_by.is_some());
        if known.is_some() && !is_told || !self.takes_line(&from) {
            return;
        }
        let text = displayable_text(&message.text);
        if text.trim().is_empty() {
            return;
        }
        if let Some(at) = known {
            self.lines.remove(&mut self.publisher.state.chat, at);
        }
        self.observe(crate::report::Measurements::chat_received);
        let role = self.remotes.role(&from);
        let line = ChatMessage::written(from, false, text, time_of(message.timestamp_ms));
        self.add_line(Some(message.id), ChatMessage { role, ..line });
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

    fn line(from: &str) -> ChatMessage {
        ChatMessage::written(from, false, "text", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_flood_washes_nobody_elses_lines_away() {
        let (mut chat, mut lines) = (ChatLog::default(), Lines::default());
        for _ in 0..10 {
            lines.push(&mut chat, None, line("doctor"));
        }
        for number in 0..5 * LINES {
            lines.push(&mut chat, Some(number.to_string()), line("patient"));
            lines.trim(&mut chat);
            let told = ChatMessage { told_by: Some("patient".into()), ..line(&number.to_string()) };
            lines.merge(&mut chat, format!("told {number}"), told);
            lines.trim(&mut chat);
        }
        assert_eq!((chat.len(), lines.ids().len()), (LINES, LINES));
        assert_eq!(chat.iter().filter(|line| line.from == "doctor").count(), 10);
        assert_eq!(lines.find(chat[LINES - 1].number), Some(LINES - 1));
    }
}
