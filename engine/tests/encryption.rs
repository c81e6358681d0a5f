//! End-to-end encryption: the right key, a wrong one, and none.
#![allow(clippy::unwrap_used)]

mod common;

use anyhow::{Context, Result};
use autamedica_engine::{
    AudioStream, DataPacket, E2eeError, E2eeOptions, EncryptionKey, EncryptionState, RemoteTrack, RoomEvent,
    RoomOptions, StreamError, VideoStream,
};
use autamedica_lab::Sfu;
use common::{Peer, listen, soon, tone_level};

fn with_key(key: &str) -> RoomOptions {
    RoomOptions { encryption: Some(E2eeOptions::with_shared_key(key)), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_key_decrypts_media_and_chat() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("a shared key")).await?;
    assert!(luis.room.e2ee_manager().enabled());
    let (_tone, _published) = ana.publish_tone(440.0).await?;
    let track = luis.subscribed_audio().await?;
    let publication = luis.other()?.track_publications().into_values().next().context("one")?;
    assert!(publication.is_encrypted());
    let mut stream = AudioStream::new(&track, 48_000, 1)?;
    let heard = async {
        while tone_level(&listen(&mut stream, 50).await?, 440.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await??;

    let (camera, _published) = ana.publish_camera(320, 180).await?;
    let video = VideoStream::new(&luis.subscribed_video().await?)?;
    let (woken, mut wakes) = tokio::sync::mpsc::unbounded_channel();
    video.frames().on_frame(move || _ = woken.send(()));
    for _ in 0..30 {
        soon("a frame", wakes.recv()).await?.context("the slot is gone")?;
    }
    let frame = video.frames().newest().context("a frame")?;
    assert!(common::read_counter(&frame).is_some() && common::sides_are_painted(&frame));
    drop(camera);

    ana.room.local_participant().send_chat_message("hola, doctor").await?;
    let text = luis
        .wait("chat", |event| match event {
            RoomEvent::ChatMessage { message, .. } => Some(message.message),
            _ => None,
        })
        .await?;
    assert_eq!(text, "hola, doctor");

    // With encryption disabled, open streams deliver no frames instead of noise.
    luis.room.e2ee_manager().set_enabled(false)?;
    let (audio_frames, video_frames) = (stream.count(), video.frames().count());
    assert_eq!(AudioStream::new(&track, 48_000, 1).map(|_| ()), Err(StreamError::Encrypted));
    let quiet = luis.wait("audio", |_| (stream.count() > audio_frames + 5).then_some(()));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(2), quiet).await.is_err());
    assert!(stream.count() <= audio_frames + 5 && video.frames().count() <= video_frames + 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_decrypts_nothing_and_is_reported() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("another key")).await?;
    let (_tone, _published) = ana.publish_tone(440.0).await?;
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let (mut audio, mut video) = (None, None);
    while audio.is_none() || video.is_none() {
        let track = luis
            .wait("tracks", |event| match event {
                RoomEvent::TrackSubscribed { track, .. } => Some(track),
                _ => None,
            })
            .await?;
        match track {
            RemoteTrack::Audio(track) => audio = Some(AudioStream::new(&track, 48_000, 1)?),
            RemoteTrack::Video(track) => video = Some(VideoStream::new(&track)?),
        }
    }
    let who = luis
        .wait("the failure", |event| match event {
            RoomEvent::E2eeStateChanged { participant, state: EncryptionState::DecryptionFailed } => Some(participant),
            _ => None,
        })
        .await?;
    assert_eq!(who.identity(), "ana");
    ana.room.local_participant().send_chat_message("secreto").await?;
    // A second later, undecrypted media or chat would have arrived.
    let (mut audio, video) = (audio.unwrap(), video.unwrap());
    let samples = listen(&mut audio, 100).await?;
    assert!(samples.iter().all(|sample| sample.abs() < 100), "noise is played");
    assert_eq!(video.frames().count(), 0, "a frame was delivered");

    // After the right key is set, media and chat are decrypted.
    luis.room.e2ee_manager().set_shared_key(&EncryptionKey::from("a shared key"))?;
    let heard = async {
        while tone_level(&listen(&mut audio, 50).await?, 440.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await??;
    ana.room.local_participant().send_chat_message("ahora sí").await?;
    let text = luis
        .wait("chat", |event| match event {
            RoomEvent::ChatMessage { message, .. } => Some(message.message),
            _ => None,
        })
        .await?;
    assert_eq!(text, "ahora sí", "the message under the wrong key was delivered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_an_encrypted_track_is_refused() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join(&sfu, "room", "luis").await?;
    let (_tone, _published) = ana.publish_tone(440.0).await?;
    let audio = luis.subscribed_audio().await?;
    assert_eq!(AudioStream::new(&audio, 48_000, 1).map(|_| ()), Err(StreamError::Encrypted));
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let video = luis.subscribed_video().await?;
    assert_eq!(VideoStream::new(&video).map(|_| ()), Err(StreamError::Encrypted));
    let manager = luis.room.e2ee_manager();
    assert!(!manager.is_configured() && !manager.enabled());
    assert_eq!(manager.set_enabled(true), Err(E2eeError::NotConfigured));
    let mut ana = ana;
    // Neither encrypted chat is delivered to luis nor unencrypted chat to ana.
    ana.room.local_participant().send_chat_message("secreto").await?;
    luis.room.local_participant().send_chat_message("en claro").await?;
    let data = DataPacket { payload: b"end".to_vec(), reliable: true, ..Default::default() };
    luis.room.local_participant().publish_data(data).await?;
    ana.wait("the data packet", |event| match event {
        RoomEvent::ChatMessage { message, .. } => panic!("{message:?}"),
        RoomEvent::DataReceived { .. } => Some(()),
        _ => None,
    })
    .await?;
    while let Ok(event) = luis.events.try_recv() {
        assert!(!matches!(event, RoomEvent::ChatMessage { .. }), "{event:?}");
    }
    // Unencrypted media is received by both.
    let (_tone, _published) = luis.publish_tone(1000.0).await?;
    let mut stream = AudioStream::new(&ana.subscribed_audio().await?, 48_000, 1)?;
    let heard = async {
        while tone_level(&listen(&mut stream, 50).await?, 1000.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await?
}

#[test]
fn debug_output_omits_keys() {
    let options = with_key("very secret");
    assert!(!format!("{options:?}").contains("very"));
    assert!(!format!("{options:?}").contains("118"), "the key as a list of bytes");
}

/// Audio arrives before the engine starts to decrypt; that ciphertext must not be played.
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_audio_track_starts_without_noise() -> Result<()> {
    let sfu = Sfu::start()?;
    for round in 0..6 {
        let key = if round % 2 == 0 { "a shared key" } else { "another key" };
        let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
        let mut luis = Peer::join_with(&sfu, "room", "luis", with_key(key)).await?;
        let (_tone, _published) = ana.publish_tone(440.0).await?;
        let track = luis.subscribed_audio().await?;
        let mut audio = AudioStream::new(&track, 48_000, 1)?;
        let loudest = listen(&mut audio, 100).await?.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest < Some(20_000), "round {round}: {loudest:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_video_delivers_frames_again() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("a shared key")).await?;
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let mut timeouts = Vec::new();
    for _ in 0..3 {
        let (track, publication) = luis
            .wait("a subscribed video", |event| match event {
                RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), publication, .. } => {
                    Some((track, publication))
                }
                _ => None,
            })
            .await?;
        let video = VideoStream::new(&track)?;
        let (woken, mut wakes) = tokio::sync::mpsc::unbounded_channel();
        video.frames().on_frame(move || _ = woken.send(()));
        soon("a frame", wakes.recv()).await?.context("the slot is gone")?;
        let frame = video.frames().newest().context("a frame")?;
        assert!(common::read_counter(&frame).is_some() && common::sides_are_painted(&frame));
        timeouts.push(publication.first_frame_timeout());
        publication.restart()?;
        let is_ended = |event| matches!(event, RoomEvent::TrackUnsubscribed { .. }).then_some(());
        luis.wait("the end of the old track", is_ended).await?;
        assert!(video.is_ended());
    }
    assert!(timeouts[0] < timeouts[1] && timeouts[1] < timeouts[2], "{timeouts:?}");
    Ok(())
}

/// Opens a stream with a channel that is sent to for each frame.
fn watch(
    track: &autamedica_engine::RemoteVideoTrack,
) -> Result<(VideoStream, tokio::sync::mpsc::UnboundedReceiver<()>)> {
    let video = VideoStream::new(track)?;
    let (woken, wakes) = tokio::sync::mpsc::unbounded_channel();
    video.frames().on_frame(move || _ = woken.send(()));
    Ok((video, wakes))
}

/// Returns `true` for an event about undecryptable media.
fn is_decryption_failure(event: &RoomEvent) -> bool {
    use EncryptionState::{DecryptionFailed, MissingKey};
    matches!(event, RoomEvent::E2eeStateChanged { state: DecryptionFailed | MissingKey, .. })
}

async fn next_chat(peer: &mut Peer) -> Result<String> {
    let text = |event| match event {
        RoomEvent::ChatMessage { message, .. } => Some(message.message),
        event => {
            assert!(!is_decryption_failure(&event), "{event:?}");
            None
        }
    };
    peer.wait("chat", text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_excludes_participants_with_the_old_key() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("first")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("first")).await?;
    let mut eva = Peer::join_with(&sfu, "room", "eva", with_key("first")).await?;
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let (video, mut frames) = watch(&luis.subscribed_video().await?)?;
    let (excluded_video, mut excluded_frames) = watch(&eva.subscribed_video().await?)?;
    soon("a frame", frames.recv()).await?.context("the slot is gone")?;
    soon("a frame", excluded_frames.recv()).await?.context("the slot is gone")?;
    while eva.events.try_recv().is_ok() {}
    while luis.events.try_recv().is_ok() {}

    // The new key is added by its holders before anybody sends with it; messages are still decrypted in between.
    let second = EncryptionKey::from("second");
    for peer in [&ana, &luis] {
        peer.room.e2ee_manager().add_key(&second, 1)?;
        assert_eq!(peer.room.e2ee_manager().index(), Some(0));
    }
    ana.room.local_participant().send_chat_message("antes").await?;
    assert_eq!(next_chat(&mut luis).await?, "antes");
    assert_eq!(next_chat(&mut eva).await?, "antes");
    ana.room.e2ee_manager().send_with(&second, 1)?;
    ana.room.local_participant().send_chat_message("después").await?;
    assert_eq!(next_chat(&mut luis).await?, "después");
    eva.wait("the missing key", |event| {
        assert!(!matches!(event, RoomEvent::ChatMessage { .. }), "{event:?}");
        is_decryption_failure(&event).then_some(())
    })
    .await?;
    while excluded_frames.try_recv().is_ok() {}
    let left_at = excluded_video.frames().count();
    while frames.try_recv().is_ok() {}
    let mut last = None;
    for _ in 0..45 {
        soon("a frame", frames.recv()).await?.context("the slot is gone")?;
        let frame = video.frames().newest().context("a frame")?;
        assert!(common::sides_are_painted(&frame));
        let counter = common::read_counter(&frame).context("a counter")?;
        assert!(last <= Some(counter), "{last:?} {counter}");
        last = Some(counter);
    }
    // One frame may still have been encrypted with the old key.
    assert!(excluded_video.frames().count() <= left_at + 1, "a frame under the new key was delivered");
    while let Ok(event) = luis.events.try_recv() {
        assert!(!is_decryption_failure(&event), "{event:?}");
    }

    // A participant who joins with the new key publishes with it, too.
    let nora = Peer::join_with(
        &sfu,
        "room",
        "nora",
        RoomOptions { encryption: Some(E2eeOptions::with_shared_key("second").at_index(1)), ..Default::default() },
    )
    .await?;
    let (_tone, _published) = nora.publish_tone(1000.0).await?;
    let mut audio = AudioStream::new(&luis.subscribed_audio().await?, 48_000, 1)?;
    let heard = async {
        while tone_level(&listen(&mut audio, 50).await?, 1000.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await??;
    nora.room.local_participant().send_chat_message("hola").await?;
    assert_eq!(next_chat(&mut luis).await?, "hola");
    Ok(())
}
