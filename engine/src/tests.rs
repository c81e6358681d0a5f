//! What only the inside of the crate can see: the SFU's own refusal, and that everything is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_lab::{HANG_GUARD, Sfu, wait_until};
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::dispatch::{Chunk, Engine, REQUEST_TIMEOUT};
use crate::ffi::LIVE_HANDLES;
use crate::{
    AudioStream, LocalAudioTrack, LocalTrack, LocalVideoTrack, NativeAudioSource, NativeVideoSource, RemoteTrack, Room,
    RoomError, RoomEvent, RoomOptions, StreamByteOptions, StreamTextOptions, TrackPublishOptions, TrackSource,
    VideoFrame, VideoResolution, VideoStream,
};

async fn join(sfu: &Sfu, identity: &str, sources: &[&str]) -> Result<(Room, UnboundedReceiver<RoomEvent>)> {
    let grants = VideoGrants {
        room_join: true,
        room: "room".into(),
        can_publish_sources: sources.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity);
    let token = token.with_grants(grants).to_jwt()?;
    Ok(Room::connect(&sfu.url(), &token, RoomOptions::default()).await?)
}

fn video_track() -> Result<LocalVideoTrack> {
    let source = NativeVideoSource::new(VideoResolution { width: 320, height: 180 }, false)?;
    Ok(LocalVideoTrack::create_video_track("picture", source)?)
}

/// The room is left while a piece of a stream is being taken: whoever reads it must not wait for ever.
#[test]
fn a_reader_that_ends_while_it_takes_a_chunk_is_dropped() -> Result<()> {
    let (id, room) = (u64::MAX, u64::MAX - 1);
    let (kept, counted) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let (held, count) = (kept.clone(), counted.clone());
    let sink = move |_| {
        let _held = &held;
        count.fetch_add(1, Ordering::SeqCst);
        Engine::get().expect("it runs").end_readers(room);
        true
    };
    let engine = Engine::get()?;
    engine.add_reader(id, room, Box::new(sink));
    engine.read(id, Chunk::Text("one".into()));
    assert_eq!((counted.load(Ordering::SeqCst), Arc::strong_count(&kept)), (1, 1));
    engine.read(id, Chunk::Text("two".into()));
    assert_eq!(counted.load(Ordering::SeqCst), 1);
    Ok(())
}

/// What a client meets that asks nobody: a token's grants are enforced by the SFU.
#[tokio::test(flavor = "multi_thread")]
async fn the_sfu_refuses_what_the_token_does_not_grant() -> Result<()> {
    let sfu = Sfu::start()?;
    let (room, _events) = join(&sfu, "patient", &["camera", "microphone"]).await?;
    let options = TrackPublishOptions { source: TrackSource::Screenshare, ..Default::default() };
    let started = Instant::now();
    let refused = room.local_participant().publish(video_track()?.into(), options).await;
    assert!(matches!(refused, Err(RoomError::Timeout(_) | RoomError::NotAllowed(_))), "{refused:?}");
    assert!(started.elapsed() < REQUEST_TIMEOUT + Duration::from_secs(5), "{:?}", started.elapsed());
    let log = sfu.log()?;
    assert!(log.contains("no permission to publish"), "the SFU says nothing of it: {log}");
    Ok(())
}

/// Everything that a call makes the engine hand out: tracks, streams, frames, messages read and unread.
async fn call(sfu: &Sfu) -> Result<()> {
    let (ana, _unread_events) = join(sfu, "ana", &[]).await?;
    let (luis, mut events) = join(sfu, "luis", &[]).await?;
    let me = ana.local_participant();
    let track = video_track()?;
    let source = track.rtc_source().clone();
    let options = TrackPublishOptions { source: TrackSource::Camera, ..Default::default() };
    me.publish_track(LocalTrack::Video(track), options).await?;
    let microphone = NativeAudioSource::new(48_000, 1, 0)?;
    let track = LocalAudioTrack::create_audio_track("sound", microphone.clone())?;
    let options = TrackPublishOptions { source: TrackSource::Microphone, ..Default::default() };
    me.publish_track(LocalTrack::Audio(track), options).await?;

    let (mut video, mut audio) = (None, None);
    while video.is_none() || audio.is_none() {
        match events.recv().await.context("the events ended")? {
            RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } => {
                video = Some(VideoStream::new(&track)?)
            }
            RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } => {
                audio = Some(AudioStream::new(&track, 48_000, 1)?);
            }
            _ => {}
        }
    }
    let (video, audio) = (video.context("video")?, audio.context("audio")?);
    let frame = VideoFrame::from_packed(320, 180, vec![90; VideoFrame::packed_len(320, 180)], 0).context("a frame")?;
    let frames = video.frames().clone();
    let fed = tokio::task::spawn_blocking(move || {
        let mut time = 0;
        wait_until("frames and sound", HANG_GUARD, || {
            time += 33_000;
            source.capture_frame(&frame, time).ok()?;
            microphone.try_capture_frame(&[100; 480]).ok()?;
            (frames.count() > 2 && audio.count() > 2).then_some(())
        })
    });
    fed.await??;
    me.send_chat_message("hola").await?;
    let topic = || "unread".to_owned();
    me.send_text("nobody reads this", StreamTextOptions { topic: topic(), ..Default::default() }).await?;
    me.send_bytes(vec![0; 50_000], StreamByteOptions { topic: topic(), ..Default::default() }).await?;
    loop {
        if let RoomEvent::ByteStreamOpened { .. } = events.recv().await.context("the events ended")? {
            break;
        }
    }
    // A room that is closed, and one that is only dropped.
    luis.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_given_back() -> Result<()> {
    let sfu = Sfu::start()?;
    for _ in 0..2 {
        call(&sfu).await?;
    }
    // The other tests of this process give theirs back too, in their own time.
    let given_back = || {
        let idle = Engine::get().is_ok_and(Engine::is_idle);
        (LIVE_HANDLES.load(Ordering::SeqCst) == 0 && idle).then_some(())
    };
    let waiting = tokio::task::spawn_blocking(move || wait_until("all handles", HANG_GUARD, given_back));
    waiting.await?.with_context(|| format!("{} handles are kept", LIVE_HANDLES.load(Ordering::SeqCst)))
}
