//! Descriptions as a whole.

use std::collections::HashSet;
use std::fmt;

use super::line;
use super::section::{Kind, MAX_BYTES, MAX_SECTIONS, SdpError, Section};
use crate::text::is_id;

/// A description: the session's lines and those of each media section, without line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(super) session: Vec<String>,
    pub(super) media: Vec<Section>,
}

impl Description {
    /// Validates a description from the peer.
    pub(crate) fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_BYTES {
            return Err(SdpError::TooLong);
        }
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
        if lines.next() != Some("v=0") {
            return Err(SdpError::Malformed("version"));
        }
        let mut session = vec!["v=0".to_owned(), line::origin(lines.next())?];
        session.extend(["s=-".to_owned(), "t=0 0".to_owned()]);
        let is_media = |line: &&str| line.starts_with("m=");
        while let Some(line) = lines.next_if(|line| !is_media(line)) {
            session.extend(line::session(line)?);
        }
        let mut media = Vec::new();
        while let Some(first) = lines.next() {
            if media.len() == MAX_SECTIONS {
                return Err(SdpError::TooManySections);
            }
            let mut section = line::MediaLines::new(first)?;
            while let Some(line) = lines.next_if(|line| !is_media(line)) {
                section.add(line)?;
            }
            media.push(section.finish()?);
        }
        let description = Self { session, media };
        description.check_mids()?;
        Ok(description)
    }

    /// Splits a description of the engine, which is trusted.
    pub(crate) fn of_engine(text: &str) -> Self {
        let (mut session, mut media) = (Vec::new(), Vec::<Section>::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(kind) = Kind::of(line) {
                media.push(Section { kind, mid: String::new(), lines: Vec::new() });
            }
            match media.last_mut() {
                Some(section) => {
                    if let Some(mid) = line.strip_prefix("a=mid:") {
                        section.mid = mid.to_owned();
                    }
                    section.lines.push(line.to_owned());
                }
                None => session.push(line.to_owned()),
            }
        }
        Self { session, media }
    }

    /// Checks that the mids are unique, and that every bundled mid exists.
    fn check_mids(&self) -> Result<(), SdpError> {
        let mut mids = HashSet::new();
        if !self.media.iter().all(|section| mids.insert(section.mid.as_str())) {
            return Err(SdpError::Duplicate("mid"));
        }
        let groups = self.session.iter().filter_map(|line| line.strip_prefix("a=group:BUNDLE"));
        let mut bundled = groups.flat_map(str::split_whitespace);
        if !bundled.all(|mid| is_id(mid, 16) && mids.contains(mid)) {
            return Err(SdpError::Malformed("group"));
        }
        Ok(())
    }

    /// Number of media sections.
    pub(crate) fn num_sections(&self) -> usize {
        self.media.len()
    }

    /// User fragments of the description.
    pub(crate) fn ufrags(&self) -> Vec<String> {
        self.values("a=ice-ufrag:").map(str::to_owned).collect()
    }

    /// Certificate fingerprint, which identifies a PeerConnection.
    pub(crate) fn fingerprint(&self) -> Option<&str> {
        self.values("a=fingerprint:").next()
    }

    fn values<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.session.iter().chain(self.media.iter().flat_map(|section| &section.lines));
        lines.filter_map(move |line| line.strip_prefix(prefix))
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.session.iter().chain(self.media.iter().flat_map(|section| &section.lines));
        for line in lines {
            write!(f, "{line}\r\n")?;
        }
        Ok(())
    }
}
