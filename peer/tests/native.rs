//! Two native apps, peer to peer: real engines, adapters, and a Socket.io server.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_engine::{ConnectionState, DisconnectReason, Room, RoomEvent, RoomOptions, SimulateScenario};
use autamedica_peer::{
    Capabilities, ConnectionQuality, ConnectionStats, Departure, Peer, Phase, Refusal, Signaling as Connection,
};
use autamedica_text::Secret;
use common::{BAD_TOKEN, Cable, Call, Caller, Media, ROOM, Signaling, options, rounds, soon};

const ANA_HZ: f64 = 440.0;
const LUIS_HZ: f64 = 1000.0;

/// Both callers in one call, with each other's media.
struct Both {
    ana: Caller,
    luis: Caller,
    /// Connects the engine of `ana` with its adapter.
    cable: Cable,
    calls: (Call, Call),
    media: (Media, Media),
}

impl Both {
    /// Connects new rooms, for presences after those with these numbers.
    async fn meet_again(self, numbers: (u64, u64)) -> Result<Self> {
        let Self { mut ana, mut luis, cable, calls, media } = self;
        let (of_luis, of_ana) = (ana.presence(numbers.0).await?, luis.presence(numbers.1).await?);
        drop((calls, media));
        let (mut a, mut b) = tokio::try_join!(ana.connect(&of_luis, ANA_HZ), luis.connect(&of_ana, LUIS_HZ))?;
        let media = tokio::try_join!(a.media(), b.media())?;
        Ok(Self { ana, luis, cable, calls: (a, b), media })
    }

