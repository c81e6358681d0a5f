//! Shared by the tests: a signaling server, and callers with a real engine.
#![allow(dead_code, unused_imports, clippy::unwrap_used, reason = "each test file uses its own part")]

mod browser;
mod cable;
#[path = "../../../engine/tests/common/card.rs"]
mod card;
mod signaling;
#[path = "../../../engine/tests/common/tone.rs"]
mod tone;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use autamedica_engine::{
    AudioStream, DegradationPreference, LatestFrame, LocalAudioTrack, LocalTrack, LocalTrackPublication,
    LocalVideoTrack, NativeAudioSource, NativeVideoSource, RemoteAudioTrack, RemoteTrack, RemoteVideoTrack, Room,
    RoomEvent, RoomOptions, TrackPublishOptions, TrackSource, VideoEncoding, VideoFrame, VideoResolution, VideoStream,
};
use autamedica_peer::{Peer, PeerOptions, PeerState, Phase, Presence};
use autamedica_text::Secret;
pub use browser::{Browser, PATIENCE};
pub use cable::Cable;
pub use card::{Camera, read_counter, sides_are_painted};
pub use signaling::{BAD_TOKEN, ROOM, Signaling};
use tokio::sync::{mpsc, watch};
pub use tone::{RATE, Tone, tone_level};

/// Timeout after which a test counts as hung; long, because the machine may be busy.
pub const GUARD: Duration = Duration::from_secs(60);

/// Number of times that a test lets somebody return; `AUTAMEDICA_PEER_ROUNDS` overrides `default`.
pub fn rounds(default: u32) -> u32 {
    std::env::var("AUTAMEDICA_PEER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Awaits `future` for at most [`GUARD`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(GUARD, future).await.with_context(|| format!("{what}: timed out after {GUARD:?}"))
}

pub fn options(server: &Signaling, room: &str, user: &str) -> PeerOptions {
    PeerOptions {
        signaling_url: server.url(),
        token: Secret::new(""),
        user_id: user.into(),
        room_id: room.into(),
        display_name: format!("{user}'s name"),
        role: "doctor".into(),
        ice_servers: Vec::new(),
    }
}

pub fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}

/// An app without a window: the adapter and its state.
pub struct Caller {
    pub peer: Peer,
    pub state: watch::Receiver<PeerState>,
}

impl Caller {
    pub async fn start(server: &Signaling, room: &str, user: &str) -> Result<Self> {
        log();
        let peer = Peer::start(options(server, room, user)).await?;
        let state = peer.state();
        Ok(Self { peer, state })
    }

    /// Waits for a state for which `pick` returns a value.
    pub async fn wait<T>(&mut self, what: &str, pick: impl Fn(&PeerState) -> Option<T>) -> Result<T> {
        let state = &mut self.state;
        let found = async {
            loop {
                if let Some(found) = pick(&state.borrow_and_update()) {
                    return Ok(found);
                }
                state.changed().await.with_context(|| format!("{what}: the call ended"))?;
            }
        };
        soon(what, found).await?
    }

    /// Waits for a presence after number `after`.
    pub async fn presence(&mut self, after: u64) -> Result<Presence> {
        self.wait("the peer", |state| match &state.phase {
            Phase::Present(presence) if presence.number > after => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    /// Connects a room to a presence, and publishes test card and tone.
    pub async fn connect(&self, presence: &Presence, hz: f64) -> Result<Call> {
        self.connect_by(&presence.url, presence, hz).await
    }

    /// Connects a room to a presence by way of another address.
    pub async fn connect_by(&self, url: &str, presence: &Presence, hz: f64) -> Result<Call> {
        let started = Instant::now();
        let options = RoomOptions { join_retries: 0, dynacast: true, ..RoomOptions::default() };
        let connecting = Room::connect(url, presence.token.expose(), options);
        let (room, events) = soon("connecting", connecting).await??;
        eprintln!("connected in {:?}", started.elapsed());
        Call::publish(room, events, hz).await
    }
}

// Small, because two engines or an engine and a browser share what may be two busy cores.
pub const WIDTH: u32 = 640;
pub const HEIGHT: u32 = 360;

/// A room with what it sends.
pub struct Call {
    pub room: Room,
    pub events: mpsc::Receiver<RoomEvent>,
    pub camera: Camera,
    pub microphone: LocalTrackPublication,
    tone: Tone,
}

impl Call {
    async fn publish(room: Room, events: mpsc::Receiver<RoomEvent>, hz: f64) -> Result<Self> {
        let source = NativeAudioSource::new(RATE, 1, 100)?;
        let track = LocalAudioTrack::create_audio_track("microphone", source.clone())?;
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
        let publishing = room.local_participant();
        let microphone = soon("microphone", publishing.publish_track(LocalTrack::Audio(track), options)).await??;
        let tone = Tone::start(source, hz);

        let source = NativeVideoSource::new(VideoResolution { width: WIDTH, height: HEIGHT }, false)?;
        let track = LocalVideoTrack::create_video_track("camera", source.clone())?;
        let options = TrackPublishOptions {
            source: TrackSource::Camera,
            simulcast: false,
            video_encoding: Some(VideoEncoding { max_bitrate: 1_000_000, max_framerate: 30.0 }),
            // On a busy machine the engine would shrink the picture, and not let it grow again.
            degradation_preference: Some(DegradationPreference::MaintainResolution),
            ..Default::default()
        };
        soon("camera", publishing.publish_track(LocalTrack::Video(track), options)).await??;
        let camera = Camera::start(source, WIDTH, HEIGHT);
        Ok(Self { room, events, camera, microphone, tone })
    }

    /// Waits for the first event for which `pick` returns a value. Earlier events are dropped.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(RoomEvent) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                let event = self.events.recv().await.with_context(|| format!("{what}: the events ended"))?;
                if let Some(found) = pick(event) {
                    return Ok(found);
                }
            }
        };
        soon(what, found).await?
    }

