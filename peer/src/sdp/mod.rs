//! Session descriptions: validation of the peer's, and what changes in both directions.
//!
//! The engine panics on a description that it can't parse. So a peer's description is never passed on as it is: known
//! lines are checked and copied, unknown ones are dropped, and malformed ones refuse the whole.

mod attribute;
mod description;
mod line;
mod rewrite;
mod section;

pub(crate) use description::Description;
pub(crate) use rewrite::{
    RemoteMedia, browser_sid, from_browser, from_native, pause_sections, sent_tracks, set_streams,
};
pub(crate) use section::{Kind, SdpError};

#[cfg(test)]
mod tests;
