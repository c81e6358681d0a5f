//! Joining a room, and failures to join.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use anyhow::Result;
use autamedica_engine::{ConnectionState, DisconnectReason, Room, RoomError, RoomEvent, RoomOptions};
use autamedica_lab::{Sfu, free_port};
use common::{Peer, grants, soon, token, token_with_secret};
use jsonwebtoken::{EncodingKey, Header};
use livekit_api::access_token::Claims;

/// Options without retries, so that a refusal is returned at once.
fn one_attempt() -> RoomOptions {
    RoomOptions { join_retries: 0, connect_timeout: Duration::from_secs(5), ..Default::default() }
}

async fn refused(url: &str, token: &str) -> Result<(RoomError, Duration)> {
    common::log();
    let started = Instant::now();
    let outcome = soon("an answer", Room::connect(url, token, one_attempt())).await?;
    let error = outcome.map(|_| ()).expect_err("joining fails");
    eprintln!("{error:?} after {:?}", started.elapsed());
    assert!(!error.to_string().contains("eyJ"), "the token is in the error: {error}");
    Ok((error, started.elapsed()))
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_already_present_are_known_after_joining() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    let (_camera, published) = ana.publish_camera(320, 180).await?;
    let started = Instant::now();
    let mut luis = Peer::join(&sfu, "room", "luis").await?;
    eprintln!("joined in {:?}", started.elapsed());

    assert_eq!(luis.room.name(), "room");
    assert_eq!(luis.room.connection_state(), ConnectionState::Connected);
    assert_eq!(luis.room.local_participant().identity(), "luis");
    let other = luis.other()?;
    assert_eq!((other.identity(), other.name()), ("ana".into(), "ana's name".into()));
    let publication = other.get_track_publication(&published.sid()).expect("the camera is known");
    assert_eq!(publication.source(), autamedica_engine::TrackSource::Camera);
    luis.subscribed_video().await?;
    eprintln!("subscribed after {:?}", started.elapsed());
    assert!(publication.is_subscribed());

    let joined = ana
        .wait("luis", |event| match event {
            RoomEvent::ParticipantConnected(participant) => Some(participant),
            _ => None,
        })
        .await?;
    assert_eq!(joined.identity(), "luis");
    let started = Instant::now();
    luis.room.close().await?;
    eprintln!("left in {:?}", started.elapsed());
    luis.wait("the disconnection", |event| {
        matches!(event, RoomEvent::Disconnected { reason: DisconnectReason::ClientInitiated }).then_some(())
    })
    .await?;
    assert_eq!(luis.room.connection_state(), ConnectionState::Disconnected);
    let left = ana
        .wait("luis leaving", |event| match event {
            RoomEvent::ParticipantDisconnected(participant) => Some(participant),
            _ => None,
        })
        .await?;
    eprintln!("known after {:?}", started.elapsed());
    assert_eq!(left, joined);
    assert_eq!(left.disconnect_reason(), DisconnectReason::ClientInitiated);
    assert!(ana.room.remote_participants().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_room_leaves_it() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    let luis = Peer::join(&sfu, "room", "luis").await?;
    // The SFU announces neither joining nor leaving of a participant who leaves too soon.
    ana.wait("luis", |event| matches!(event, RoomEvent::ParticipantConnected(_)).then_some(())).await?;
    drop(luis);
    ana.wait("luis leaving", |event| matches!(event, RoomEvent::ParticipantDisconnected(_)).then_some(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_with_the_same_identity_ends_the_first() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut first = Peer::join(&sfu, "room", "ana").await?;
    let _second = Peer::join(&sfu, "room", "ana").await?;
    let reason = first
        .wait("the end", |event| match event {
            RoomEvent::Disconnected { reason } => Some(reason),
            _ => None,
        })
        .await?;
    assert_eq!(reason, DisconnectReason::DuplicateIdentity);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_tokens_are_refused() -> Result<()> {
    let sfu = Sfu::start()?;
    let good = token("ana", grants("room"))?;
    let mut claims = Claims::from_unverified(&good)?;
    // Beyond the minute of leeway of the server.
    claims.exp -= 2 * 24 * 60 * 60;
    claims.nbf -= 2 * 24 * 60 * 60;
    let key = EncodingKey::from_secret(Sfu::API_SECRET.as_bytes());
    let expired = jsonwebtoken::encode(&Header::default(), &claims, &key)?;
    let foreign = token_with_secret("ana", grants("room"), "a secret that the server does not know, of some length")?;
    let no_join = token("ana", livekit_api::access_token::VideoGrants { room_join: false, ..grants("room") })?;
    for (what, bad) in [("garbage", "garbage"), ("expired", &expired), ("foreign", &foreign), ("no join", &no_join)] {
        let (error, _) = refused(&sfu.url(), bad).await?;
        assert!(matches!(error, RoomError::NotAllowed(_)), "{what}: {error:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_server_is_unreachable() -> Result<()> {
    let token = token("ana", grants("room"))?;
    let closed = format!("ws://127.0.0.1:{}", free_port()?);
    for url in [closed.as_str(), "ws://no-such-host.invalid:7880"] {
        let (error, _) = refused(url, &token).await?;
        assert!(matches!(error, RoomError::Unreachable(_)), "{url}: {error:?}");
    }
    for url in ["", "not a url", "ftp://127.0.0.1"] {
        let (error, _) = refused(url, &token).await?;
        assert!(matches!(error, RoomError::InvalidUrl(_)), "{url:?}: {error:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_a_silent_server_times_out() -> Result<()> {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", silent.local_addr()?);
    let (error, elapsed) = refused(&url, &token("ana", grants("room"))?).await?;
    assert!(matches!(error, RoomError::Timeout(waited) if waited > Duration::from_secs(4)), "{error:?}");
    assert!(elapsed < Duration::from_secs(25), "{elapsed:?}");
    Ok(())
}

#[test]
fn the_engine_has_the_pinned_version() {
    assert_eq!(autamedica_engine::version(), "0.13.2");
    autamedica_engine::load().unwrap();
}
