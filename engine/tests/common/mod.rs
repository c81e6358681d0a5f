//! Shared by the engine's tests: peers on a real SFU, a test card, a tone, and checks of received media.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

mod card;
mod tone;

pub use card::{Camera, read_counter, sides_are_painted};
pub use tone::{RATE, Tone, tone_level};

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autamedica_engine::{
    AudioStream, LocalAudioTrack, LocalTrack, LocalTrackPublication, LocalVideoTrack, NativeAudioSource,
    NativeVideoSource, RemoteAudioTrack, RemoteTrack, RemoteVideoTrack, Room, RoomEvent, RoomOptions,
    TrackPublishOptions, TrackSource, VideoCodec, VideoEncoding, VideoResolution,
};
use autamedica_lab::Sfu;
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::sync::mpsc::Receiver;

/// Timeout after which a test counts as hung; long, because the machine may be busy.
pub const GUARD: Duration = Duration::from_secs(25);

/// Default grants of the tests.
pub fn grants(room: &str) -> VideoGrants {
    VideoGrants { room_join: true, room: room.into(), can_update_own_metadata: Some(true), ..Default::default() }
}

/// Mints a token with these grants.
pub fn token(identity: &str, grants: VideoGrants) -> Result<String> {
    token_with_secret(identity, grants, Sfu::API_SECRET)
}

/// Mints a token signed with this secret.
pub fn token_with_secret(identity: &str, grants: VideoGrants, secret: &str) -> Result<String> {
    let token = AccessToken::with_api_key(Sfu::API_KEY, secret);
    let token = token.with_identity(identity).with_name(&format!("{identity}'s name")).with_grants(grants);
    Ok(token.to_jwt()?)
}

/// Enables the engine's log; `RUST_LOG` filters it.
pub fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}

/// Awaits `future` for at most [`GUARD`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(GUARD, future).await.with_context(|| format!("{what}: timed out after {GUARD:?}"))
}

/// Participant of a room, with its events.
pub struct Peer {
    pub room: Room,
    pub events: Receiver<RoomEvent>,
}

impl Peer {
    pub async fn join(sfu: &Sfu, room: &str, identity: &str) -> Result<Self> {
        Self::join_with(sfu, room, identity, RoomOptions::default()).await
    }

    pub async fn join_with(sfu: &Sfu, room: &str, identity: &str, options: RoomOptions) -> Result<Self> {
        Self::join_as(sfu, &token(identity, grants(room))?, options).await
    }

    pub async fn join_as(sfu: &Sfu, token: &str, options: RoomOptions) -> Result<Self> {
        log();
        let (room, events) = soon("joining", Room::connect(&sfu.url(), token, options)).await??;
        Ok(Self { room, events })
    }

    /// Waits for the first event for which `pick` returns a value. Earlier events are dropped.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(RoomEvent) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                match self.events.recv().await {
                    Some(event) => {
                        if let Some(found) = pick(event) {
                            return Ok(found);
                        }
                    }
                    None => bail!("the events ended"),
                }
            }
        };
        soon(what, found).await?.with_context(|| what.to_owned())
    }

    pub async fn subscribed_video(&mut self) -> Result<RemoteVideoTrack> {
        self.wait("a subscribed video", |event| match event {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } => Some(track),
            _ => None,
        })
        .await
    }

    pub async fn subscribed_audio(&mut self) -> Result<RemoteAudioTrack> {
        self.wait("a subscribed audio track", |event| match event {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => Some(track),
            _ => None,
        })
        .await
    }

    /// Publishes the test card as a camera with 30 frames per second until the `Camera` is dropped.
    pub async fn publish_camera(&self, width: u32, height: u32) -> Result<(Camera, LocalTrackPublication)> {
        self.publish_camera_in(VideoCodec::default(), width, height).await
    }

    /// [`publish_camera`](Self::publish_camera) with this codec.
    pub async fn publish_camera_in(
        &self,
        video_codec: VideoCodec,
        width: u32,
        height: u32,
    ) -> Result<(Camera, LocalTrackPublication)> {
        let source = NativeVideoSource::new(VideoResolution { width, height }, false)?;
        let track = LocalVideoTrack::create_video_track("camera", source.clone())?;
        // By default the engine limits small video to 15 or 20 frames per second.
        let video_encoding = Some(VideoEncoding { max_bitrate: 2_500_000, max_framerate: 30.0 });
        let options = TrackPublishOptions {
            source: TrackSource::Camera,
            simulcast: false,
            video_encoding,
            video_codec,
            ..Default::default()
        };
        let me = self.room.local_participant();
        let publishing = me.publish_track(LocalTrack::Video(track), options);
        let publication = soon("publishing the camera", publishing).await??;
        Ok((Camera::start(source, width, height), publication))
    }

    /// Publishes a tone as a microphone, until the `Tone` is dropped.
    pub async fn publish_tone(&self, hz: f64) -> Result<(Tone, LocalTrackPublication)> {
        let source = NativeAudioSource::new(RATE, 1, 100)?;
        let track = LocalAudioTrack::create_audio_track("microphone", source.clone())?;
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
        let me = self.room.local_participant();
        let publishing = me.publish_track(LocalTrack::Audio(track), options);
        let publication = soon("publishing the microphone", publishing).await??;
        Ok((Tone::start(source, hz), publication))
    }
}

/// Reads the next `frames` frames of 10 ms.
pub async fn listen(stream: &mut AudioStream, frames: usize) -> Result<Vec<i16>> {
    let mut samples = Vec::new();
    for _ in 0..frames {
        let frame = soon("audio", stream.next()).await?.context("the audio ended")?;
        samples.extend_from_slice(&frame.data);
    }
    Ok(samples)
}
