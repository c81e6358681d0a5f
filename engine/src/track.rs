//! Tracks: media that goes out from a source, or comes in to a stream.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::audio::NativeAudioSource;
use crate::dispatch::{Ends, Engine, REQUEST_TIMEOUT, take};
use crate::e2ee::E2eeSwitch;
use crate::error::{EngineError, RoomError};
use crate::ffi::Handle;
use crate::proto;
use crate::publication::PublicationCore;
use crate::start::UNSURE;
use crate::stats::PeerStats;
use crate::types::TrackKind;
use crate::video::NativeVideoSource;

async fn track_stats(track: Arc<Handle>) -> Result<PeerStats, RoomError> {
    let id = track.id();
    let build =
        |async_id| Request::GetStats(proto::GetStatsRequest { track_handle: id, request_async_id: Some(async_id) });
    let then = move |message| {
        drop(track);
        let callback = take!(message, Event::GetStats)?;
        match callback.error {
            Some(error) => Err(RoomError::classify(&error)),
            None => Ok(PeerStats::from(callback.stats)),
        }
    };
    Engine::get()?.call_within(REQUEST_TIMEOUT, "GetStats", build, then).await
}

fn mute(track: &Handle, mute: bool) -> Result<(), EngineError> {
    let request = proto::LocalTrackMuteRequest { track_handle: track.id(), mute };
    Engine::get()?.request("LocalTrackMute", Request::LocalTrackMute(request)).map(drop)
}

/// What both kinds of local track can do, over `self.handle`.
macro_rules! local_track {
    () => {
        /// Mutes the track: others are told, and get silence or no picture.
        ///
        /// # Errors
        /// When the engine cannot.
        pub fn mute(&self) -> Result<(), EngineError> {
            mute(&self.handle, true)
        }

        /// Ends [`mute`](Self::mute).
        ///
        /// # Errors
        /// When the engine cannot.
        pub fn unmute(&self) -> Result<(), EngineError> {
            mute(&self.handle, false)
        }

        /// What was sent, and how it arrived.
        ///
        /// # Errors
        /// When the engine does not answer in time.
        pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
            track_stats(self.handle.clone()).await
        }
    };
}

/// A picture that this client can publish.
#[derive(Clone)]
pub struct LocalVideoTrack {
    pub(crate) handle: Arc<Handle>,
    source: NativeVideoSource,
}

impl LocalVideoTrack {
    /// A track with this name that shows what the source is given.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn create_video_track(name: &str, source: NativeVideoSource) -> Result<Self, EngineError> {
        let request = proto::CreateVideoTrackRequest { name: name.into(), source_handle: source.handle.id() };
        let response = Engine::get()?.request("CreateVideoTrack", Request::CreateVideoTrack(request))?;
        let response = take!(response, Response::CreateVideoTrack)?;
        Ok(Self { handle: Arc::new(Handle::new(response.track.handle)), source })
    }

    /// The source.
    pub fn rtc_source(&self) -> &NativeVideoSource {
        &self.source
    }

    local_track!();
}

/// A sound that this client can publish.
#[derive(Clone)]
pub struct LocalAudioTrack {
    pub(crate) handle: Arc<Handle>,
    source: NativeAudioSource,
}

impl LocalAudioTrack {
    /// A track with this name that plays what the source is given.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn create_audio_track(name: &str, source: NativeAudioSource) -> Result<Self, EngineError> {
        let request = proto::CreateAudioTrackRequest { name: name.into(), source_handle: source.handle_id() };
        let response = Engine::get()?.request("CreateAudioTrack", Request::CreateAudioTrack(request))?;
        let response = take!(response, Response::CreateAudioTrack)?;
        Ok(Self { handle: Arc::new(Handle::new(response.track.handle)), source })
    }

    /// The source.
    pub fn rtc_source(&self) -> &NativeAudioSource {
        &self.source
    }

    local_track!();
}

/// A sound or picture that this client can publish.
#[derive(Clone, Debug)]
pub enum LocalTrack {
    /// A sound.
    Audio(LocalAudioTrack),
    /// A picture.
    Video(LocalVideoTrack),
}

impl LocalTrack {
    /// What was sent, and how it arrived.
    ///
    /// # Errors
    /// When the engine does not answer in time.
    pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
        track_stats(self.handle().clone()).await
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        match self {
            Self::Audio(track) => &track.handle,
            Self::Video(track) => &track.handle,
        }
    }

    pub(crate) fn set_muted(&self, muted: bool) -> Result<(), EngineError> {
        mute(self.handle(), muted)
    }

    /// Sound or picture.
    pub fn kind(&self) -> TrackKind {
        match self {
            Self::Audio(_) => TrackKind::Audio,
            Self::Video(_) => TrackKind::Video,
        }
    }
}

impl From<LocalAudioTrack> for LocalTrack {
    fn from(track: LocalAudioTrack) -> Self {
        Self::Audio(track)
    }
}

impl From<LocalVideoTrack> for LocalTrack {
    fn from(track: LocalVideoTrack) -> Self {
        Self::Video(track)
    }
}

/// How long sound that was not decrypted can go on after decryption has started: the ten frames of 20 ms that may fail
/// before a key is given up, and what the jitter buffer holds.
const SETTLING: Duration = Duration::from_millis(500);

