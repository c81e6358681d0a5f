//! Publications: the announcement of a track, and the track while it is available.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::dispatch::Engine;
use crate::e2ee::{E2eeState, EncryptionType};
use crate::error::EngineError;
use crate::ffi::Handle;
use crate::proto;
use crate::start::Subscription;
use crate::track::{LocalTrack, RemoteTrack};
use crate::types::{TrackDimension, TrackKind, TrackSource, VideoQuality};

/// Properties of a publication, updated by the room's events.
pub(crate) struct PublicationInfo {
    pub sid: String,
    pub name: String,
    pub kind: TrackKind,
    pub source: TrackSource,
    pub simulcasted: bool,
    pub dimension: TrackDimension,
    pub mime_type: String,
    pub muted: bool,
    pub encryption: EncryptionType,
}

impl From<proto::TrackPublicationInfo> for PublicationInfo {
    fn from(info: proto::TrackPublicationInfo) -> Self {
        Self {
            kind: info.kind().into(),
            source: info.source().into(),
            encryption: info.encryption_type().into(),
            sid: info.sid,
            name: info.name,
            simulcasted: info.simulcasted,
            dimension: TrackDimension(info.width, info.height),
            mime_type: info.mime_type,
            muted: info.muted,
        }
    }
}

/// Common part of local and remote publications. `T` is the type of their track.
pub(crate) struct PublicationCore<T> {
    pub handle: Handle,
    pub info: RwLock<PublicationInfo>,
    pub track: RwLock<Option<T>>,
}

impl<T> PublicationCore<T> {
    fn new(owned: proto::OwnedTrackPublication, track: Option<T>) -> Self {
        Self { handle: Handle::new(owned.handle), info: RwLock::new(owned.info.into()), track: RwLock::new(track) }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.info.read().encryption != EncryptionType::None
    }
}

/// Getters of local and remote publications, over `self.core`.
macro_rules! publication_getters {
    () => {
        /// Id assigned by the server; publication and track share it.
        pub fn sid(&self) -> String {
            self.core.info.read().sid.clone()
        }

        /// Name given by the publisher.
        pub fn name(&self) -> String {
            self.core.info.read().name.clone()
        }

        /// Kind of the track's media.
        pub fn kind(&self) -> TrackKind {
            self.core.info.read().kind
        }

        /// Source of the track.
        pub fn source(&self) -> TrackSource {
            self.core.info.read().source
        }

        /// Returns `true` if the video is sent in several simulcast layers.
        pub fn simulcasted(&self) -> bool {
            self.core.info.read().simulcasted
        }

        /// Published size; zero for audio.
        pub fn dimension(&self) -> TrackDimension {
            self.core.info.read().dimension
        }

        /// Codec as a MIME type, such as `video/VP8`.
        pub fn mime_type(&self) -> String {
            self.core.info.read().mime_type.clone()
        }

        /// Returns `true` while the publisher mutes the track.
        pub fn is_muted(&self) -> bool {
            self.core.info.read().muted
        }

        /// End-to-end encryption of the track.
        pub fn encryption_type(&self) -> EncryptionType {
            self.core.info.read().encryption
        }

        /// Returns `true` if the track is end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core.is_encrypted()
        }
    };
}

/// Publication of a local track. Clones share one state.
#[derive(Clone)]
pub struct LocalTrackPublication {
    pub(crate) core: Arc<PublicationCore<LocalTrack>>,
}

impl LocalTrackPublication {
    pub(crate) fn new(owned: proto::OwnedTrackPublication, track: LocalTrack) -> Self {
        Self { core: Arc::new(PublicationCore::new(owned, Some(track))) }
    }

    publication_getters!();

    /// Published track.
    pub fn track(&self) -> Option<LocalTrack> {
        self.core.track.read().clone()
    }

    /// Mutes the track. Other participants are notified and receive silence or no video.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn mute(&self) -> Result<(), EngineError> {
        self.set_muted(true)
    }

    /// Unmutes the track.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn unmute(&self) -> Result<(), EngineError> {
        self.set_muted(false)
    }

    fn set_muted(&self, muted: bool) -> Result<(), EngineError> {
        if let Some(track) = self.track() {
            track.set_muted(muted)?;
            self.core.info.write().muted = muted;
        }
        Ok(())
    }
}

/// Publication of a remote track. Clones share one state.
#[derive(Clone)]
pub struct RemoteTrackPublication {
    pub(crate) core: Arc<PublicationCore<RemoteTrack>>,
    pub(crate) e2ee: Arc<E2eeState>,
    pub(crate) subscription: Arc<Subscription>,
}

impl RemoteTrackPublication {
    pub(crate) fn new(owned: proto::OwnedTrackPublication, e2ee: Arc<E2eeState>) -> Self {
        Self { core: Arc::new(PublicationCore::new(owned, None)), e2ee, subscription: Arc::default() }
    }

