//! What participants publish: the announcement of a track, and the track once it is there.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::dispatch::Engine;
use crate::e2ee::{E2eeSwitch, EncryptionType};
use crate::error::EngineError;
use crate::ffi::Handle;
use crate::proto;
use crate::start::Start;
use crate::track::{LocalTrack, RemoteTrack};
use crate::types::{TrackDimension, TrackKind, TrackSource, VideoQuality};

/// What is known of a publication, kept up to date by the room's events.
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

/// What a local and a remote publication have in common. `T` is the track's type.
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

/// The getters that both kinds of publication have, over `self.core`.
macro_rules! publication_getters {
    () => {
        /// The server's id of the publication and of its track.
        pub fn sid(&self) -> String {
            self.core.info.read().sid.clone()
        }

        /// The name that its publisher gave it.
        pub fn name(&self) -> String {
            self.core.info.read().name.clone()
        }

        /// Sound or picture.
        pub fn kind(&self) -> TrackKind {
            self.core.info.read().kind
        }

        /// Where it comes from.
        pub fn source(&self) -> TrackSource {
            self.core.info.read().source
        }

        /// Whether it is sent in several sizes.
        pub fn simulcasted(&self) -> bool {
            self.core.info.read().simulcasted
        }

        /// The size in which it is published; zero for sound.
        pub fn dimension(&self) -> TrackDimension {
            self.core.info.read().dimension
        }

        /// How it is compressed, such as `video/VP8`.
        pub fn mime_type(&self) -> String {
            self.core.info.read().mime_type.clone()
        }

        /// Whether its publisher has muted it.
        pub fn is_muted(&self) -> bool {
            self.core.info.read().muted
        }

        /// How it is end-to-end encrypted.
        pub fn encryption_type(&self) -> EncryptionType {
            self.core.info.read().encryption
        }

        /// Whether it is end-to-end encrypted.
        pub fn is_encrypted(&self) -> bool {
            self.core.is_encrypted()
        }
    };
}

/// A track of this client that is published. Clones are the same publication.
#[derive(Clone)]
pub struct LocalTrackPublication {
    pub(crate) core: Arc<PublicationCore<LocalTrack>>,
}

impl LocalTrackPublication {
    pub(crate) fn new(owned: proto::OwnedTrackPublication, track: LocalTrack) -> Self {
        Self { core: Arc::new(PublicationCore::new(owned, Some(track))) }
    }

    publication_getters!();

    /// The track.
    pub fn track(&self) -> Option<LocalTrack> {
        self.core.track.read().clone()
    }

    /// Mutes the track: others are told, and get silence or no picture.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn mute(&self) -> Result<(), EngineError> {
        self.set_muted(true)
    }

    /// Ends [`mute`](Self::mute).
    ///
    /// # Errors
    /// When the engine cannot.
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

/// A track that somebody else publishes. Clones are the same publication.
#[derive(Clone)]
pub struct RemoteTrackPublication {
    pub(crate) core: Arc<PublicationCore<RemoteTrack>>,
    pub(crate) e2ee: Arc<E2eeSwitch>,
    pub(crate) start: Arc<Start>,
}

impl RemoteTrackPublication {
    pub(crate) fn new(owned: proto::OwnedTrackPublication, e2ee: Arc<E2eeSwitch>) -> Self {
        Self { core: Arc::new(PublicationCore::new(owned, None)), e2ee, start: Arc::default() }
    }

    publication_getters!();

    /// The track, while subscribed.
    pub fn track(&self) -> Option<RemoteTrack> {
        self.core.track.read().clone()
    }

    /// Its media comes no more: ends the streams, and gives the track away.
    pub(crate) fn end_track(&self) -> Option<RemoteTrack> {
        let track = self.core.track.write().take();
        track.inspect(RemoteTrack::end)
    }

    /// Whether its media comes here.
    pub fn is_subscribed(&self) -> bool {
        self.core.track.read().is_some()
    }

    /// Subscribes or unsubscribes. The outcome comes as an event.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn set_subscribed(&self, subscribe: bool) -> Result<(), EngineError> {
        let request = proto::SetSubscribedRequest { subscribe, publication_handle: self.core.handle.id() };
        self.request("SetSubscribed", proto::ffi_request::Message::SetSubscribed(request))
    }

    /// Pauses or resumes what the SFU sends of it, while staying subscribed.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        if self.start.keep(|wishes| wishes.enabled = enabled) {
            return Ok(());
        }
        self.request_enabled(enabled)
    }

    pub(crate) fn request_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        let track_publication_handle = self.core.handle.id();
        let request = proto::EnableRemoteTrackPublicationRequest { track_publication_handle, enabled };
        self.request("EnableTrack", proto::ffi_request::Message::EnableRemoteTrackPublication(request))
    }

    /// Asks for a simulcast layer.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn set_video_quality(&self, quality: VideoQuality) -> Result<(), EngineError> {
        if self.start.keep(|wishes| wishes.quality = Some(quality)) {
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

    /// Asks for the layer that fits the size in which it is shown.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn set_video_dimension(&self, dimension: TrackDimension) -> Result<(), EngineError> {
        if self.start.keep(|wishes| wishes.dimension = Some(dimension)) {
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

/// Anybody's publication.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackPublication {
    /// Of this client.
    Local(LocalTrackPublication),
    /// Of somebody else.
    Remote(RemoteTrackPublication),
}

/// Passes a getter on to either kind.
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
        /// The server's id of the publication and of its track.
        sid -> String;
        /// The name that its publisher gave it.
        name -> String;
        /// Sound or picture.
        kind -> TrackKind;
        /// Where it comes from.
        source -> TrackSource;
        /// Whether it is sent in several sizes.
        simulcasted -> bool;
        /// The size in which it is published; zero for sound.
        dimension -> TrackDimension;
        /// How it is compressed, such as `video/VP8`.
        mime_type -> String;
        /// Whether its publisher has muted it.
        is_muted -> bool;
        /// Whether it is end-to-end encrypted.
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
