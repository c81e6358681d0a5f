//! Tracks.

use std::sync::Arc;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::error::{EngineError, RoomError};
use crate::prebuilt::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::prebuilt::failure::classify;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::media_source::{AudioSource, VideoSource};
use crate::prebuilt::proto;
use crate::stats::PeerStats;

/// A local or remote track. Clones share one handle.
#[derive(Clone)]
pub(crate) struct Track(Arc<Handle>);

impl Track {
    pub(super) fn new(owned: proto::FfiOwnedHandle) -> Self {
        Self(Arc::new(Handle::new(owned)))
    }

    /// Creates a local video track.
    pub(crate) fn video(name: &str, source: &VideoSource) -> Result<Self, EngineError> {
        let request = proto::CreateVideoTrackRequest { name: name.into(), source_handle: source.0.id() };
        let response = Engine::get()?.request("CreateVideoTrack", Request::CreateVideoTrack(request))?;
        Ok(Self::new(take!(response, Response::CreateVideoTrack)?.track.handle))
    }

    /// Creates a local audio track.
    pub(crate) fn audio(name: &str, source: &AudioSource) -> Result<Self, EngineError> {
        let request = proto::CreateAudioTrackRequest { name: name.into(), source_handle: source.handle.id() };
        let response = Engine::get()?.request("CreateAudioTrack", Request::CreateAudioTrack(request))?;
        Ok(Self::new(take!(response, Response::CreateAudioTrack)?.track.handle))
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id()
    }

    /// Mutes or unmutes a local track.
    pub(crate) fn set_muted(&self, mute: bool) -> Result<(), EngineError> {
        let request = proto::LocalTrackMuteRequest { track_handle: self.id(), mute };
        Engine::get()?.request("LocalTrackMute", Request::LocalTrackMute(request)).map(drop)
    }

    pub(crate) async fn stats(&self) -> Result<PeerStats, RoomError> {
        let track = self.clone();
        let track_handle = self.id();
        let build =
            |async_id| Request::GetStats(proto::GetStatsRequest { track_handle, request_async_id: Some(async_id) });
        let then = move |message| {
            // Keeps the track alive until the engine answers.
            drop(track);
            let callback = take!(message, Event::GetStats)?;
            match callback.error {
                Some(error) => Err(classify(&error)),
                None => Ok(PeerStats::from(callback.stats)),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "GetStats", build, then).await
    }
}
