//! Chat lines: sent, received, and known again when they come a second time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use autamedica_engine::{ChatMessage as Message, RoomError};

use super::ChatMessage;
use super::event::Event;
use super::task::Task;

/// What is known of each line beside what the UI is told, in the same order.
#[derive(Default)]
pub(super) struct Lines {
    known: Vec<Known>,
    /// Counts our lines.
    count: u64,
}

struct Known {
    /// Ours alone: unique in this call.
    line: u64,
    /// The sender's; `None` until the line is sent.
    id: Option<String>,
}

impl Lines {
    /// One more at the end; its number.
    pub(super) fn push(&mut self, id: Option<String>) -> u64 {
        self.count += 1;
        self.known.push(Known { line: self.count, id });
        self.count
    }

    /// The id of each line's message, if it has one yet.
    pub(super) fn ids(&self) -> impl DoubleEndedIterator<Item = Option<&str>> + ExactSizeIterator {
        self.known.iter().map(|known| known.id.as_deref())
    }

    /// Whether the line is there already.
    fn has(&self, chat: &[ChatMessage], from: &str, id: &str) -> bool {
        chat.iter().zip(self.ids()).any(|(line, known)| line.from == from && known == Some(id))
    }

    /// Puts a line where it belongs by its time, unless it is there already.
    pub(super) fn merge(&mut self, chat: &mut Vec<ChatMessage>, id: String, message: ChatMessage) {
        if self.has(chat, &message.from, &id) {
            return;
        }
        let at = chat.iter().position(|line| line.at > message.at).unwrap_or(chat.len());
        self.count += 1;
        chat.insert(at, message);
        self.known.insert(at, Known { line: self.count, id: Some(id) });
    }

    /// Where a line is.
    pub(super) fn find(&self, line: u64) -> Option<usize> {
        self.known.iter().position(|known| known.line == line)
    }
}

impl Task {
    /// Puts a line at the end.
    pub(super) fn add_line(&mut self, id: Option<String>, line: ChatMessage) -> u64 {
        Arc::make_mut(&mut self.state().chat).push(line);
        self.lines.push(id)
    }

    /// A line to be changed.
    pub(super) fn line(&mut self, line: u64) -> Option<&mut ChatMessage> {
        let at = self.lines.find(line)?;
        Arc::make_mut(&mut self.state().chat).get_mut(at)
    }

    pub(super) fn send_chat(&mut self, text: String) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let session = self.session.as_ref().filter(|session| session.admits());
        let participant = session.map(|session| session.room.local_participant());
        let line = self.own_line(text);
        let line = self.add_line(None, ChatMessage { failed: participant.is_none(), ..line });
        let (Some(participant), text) = (participant, text.to_owned()) else { return };
        self.beside(async move {
            let result = participant.send_chat_message(&text).await.map(|sent| sent.id);
            Event::ChatSent { line, result }
        });
    }

    /// A line that we write now.
    pub(super) fn own_line(&mut self, text: &str) -> ChatMessage {
        let state = self.state();
        ChatMessage {
            from: state.identity.clone(),
            role: Some(state.role),
            own: true,
            text: text.to_owned(),
            at: SystemTime::now(),
            failed: false,
            file: None,
        }
    }

    pub(super) fn on_chat_sent(&mut self, line: u64, result: Result<String, RoomError>) {
        match result {
            Ok(id) => {
                if let Some(at) = self.lines.find(line) {
                    self.lines.known[at].id = Some(id);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a chat line wasn't sent");
                if let Some(line) = self.line(line) {
                    line.failed = true;
                }
            }
        }
    }

    pub(super) fn on_chat(&mut self, from: String, message: Message) {
        if self.lines.has(&self.publisher.state.chat, &from, &message.id) {
            return;
        }
        self.measurements.chat_received();
        let line = ChatMessage {
            role: self.remotes.role(&from),
            from,
            own: false,
            text: message.text,
            at: time_of(message.timestamp_ms),
            failed: false,
            file: None,
        };
        self.add_line(Some(message.id), line);
    }
}

/// A moment by somebody else's clock, which may say anything.
pub(super) fn time_of(since_1970_ms: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(since_1970_ms).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}
