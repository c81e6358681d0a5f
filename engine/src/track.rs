//! Tracks: local ones send the frames of a source, remote ones deliver frames to streams.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::audio_source::NativeAudioSource;
use crate::backend;
use crate::delivery::EndListener;
use crate::e2ee::E2eeState;
use crate::error::{EngineError, RoomError};
use crate::info::PublicationInfo;
use crate::stats::PeerStats;
use crate::types::TrackKind;
use crate::video_source::NativeVideoSource;

/// Methods of local audio and video tracks, over `self.object`.
macro_rules! local_track {
    () => {
        /// Mutes the track. Other participants are notified and receive silence or no video.
        ///
        /// # Errors
        /// [`EngineError`] when the engine is not running or refuses the request.
        pub fn mute(&self) -> Result<(), EngineError> {
            self.object.set_muted(true)
        }

        /// Unmutes the track.
        ///
        /// # Errors
        /// [`EngineError`] when the engine is not running or refuses the request.
        pub fn unmute(&self) -> Result<(), EngineError> {
            self.object.set_muted(false)
        }

        /// Returns the WebRTC statistics of the track.
        ///
        /// # Errors
        /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
        pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
            self.object.stats().await
        }
    };
}

/// Local video track.
#[derive(Clone)]
pub struct LocalVideoTrack {
    object: backend::Track,
    source: NativeVideoSource,
}

impl LocalVideoTrack {
    /// Creates a track that sends the frames of `source`.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn create_video_track(name: &str, source: NativeVideoSource) -> Result<Self, EngineError> {
        Ok(Self { object: backend::Track::video(name, source.object())?, source })
    }

    /// Source of the track.
    pub fn rtc_source(&self) -> &NativeVideoSource {
        &self.source
    }

    local_track!();
}

/// Local audio track.
#[derive(Clone)]
pub struct LocalAudioTrack {
    object: backend::Track,
    source: NativeAudioSource,
}

impl LocalAudioTrack {
    /// Creates a track that sends the frames of `source`.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn create_audio_track(name: &str, source: NativeAudioSource) -> Result<Self, EngineError> {
        Ok(Self { object: backend::Track::audio(name, source.object())?, source })
    }

    /// Source of the track.
    pub fn rtc_source(&self) -> &NativeAudioSource {
        &self.source
    }

    local_track!();
}

/// Local audio or video track.
#[derive(Clone, Debug)]
pub enum LocalTrack {
    /// Audio.
    Audio(LocalAudioTrack),
    /// Video.
    Video(LocalVideoTrack),
}

impl LocalTrack {
    /// Returns the WebRTC statistics of the track.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
    pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
        self.object().stats().await
    }

    pub(crate) fn object(&self) -> &backend::Track {
        match self {
            Self::Audio(track) => &track.object,
            Self::Video(track) => &track.object,
        }
    }

    pub(crate) fn set_muted(&self, muted: bool) -> Result<(), EngineError> {
        self.object().set_muted(muted)
    }

    /// Kind of the track's media.
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

/// Time after the start of decryption in which ciphertext may still be played: the ten frames of 20 ms that may fail before
/// the engine gives up a key, and the contents of the jitter buffer.
const CIPHERTEXT_TAIL: Duration = Duration::from_millis(500);

/// Time after the start of decryption in which video frames may reference ciphertext; the module [`start`](crate::start)
/// says why. None of the frames received before can have been sent after the pause.
pub(crate) const KEY_FRAME_GUARD: Duration = Duration::from_millis(300);

/// Common part of remote audio and video tracks.
#[derive(Clone)]
pub(crate) struct RemoteCore {
    pub object: backend::Track,
    pub gate: Arc<Gate>,
    sid: String,
}

/// Filter for the frames of a track's streams, and notifier of the track's end. Streams own it instead of the track, so
/// that they don't keep the track's handle alive.
pub(crate) struct Gate {
    /// Current properties of the publication.
    publication: Arc<RwLock<PublicationInfo>>,
    e2ee: Arc<E2eeState>,
    /// Time of subscription.
    subscribed_at: Instant,
    /// `None` once the track has ended.
    streams: Mutex<Option<Vec<Weak<dyn EndListener>>>>,
}

