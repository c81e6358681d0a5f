//! Lines of the peer's descriptions.

use std::collections::HashSet;

use super::attribute::{self, Verdict};
use super::section::{Kind, SdpError, Section};
use crate::text::is_id;

/// Longest line in bytes.
const MAX_LINE: usize = 2048;
/// Maximum number of lines of one section.
const MAX_LINES: usize = 400;
const DIRECTIONS: [&str; 4] = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];

/// Rewrites the `o=` line from its two numbers.
pub(super) fn origin(line: Option<&str>) -> Result<String, SdpError> {
    let malformed = SdpError::Malformed("origin");
    let mut words = line.and_then(|line| line.strip_prefix("o=")).ok_or(malformed)?.split(' ').skip(1);
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).filter(|n| *n <= i64::MAX as u64);
    let (id, version) = (number().ok_or(malformed)?, number().ok_or(malformed)?);
    Ok(format!("o=- {id} {version} IN IP4 127.0.0.1"))
}

fn check_text(line: &str) -> Result<(), SdpError> {
    let is_printable = line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if line.len() > MAX_LINE || !is_printable { Err(SdpError::Malformed("line")) } else { Ok(()) }
}

/// Checks a line of the session part. Returns `None` for one to drop.
pub(super) fn session(line: &str) -> Result<Option<String>, SdpError> {
    // Names of sessions may be in any script, and the engine needs none.
    let Some(attribute) = line.strip_prefix("a=") else { return Ok(None) };
    check_text(line)?;
    match attribute::check_session(attribute) {
        Verdict::Keep => Ok(Some(line.to_owned())),
        Verdict::Drop => Ok(None),
        Verdict::Malformed(name) => Err(SdpError::Malformed(name)),
    }
}

/// Lines of a media section, checked one by one.
pub(super) struct MediaLines {
    kind: Kind,
    mid: Option<String>,
    payload_types: HashSet<u8>,
    mapped: HashSet<u8>,
    direction: Option<String>,
    once: HashSet<String>,
    lines: Vec<String>,
    seen: usize,
}

impl MediaLines {
    pub(super) fn new(line: &str) -> Result<Self, SdpError> {
        let malformed = SdpError::Malformed("media section");
        check_text(line)?;
        let kind = Kind::of(line).ok_or(malformed)?;
        let mut words = line.split(' ').skip(1);
        let port: u16 = words.next().and_then(|word| word.parse().ok()).ok_or(malformed)?;
        let protocol = words.next().ok_or(malformed)?;
        let formats: Vec<&str> = words.collect();
        let mut payload_types = HashSet::new();
        let is_valid = match kind {
            Kind::Application => {
                matches!(protocol, "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP") && formats == ["webrtc-datachannel"]
            }
            Kind::Audio | Kind::Video => {
                let is_new = |format: &&str| {
                    let number = format.parse::<u8>().ok().filter(|number| *number < 128);
                    number.is_some_and(|number| payload_types.insert(number))
                };
                let is_rtp = matches!(protocol, "UDP/TLS/RTP/SAVPF" | "TCP/TLS/RTP/SAVPF");
                is_rtp && !formats.is_empty() && formats.iter().all(is_new)
            }
        };
        if !is_valid {
            return Err(malformed);
        }
        // Addresses come as candidates; the section needs none.
        let port = if port == 0 { 0 } else { 9 };
        let word = line.split(' ').next().unwrap_or_default();
        let lines = vec![format!("{word} {port} {protocol} {}", formats.join(" ")), "c=IN IP4 0.0.0.0".to_owned()];
        let (mid, direction, seen) = (None, None, 0);
        Ok(Self { kind, mid, payload_types, mapped: HashSet::new(), direction, once: HashSet::new(), lines, seen })
    }

    /// Checks a line and keeps it, unless it is one that the engine doesn't need.
    pub(super) fn add(&mut self, line: &str) -> Result<(), SdpError> {
        check_text(line)?;
        self.seen += 1;
        if self.seen > MAX_LINES {
            return Err(SdpError::Malformed("media section"));
        }
        if let Some(bandwidth) = line.strip_prefix("b=") {
            return self.add_bandwidth(line, bandwidth);
        }
        let Some(attribute) = line.strip_prefix("a=") else { return Ok(()) };
        if DIRECTIONS.contains(&line) {
            return self.set(|this| &mut this.direction, line, "direction");
        }
        if let Some(mid) = attribute.strip_prefix("mid:") {
            if !is_id(mid, 16) {
                return Err(SdpError::Malformed("mid"));
            }
            return self.set(|this| &mut this.mid, mid, "mid");
        }
        match attribute::check_media(attribute) {
            Verdict::Keep => self.keep(line, attribute),
            Verdict::Drop => Ok(()),
            Verdict::Malformed(name) => Err(SdpError::Malformed(name)),
        }
    }

    fn keep(&mut self, line: &str, attribute: &str) -> Result<(), SdpError> {
        let name = attribute.split(':').next().unwrap_or_default();
        if let "rtpmap" | "fmtp" | "rtcp-fb" = name {
            let number = attribute.split([':', ' ']).nth(1).unwrap_or_default();
            let number = number.parse::<u8>().ok();
            let is_known = number.is_none_or(|number| self.payload_types.contains(&number));
            // Two maps of one payload type contradict each other.
            let is_new = name != "rtpmap" || number.is_some_and(|number| self.mapped.insert(number));
            if !is_known || !is_new {
                return Ok(());
            }
        } else if !matches!(name, "extmap" | "ssrc" | "ssrc-group" | "candidate") && !self.once.insert(name.to_owned())
        {
            return Err(SdpError::Duplicate("attribute"));
        }
        self.lines.push(line.to_owned());
        Ok(())
    }

    fn add_bandwidth(&mut self, line: &str, bandwidth: &str) -> Result<(), SdpError> {
        let Some((kind, number)) = bandwidth.split_once(':') else { return Err(SdpError::Malformed("bandwidth")) };
        if number.parse::<u32>().is_ok_and(|number| number < 1_000_000_000) && matches!(kind, "AS" | "TIAS") {
            self.lines.insert(2, line.to_owned());
        }
        Ok(())
    }

    fn set(
        &mut self,
        field: impl FnOnce(&mut Self) -> &mut Option<String>,
        value: &str,
        name: &'static str,
    ) -> Result<(), SdpError> {
        match field(self).replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(SdpError::Duplicate(name)),
        }
    }

    pub(super) fn finish(mut self) -> Result<Section, SdpError> {
        let mid = self.mid.ok_or(SdpError::Malformed("mid"))?;
        self.lines.push(format!("a=mid:{mid}"));
        if self.kind != Kind::Application {
            self.lines.push(self.direction.unwrap_or_else(|| "a=sendrecv".to_owned()));
        }
        Ok(Section { kind: self.kind, mid, lines: self.lines })
    }
}
