//! Chat, data packets, data streams, and changes of participants' properties.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;

use anyhow::{Context, Result};
use autamedica_engine::{
    CHAT_TOPIC, ChatMessage, DataPacket, DataPacketKind, DataStreamError, RoomError, RoomEvent, StreamByteOptions,
    StreamTextOptions,
};
use autamedica_lab::Sfu;
use common::{Peer, grants, soon, token};
use livekit_api::access_token::VideoGrants;

async fn two(sfu: &Sfu) -> Result<(Peer, Peer)> {
    let mut ana = Peer::join(sfu, "room", "ana").await?;
    let luis = Peer::join(sfu, "room", "luis").await?;
    ana.wait("luis", |event| matches!(event, RoomEvent::ParticipantActive(_)).then_some(())).await?;
    Ok((ana, luis))
}

async fn chat(peer: &mut Peer) -> Result<(String, ChatMessage)> {
    peer.wait("a message", |event| match event {
        RoomEvent::ChatMessage { participant_identity, message } => Some((participant_identity, message)),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_both_ways() -> Result<()> {
    let sfu = Sfu::start()?;
    let (mut ana, mut luis) = two(&sfu).await?;
    let sent = ana.room.local_participant().send_chat_message("¿Me oye, doctor? 👋").await?;
    assert_eq!(chat(&mut luis).await?, ("ana".into(), sent.clone()));
    assert!(sent.timestamp > 1_700_000_000_000);
    let long = "muy largo ".repeat(1500);
    let sent = luis.room.local_participant().send_chat_message(&long).await?;
    assert_eq!(chat(&mut ana).await?, ("luis".into(), sent));
    // A message beyond the limit is dropped; the next one arrives.
    ana.room.local_participant().send_chat_message(&"x".repeat(100_000)).await?;
    ana.room.local_participant().send_chat_message("corto").await?;
    assert_eq!(chat(&mut luis).await?.1.message, "corto");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_two_formats_is_delivered_once() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu).await?;
    let me = ana.room.local_participant();
    let packet = |id: &str, text: &str| DataPacket {
        payload: format!(r#"{{"id":"{id}","timestamp":1700000000000,"message":"{text}"}}"#).into_bytes(),
        topic: Some("lk-chat-topic".into()),
        reliable: true,
        ..Default::default()
    };
    // LiveKit's web components send a stream and the same message in the legacy format.
    let options = StreamTextOptions { topic: CHAT_TOPIC.into(), id: Some("one".into()), ..Default::default() };
    me.send_text("primero", options).await?;
    me.publish_data(packet("one", "primero")).await?;
    me.publish_data(packet("two", "segundo")).await?;
    let mut texts = [chat(&mut luis).await?.1.message, chat(&mut luis).await?.1.message];
    texts.sort();
    assert_eq!(texts, ["primero", "segundo"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_arrives_with_its_topic() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu).await?;
    for (payload, topic) in [(vec![0, 1, 255], Some("pulse".to_owned())), (vec![7; 10_000], None)] {
        let packet = DataPacket { payload, topic, reliable: true, ..Default::default() };
        ana.room.local_participant().publish_data(packet.clone()).await?;
        let (payload, topic, from) = luis
            .wait("data", |event| match event {
                RoomEvent::DataReceived { payload, topic, participant, kind: DataPacketKind::Reliable } => {
                    Some((payload, topic, participant))
                }
                _ => None,
            })
            .await?;
        assert_eq!((&*payload, topic), (&packet.payload, packet.topic));
        assert_eq!(from.unwrap().identity(), "ana");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_byte_streams_arrive_complete() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu).await?;
    let me = ana.room.local_participant();
    let text = "nota: ñandú ".repeat(5000);
    let attributes = HashMap::from([("kind".to_owned(), "note".to_owned())]);
    let options = StreamTextOptions { topic: "notes".into(), attributes: attributes.clone(), ..Default::default() };
    me.send_text(&text, options).await?;
    let reader = luis
        .wait("a text", |event| match event {
            RoomEvent::TextStreamOpened { reader, .. } => reader.take(),
            _ => None,
        })
        .await?;
    assert_eq!((reader.info().topic.as_str(), &reader.info().attributes), ("notes", &attributes));
    assert_eq!(soon("the text", reader.read_all(1 << 20)).await??, text);

    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    let folder = tempfile::tempdir()?;
    let picture = folder.path().join("picture.jpg");
    std::fs::write(&picture, &bytes)?;
    let options = StreamByteOptions {
        topic: "photos".into(),
        name: Some("../../picture.jpg".into()),
        mime_type: Some("image/jpeg".into()),
        ..Default::default()
    };
    for case in 0..3 {
        match case {
            0 => me.send_file(&picture, options.clone()).await?,
            _ => me.send_bytes(bytes.clone(), options.clone()).await?,
        };
        let (reader, from) = luis
            .wait("bytes", |event| match event {
                RoomEvent::ByteStreamOpened { reader, topic, participant_identity } => {
                    assert_eq!(topic, "photos");
                    Some((reader.take()?, participant_identity))
                }
                _ => None,
            })
            .await?;
        assert_eq!((from.as_str(), reader.info().mime_type.as_str()), ("ana", "image/jpeg"));
        let saved = folder.path().join(format!("saved-{case}"));
        match case {
            0 => assert_eq!(soon("the bytes", reader.read_all(bytes.len())).await??, bytes),
            1 => {
                assert_eq!(soon("the file", reader.write_to_file(&saved, bytes.len())).await??, bytes.len() as u64);
                assert_eq!(std::fs::read(&saved)?, bytes);
            }
            _ => {
                let outcome = soon("the refusal", reader.write_to_file(&saved, 1000)).await?;
                assert_eq!(outcome, Err(DataStreamError::TooLong { limit: 1000 }));
                assert!(!saved.exists(), "an incomplete file is left");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_streams_arrive_complete_or_are_aborted() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu).await?;
    let me = ana.room.local_participant();
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
    for whole in [true, false] {
        let options = StreamByteOptions {
            topic: "pieces".into(),
            name: Some("picture.jpg".into()),
            total_length: Some(bytes.len() as u64),
            ..Default::default()
        };
        let writer = me.stream_bytes(options).await?;
        let reader = luis
            .wait("bytes", |event| match event {
                RoomEvent::ByteStreamOpened { reader, .. } => reader.take(),
                _ => None,
            })
            .await?;
        assert_eq!(reader.info().total_length, Some(bytes.len() as u64));
        assert_eq!((&reader.info().id, reader.info().name.as_str()), (&writer.info().id, "picture.jpg"));
        for piece in bytes.chunks(64 * 1024).take(if whole { usize::MAX } else { 2 }) {
            writer.write(piece.to_vec()).await?;
        }
        if whole {
            writer.close().await?;
            assert_eq!(soon("the bytes", reader.read_all(bytes.len())).await??, bytes);
        } else {
            drop(writer);
            let outcome = soon("the end", reader.read_all(bytes.len())).await?;
            assert!(matches!(outcome, Err(DataStreamError::Aborted(_))), "{outcome:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_name_metadata_and_attributes_produce_events() -> Result<()> {
    let sfu = Sfu::start()?;
    let (ana, mut luis) = two(&sfu).await?;
    let me = ana.room.local_participant();
    me.set_metadata(r#"{"role":"patient"}"#.to_owned()).await?;
    let (participant, before, now) = luis
        .wait("metadata", |event| match event {
            RoomEvent::ParticipantMetadataChanged { participant, old_metadata, metadata } => {
                Some((participant, old_metadata, metadata))
            }
            _ => None,
        })
        .await?;
    assert_eq!((before.as_str(), now.as_str()), ("", r#"{"role":"patient"}"#));
    assert_eq!((participant.identity(), participant.metadata()), ("ana".into(), now));

    me.set_name("Ana María".to_owned()).await?;
    let name = luis
        .wait("name", |event| match event {
            RoomEvent::ParticipantNameChanged { participant, name, .. } => Some((participant.name(), name)),
            _ => None,
        })
        .await?;
    assert_eq!(name, ("Ana María".into(), "Ana María".into()));

    for (key, value) in [("hand", "raised"), ("lang", "es")] {
        me.set_attributes(HashMap::from([(key.to_owned(), value.to_owned())])).await?;
        let (participant, changed) = luis
            .wait("attributes", |event| match event {
                RoomEvent::ParticipantAttributesChanged { participant, changed_attributes } => {
                    Some((participant, changed_attributes))
                }
                _ => None,
            })
            .await?;
        assert_eq!(changed, HashMap::from([(key.to_owned(), value.to_owned())]));
        assert_eq!(participant.attributes().get(key).map(String::as_str), Some(value));
    }
    let attributes = luis.other()?.attributes();
    assert_eq!(attributes.len(), 2, "setting one attribute dropped another: {attributes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_metadata_without_a_grant_is_refused() -> Result<()> {
    let sfu = Sfu::start()?;
    let strict = VideoGrants { can_update_own_metadata: Some(false), ..grants("room") };
    let ana = Peer::join_as(&sfu, &token("ana", strict)?, Default::default()).await?;
    let me = ana.room.local_participant();
    let permission = me.permission().context("the server sends permissions")?;
    assert!(permission.can_publish && permission.can_publish_data && !permission.can_update_metadata);
    let refused = soon("an answer", me.set_metadata("x".to_owned())).await?;
    assert!(matches!(refused, Err(RoomError::NotAllowed(_))), "{refused:?}");
    Ok(())
}
