//! Limits on data that other participants send.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use anyhow::Result;
use autamedica_engine::{
    ByteStreamReader, DataPacket, DataStreamError, ReceiveLimits, RoomEvent, RoomOptions, StreamByteOptions,
    StreamTextOptions,
};
use autamedica_lab::Sfu;
use common::{GUARD, Peer, soon};

/// Joins a sender without limits and a receiver with these.
async fn two(sfu: &Sfu, receive_limits: ReceiveLimits) -> Result<(Peer, Peer)> {
    let mut ana = Peer::join(sfu, "room", "ana").await?;
    let luis = Peer::join_with(sfu, "room", "luis", RoomOptions { receive_limits, ..Default::default() }).await?;
    ana.wait("luis", |event| matches!(event, RoomEvent::ParticipantActive(_)).then_some(())).await?;
    Ok((ana, luis))
}

fn topic(topic: &str) -> StreamByteOptions {
    StreamByteOptions { topic: topic.into(), ..Default::default() }
}

async fn opened(peer: &mut Peer) -> Result<ByteStreamReader> {
    peer.wait("bytes", |event| match event {
        RoomEvent::ByteStreamOpened { reader, .. } => reader.take(),
        _ => None,
    })
    .await
}

/// Reliable packet, which arrives after everything sent before it.
fn marker() -> DataPacket {
    DataPacket { payload: vec![1], topic: Some("marker".into()), reliable: true, ..Default::default() }
}