    publication_getters!();

    /// Track; `None` while not subscribed.
    pub fn track(&self) -> Option<RemoteTrack> {
        self.core.track.read().clone()
    }

    /// Removes and returns the track after ending its streams.
    pub(crate) fn end_track(&self) -> Option<RemoteTrack> {
        let track = self.core.track.write().take();
        track.inspect(RemoteTrack::end)
    }

    /// Returns `true` while the track is subscribed.
    pub fn is_subscribed(&self) -> bool {
        self.core.track.read().is_some()
    }

    /// Subscribes or unsubscribes. The outcome comes as an event.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn set_subscribed(&self, subscribe: bool) -> Result<(), EngineError> {
        self.subscription.supersede(|| self.request_subscribed(subscribe)).1
    }

    pub(crate) fn request_subscribed(&self, subscribe: bool) -> Result<(), EngineError> {
        let request = proto::SetSubscribedRequest { subscribe, publication_handle: self.core.handle.id() };
        self.request("SetSubscribed", proto::ffi_request::Message::SetSubscribed(request))
    }

    /// Pauses or resumes the media from the SFU without unsubscribing.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        if self.subscription.defer(|settings| settings.enabled = enabled) {
            return Ok(());
        }
        self.request_enabled(enabled)
    }

    pub(crate) fn request_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        let track_publication_handle = self.core.handle.id();
        let request = proto::EnableRemoteTrackPublicationRequest { track_publication_handle, enabled };
        self.request("EnableTrack", proto::ffi_request::Message::EnableRemoteTrackPublication(request))
    }

    /// Requests a simulcast layer.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn set_video_quality(&self, quality: VideoQuality) -> Result<(), EngineError> {
        if self.subscription.defer(|settings| settings.quality = Some(quality)) {
            return Ok(());
        }
        self.request_quality(quality)
    }

    pub(crate) fn request_quality(&self, quality: VideoQuality) -> Result<(), EngineError> {
        let request = proto::SetRemoteTrackPublicationQualityRequest {
            track_publication_handle: self.core.handle.id(),
            quality: proto::VideoQuality::from(quality).into(),
        };
        self.request("SetQuality", proto::ffi_request::Message::SetRemoteTrackPublicationQuality(request))
    }

    /// Requests the simulcast layer that fits the shown size.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn set_video_dimension(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        if self.subscription.defer(|settings| settings.dimension = Some(dimension)) {
            return Ok(());
        }
        self.request_dimension(dimension)
    }

    pub(crate) fn request_dimension(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        let request = proto::UpdateRemoteTrackPublicationDimensionRequest {
            track_publication_handle: self.core.handle.id(),
            width: dimension.0,
            height: dimension.1,
        };
        self.request("SetDimension", proto::ffi_request::Message::UpdateRemoteTrackPublicationDimension(request))
    }

    fn request(&self, name: &'static str, message: proto::ffi_request::Message) -> Result<(), EngineError> {
        Engine::get()?.request(name, message).map(drop)
    }
}

/// Publication of a local or remote track.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackPublication {
    /// Publication of a local track.
    Local(LocalTrackPublication),
    /// Publication of a remote track.
    Remote(RemoteTrackPublication),
}

/// Delegates getters to the local or remote publication.
macro_rules! either {
    ($($(#[$doc:meta])* $name:ident -> $type:ty;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> $type {
            match self {
                Self::Local(publication) => publication.$name(),
                Self::Remote(publication) => publication.$name(),
            }
        })*
    };
}

impl TrackPublication {
    either! {
        /// Id assigned by the server; publication and track share it.
        sid -> String;
        /// Name given by the publisher.
        name -> String;
        /// Kind of the track's media.
        kind -> TrackKind;
        /// Source of the track.
        source -> TrackSource;
        /// Returns `true` if the video is sent in several simulcast layers.
        simulcasted -> bool;
        /// Published size; zero for audio.
        dimension -> TrackDimension;
        /// Codec as a MIME type, such as `video/VP8`.
        mime_type -> String;
        /// Returns `true` while the publisher mutes the track.
        is_muted -> bool;
        /// Returns `true` if the track is end-to-end encrypted.
        is_encrypted -> bool;
    }

    pub(crate) fn set_muted_info(&self, muted: bool) {
        match self {
            Self::Local(publication) => publication.core.info.write().muted = muted,
            Self::Remote(publication) => publication.core.info.write().muted = muted,
        }
    }
}

impl PartialEq for LocalTrackPublication {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl PartialEq for RemoteTrackPublication {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl fmt::Debug for LocalTrackPublication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalTrackPublication({:?} {})", self.source(), self.sid())
    }
}

impl fmt::Debug for RemoteTrackPublication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteTrackPublication({:?} {})", self.source(), self.sid())
    }
}
