//! Reconnecting after simulated faults and after a killed SFU.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_engine::{
    AudioStream, ConnectionState, DisconnectReason, RemoteTrack, RoomError, RoomEvent, SimulateScenario, VideoStream,
};
use autamedica_lab::Sfu;
use common::{Camera, Peer, listen, soon, tone_level};

/// Two participants, of whom luis receives the camera of ana.
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
        receive_frames(&mut stream).await?;
        Ok(Self { ana, luis, _camera: camera })
    }

    /// Waits until luis receives frames of ana again, on the old track or a new one.
    async fn video_resumes(&mut self) -> Result<()> {
        loop {
            let track = self.luis.room.remote_participants().into_values().find_map(|participant| {
                participant.track_publications().into_values().find_map(|publication| publication.track())
            });
            if let Some(RemoteTrack::Video(track)) = track {
                let mut stream = VideoStream::new(&track)?;
                // Bounded, because the old track may end meanwhile.
                let shown = tokio::time::timeout(Duration::from_secs(5), receive_frames(&mut stream)).await;
                if matches!(shown, Ok(Ok(()))) {
                    return Ok(());
                }
            } else {
                self.luis.subscribed_video().await?;
            }
        }
    }
}

/// Waits for ten frames.
async fn receive_frames(stream: &mut VideoStream) -> Result<()> {
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
    call.video_resumes().await?;
    eprintln!("{scenario:?}: seen again after {:?}", started.elapsed());
    call.luis.room.local_participant().send_chat_message("sigo aquí").await?;
    call.ana.wait("chat", |event| matches!(event, RoomEvent::ChatMessage { .. }).then_some(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_signaling_connection_is_resumed() -> Result<()> {
    survives(SimulateScenario::SignalReconnect).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_reconnect_restores_media() -> Result<()> {
    survives(SimulateScenario::FullReconnect).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_failure_is_survived() -> Result<()> {
    survives(SimulateScenario::NodeFailure).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_followed() -> Result<()> {
    survives(SimulateScenario::Migration).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_resumes_after_an_sfu_restart() -> Result<()> {
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
    call.video_resumes().await?;
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
async fn reconnecting_to_a_dead_sfu_fails() -> Result<()> {
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
    .context("the engine goes on reconnecting")?;
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
async fn a_leave_request_of_the_server_is_obeyed() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut ana = Peer::join(&sfu, "room", "ana").await?;
    ana.room.simulate_scenario(SimulateScenario::ServerLeave).await?;
    let reason = disconnected(&mut ana).await?;
    eprintln!("{reason:?}");
    assert_eq!(ana.room.connection_state(), ConnectionState::Disconnected);
    Ok(())
}