impl Gate {
    fn is_encrypted(&self) -> bool {
        self.publication.read().is_encrypted()
    }

    /// Returns `true` if the frames are ciphertext that this client doesn't decrypt.
    pub(crate) fn is_undecryptable(&self) -> bool {
        self.is_encrypted() && !self.e2ee.is_enabled()
    }

    /// Returns `true` while the played audio may be ciphertext: the engine plays frames that arrive before it starts to
    /// decrypt.
    pub(crate) fn may_play_ciphertext(&self) -> bool {
        self.is_decrypted_for_less_than(CIPHERTEXT_TAIL)
    }

    /// Returns `true` while video frames may reference ciphertext.
    pub(crate) fn may_reference_ciphertext(&self) -> bool {
        self.is_decrypted_for_less_than(KEY_FRAME_GUARD)
    }

    /// Returns `true` if the track is encrypted and its decryption started less than `time` ago.
    fn is_decrypted_for_less_than(&self, time: Duration) -> bool {
        self.is_encrypted() && self.e2ee.enabled_for().min(self.subscribed_at.elapsed()) < time
    }

    /// Registers a listener for the end of the track. Calls it at once if the track has ended.
    pub(crate) fn on_end(&self, stream: Weak<dyn EndListener>) {
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

/// Methods of remote audio and video tracks, over `self.core`.
macro_rules! remote_track {
    () => {
        /// Id assigned by the server.
        pub fn sid(&self) -> &str {
            &self.core.sid
        }

        /// Returns the WebRTC statistics of the track.
        ///
        /// # Errors
        /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
        pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
            self.core.object.stats().await
        }
    };
}

/// Remote video track, read by a [`VideoStream`](crate::VideoStream).
#[derive(Clone)]
pub struct RemoteVideoTrack {
    pub(crate) core: RemoteCore,
}

impl RemoteVideoTrack {
    remote_track!();
}

/// Remote audio track, read by an [`AudioStream`](crate::AudioStream).
#[derive(Clone)]
pub struct RemoteAudioTrack {
    pub(crate) core: RemoteCore,
}

impl RemoteAudioTrack {
    remote_track!();
}

/// Remote audio or video track.
#[derive(Clone, Debug)]
pub enum RemoteTrack {
    /// Audio.
    Audio(RemoteAudioTrack),
    /// Video.
    Video(RemoteVideoTrack),
}

impl RemoteTrack {
    /// Returns the WebRTC statistics of the track.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
    pub async fn get_stats(&self) -> Result<PeerStats, RoomError> {
        match self {
            Self::Audio(track) => track.get_stats().await,
            Self::Video(track) => track.get_stats().await,
        }
    }

    pub(crate) fn new(
        object: backend::Track,
        sid: String,
        kind: TrackKind,
        publication: Arc<RwLock<PublicationInfo>>,
        e2ee: Arc<E2eeState>,
    ) -> Self {
        let subscribed_at = Instant::now();
        let gate = Gate { publication, e2ee, subscribed_at, streams: Mutex::new(Some(Vec::new())) };
        let core = RemoteCore { object, gate: Arc::new(gate), sid };
        match kind {
            TrackKind::Video => Self::Video(RemoteVideoTrack { core }),
            TrackKind::Audio => Self::Audio(RemoteAudioTrack { core }),
        }
    }

    /// Ends all streams of the track.
    pub(crate) fn end(&self) {
        match self {
            Self::Audio(track) => track.core.gate.end(),
            Self::Video(track) => track.core.gate.end(),
        }
    }

    /// Id assigned by the server.
    pub fn sid(&self) -> &str {
        match self {
            Self::Audio(track) => track.sid(),
            Self::Video(track) => track.sid(),
        }
    }

    /// Kind of the track's media.
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
