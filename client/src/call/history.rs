//! Chat lines for those who join late: a doctor's client tells them what was said before. Nothing is kept elsewhere.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use autamedica_api::Role;
use autamedica_engine::{DataStreamError, EncryptionType, RemoteParticipant, StreamTextOptions, TextStreamReader};
use serde::{Deserialize, Serialize};

use super::ChatMessage;
use super::chat::{Lines, time_of};
use super::event::Event;
use super::task::Task;

/// The topic of the text stream that carries it.
const TOPIC: &str = "chat-history";
/// So many lines, the newest.
const MOST_LINES: usize = 500;
/// So many bytes of JSON.
const MOST_BYTES: usize = 512 * 1024;

/// Who has been told, by the sid of their stay.
#[derive(Default)]
pub(super) struct Told(HashSet<String>);

/// What is sent.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct History {
    lines: Vec<Line>,
}

/// One line, as its writer sent it.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Line {
    /// Of the message: unique among its writer's.
    id: String,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    text: String,
    /// Milliseconds since 1970.
    at: i64,
}

impl History {
    /// The newest lines that everybody here has got; files are not among them.
    fn of(chat: &[ChatMessage], lines: &Lines) -> Self {
        let line = |(message, id): (&ChatMessage, Option<&str>)| {
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
        // Escapes may double a text, and each line has its frame of names.
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

impl Task {
    /// Somebody may have come in: if we are a doctor, they are told what was said, once in each stay.
    pub(super) fn tell_history(&mut self, to: &RemoteParticipant) {
        let may_read = to.permission().is_none_or(|may| may.can_subscribe);
        if self.state().role != Role::Doctor || !may_read || self.told.0.contains(&to.sid()) {
            return;
        }
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        self.told.0.insert(to.sid());
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
                tracing::warn!(%error, "who came late wasn't told the chat");
            }
        });
    }

    /// A text comes that isn't chat.
    pub(super) fn on_text(&mut self, from: &str, reader: TextStreamReader) {
        let info = reader.info();
        let is_sealed = info.encryption_type != EncryptionType::None || self.state().comparison_code.is_none();
        if info.topic != TOPIC || !is_sealed || self.remotes.role(from) != Some(Role::Doctor) {
            return tracing::debug!(topic = info.topic, "a text isn't taken");
        }
        self.beside(async move {
            let read = async {
                let text = reader.read_all(MOST_BYTES).await?;
                serde_json::from_str(&text).map_err(|error| DataStreamError::Aborted(error.to_string()))
            };
            Event::History(read.await)
        });
    }

    pub(super) fn on_history(&mut self, history: Result<History, DataStreamError>) {
        let history = match history {
            Ok(history) => history,
            Err(error) => return tracing::warn!(%error, "what was said before can't be read"),
        };
        for line in history.lines.into_iter().take(MOST_LINES) {
            let own = line.from == self.state().identity;
            let message = ChatMessage {
                role: line.role,
                own,
                text: line.text,
                at: time_of(line.at),
                failed: false,
                file: None,
                from: line.from,
            };
            let chat = Arc::make_mut(&mut self.publisher.state.chat);
            self.lines.merge(chat, line.id, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: &str, text: &str, at: i64) -> ChatMessage {
        ChatMessage {
            from: from.into(),
            role: Some(Role::Patient),
            own: false,
            text: text.into(),
            at: time_of(at),
            failed: false,
            file: None,
        }
    }

    #[test]
    fn lines_come_once_and_in_the_order_in_which_they_were_written() {
        let (mut chat, mut lines) = (Vec::new(), Lines::default());
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
        let (mut chat, mut lines) = (vec![message("ana", "unsent", 1)], Lines::default());
        lines.push(None);
        chat.push(ChatMessage { failed: true, ..message("ana", "failed", 2) });
        lines.push(Some("2".into()));
        assert!(History::of(&chat, &lines).lines.is_empty());
        for at in 0..40_i64 {
            chat.push(message("ana", &"ñ\"".repeat(10_000), at));
            lines.push(Some(at.to_string()));
        }
        let history = History::of(&chat, &lines);
        assert!(!history.lines.is_empty() && history.lines.last().unwrap().at == 39);
        assert!(serde_json::to_string(&history).unwrap().len() <= MOST_BYTES);
    }
}
