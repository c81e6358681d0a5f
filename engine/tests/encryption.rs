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
    RoomOptions { e2ee: Some(E2eeOptions::with_shared_key(key)), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_key_opens_media_and_chat() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("a shared key")).await?;
    assert!(luis.room.e2ee_manager().enabled());
    let (_tone, _published) = ana.publish_tone(440.0).await?;
    let track = luis.subscribed_audio().await?;
    let publication = luis.room.remote_participants()[0].track_publications().into_values().next().context("one")?;
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
            RoomEvent::ChatMessage { message, .. } => Some(message.text),
            _ => None,
        })
        .await?;
    assert_eq!(text, "hola, doctor");

    // Switched off, the open streams deliver nothing rather than noise.
    luis.room.e2ee_manager().set_enabled(false)?;
    let (sound, pictures) = (stream.count(), video.frames().count());
    assert_eq!(AudioStream::new(&track, 48_000, 1).map(|_| ()), Err(StreamError::Encrypted));
    let quiet = luis.wait("sound", |_| (stream.count() > sound + 5).then_some(()));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(2), quiet).await.is_err());
    assert!(stream.count() <= sound + 5 && video.frames().count() <= pictures + 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_opens_nothing_and_is_told() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("another key")).await?;
    let (_tone, _published) = ana.publish_tone(440.0).await?;
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let (mut sound, mut video) = (None, None);
    while sound.is_none() || video.is_none() {
        let track = luis
            .wait("tracks", |event| match event {
                RoomEvent::TrackSubscribed { track, .. } => Some(track),
                _ => None,
            })
            .await?;
        match track {
            RemoteTrack::Audio(track) => sound = Some(AudioStream::new(&track, 48_000, 1)?),
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
    // What was sent in clear after it would arrive, so what has not come by then never will.
    let (mut sound, video) = (sound.unwrap(), video.unwrap());
    let samples = listen(&mut sound, 100).await?;
    assert!(samples.iter().all(|sample| sample.abs() < 100), "noise is heard");
    assert_eq!(video.frames().count(), 0, "a picture is shown");

    // The right key, later, opens it all.
    luis.room.e2ee_manager().set_shared_key(&EncryptionKey::from("a shared key"))?;
    let heard = async {
        while tone_level(&listen(&mut sound, 50).await?, 440.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await??;
    ana.room.local_participant().send_chat_message("ahora sí").await?;
    let text = luis
        .wait("chat", |event| match event {
            RoomEvent::ChatMessage { message, .. } => Some(message.text),
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
    let sound = luis.subscribed_audio().await?;
    assert_eq!(AudioStream::new(&sound, 48_000, 1).map(|_| ()), Err(StreamError::Encrypted));
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let video = luis.subscribed_video().await?;
    assert_eq!(VideoStream::new(&video).map(|_| ()), Err(StreamError::Encrypted));
    let manager = luis.room.e2ee_manager();
    assert!(!manager.is_configured() && !manager.enabled());
    assert_eq!(manager.set_enabled(true), Err(E2eeError::NotConfigured));
    // The other way round it is an ordinary, unencrypted call.
    let mut ana = ana;
    // Chat that cannot be read is not shown, and chat in the clear is not believed.
    ana.room.local_participant().send_chat_message("secreto").await?;
    luis.room.local_participant().send_chat_message("en claro").await?;
    let data = DataPacket { payload: b"end".to_vec(), reliable: true, ..Default::default() };
    luis.room.local_participant().publish_data(data).await?;
    ana.wait("what came after it", |event| match event {
        RoomEvent::ChatMessage { message, .. } => panic!("{message:?}"),
        RoomEvent::DataReceived { .. } => Some(()),
        _ => None,
    })
    .await?;
    while let Ok(event) = luis.events.try_recv() {
        assert!(!matches!(event, RoomEvent::ChatMessage { .. }), "{event:?}");
    }
    let (_tone, _published) = luis.publish_tone(1000.0).await?;
    let mut stream = AudioStream::new(&ana.subscribed_audio().await?, 48_000, 1)?;
    let heard = async {
        while tone_level(&listen(&mut stream, 50).await?, 1000.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await?
}

#[test]
fn keys_are_never_shown() {
    let options = with_key("very secret");
    assert!(!format!("{options:?}").contains("very"));
    assert!(!format!("{options:?}").contains("118"), "its bytes");
}

/// Sound flows a moment before the engine starts to decrypt it: what is played then must not be ciphertext.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_sound_of_an_encrypted_track_is_no_noise() -> Result<()> {
    let sfu = Sfu::start()?;
    for round in 0..6 {
        let key = if round % 2 == 0 { "a shared key" } else { "another key" };
        let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
        let mut luis = Peer::join_with(&sfu, "room", "luis", with_key(key)).await?;
        let (_tone, _published) = ana.publish_tone(440.0).await?;
        let track = luis.subscribed_audio().await?;
        let mut sound = AudioStream::new(&track, 48_000, 1)?;
        // Past what is left out, so that it is the engine's own silence or the tone that is heard.
        let loudest = listen(&mut sound, 100).await?.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest < Some(20_000), "round {round}: {loudest:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_begun_anew_comes_again() -> Result<()> {
    let sfu = Sfu::start()?;
    let ana = Peer::join_with(&sfu, "room", "ana", with_key("a shared key")).await?;
    let mut luis = Peer::join_with(&sfu, "room", "luis", with_key("a shared key")).await?;
    let (_camera, _published) = ana.publish_camera(320, 180).await?;
    let mut patience = Vec::new();
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
        patience.push(publication.patience());
        publication.restart()?;
        let is_ended = |event| matches!(event, RoomEvent::TrackUnsubscribed { .. }).then_some(());
        luis.wait("the end of the old one", is_ended).await?;
        assert!(video.is_ended());
    }
    assert!(patience[0] < patience[1] && patience[1] < patience[2], "{patience:?}");
    Ok(())
}
