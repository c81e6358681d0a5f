//! Publications.

use proto::ffi_request::Message as Request;

use crate::error::EngineError;
use crate::prebuilt::dispatch::Engine;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;
use crate::types::{TrackDimension, VideoQuality};

/// A local or remote publication. All requests are for remote ones.
pub(crate) struct Publication(Handle);

impl Publication {
    pub(super) fn new(owned: proto::FfiOwnedHandle) -> Self {
        Self(Handle::new(owned))
    }

    pub(crate) fn set_subscribed(&self, subscribe: bool) -> Result<(), EngineError> {
        let request = proto::SetSubscribedRequest { subscribe, publication_handle: self.0.id() };
        send("SetSubscribed", Request::SetSubscribed(request))
    }

    pub(crate) fn set_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        let request = proto::EnableRemoteTrackPublicationRequest { track_publication_handle: self.0.id(), enabled };
        send("EnableTrack", Request::EnableRemoteTrackPublication(request))
    }

    pub(crate) fn set_video_quality(&self, quality: VideoQuality) -> Result<(), EngineError> {
        let request = proto::SetRemoteTrackPublicationQualityRequest {
            track_publication_handle: self.0.id(),
            quality: proto::VideoQuality::from(quality).into(),
        };
        send("SetQuality", Request::SetRemoteTrackPublicationQuality(request))
    }

    pub(crate) fn update_video_dimensions(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        let request = proto::UpdateRemoteTrackPublicationDimensionRequest {
            track_publication_handle: self.0.id(),
            width: dimension.0,
            height: dimension.1,
        };
        send("SetDimension", Request::UpdateRemoteTrackPublicationDimension(request))
    }
}

fn send(name: &'static str, message: Request) -> Result<(), EngineError> {
    Engine::get()?.request(name, message).map(drop)
}
