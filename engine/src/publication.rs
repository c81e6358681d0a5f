//! Publications: the announcement of a track, and the track while it is available.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::backend;
use crate::e2ee::E2eeState;
use crate::error::EngineError;
use crate::info::PublicationInfo;
use crate::subscription::Subscription;
use crate::track::{LocalTrack, RemoteTrack};
use crate::types::{EncryptionType, TrackDimension, TrackKind, TrackSource, VideoQuality};

/// Common part of local and remote publications. `T` is the type of their track.
pub(crate) struct PublicationCore<T> {
    object: backend::Publication,
    /// Shared with the track.
    pub info: Arc<RwLock<PublicationInfo>>,
    pub track: RwLock<Option<T>>,
}

impl<T> PublicationCore<T> {
    fn new(object: backend::Publication, info: PublicationInfo, track: Option<T>) -> Self {
        Self { object, info: Arc::new(RwLock::new(info)), track: RwLock::new(track) }
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
            self.core.info.read().encryption_type
        }

        /// Returns `true` if the track is end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core.info.read().is_encrypted()
        }
    };
}

/// Publication of a local track. Clones share one state.
#[derive(Clone)]
pub struct LocalTrackPublication {
    pub(crate) core: Arc<PublicationCore<LocalTrack>>,
}

impl LocalTrackPublication {
    pub(crate) fn new(object: backend::Publication, info: PublicationInfo, track: LocalTrack) -> Self {
        Self { core: Arc::new(PublicationCore::new(object, info, Some(track))) }
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
    pub(crate) fn new(object: backend::Publication, info: PublicationInfo, e2ee: Arc<E2eeState>) -> Self {
        Self { core: Arc::new(PublicationCore::new(object, info, None)), e2ee, subscription: Arc::default() }
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

    /// Stops a running resubscription, because the room is left or the publication has ended.
    pub(crate) fn cancel_resubscription(&self) {
        self.subscription.supersede(|| ());
    }

    pub(crate) fn request_subscribed(&self, subscribe: bool) -> Result<(), EngineError> {
        self.core.object.set_subscribed(subscribe)
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
        self.core.object.set_enabled(enabled)
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
        self.core.object.set_video_quality(quality)
    }

    /// Requests the simulcast layer that fits the shown size.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn update_video_dimensions(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        if self.subscription.defer(|settings| settings.dimension = Some(dimension)) {
            return Ok(());
        }
        self.request_dimension(dimension)
    }

    pub(crate) fn request_dimension(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        self.core.object.update_video_dimensions(dimension)
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