    /// Waits for both remote tracks.
    pub async fn media(&mut self) -> Result<Media> {
        let (mut video, mut audio) = (None, None);
        while video.is_none() || audio.is_none() {
            let track = self
                .wait("a track", |event| match event {
                    RoomEvent::TrackSubscribed { track, .. } => Some(track),
                    _ => None,
                })
                .await?;
            match track {
                RemoteTrack::Video(track) => video = Some(VideoStream::new(&track)?),
                RemoteTrack::Audio(track) => audio = Some(AudioStream::new(&track, RATE, 1)?),
            }
        }
        let (video, audio) = (video.context("video")?, audio.context("audio")?);
        Ok(Media { frames: frames_of(video.frames()), video, audio })
    }
}

impl Call {
    /// Publishes a second video that sends nothing.
    pub async fn share(&self) -> Result<LocalTrackPublication> {
        let source = NativeVideoSource::new(VideoResolution { width: WIDTH, height: HEIGHT }, true)?;
        let track = LocalVideoTrack::create_video_track("screen", source)?;
        let options = TrackPublishOptions { source: TrackSource::Screenshare, simulcast: false, ..Default::default() };
        let participant = self.room.local_participant();
        let publishing = participant.publish_track(LocalTrack::Video(track), options);
        Ok(soon("screen", publishing).await??)
    }
}

/// Media received from the peer.
pub struct Media {
    pub video: VideoStream,
    pub audio: AudioStream,
    frames: mpsc::UnboundedReceiver<Arc<VideoFrame>>,
}

/// Forwards each frame of a slot to a channel.
fn frames_of(slot: &LatestFrame) -> mpsc::UnboundedReceiver<Arc<VideoFrame>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let source = slot.clone();
    slot.on_frame(move || {
        if let Some(frame) = source.newest() {
            drop(sender.send(frame));
        }
    });
    receiver
}

impl Media {
    /// Receives `count` intact frames of full size, each once and in order. Returns their rate.
    pub async fn watch(&mut self, count: usize) -> Result<f64> {
        while self.frames.try_recv().is_ok() {}
        let mut counters = Vec::new();
        let started = Instant::now();
        let watching = async {
            while counters.len() < count {
                let frame = self.frames.recv().await.context("the video ended")?;
                if (frame.width(), frame.height()) == (WIDTH, HEIGHT) {
                    let counter = read_counter(&frame).filter(|_| sides_are_painted(&frame));
                    counters.push(counter.context("a frame is damaged")?);
                }
            }
            anyhow::Ok(())
        };
        soon("frames of full size", watching).await??;
        anyhow::ensure!(counters.windows(2).all(|pair| pair[0] < pair[1]), "repeated frames: {counters:?}");
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }

    /// Receives `count` frames from any camera. Returns their rate.
    pub async fn rate(&mut self, count: usize) -> Result<f64> {
        let started = Instant::now();
        let watching = async {
            for _ in 0..count {
                self.frames.recv().await.context("the video ended")?;
            }
            anyhow::Ok(())
        };
        soon("frames", watching).await??;
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }

    /// Listens until the tone is most of the sound.
    pub async fn hear(&mut self, hz: f64) -> Result<()> {
        let audio = &mut self.audio;
        let heard = async {
            loop {
                let mut samples = Vec::new();
                for _ in 0..50 {
                    samples.extend_from_slice(&audio.next().await.context("the audio ended")?.data);
                }
                if tone_level(&samples, hz).0 > 0.95 {
                    return anyhow::Ok(());
                }
            }
        };
        soon("the tone", heard).await?
    }
}
