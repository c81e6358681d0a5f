//! Participant with a camera that shows time codes and a microphone that beeps at each whole second.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_engine::{
    E2eeOptions, LocalAudioTrack, LocalTrack, LocalTrackPublication, LocalVideoTrack, NativeAudioSource,
    NativeVideoSource, Room, RoomEvent, RoomOptions, TrackPublishOptions, TrackSource, VideoCodec, VideoResolution,
};
use autamedica_lab::{HANG_GUARD, Sfu};
use autamedica_media::{CameraFormat, CardStyle, TestCard, now_us};
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::sync::mpsc::Receiver;

/// Duration of a beep in seconds.
const BEEP: f64 = 0.1;

/// A participant, who publishes until dropped.
pub struct Person {
    pub room: Room,
    events: Receiver<RoomEvent>,
    devices: Vec<Device>,
}

/// Thread that delivers frames or samples until dropped.
pub struct Device {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    fn start(period: Duration, mut deliver: impl FnMut(i64) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || {
            let mut due = Instant::now();
            while !stopped.load(Ordering::Acquire) {
                // The due time instead of now, so that delays of this thread don't appear as jitter of the device.
                let late = due.elapsed().as_micros() as i64;
                deliver(now_us() - late);
                due += period;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        };
        Self { stop, thread: Some(std::thread::spawn(run)) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Mints a token for a participant or the recorder. The identity determines the role.
pub fn token(room: &str, identity: &str, recorder: bool) -> Result<String> {
    let grants = VideoGrants {
        room_join: true,
        room: room.into(),
        can_publish: Some(!recorder),
        can_subscribe: Some(true),
        can_publish_data: Some(!recorder),
        hidden: recorder,
        recorder,
        ..Default::default()
    };
    let role = if identity.starts_with("doctor") { "doctor" } else { "patient" };
    let metadata = format!(r#"{{"role":"{role}","consultationId":"test","userId":"{identity}"}}"#);
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity).with_grants(grants);
    Ok(token.with_metadata(&metadata).to_jwt()?)
}

impl Person {
    pub async fn join(sfu: &Sfu, room: &str, identity: &str) -> Result<Self> {
        Self::join_encrypted(sfu, room, identity, None).await
    }

    pub async fn join_encrypted(sfu: &Sfu, room: &str, identity: &str, key: Option<&str>) -> Result<Self> {
        let options = RoomOptions { encryption: key.map(E2eeOptions::with_shared_key), ..Default::default() };
        let (url, token) = (sfu.url(), token(room, identity, false)?);
        let joining = Room::connect(&url, &token, options);
        let (room, events) = tokio::time::timeout(HANG_GUARD, joining).await.context("joining hangs")??;
        Ok(Self { room, events, devices: Vec::new() })
    }

    /// Publishes a test card with a time code in the top rows of each frame.
    pub async fn film(&mut self, source: TrackSource, width: u32, height: u32) -> Result<LocalTrackPublication> {
        // The roles use different codecs, to cover both that the app sends.
        let is_doctor = self.room.local_participant().identity().starts_with("doctor");
        let codec = if is_doctor { VideoCodec::H264 } else { VideoCodec::Vp8 };
        self.film_in(codec, source, width, height).await
    }

    /// Publishes a test card as [`film`](Self::film) does, in this codec.
    pub async fn film_in(
        &mut self,
        video_codec: VideoCodec,
        source: TrackSource,
        width: u32,
        height: u32,
    ) -> Result<LocalTrackPublication> {
        let is_screen = source == TrackSource::Screenshare;
        let video = NativeVideoSource::new(VideoResolution { width, height }, is_screen)?;
        let track = LocalVideoTrack::create_video_track("video", video.clone())?;
        let seed = self.room.local_participant().identity().len() as u8;
        let style = CardStyle::new(&self.room.local_participant().identity(), seed);
        let options = TrackPublishOptions { source, video_codec, simulcast: !is_screen, ..Default::default() };
        let publication = self.publish(LocalTrack::Video(track), options).await?;
        let card = TestCard::new(CameraFormat { width, height, fps: 30 }, &style);
        let started = Instant::now();
        self.devices.push(Device::start(Duration::from_secs(1) / 30, move |_| {
            // The time of drawing, because a real camera has no such delay.
            let now = now_us();
            let frame = card.draw(now, started.elapsed());
            drop(video.capture_frame(&frame, now));
        }));
        Ok(publication)
    }

    /// Publishes a microphone with a beep of this frequency at each whole second of the clock.
    pub async fn beep(&mut self, hz: f64) -> Result<LocalTrackPublication> {
        let audio = NativeAudioSource::new(48_000, 1, 0)?;
        let track = LocalAudioTrack::create_audio_track("microphone", audio.clone())?;
        let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
        let publication = self.publish(LocalTrack::Audio(track), options).await?;
        let mut noise = 1_u32;
        self.devices.push(Device::start(Duration::from_millis(10), move |due| {
            // A microphone delivers the last 10 ms. With noise between beeps, because Opus attenuates the first 100 ms of a
            // tone after digital silence.
            let samples: Vec<i16> = (0..480)
                .map(|i| {
                    let heard_at = (due - 10_000) as f64 / 1e6 + f64::from(i) / 48_000.0;
                    let into = heard_at.fract();
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let hiss = (noise >> 25) as i16 - 64;
                    hiss + if into < BEEP { (9000.0 * (TAU * hz * into).sin()) as i16 } else { 0 }
                })
                .collect();
            drop(audio.try_capture_frame(&samples));
        }));
        Ok(publication)
    }

    async fn publish(&self, track: LocalTrack, options: TrackPublishOptions) -> Result<LocalTrackPublication> {
        let me = self.room.local_participant();
        let publishing = me.publish_track(track, options);
        Ok(tokio::time::timeout(HANG_GUARD, publishing).await.context("publishing hangs")??)
    }

    /// Returns the publication of the camera.
    pub fn camera(&self) -> Option<LocalTrackPublication> {
        let publications = self.room.local_participant().track_publications();
        publications.into_values().find(|publication| publication.source() == TrackSource::Camera)
    }

    /// Waits until an event satisfies `wanted`.
    pub async fn wait(&mut self, what: &str, wanted: impl Fn(&RoomEvent) -> bool) -> Result<()> {
        let found = async {
            while let Some(event) = self.events.recv().await {
                if wanted(&event) {
                    return Ok(());
                }
            }
            anyhow::bail!("{what}: the events ended")
        };
        tokio::time::timeout(HANG_GUARD, found).await.with_context(|| format!("{what}: timed out"))?
    }

    /// Stops the devices and leaves the room.
    pub async fn leave(mut self) -> Result<()> {
        self.devices.clear();
        Ok(self.room.close().await?)
    }
}