/// What both kinds of remote track hold.
#[derive(Clone)]
pub(crate) struct RemoteCore {
    pub handle: Arc<Handle>,
    pub gate: Arc<Gate>,
    sid: String,
}

/// What a track's streams ask before they let a frame out, and what tells them the end. Streams hold it instead of the
/// track, whose handle would otherwise live as long as they do.
pub(crate) struct Gate {
    /// For what it says about encryption; weak, since the publication holds the track.
    publication: Weak<PublicationCore<RemoteTrack>>,
    /// What the publication said when the track came.
    encrypted: bool,
    e2ee: Arc<E2eeSwitch>,
    /// When the track came.
    since: Instant,
    /// `None` once the track has ended.
    streams: Mutex<Option<Vec<Weak<dyn Ends>>>>,
}

impl Gate {
    fn is_encrypted(&self) -> bool {
        self.publication.upgrade().map_or(self.encrypted, |publication| publication.is_encrypted())
    }

    /// Whether what comes is ciphertext that nothing here decrypts.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.is_encrypted() && !self.e2ee.is_on()
    }

    /// Whether what is heard may be ciphertext: sound flows a moment before the engine starts to decrypt it, and what came
    /// until then is still played, as noise.
    pub(crate) fn may_be_noise(&self) -> bool {
        self.is_within(SETTLING)
    }

    /// Whether what is seen may be noise, or built on noise: see [`start`](crate::start).
    pub(crate) fn may_be_built_on_noise(&self) -> bool {
        self.is_within(UNSURE)
    }

    /// Whether it is encrypted, and was begun to be decrypted less than this ago.
    fn is_within(&self, time: Duration) -> bool {
        self.is_encrypted() && self.e2ee.on_for().min(self.since.elapsed()) < time
    }

    /// Tells the stream when the track ends; at once if it has.
    pub(crate) fn on_end(&self, stream: Weak<dyn Ends>) {
        let mut streams = self.streams.lock();
        match &mut *streams {
            Some(streams) => {
                streams.retain(|stream| stream.strong_count() > 0);
                streams.push(stream);
            }
            None => {
                drop(streams);
                if let Some(stream) = stream.upgrade() {
                    stream.ended();
                }
            }
        }
    }

    fn end(&self) {
        let streams = self.streams.lock().take();
        for stream in streams.iter().flatten().filter_map(Weak::upgrade) {
            stream.ended();
        }
    }
}

/// What both kinds of remote track can do, over `self.core`.
macro_rules! remote_track {
    () => {
        /// The server's id of the track.
        pub fn sid(&self) -> &str {
            &self.core.sid
        }

        /// What was received.
        ///
        /// # Errors
        /// When the engine does not answer in time.
        pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
            track_stats(self.core.handle.clone()).await
        }
    };
}

/// A picture of somebody else; a [`VideoStream`](crate::VideoStream) shows it.
#[derive(Clone)]
pub struct RemoteVideoTrack {
    pub(crate) core: RemoteCore,
}

impl RemoteVideoTrack {
    remote_track!();
}

/// A sound of somebody else; an [`AudioStream`](crate::AudioStream) plays it.
#[derive(Clone)]
pub struct RemoteAudioTrack {
    pub(crate) core: RemoteCore,
}

impl RemoteAudioTrack {
    remote_track!();
}

/// A sound or picture of somebody else.
#[derive(Clone, Debug)]
pub enum RemoteTrack {
    /// A sound.
    Audio(RemoteAudioTrack),
    /// A picture.
    Video(RemoteVideoTrack),
}

impl RemoteTrack {
    /// What was received.
    ///
    /// # Errors
    /// When the engine does not answer in time.
    pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
        match self {
            Self::Audio(track) => track.get_stats().await,
            Self::Video(track) => track.get_stats().await,
        }
    }

    pub(crate) fn new(
        owned: proto::OwnedTrack,
        publication: &Arc<PublicationCore<RemoteTrack>>,
        e2ee: Arc<E2eeSwitch>,
    ) -> Self {
        let kind = owned.info.kind();
        let gate = Gate {
            publication: Arc::downgrade(publication),
            encrypted: publication.is_encrypted(),
            e2ee,
            since: Instant::now(),
            streams: Mutex::new(Some(Vec::new())),
        };
        let core =
            RemoteCore { handle: Arc::new(Handle::new(owned.handle)), gate: Arc::new(gate), sid: owned.info.sid };
        match kind {
            proto::TrackKind::KindVideo => Self::Video(RemoteVideoTrack { core }),
            proto::TrackKind::KindAudio | proto::TrackKind::KindUnknown => Self::Audio(RemoteAudioTrack { core }),
        }
    }

    /// Ends its streams: no media comes any more.
    pub(crate) fn end(&self) {
        match self {
            Self::Audio(track) => track.core.gate.end(),
            Self::Video(track) => track.core.gate.end(),
        }
    }

    /// The server's id of the track.
    pub fn sid(&self) -> &str {
        match self {
            Self::Audio(track) => track.sid(),
            Self::Video(track) => track.sid(),
        }
    }

    /// Sound or picture.
    pub fn kind(&self) -> TrackKind {
        match self {
            Self::Audio(_) => TrackKind::Audio,
            Self::Video(_) => TrackKind::Video,
        }
    }
}

macro_rules! plain_debug {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}
plain_debug!(LocalVideoTrack, LocalAudioTrack, RemoteVideoTrack, RemoteAudioTrack);
