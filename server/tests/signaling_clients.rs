//! Peer-to-peer signaling as whole clients see it: two browsers, and clients that name their kind.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::sockets::{self, Sockets};
use common::{Backend, soon, text};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_name_their_kind_learn_those_of_others() {
    let backend = Backend::start().await;
    let created = backend.create_with("kinds", &json!({"transport": "p2p"})).await;
    let mut sockets = Sockets::start(&backend.server.url());
    // The token may come in the payload of the connection, which no proxy logs.
    let auth = json!({"userId": "doctor-1", "token": text(&created, "doctorToken")});
    sockets.open("doctor", json!({"transports": ["websocket"], "auth": auth})).await;
    sockets.hear("doctor", "connect").await;
    sockets.emit("doctor", "join-room", json!({"roomId": "kinds", "client": "native"})).await;
    let joined = json!({"roomId": "kinds", "users": [], "client": "native"});
    assert_eq!(sockets.hear("doctor", "room-joined").await, joined);
    for (kind, told) in [(json!("native"), json!("native")), (json!({"a": 1}), Value::Null), (Value::Null, Value::Null)]
    {
        sockets.connect("patient", "websocket", "patient-1", text(&created, "patientToken")).await;
        sockets.emit("patient", "join-room", json!({"roomId": "kinds", "client": kind})).await;
        let joined = sockets.hear("patient", "room-joined").await;
        assert_eq!((&joined["client"], &joined["users"][0]["client"]), (&told, &json!("native")), "{joined}");
        assert_eq!(sockets.hear("doctor", "user-joined").await["client"], told);
        sockets.close("patient").await;
        sockets.hear("patient", "disconnect").await;
        sockets.hear("doctor", "user-left").await;
    }
}

/// What one side of a call between two browsers saw.
#[derive(Debug, serde::Deserialize)]
struct Seen {
    fps: f64,
    width: u32,
    packets: u64,
    events: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_call_each_other() {
    let backend = Backend::start().await;
    let created = backend.create("browsers").await;
    let side =
        |user: &str, field: &str| json!({"user": user, "token": text(&created, field), "transport": "websocket"});
    let instructions = json!({
        "url": backend.server.url(),
        "browser": autamedica_lab::browser().unwrap(),
        "room": "browsers",
        "sides": [side("doctor-1", "doctorToken"), side("patient-1", "patientToken")],
        "patienceMs": 60_000,
    });
    let seen = sockets::run_script("tests/web/p2p.mjs", &instructions).await;
    let seen: Vec<Seen> = serde_json::from_value(seen).unwrap();
    for side in &seen {
        assert!(side.fps > 10.0 && side.width >= 320 && side.packets > 20, "{seen:?}");
    }
    assert!(
        seen[0].events.contains(&"user-joined".to_owned()) && seen[1].events.contains(&"offer".to_owned()),
        "{seen:?}"
    );
}

/// The library reads a socket's messages in one task and connects it in another.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_right_after_the_connection_is_not_lost() {
    let backend = Backend::start().await;
    let created = backend.create("early").await;
    let address = backend.server.url().replace("http://", "ws://");
    let url = format!("{address}/socket.io/?EIO=4&transport=websocket");
    let auth = json!({"userId": "patient-1", "token": text(&created, "patientToken")});
    for attempt in 0..300 {
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        socket.send(Message::text(format!("40{auth}"))).await.unwrap();
        let joined = async {
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(packet) = message else { continue };
                if packet.starts_with("40") {
                    socket.send(Message::text(r#"42["join-room",{"roomId":"early"}]"#)).await.unwrap();
                }
                if packet.contains("room-joined") {
                    return;
                }
            }
            panic!("{attempt}: the connection ended");
        };
        soon(&format!("attempt {attempt}"), joined).await;
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }
}
