//! Tests against a real SFU that need the crate's internals: refusals, leaks, overflow and resubscription.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_lab::{HANG_GUARD, Sfu, wait_until};
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::sync::mpsc::Receiver;

use crate::backend::testing::{REQUEST_TIMEOUT, is_idle, live_handles};
use crate::limits::MAX_QUEUED_EVENTS;
use crate::{
    AudioStream, ConnectionState, LocalAudioTrack, LocalTrack, LocalVideoTrack, NativeAudioSource, NativeVideoSource,
    RemoteTrack, RemoteTrackPublication, Room, RoomError, RoomEvent, RoomOptions, StreamByteOptions, StreamTextOptions,
    TrackPublishOptions, TrackSource, VideoFrame, VideoResolution, VideoStream,
};

async fn join(sfu: &Sfu, identity: &str, sources: &[&str]) -> Result<(Room, Receiver<RoomEvent>)> {
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

/// Publishes without the client's own check of grants, so that the SFU has to enforce them.
#[tokio::test(flavor = "multi_thread")]
async fn the_sfu_refuses_a_source_that_the_token_does_not_grant() -> Result<()> {
    let sfu = Sfu::start()?;
    let (room, _events) = join(&sfu, "patient", &["camera", "microphone"]).await?;
    let options = TrackPublishOptions { source: TrackSource::Screenshare, ..Default::default() };
    let started = Instant::now();
    let refused = room.local_participant().publish(video_track()?.into(), options).await;
    assert!(matches!(refused, Err(RoomError::Timeout(_) | RoomError::NotAllowed(_))), "{refused:?}");
    assert!(started.elapsed() < REQUEST_TIMEOUT + Duration::from_secs(5), "{:?}", started.elapsed());
    let log = sfu.log()?;
    assert!(log.contains("no permission to publish"), "the SFU's log has no refusal: {log}");
    Ok(())
}

/// Makes a call in which the engine hands out all kinds of handles: tracks, streams, frames, messages read and unread.
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
        wait_until("frames of both tracks", HANG_GUARD, || {
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
    // The room `ana` is only dropped.
    luis.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_handles_are_released_after_calls() -> Result<()> {
    let sfu = Sfu::start()?;
    for _ in 0..2 {
        call(&sfu).await?;
    }
    // Waits, because other tests of this process own handles, too.
    let released = || (live_handles() == 0 && is_idle()).then_some(());
    let waiting = tokio::task::spawn_blocking(move || wait_until("all handles", HANG_GUARD, released));
    waiting.await?.with_context(|| format!("{} handles are alive", live_handles()))
}

/// An overflow of the queue of events leaves the room.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_whose_events_nobody_reads_is_left() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, _events) = join(&sfu, "ana", &[]).await?;
    let (luis, mut unread) = join(&sfu, "luis", &[]).await?;
    for _ in 0..2 * MAX_QUEUED_EVENTS {
        luis.emit_for_tests(RoomEvent::Reconnecting);
    }
    let mut count = 0;
    while unread.recv().await.is_some() {
        count += 1;
    }
    assert!(count <= MAX_QUEUED_EVENTS, "{count} events were queued");
    assert_eq!(luis.connection_state(), ConnectionState::Disconnected);
    let gone = move || ana.remote_participants().is_empty().then_some(());
    tokio::task::spawn_blocking(move || wait_until("the SFU to remove the participant", HANG_GUARD, gone)).await?
}

/// Names of the threads of this process.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").map(Iterator::flatten).into_iter().flatten();
    tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}

async fn subscribed(events: &mut Receiver<RoomEvent>) -> Result<RemoteTrackPublication> {
    loop {
        if let RoomEvent::TrackSubscribed { publication, .. } = events.recv().await.context("the events ended")? {
            return Ok(publication);
        }
    }
}

/// A running resubscription respects a later unsubscribe, and ends with the room.
#[tokio::test(flavor = "multi_thread")]
async fn a_resubscription_ends_with_an_unsubscribe_and_with_the_room() -> Result<()> {
    let resubscribes = || threads().iter().any(|name| name.trim() == "track start");
    let ended = move |what: &'static str| {
        tokio::task::spawn_blocking(move || {
            wait_until(what, Duration::from_secs(20), || (!resubscribes()).then_some(()))
        })
    };
    let sfu = Sfu::start()?;
    let (ana, _events) = join(&sfu, "ana", &[]).await?;
    let (luis, mut events) = join(&sfu, "luis", &[]).await?;
    let options = TrackPublishOptions { source: TrackSource::Camera, ..Default::default() };
    ana.local_participant().publish_track(video_track()?.into(), options).await?;
    let publication = subscribed(&mut events).await?;
    publication.restart()?;
    publication.set_subscribed(false)?;
    ended("the resubscription to end").await??;
    // The thread can end before the event of the unsubscription arrives. Without the thread, nothing resubscribes.
    let unsubscribed = {
        let publication = publication.clone();
        move || wait_until("the track to stay away", HANG_GUARD, || (!publication.is_subscribed()).then_some(()))
    };
    tokio::task::spawn_blocking(unsubscribed).await??;

    publication.set_subscribed(true)?;
    subscribed(&mut events).await?;
    publication.restart()?;
    luis.close().await?;
    // Uncancelled, the resubscription would last 55 s.
    ended("the resubscription to end with the room").await?
}
