//! Chat of a call, cheap to copy and to compare.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::time::SystemTime;

use autamedica_api::Role;
use parking_lot::Mutex;

use super::SharedFile;
use super::links::links;

/// Chat message.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatMessage {
    /// Number in this call, in order of arrival.
    pub number: u64,
    /// Identity of the author.
    pub from: String,
    /// Role of the author at arrival, if known.
    pub role: Option<Role>,
    /// Identity of the participant who relayed the message; `None` if its author sent it to us.
    pub relayed_by: Option<String>,
    /// Written by us.
    pub own: bool,
    /// The text, as written.
    pub text: String,
    /// Byte ranges of the links in the text.
    pub links: Vec<Range<usize>>,
    /// Time of writing.
    pub at: SystemTime,
    /// Sending failed (own messages only).
    pub failed: bool,
    /// File or photo of this message; `text` is its name then.
    pub file: Option<SharedFile>,
}

impl ChatMessage {
    /// Creates a message and finds its links.
    pub fn written(from: impl Into<String>, own: bool, text: impl Into<String>, at: SystemTime) -> Self {
        let text = text.into();
        Self {
            number: 0,
            from: from.into(),
            role: None,
            relayed_by: None,
            own,
            links: links(&text),
            text,
            at,
            failed: false,
            file: None,
        }
    }
}

/// Chat messages of a call, oldest first. Copies are cheap. Comparing compares pointers: equal logs are copies of one
/// state.
#[derive(Clone, Debug, Default)]
pub struct ChatLog(Arc<Vec<Arc<ChatMessage>>>);

impl ChatLog {
    /// Appends a message.
    pub fn push(&mut self, message: ChatMessage) {
        Arc::make_mut(&mut self.0).push(Arc::new(message));
    }

    /// Inserts a message at this index.
    pub(super) fn insert(&mut self, at: usize, message: ChatMessage) {
        Arc::make_mut(&mut self.0).insert(at, Arc::new(message));
    }

    /// Removes the message at this index.
    pub(super) fn remove(&mut self, at: usize) -> Arc<ChatMessage> {
        Arc::make_mut(&mut self.0).remove(at)
    }

    /// Returns the message at this index, to be changed.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut ChatMessage> {
        Arc::make_mut(&mut self.0).get_mut(at).map(Arc::make_mut)
    }

    /// Returns the number of the newest message.
    pub fn newest(&self) -> u64 {
        self.iter().map(|message| message.number).max().unwrap_or(0)
    }
}

impl Deref for ChatLog {
    type Target = [Arc<ChatMessage>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl PartialEq for ChatLog {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl From<Vec<ChatMessage>> for ChatLog {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self(Arc::new(messages.into_iter().map(Arc::new).collect()))
    }
}

/// Encoded image, read when it is shown. Copies share one image.
#[derive(Clone)]
pub struct Photo(Arc<Encoded>);

enum Encoded {
    Bytes(Vec<u8>),
    File(Arc<Mutex<File>>),
}

impl Photo {
    /// Creates a photo from a file.
    pub(super) fn in_file(file: Arc<Mutex<File>>) -> Self {
        Self(Arc::new(Encoded::File(file)))
    }

    /// Reads at most `limit` bytes.
    ///
    /// # Errors
    /// When reading the file fails.
    pub fn read(&self, limit: u64) -> std::io::Result<Vec<u8>> {
        match &*self.0 {
            Encoded::Bytes(bytes) => Ok(bytes.clone()),
            Encoded::File(file) => {
                let mut file = file.lock();
                file.rewind()?;
                let mut bytes = Vec::new();
                file.by_ref().take(limit).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

impl From<Vec<u8>> for Photo {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Encoded::Bytes(bytes)))
    }
}

impl PartialEq for Photo {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Photo(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_compared_without_looking_at_the_lines() {
        let message = || ChatMessage::written("ana", false, "hola", SystemTime::UNIX_EPOCH);
        let mut log = ChatLog::from(vec![message()]);
        let copy = log.clone();
        assert_eq!(log, copy);
        assert_ne!(log, ChatLog::from(vec![message()]), "equal messages of another log");
        log.push(message());
        assert_ne!(log, copy);
        assert!(Arc::ptr_eq(&log[0], &copy[0]), "a message that didn't change isn't copied");
    }
}
