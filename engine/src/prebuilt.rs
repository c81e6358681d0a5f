//! Backend over LiveKit's prebuilt library: its C interface, handles, protocol, event dispatch and log.
//!
//! The objects below each own a handle, which is released with them. Their methods take and return the crate's plain types;
//! no handle and no protobuf type passes them. A room's events arrive as [`Update`]s at its [`RoomListener`].

mod apm;
mod convert;
mod data_stream;
mod dispatch;
mod failure;
mod ffi;
mod frames;
mod handle;
mod library;
mod log;
mod media_source;
mod media_stream;
mod options;
mod participant;
mod proto;
mod publication;
mod room;
mod stats;
mod track;
mod update;

pub(crate) use apm::AudioProcessor;
pub(crate) use data_stream::{Reader, Writer};
pub(crate) use media_source::{AudioSource, VideoSource};
pub(crate) use media_stream::{AudioStream, VideoStream};
pub(crate) use participant::Participant;
pub(crate) use publication::Publication;
pub(crate) use room::{Joined, Room, RoomListener};
pub(crate) use track::Track;
pub(crate) use update::{DataPayload, Update};

use crate::error::EngineError;

/// Build version of the library.
pub(crate) const VERSION: &str = library::ENGINE_VERSION;

/// Loads and starts the library unless it runs already.
pub(crate) fn load() -> Result<(), EngineError> {
    dispatch::Engine::get().map(drop)
}

/// Stops the library and waits until its threads are idle.
pub(crate) fn shut_down() {
    dispatch::Engine::shut_down();
}

/// State of the library that tests check.
#[cfg(test)]
pub(crate) mod testing {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::{dispatch, handle};

    pub(crate) const REQUEST_TIMEOUT: Duration = dispatch::REQUEST_TIMEOUT;

    /// Returns `true` if no request is pending and no room, stream or reader is registered.
    pub(crate) fn is_idle() -> bool {
        dispatch::Engine::get().is_ok_and(dispatch::Engine::is_idle)
    }

    /// Number of live handles.
    pub(crate) fn live_handles() -> i64 {
        handle::LIVE_HANDLES.load(Ordering::SeqCst)
    }
}
