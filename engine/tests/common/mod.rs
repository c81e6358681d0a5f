//! What the engine's tests share: rooms on a real SFU, a test card, a tone, and ways to look at what arrives.
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
    TrackPublishOptions, TrackSource, VideoEncoding, VideoResolution,
};
use autamedica_lab::Sfu;
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::sync::mpsc::UnboundedReceiver;

/// How long anything may take before a test calls it a hang: the machine may be very busy.
pub const GUARD: Duration = Duration::from_secs(60);

/// What everybody may do in these tests, unless a test is about that.
pub fn grants(room: &str) -> VideoGrants {
    VideoGrants { room_join: true, room: room.into(), can_update_own_metadata: Some(true), ..Default::default() }
}

/// A token with these grants, for this identity.
pub fn token(identity: &str, grants: VideoGrants) -> Result<String> {
    token_with_secret(identity, grants, Sfu::API_SECRET)
}

/// A token that somebody else's secret signed, or ours.
pub fn token_with_secret(identity: &str, grants: VideoGrants, secret: &str) -> Result<String> {
    let token = AccessToken::with_api_key(Sfu::API_KEY, secret);
    let token = token.with_identity(identity).with_name(&format!("{identity}'s name")).with_grants(grants);
    Ok(token.to_jwt()?)
}

/// Shows the engine's log with `RUST_LOG`.
pub fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}

/// Waits for it, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(GUARD, future).await.with_context(|| format!("{what}: nothing within {GUARD:?}"))
}

/// Somebody in a room.
pub struct Peer {
    pub room: Room,
    pub events: UnboundedReceiver<RoomEvent>,
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

    /// Waits for an event of which `pick` makes something; the others before it are passed over.
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
        self.wait("a subscribed sound", |event| match event {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => Some(track),
            _ => None,
        })
        .await
    }

    /// Publishes the test card as a camera, thirty times a second, until the `Camera` is dropped.
    pub async fn publish_camera(&self, width: u32, height: u32) -> Result<(Camera, LocalTrackPublication)> {
        let source = NativeVideoSource::new(VideoResolution { width, height }, false)?;
        let track = LocalVideoTrack::create_video_track("camera", source.clone())?;
        // Left to itself, the engine sends small pictures 15 or 20 times a second only.
        let video_encoding = Some(VideoEncoding { max_bitrate: 2_500_000, max_framerate: 30.0 });
        let options =
            TrackPublishOptions { source: TrackSource::Camera, simulcast: false, video_encoding, ..Default::default() };
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

/// The next `frames` frames of 10 ms, one channel.
pub async fn listen(stream: &mut AudioStream, frames: usize) -> Result<Vec<i16>> {
    let mut samples = Vec::new();
    for _ in 0..frames {
        let frame = soon("sound", stream.next()).await?.context("the sound ended")?;
        samples.extend_from_slice(&frame.data);
    }
    Ok(samples)
}
