//! Media sections of a description.

use thiserror::Error;

/// Longest description in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Maximum number of media sections.
pub(super) const MAX_SECTIONS: usize = 16;

/// Reason why a description was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum SdpError {
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("more than {MAX_SECTIONS} media sections")]
    TooManySections,
    #[error("malformed {0}")]
    Malformed(&'static str),
    #[error("duplicate {0}")]
    Duplicate(&'static str),
}

/// Kind of a media section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
    Application,
}

impl Kind {
    /// Kind of a section that begins with this line.
    pub(crate) fn of(line: &str) -> Option<Self> {
        match line.strip_prefix("m=")?.split(' ').next()? {
            "audio" => Some(Self::Audio),
            "video" => Some(Self::Video),
            "application" => Some(Self::Application),
            _ => None,
        }
    }
}

/// A media section. The first line is its `m=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(super) kind: Kind,
    pub(super) mid: String,
    pub(super) lines: Vec<String>,
}

impl Section {
    pub(super) fn value(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix))
    }

    /// Returns `true` if the section is in use and sends media.
    pub(super) fn sends(&self) -> bool {
        let is_rejected = self.lines.first().is_some_and(|m| m.split(' ').nth(1) == Some("0"));
        let sends = |line: &String| line == "a=sendrecv" || line == "a=sendonly";
        !is_rejected && self.kind != Kind::Application && self.lines.iter().any(sends)
    }

    /// Id of the track that is sent.
    pub(super) fn track(&self) -> Option<&str> {
        self.value("a=msid:")?.split(' ').nth(1)
    }
}