    async fn meet(server: &Signaling, room: &str) -> Result<Self> {
        let mut ana = Caller::start(server, room, "ana").await?;
        ana.wait("waiting", |state| matches!(state.phase, Phase::Waiting { .. }).then_some(())).await?;
        let mut luis = Caller::start(server, room, "luis").await?;
        let (of_luis, of_ana) = (ana.presence(0).await?, luis.presence(0).await?);
        assert_eq!((of_ana.user_id.as_str(), of_ana.name.as_str()), ("ana", "ana's name"));
        assert_eq!((of_luis.capabilities, of_luis.role.as_str()), (Capabilities::NATIVE, "patient"));
        let cable = Cable::start(&of_luis.url).await?;
        let (mut a, mut b) =
            tokio::try_join!(ana.connect_by(cable.url(), &of_luis, ANA_HZ), luis.connect(&of_ana, LUIS_HZ))?;
        let metadata = a.room.remote_participants().into_values().next().context("one")?.metadata();
        assert!(metadata.contains(r#""role":"patient""#) && metadata.contains(r#""userId":"luis""#), "{metadata}");
        let media = tokio::try_join!(a.media(), b.media())?;
        Ok(Self { ana, luis, cable, calls: (a, b), media })
    }

    async fn see_and_hear(&mut self) -> Result<()> {
        let (ana, luis) = (&mut self.media.0, &mut self.media.1);
        for (who, media, hz) in [("ana", ana, LUIS_HZ), ("luis", luis, ANA_HZ)] {
            let rate = media.watch(90).await?;
            eprintln!("{who} sees {rate:.1} frames per second");
            media.hear(hz).await?;
        }
        Ok(())
    }
}

async fn chat(from: &Call, to: &mut Call, text: &str) -> Result<()> {
    soon("sending", from.room.local_participant().send_chat_message(text)).await??;
    let (who, received) = to
        .wait("the chat message", |event| match event {
            RoomEvent::ChatMessage { participant_identity, message } => Some((participant_identity, message.message)),
            _ => None,
        })
        .await?;
    assert_eq!((who, received.as_str()), (from.room.local_participant().identity(), text));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apps_see_hear_and_chat() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut both = Both::meet(&server, ROOM).await?;
    both.see_and_hear().await?;
    chat(&both.calls.0, &mut both.calls.1, "¿me lee?").await?;
    chat(&both.calls.1, &mut both.calls.0, "sí").await?;

    let stats = ConnectionStats { bitrate: 2e6, latency: 12.0, packet_loss: 0.5, quality: ConnectionQuality::Good };
    both.ana.peer.send_stats(stats);
    both.luis.wait("statistics", |state| (state.peer_stats == Some(stats)).then_some(())).await?;
    both.calls.0.microphone.mute()?;
    let muted = |event| matches!(event, RoomEvent::TrackMuted { .. }).then_some(());
    both.calls.1.wait("the mute", muted).await?;
    both.calls.0.microphone.unmute()?;
    let unmuted = |event| matches!(event, RoomEvent::TrackUnmuted { .. }).then_some(());
    both.calls.1.wait("the unmute", unmuted).await?;
    both.see_and_hear().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_leaves_and_returns() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut both = Both::meet(&server, ROOM).await?;
    for round in 1..=rounds(1) {
        let number = both.ana.presence(0).await?.number;
        let Both { mut ana, luis, cable, calls: (mut at_ana, at_luis), media } = both;
        drop((luis, at_luis, media));
        let left = Phase::Waiting { departure: Some(Departure::CallEnded) };
        ana.wait("the departure", |state| (state.phase == left).then_some(())).await?;
        at_ana
            .wait("the end of the room", |event| {
                matches!(event, RoomEvent::Disconnected { reason: DisconnectReason::RoomClosed }).then_some(())
            })
            .await?;
        drop(at_ana);

        let mut luis = Caller::start(&server, ROOM, "luis").await?;
        let (of_luis, of_ana) = (ana.presence(number).await?, luis.presence(0).await?);
        let (mut a, mut b) = tokio::try_join!(ana.connect(&of_luis, ANA_HZ), luis.connect(&of_ana, LUIS_HZ))?;
        let media = tokio::try_join!(a.media(), b.media())?;
        both = Both { ana, luis, cable, calls: (a, b), media };
        eprintln!("round {round}");
        both.see_and_hear().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_user_and_a_bad_token_are_refused() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut ana = Caller::start(&server, ROOM, "ana").await?;
    ana.wait("waiting", |state| matches!(state.phase, Phase::Waiting { .. }).then_some(())).await?;
    let _luis = Caller::start(&server, ROOM, "luis").await?;
    ana.presence(0).await?;
    let mut eva = Caller::start(&server, ROOM, "eva").await?;
    let refusal = Phase::Refused(Refusal::Room("there is no such room, or you may not join it".into()));
    eva.wait("the refusal", |state| (state.phase == refusal).then_some(())).await?;

    let mut options = options(&server, ROOM, "ana");
    options.token = Secret::new(BAD_TOKEN);
    let peer = Peer::start(options).await?;
    let mut eva = Caller { state: peer.state(), peer };
    eva.wait("the refusal", |state| matches!(state.phase, Phase::Refused(_)).then_some(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn media_goes_on_while_the_signaling_server_is_away() -> Result<()> {
    let mut server = Signaling::start("ana", "luis")?;
    let mut both = Both::meet(&server, ROOM).await?;
    both.see_and_hear().await?;
    let numbers = (both.ana.presence(0).await?.number, both.luis.presence(0).await?.number);
    server.kill();
    for caller in [&mut both.ana, &mut both.luis] {
        caller.wait("the loss", |state| (state.signaling == Connection::Lost).then_some(())).await?;
    }
    both.see_and_hear().await?;
    server.restart()?;
    for caller in [&mut both.ana, &mut both.luis] {
        caller.wait("the return", |state| (state.signaling == Connection::Connected).then_some(())).await?;
    }
    // Longer than the time after which an absent peer counts as gone.
    let until = Instant::now() + Duration::from_secs(12);
    while Instant::now() < until {
        both.see_and_hear().await?;
    }
    assert_eq!((both.ana.presence(0).await?.number, both.luis.presence(0).await?.number), numbers);
    assert_eq!(both.calls.0.room.connection_state(), ConnectionState::Connected);
    // What is said over the signaling server arrives again.
    both.calls.0.microphone.mute()?;
    both.calls.1.wait("the mute", |event| matches!(event, RoomEvent::TrackMuted { .. }).then_some(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_resumes_and_reconnects_fully() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut both = Both::meet(&server, ROOM).await?;
    let numbers = (both.ana.presence(0).await?.number, both.luis.presence(0).await?.number);
    // The engine can't resume while the answer to an offer with a new track is outstanding.
    both.see_and_hear().await?;
    both.cable.cut();
    both.calls.0.wait("resuming", |event| matches!(event, RoomEvent::Reconnected).then_some(())).await?;
    both.see_and_hear().await?;
    assert_eq!((both.ana.presence(0).await?.number, both.luis.presence(0).await?.number), numbers);

    both.calls.0.room.simulate_scenario(SimulateScenario::FullReconnect).await?;
    // A new PeerConnection on one side needs one on the other.
    both.meet_again(numbers).await?.see_and_hear().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_cut_off_while_it_negotiates_recovers() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut both = Both::meet(&server, ROOM).await?;
    both.see_and_hear().await?;
    let numbers = (both.ana.presence(0).await?.number, both.luis.presence(0).await?.number);
    both.calls.0.share().await?;
    // The offer passes, its answer doesn't.
    both.cable.hold();
    let subscribed = |event| matches!(event, RoomEvent::TrackSubscribed { .. }).then_some(());
    both.calls.1.wait("the screen", subscribed).await?;
    both.cable.cut();
    let Both { mut ana, luis, cable, mut calls, media } = both;
    let is_resumed = tokio::select! {
        biased;
        presence = ana.presence(numbers.0) => presence.map(|_| false),
        event = calls.0.wait("resuming", |event| matches!(event, RoomEvent::Reconnected).then_some(())) => event.map(|()| true),
    }?;
    if is_resumed {
        return Both { ana, luis, cable, calls, media }.see_and_hear().await;
    }
    // This engine sets its previous answer then, which doesn't fit the new offer, and reconnects fully.
    Both { ana, luis, cable, calls, media }.meet_again(numbers).await?.see_and_hear().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_of_the_presence_opens_the_loopback_port() -> Result<()> {
    let server = Signaling::start("ana", "luis")?;
    let mut ana = Caller::start(&server, ROOM, "ana").await?;
    let luis = Caller::start(&server, ROOM, "luis").await?;
    let presence = ana.presence(0).await?;
    let attempt = async |token: &str| {
        let options = RoomOptions { join_retries: 0, ..RoomOptions::default() };
        soon("an answer", Room::connect(&presence.url, token, options)).await.map(|outcome| outcome.err())
    };
    assert!(attempt("guess").await?.is_some());
    // An engine that was refused asks why. Without an answer it tries again for half a minute.
    let validate = format!("{}/rtc/v1/validate", presence.url.replace("ws://", "http://"));
    for (token, status) in [("guess", 401), (presence.token.expose(), 200)] {
        let answer = reqwest::Client::new().get(&validate).bearer_auth(token).send().await?;
        assert_eq!(answer.status().as_u16(), status);
    }
    drop(luis);
    ana.wait("the departure", |state| matches!(state.phase, Phase::Waiting { .. }).then_some(())).await?;
    assert!(attempt(presence.token.expose()).await?.is_some(), "the token of a past presence");
    Ok(())
}
