//! Changes of descriptions on their way between engine and peer.

use std::collections::{HashMap, HashSet};

use super::description::Description;
use super::section::{Kind, Section};

/// Media that a peer's description sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteMedia {
    pub(crate) sid: String,
    pub(crate) mid: String,
    pub(crate) kind: Kind,
}

/// Puts every sent track into the stream, and gives it the id, that `stream` returns for its id.
pub(crate) fn set_streams(description: &mut Description, stream: impl Fn(&str) -> String) {
    for line in description.media.iter_mut().flat_map(|section| &mut section.lines) {
        if let Some((before, after)) = line.split_once("msid:")
            && (before == "a=" || before.starts_with("a=ssrc:"))
        {
            let id = after.split(' ').nth(1).unwrap_or_default();
            *line = format!("{before}msid:{}", stream(id));
        }
    }
}

/// Ids of the tracks that the description sends.
pub(crate) fn sent_tracks(description: &Description) -> Vec<String> {
    let sending = description.media.iter().filter(|section| section.sends());
    sending.filter_map(Section::track).map(str::to_owned).collect()
}

/// Asks the peer to pause what it sends in the sections that `is_paused` selects by kind and mid.
pub(crate) fn pause_sections(description: &mut Description, is_paused: impl Fn(Kind, &str) -> bool) {
    for section in description.media.iter_mut().filter(|section| is_paused(section.kind, &section.mid)) {
        for line in section.lines.iter_mut().filter(|line| *line == "a=recvonly") {
            *line = "a=inactive".to_owned();
        }
    }
}

/// Id of the track in a browser's section.
pub(crate) fn browser_sid(kind: Kind, mid: &str) -> String {
    format!("TR_{}{mid}", if kind == Kind::Audio { 'A' } else { 'V' })
}

/// Prepares a browser's answer for the engine and returns the media in it. `hidden` has the sids of unsubscribed tracks.
pub(crate) fn from_browser(
    description: &mut Description,
    participant: &str,
    hidden: &HashSet<String>,
) -> Vec<RemoteMedia> {
    let mut media = Vec::new();
    for section in description.media.iter_mut().filter(|section| section.kind != Kind::Application) {
        let sid = browser_sid(section.kind, &section.mid);
        let (sends, is_hidden) = (section.sends(), hidden.contains(&sid));
        // Without ssrcs the engine goes by mid, and a receive stream that is created anew keeps its sink.
        section.lines.retain(|line| !line.starts_with("a=msid:") && !line.starts_with("a=ssrc"));
        // A paused track is still published.
        if !sends && !is_hidden {
            continue;
        }
        if is_hidden {
            hide(section);
        } else {
            section.lines.push(format!("a=msid:{participant}|{sid} {sid}"));
        }
        media.push(RemoteMedia { sid, mid: section.mid.clone(), kind: section.kind });
    }
    media
}

/// Prepares a native peer's offer for the engine: only `announced` tracks that are not `hidden` are sent. `revived`
/// counts the resubscriptions of a track.
pub(crate) fn from_native(
    description: &mut Description,
    participant: &str,
    announced: &HashSet<&str>,
    hidden: &HashSet<String>,
    revived: &HashMap<String, u32>,
) {
    for section in &mut description.media {
        let sid = section.track().filter(|sid| announced.contains(sid) && !hidden.contains(*sid)).map(str::to_owned);
        let Some(sid) = sid else {
            hide(section);
            continue;
        };
        // The engine reports a track of each section and stream once. In a stream not named `TR_…`, the track's id counts.
        let stream = revived.get(&sid).map_or_else(|| sid.clone(), u32::to_string);
        for line in &mut section.lines {
            if let Some((before, _)) = line.split_once("msid:")
                && (before == "a=" || before.starts_with("a=ssrc:"))
            {
                *line = format!("{before}msid:{participant}|{stream} {sid}");
            }
        }
    }
}

/// Makes a section send nothing. Its ssrc lines would keep the receive stream.
fn hide(section: &mut Section) {
    section.lines.retain(|line| !line.starts_with("a=msid:") && !line.starts_with("a=ssrc"));
    for line in &mut section.lines {
        match line.as_str() {
            "a=sendonly" => *line = "a=inactive".to_owned(),
            "a=sendrecv" => *line = "a=recvonly".to_owned(),
            _ => {}
        }
    }
}
