//! Connections that break: simulated ones, and an SFU that dies.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_engine::{
    AudioStream, ConnectionState, DisconnectReason, RemoteTrack, RoomError, RoomEvent, SimulateScenario, VideoStream,
};
use autamedica_lab::Sfu;
use common::{Camera, Peer, listen, soon, tone_level};

/// Two who see each other's camera, hers with a tone.
struct Call {
    ana: Peer,
    luis: Peer,
    _camera: Camera,
}

impl Call {
    async fn start(sfu: &Sfu) -> Result<Self> {
        let ana = Peer::join(sfu, "room", "ana").await?;
        let mut luis = Peer::join(sfu, "room", "luis").await?;
        let (camera, _published) = ana.publish_camera(320, 180).await?;
        let mut stream = VideoStream::new(&luis.subscribed_video().await?)?;
        shows_frames(&mut stream).await?;
        Ok(Self { ana, luis, _camera: camera })
    }

    /// Waits until luis sees ana, on the track that he has or on a new one.
    async fn is_seen_again(&mut self) -> Result<()> {
        loop {
            let track = self.luis.room.remote_participants().into_iter().find_map(|participant| {
                participant.track_publications().into_values().find_map(|publication| publication.track())
            });
            if let Some(RemoteTrack::Video(track)) = track {
                let mut stream = VideoStream::new(&track)?;
                // The old track may end under our eyes.
                let shown = tokio::time::timeout(Duration::from_secs(5), shows_frames(&mut stream)).await;
                if matches!(shown, Ok(Ok(()))) {
                    return Ok(());
                }
            } else {
                self.luis.subscribed_video().await?;
            }
        }
    }
}

/// Waits for ten frames more.
async fn shows_frames(stream: &mut VideoStream) -> Result<()> {
    let (woken, mut wakes) = tokio::sync::mpsc::unbounded_channel();
    stream.frames().on_frame(move || _ = woken.send(()));
    for _ in 0..10 {
        soon("a frame", wakes.recv()).await?.context("the slot is gone")?;
    }
    anyhow::ensure!(!stream.is_ended(), "the track ended");
    Ok(())
}

async fn reconnecting(peer: &mut Peer) -> Result<()> {
    peer.wait("reconnecting", |event| matches!(event, RoomEvent::Reconnecting).then_some(())).await
}

async fn reconnected(peer: &mut Peer) -> Result<()> {
    peer.wait("reconnected", |event| matches!(event, RoomEvent::Reconnected).then_some(())).await
}

async fn disconnected(peer: &mut Peer) -> Result<DisconnectReason> {
    peer.wait("the end", |event| match event {
        RoomEvent::Disconnected { reason } => Some(reason),
        _ => None,
    })
    .await
}

async fn survives(scenario: SimulateScenario) -> Result<()> {
    let sfu = Sfu::start()?;
    let mut call = Call::start(&sfu).await?;
    let started = Instant::now();
    call.ana.room.simulate_scenario(scenario).await?;
    reconnecting(&mut call.ana).await?;
    let noticed = started.elapsed();
    reconnected(&mut call.ana).await?;
    eprintln!("{scenario:?}: noticed after {noticed:?}, back after {:?}", started.elapsed());
    assert_eq!(call.ana.room.connection_state(), ConnectionState::Connected);
    call.is_seen_again().await?;
    eprintln!("{scenario:?}: seen again after {:?}", started.elapsed());
    call.luis.room.local_participant().send_chat_message("sigo aquí").await?;
    call.ana.wait("chat", |event| matches!(event, RoomEvent::ChatMessage { .. }).then_some(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_signal_is_resumed() -> Result<()> {
    survives(SimulateScenario::SignalReconnect).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_made_again_from_scratch() -> Result<()> {
    survives(SimulateScenario::FullReconnect).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_node_is_replaced() -> Result<()> {
    survives(SimulateScenario::NodeFailure).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_followed() -> Result<()> {
    survives(SimulateScenario::Migration).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sfu_that_comes_back_is_found_again() -> Result<()> {
    let mut sfu = Sfu::start()?;
    let mut call = Call::start(&sfu).await?;
    let killed = Instant::now();
    sfu.kill();
    reconnecting(&mut call.ana).await?;
    eprintln!("reconnecting after {:?}", killed.elapsed());
    assert_eq!(call.ana.room.connection_state(), ConnectionState::Reconnecting);
    sfu.restart()?;
    reconnected(&mut call.ana).await?;
    eprintln!("reconnected after {:?}", killed.elapsed());
    call.is_seen_again().await?;
    eprintln!("seen again after {:?}", killed.elapsed());
    let (_tone, _published) = call.luis.publish_tone(440.0).await?;
    let mut stream = AudioStream::new(&call.ana.subscribed_audio().await?, 48_000, 1)?;
    let heard = async {
        while tone_level(&listen(&mut stream, 50).await?, 440.0).0 < 0.9 {}
        anyhow::Ok(())
    };
    soon("the tone", heard).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sfu_that_stays_away_is_given_up() -> Result<()> {
    let mut sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    let killed = Instant::now();
    sfu.kill();
    reconnecting(&mut ana).await?;
    eprintln!("reconnecting after {:?}", killed.elapsed());
    let reason = tokio::time::timeout(Duration::from_secs(180), async {
        loop {
            match ana.events.recv().await {
                Some(RoomEvent::Disconnected { reason }) => return reason,
                Some(event) => eprintln!("{event:?} after {:?}", killed.elapsed()),
                None => panic!("the events ended"),
            }
        }
    })
    .await
    .context("the engine never gives up")?;
    eprintln!("given up after {:?}: {reason:?}", killed.elapsed());
    assert_eq!(reason, DisconnectReason::ReconnectFailed);
    assert_eq!(ana.room.connection_state(), ConnectionState::Disconnected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_while_the_sfu_is_down_is_bounded() -> Result<()> {
    let mut sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    sfu.kill();
    reconnecting(&mut ana).await?;
    let started = Instant::now();
    let outcome = ana.room.close().await;
    let took = started.elapsed();
    eprintln!("close: {outcome:?} after {took:?}");
    assert!(matches!(outcome, Ok(()) | Err(RoomError::Timeout(_))), "{outcome:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(disconnected(&mut ana).await?, DisconnectReason::ClientInitiated);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_leave_is_obeyed() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    ana.room.simulate_scenario(SimulateScenario::ServerLeave).await?;
    let reason = disconnected(&mut ana).await?;
    eprintln!("{reason:?}");
    assert_eq!(ana.room.connection_state(), ConnectionState::Disconnected);
    Ok(())
}