/// Collects the events before the marker.
async fn until_marker(peer: &mut Peer) -> Result<Vec<RoomEvent>> {
    let mut events = Vec::new();
    let mark =
        |event: &RoomEvent| matches!(event, RoomEvent::DataReceived { topic: Some(topic), .. } if topic == "marker");
    loop {
        let event = soon("the marker", peer.events.recv()).await?.unwrap();
        if mark(&event) {
            return Ok(events);
        }
        events.push(event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_too_long_after_inflation_is_aborted() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu, ReceiveLimits { stream_bytes: 1 << 20, ..Default::default() }).await?;
    let me = ana.room.local_participant();
    // 16 MB that are compressed to 16 kB.
    me.send_bytes(vec![0; 16 << 20], topic("bomb")).await?;
    let outcome = soon("the end", opened(&mut luis).await?.read_all(usize::MAX)).await?;
    assert!(matches!(outcome, Err(DataStreamError::Aborted(_))), "{:?}", outcome.map(|bytes| bytes.len()));
    me.send_bytes(vec![0; 1 << 20], topic("allowed")).await?;
    let bytes = soon("the bytes", opened(&mut luis).await?.read_all(usize::MAX)).await??;
    assert_eq!(bytes.len(), 1 << 20, "a later stream within the limit arrives");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_per_sender_are_limited() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu, ReceiveLimits { streams_per_sender: 3, ..Default::default() }).await?;
    let me = ana.room.local_participant();
    let mut writers = Vec::new();
    for _ in 0..50 {
        let writer = me.stream_bytes(topic("open")).await?;
        writer.write(vec![7; 1000]).await?;
        writers.push(writer);
    }
    me.publish_data(marker()).await?;
    let open: Vec<ByteStreamReader> = until_marker(&mut luis)
        .await?
        .into_iter()
        .filter_map(|event| match event {
            RoomEvent::ByteStreamOpened { reader, .. } => reader.take(),
            _ => None,
        })
        .collect();
    assert_eq!(open.len(), 3);
    drop(open);
    // Dropped readers release their part of the limit.
    let _one_more = me.stream_bytes(topic("open")).await?;
    opened(&mut luis).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_stream_is_aborted_at_its_limit() -> Result<()> {
    let sfu = Sfu::start()?;
    let limits = ReceiveLimits { waiting_bytes_per_sender: 100_000, ..Default::default() };
    let (ana, mut luis) = two(&sfu, limits).await?;
    let writer = ana.room.local_participant().stream_bytes(topic("large")).await?;
    writer.write(vec![7; 1000]).await?;
    let mut reader = opened(&mut luis).await?;
    let mut read = soon("the first bytes", reader.next()).await??.unwrap().len();
    for piece in 0..20_u8 {
        writer.write((0..50_000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8 ^ piece).collect()).await?;
    }
    ana.room.local_participant().publish_data(marker()).await?;
    until_marker(&mut luis).await?;
    let outcome = loop {
        match soon("the rest", reader.next()).await? {
            Ok(Some(bytes)) => read += bytes.len(),
            other => break other,
        }
    };
    assert!(matches!(outcome, Err(DataStreamError::Aborted(_))), "{outcome:?}");
    assert!(read <= 101_000, "{read} bytes were queued");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_messages_does_not_block_other_senders() -> Result<()> {
    let sfu = Sfu::start()?;
    let limits = ReceiveLimits { message_burst: 20, messages_per_second: 1, ..Default::default() };
    let (ana, mut luis) = two(&sfu, limits).await?;
    let eva = Peer::join(&sfu, "room", "eva").await?;
    let started = Instant::now();
    for number in 0..500 {
        ana.room.local_participant().send_chat_message(&format!("line {number}")).await?;
        let packet = DataPacket { payload: vec![0; 1000], reliable: true, ..Default::default() };
        ana.room.local_participant().publish_data(packet).await?;
    }
    eva.room.local_participant().send_chat_message("good morning").await?;
    let mut of_ana = 0;
    let guard = Instant::now();
    loop {
        assert!(guard.elapsed() < GUARD);
        match soon("a message", luis.events.recv()).await?.unwrap() {
            RoomEvent::ChatMessage { message, .. } if message.message == "good morning" => break,
            RoomEvent::ChatMessage { .. } | RoomEvent::DataReceived { .. } => of_ana += 1,
            _ => {}
        }
    }
    let allowed = 20 + started.elapsed().as_secs() + 1;
    assert!(of_ana <= allowed, "{of_ana} of 1000 arrived, {allowed} are allowed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_events_are_bounded() -> Result<()> {
    let sfu = Sfu::start()?;
    let limits = ReceiveLimits { message_burst: u32::MAX, ..Default::default() };
    let (ana, mut luis) = two(&sfu, limits).await?;
    for _ in 0..1000 {
        let packet = DataPacket { payload: vec![0; 1000], reliable: true, ..Default::default() };
        ana.room.local_participant().publish_data(packet).await?;
    }
    ana.room.local_participant().publish_data(marker()).await?;
    let _eva = Peer::join(&sfu, "room", "eva").await?;
    let guard = Instant::now();
    while luis.room.remote_participants().len() < 2 {
        assert!(guard.elapsed() < GUARD, "eva doesn't join");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let waiting = luis.events.len();
    assert!(waiting < 300, "{waiting} events are queued");
    // Events that are not droppable are delivered.
    luis.wait("eva", |event| match event {
        RoomEvent::ParticipantConnected(participant) => (participant.identity() == "eva").then_some(()),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn media_only_accepts_no_stream_and_no_message() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu, ReceiveLimits::MEDIA_ONLY).await?;
    let me = ana.room.local_participant();
    me.send_bytes(vec![0; 16 << 20], topic("bomb")).await?;
    me.send_text("text", StreamTextOptions { topic: "notes".into(), ..Default::default() }).await?;
    me.send_chat_message("chat").await?;
    me.publish_data(marker()).await?;
    let (_tone, publication) = ana.publish_tone(440.0).await?;
    let heard = luis
        .wait("the audio track", |event| match event {
            RoomEvent::TrackSubscribed { publication, .. } => Some(Ok(publication.sid())),
            RoomEvent::ChatMessage { .. } => Some(Err("chat")),
            RoomEvent::DataReceived { .. } => Some(Err("a packet")),
            RoomEvent::ByteStreamOpened { .. } | RoomEvent::TextStreamOpened { .. } => Some(Err("a stream")),
            _ => None,
        })
        .await?;
    assert_eq!(heard, Ok(publication.sid()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_metadata_are_sanitized() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu, ReceiveLimits::default()).await?;
    let me = ana.room.local_participant();
    me.set_name("Ana\u{202e}\u{0} gpj.exe".to_owned()).await?;
    let name = |event| match event {
        RoomEvent::ParticipantNameChanged { participant, name, .. } => Some((participant.name(), name)),
        _ => None,
    };
    assert_eq!(luis.wait("the name", name).await?, ("Ana gpj.exe".into(), "Ana gpj.exe".into()));
    me.set_metadata("x".repeat(20_000)).await?;
    let metadata = luis
        .wait("metadata", |event| match event {
            RoomEvent::ParticipantMetadataChanged { participant, metadata, .. } => {
                Some((participant.metadata(), metadata))
            }
            _ => None,
        })
        .await?;
    assert_eq!(metadata, (String::new(), String::new()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_per_participant_are_limited() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu, ReceiveLimits::default()).await?;
    let mut tones = Vec::new();
    for _ in 0..20 {
        tones.push(ana.publish_tone(440.0).await?);
    }
    ana.room.local_participant().publish_data(marker()).await?;
    until_marker(&mut luis).await?;
    let guard = Instant::now();
    let remote = luis.other()?;
    while remote.track_publications().len() < 16 {
        assert!(guard.elapsed() < GUARD);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sources = remote.track_publications().len();
    assert_eq!(sources, 16);
    Ok(())
}
