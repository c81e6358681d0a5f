//! Peer-to-peer signaling: every event of the protocol, driven by the client that existing web pages use, over WebSocket and
//! over polling, and everybody who may not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::Timestamp;
use autamedica_server::{Config, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::sockets::Sockets;
use common::{Backend, databases, soon, text};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use reqwest::{Method, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

type WsResult = Result<Message, WsError>;

const TRANSPORTS: [&str; 2] = ["websocket", "polling"];

/// A consultation's two people, connected and in its room; the doctor came first.
async fn two(sockets: &mut Sockets, transport: &str, created: &Value) {
    let room = text(created, "roomName");
    let id = text(created, "consultationId");
    sockets.connect("doctor", transport, "doctor-1", text(created, "doctorToken")).await;
    sockets.emit("doctor", "join-room", json!({"roomId": id})).await;
    assert_eq!(sockets.hear("doctor", "room-joined").await, json!({"roomId": id, "users": []}));
    sockets.connect("patient", transport, "patient-1", text(created, "patientToken")).await;
    // Either name of the room will do.
    sockets.emit("patient", "join-room", json!({"roomId": room})).await;
    let joined = sockets.hear("patient", "room-joined").await;
    assert_eq!((&joined["roomId"], joined["users"].as_array().unwrap().len()), (&json!(room), 1), "{joined}");
    let doctor = &joined["users"][0];
    assert_eq!((&doctor["userId"], &doctor["role"]), (&json!("doctor-1"), &json!("doctor")), "{joined}");
    serde_json::from_value::<Timestamp>(doctor["joinedAt"].clone()).unwrap();
    let came = sockets.hear("doctor", "user-joined").await;
    assert_eq!(came, json!({"roomId": id, "userId": "patient-1", "role": "patient"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_the_other_side() {
    let backend = Backend::start().await;
    for transport in TRANSPORTS {
        let mut sockets = Sockets::start(&backend.server.url());
        let id = format!("events-{transport}");
        let created = backend.create(&id).await;
        let room = text(&created, "roomName").to_owned();
        two(&mut sockets, transport, &created).await;
        let (_, health) = backend.get("/health").await;
        assert_eq!((&health["activeConnections"], &health["status"]), (&json!(2), &json!("ok")), "{health}");
        assert!(health["activeRooms"].as_u64() >= Some(1) && health["uptime"].is_number(), "{health}");
        serde_json::from_value::<Timestamp>(health["timestamp"].clone()).unwrap();

        let offer = json!({"type": "offer", "sdp": "v=0\r\nño"});
        let stats = json!({"bitrate": 1500000.5, "latency": 40.5, "packetLoss": 0.1, "quality": "good"});
        let candidate = json!({"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"});
        for (event, field, value, heard_as) in [
            ("call-init", None, Value::Null, "call-init"),
            ("offer", Some("offer"), offer, "offer"),
            ("answer", Some("answer"), json!({"type": "answer", "sdp": "v=0"}), "answer"),
            ("ice-candidate", Some("candidate"), candidate, "ice-candidate"),
            ("connection-stats", Some("stats"), stats, "peer-stats"),
            ("call-end", None, Value::Null, "call-end"),
        ] {
            for (from, user, to, from_calls_it, to_calls_it) in
                [("doctor", "doctor-1", "patient", &id, &room), ("patient", "patient-1", "doctor", &room, &id)]
            {
                let mut sent = json!({"roomId": from_calls_it});
                let mut expected = json!({"roomId": to_calls_it, "userId": user});
                if let Some(field) = field {
                    sent[field] = value.clone();
                    expected[field] = value.clone();
                }
                sockets.emit(from, event, sent).await;
                assert_eq!(sockets.hear(to, heard_as).await, expected);
            }
        }
        // A page that is loaded again comes before its old socket is gone.
        sockets.connect("again", transport, "patient-1", text(&created, "patientToken")).await;
        sockets.emit("again", "join-room", json!({"roomId": id})).await;
        sockets.hear("again", "room-joined").await;
        assert_eq!(sockets.hear("doctor", "user-left").await["userId"], "patient-1");
        assert_eq!(sockets.hear("doctor", "user-joined").await["userId"], "patient-1");
        sockets.hear("patient", "error").await;
        assert_eq!(sockets.hear("patient", "room-left").await, json!({"roomId": room, "reason": "replaced"}));

        sockets.emit("again", "leave-room", json!({"roomId": id})).await;
        assert_eq!(sockets.hear("doctor", "user-left").await, json!({"roomId": id, "userId": "patient-1"}));
        sockets.emit("again", "join-room", json!({"roomId": id})).await;
        sockets.hear("again", "room-joined").await;
        sockets.hear("doctor", "user-joined").await;
        sockets.close("again").await;
        assert_eq!(sockets.hear("doctor", "user-left").await, json!({"roomId": id, "userId": "patient-1"}));
    }
}

/// The library runs what messages start beside each other; a candidate that overtakes its offer ends a browser's call.
#[tokio::test(flavor = "multi_thread")]
async fn messages_stay_in_order() {
    let backend = Backend::start().await;
    let created = backend.create("order").await;
    let mut sockets = Sockets::start(&backend.server.url());
    two(&mut sockets, "websocket", &created).await;
    for number in 0..50 {
        sockets.emit("doctor", "offer", json!({"roomId": "order", "offer": {"sdp": number.to_string()}})).await;
        sockets.emit("doctor", "ice-candidate", json!({"roomId": "order", "candidate": {"number": number}})).await;
    }
    for number in 0..50 {
        assert_eq!(sockets.hear("patient", "offer").await["offer"]["sdp"], number.to_string());
        assert_eq!(sockets.hear("patient", "ice-candidate").await["candidate"]["number"], number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_a_signal_through() {
    let backend = Backend::start().await;
    let (created, other) = (backend.create("ours").await, backend.create("theirs").await);
    let room = json!({"roomId": "ours"});
    let mut sockets = Sockets::start(&backend.server.url());
    let url = backend.server.url();
    let token = |field: &str| text(&created, field).to_owned();
    for (name, query, code) in [
        ("no-token-of-a-foreign-page", json!({"userId": "doctor-1"}), "unauthorized"),
        ("invented", json!({"userId": "doctor-1", "token": "eyJhbGciOiJub25lIn0.e30."}), "unauthorized"),
        ("another-user", json!({"userId": "doctor-1", "token": token("patientToken")}), "unauthorized"),
        ("no-id", json!({"userId": "../x", "token": token("patientToken")}), "invalid_id"),
    ] {
        let foreign = json!({"Origin": "https://elsewhere.example"});
        sockets.open(name, json!({"transports": ["websocket"], "query": query, "extraHeaders": foreign})).await;
        let why = sockets.hear(name, "connect_error").await;
        let message = why.as_str().and_then(|why| why.strip_prefix(code)?.strip_prefix(": "));
        assert!(message.is_some_and(|message| message.len() > 5), "{name}: {why}");
    }

    // A token for another consultation, and one whose holder has not joined.
    sockets.connect("foreign", "websocket", "doctor-1", text(&other, "doctorToken")).await;
    sockets.emit("foreign", "join-room", room.clone()).await;
    assert_eq!(sockets.hear("foreign", "error").await["code"], "room_not_found");
    sockets.connect("outside", "polling", "patient-1", &token("patientToken")).await;
    sockets.emit("outside", "offer", json!({"roomId": "ours", "offer": {"sdp": "v=0"}})).await;
    let refusal = json!({"message": "join the room first", "code": "invalid_request"});
    assert_eq!(sockets.hear("outside", "error").await, refusal);
    for (event, data) in [("join-room", json!({})), ("join-room", json!("ours")), ("offer", json!({"roomId": "ours"}))]
    {
        sockets.emit("outside", event, data).await;
        sockets.hear("outside", "error").await;
    }

    // Somebody on this machine, where there is no key, is one of the people or nobody.
    sockets.open("local", json!({"transports": ["websocket"], "query": {"userId": "somebody"}})).await;
    sockets.hear("local", "connect").await;
    sockets.emit("local", "join-room", room.clone()).await;
    sockets.hear("local", "error").await;
    assert!(url.starts_with("http://127.0.0.1:"));

    // Who is removed is out at once, and neither this socket nor this token comes back.
    two(&mut sockets, "websocket", &created).await;
    let remove = "/api/consultations/ours/participants/patient-1/remove";
    let (status, answer) = backend.call(Method::POST, remove, &token("doctorToken")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(sockets.hear("doctor", "user-left").await["userId"], "patient-1");
    sockets.hear("patient", "error").await;
    assert_eq!(sockets.hear("patient", "room-left").await["reason"], "forbidden");
    for (event, data) in [("join-room", room.clone()), ("offer", json!({"roomId": "ours", "offer": {"sdp": "v=0"}}))] {
        sockets.emit("patient", event, data).await;
        sockets.hear("patient", "error").await;
    }
    let query = json!({"userId": "patient-1", "token": token("patientToken")});
    sockets.open("removed", json!({"transports": ["websocket"], "query": query})).await;
    sockets.hear("removed", "connect_error").await;

    // Nor does anybody into a consultation that has ended.
    let (status, _) = backend.call(Method::POST, "/api/consultations/ours/end", &token("doctorToken")).await;
    assert_eq!(status, StatusCode::OK);
    let over = json!({"message": "this consultation has ended", "code": "consultation_ended"});
    assert_eq!(sockets.hear("doctor", "error").await, over);
    assert_eq!(sockets.hear("doctor", "room-left").await["reason"], "consultation_ended");
    sockets.emit("doctor", "join-room", room).await;
    assert_eq!(sockets.hear("doctor", "error").await, over);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_patient_is_heard_once_admitted() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let created = backend.create_with("waiting", &json!({"waitingRoom": true})).await;
        let mut sockets = Sockets::start(&backend.server.url());
        sockets.connect("patient", "websocket", "patient-1", text(&created, "patientToken")).await;
        sockets.emit("patient", "join-room", json!({"roomId": "waiting"})).await;
        assert_eq!(sockets.hear("patient", "error").await["code"], "forbidden");
        let admit = "/api/consultations/waiting/admit";
        let (status, answer) = backend.call(Method::POST, admit, text(&created, "doctorToken")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        sockets.emit("patient", "join-room", json!({"roomId": "waiting"})).await;
        sockets.hear("patient", "room-joined").await;
    }
}

/// A token as Supabase signs it.
fn supabase(secret: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_clinic_gets_into_its_own_consultations() {
    let secret = "a secret of the project at Supabase";
    let config = Config { supabase_jwt_secret: Some(Secret::new(secret)), ..Config::default() };
    let backend = Backend::start_with(config).await;
    backend.create("account").await;
    let mut sockets = Sockets::start(&backend.server.url());
    let now = Timestamp::now().as_millis() / 1000;
    let claims = |user: &str, exp: i64| {
        // Anybody may write this role into their own account.
        json!({"sub": user, "exp": exp, "aud": "authenticated", "role": "authenticated", "user_metadata": {"role": "doctor"}})
    };
    sockets.connect("patient", "websocket", "patient-1", &supabase(secret, &claims("patient-1", now + 600))).await;
    sockets.emit("patient", "join-room", json!({"roomId": "account"})).await;
    sockets.hear("patient", "room-joined").await;
    sockets.connect("doctor", "polling", "doctor-1", &supabase(secret, &claims("doctor-1", now + 600))).await;
    sockets.emit("doctor", "join-room", json!({"roomId": "account"})).await;
    assert_eq!(sockets.hear("doctor", "room-joined").await["users"][0]["role"], "patient");
    assert_eq!(sockets.hear("patient", "user-joined").await["role"], "doctor");

    sockets.connect("third", "websocket", "doctor-2", &supabase(secret, &claims("doctor-2", now + 600))).await;
    sockets.emit("third", "join-room", json!({"roomId": "account"})).await;
    sockets.hear("third", "error").await;
    let anonymous = json!({"role": "anon", "exp": now + 600});
    for (name, token) in [
        ("old", supabase(secret, &claims("patient-1", now - 600))),
        ("forged", supabase("another secret", &claims("patient-1", now + 600))),
        ("anonymous", supabase(secret, &anonymous)),
    ] {
        sockets
            .open(name, json!({"transports": ["websocket"], "query": {"userId": "patient-1", "token": token}}))
            .await;
        sockets.hear(name, "connect_error").await;
    }
    // What proves somebody for signaling directs nothing.
    let token = supabase(secret, &claims("doctor-1", now + 600));
    let (status, _) = backend.call(Method::POST, "/api/consultations/account/end", &token).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_its_own_socket() {
    let backend = Backend::start().await;
    let created = backend.create("flood").await;
    let mut sockets = Sockets::start(&backend.server.url());
    two(&mut sockets, "websocket", &created).await;
    for _ in 0..400 {
        sockets.emit("patient", "call-init", json!({"roomId": "flood"})).await;
    }
    // The doctor hears some of it, and then that the patient is gone.
    loop {
        let heard = sockets.hear_any("doctor").await;
        if heard["event"] == "user-left" {
            break;
        }
        assert_eq!(heard["event"], "call-init");
    }
    let (status, _) = backend.get("/health").await;
    assert_eq!(status, StatusCode::OK);
    sockets.connect("back", "websocket", "patient-1", text(&created, "patientToken")).await;
    sockets.emit("back", "join-room", json!({"roomId": "flood"})).await;
    sockets.hear("back", "room-joined").await;
    // A message larger than any description ends its sender's socket, too.
    sockets.emit("back", "offer", json!({"roomId": "flood", "offer": {"sdp": "x".repeat(100_000)}})).await;
    sockets.hear("back", "disconnect").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_in_four_rooms_at_most() {
    let backend = Backend::start().await;
    let mut sockets = Sockets::start(&backend.server.url());
    // On this machine, where there is no key, one socket may be the doctor of several consultations.
    sockets.open("doctor", json!({"transports": ["websocket"], "query": {"userId": "doctor-1"}})).await;
    sockets.hear("doctor", "connect").await;
    for number in 0..5 {
        let room = format!("room-{number}");
        backend.create(&room).await;
        sockets.emit("doctor", "join-room", json!({"roomId": room})).await;
        if number < 4 {
            assert_eq!(sockets.hear("doctor", "room-joined").await["roomId"], room.as_str());
        } else {
            assert_eq!(sockets.hear("doctor", "error").await["code"], "rate_limited");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ice_servers_come_with_passwords_for_who_asks() {
    let ice = |name: &str| match name {
        "ICE_SERVERS" => Some(r#"[{"urls": "stun:stun.example:3478"}]"#.to_owned()),
        "TURN_URLS" => Some("turn:turn.example:3478,turns:turn.example:5349?transport=tcp".to_owned()),
        "TURN_SECRET" => Some("north".to_owned()),
        "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
        _ => None,
    };
    let backend = Backend::start_with(Config::from_vars(ice).unwrap()).await;
    let created = backend.create("ice").await;
    let (status, answer) = backend.call(Method::GET, "/api/ice-servers", text(&created, "patientToken")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let servers = answer["data"]["iceServers"].as_array().unwrap();
    assert_eq!(servers[0], json!({"urls": ["stun:stun.example:3478"]}));
    let username = text(&servers[1], "username");
    let (until, user) = username.split_once(':').unwrap();
    let left = until.parse::<i64>().unwrap() - Timestamp::now().as_millis() / 1000;
    assert!(user == "patient-1" && (7100..=7200).contains(&left), "{username}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"north");
    let expected = base64::engine::general_purpose::STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    assert_eq!(text(&servers[1], "credential"), expected);
    let (status, _) = backend.call(Method::GET, "/api/ice-servers", "invented").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

/// A WebSocket of Engine.io without a client's library, past its first packet.
async fn raw(
    backend: &Backend,
    created: &Value,
) -> impl Sink<Message, Error = WsError> + Stream<Item = WsResult> + Unpin {
    let address = backend.server.url().replace("http://", "ws://");
    let token = text(created, "patientToken");
    let url = format!("{address}/socket.io/?EIO=4&transport=websocket&userId=patient-1&token={token}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let first = heard(&mut socket).await.unwrap();
    assert!(first.starts_with('0'), "{first}");
    socket
}

/// The next text; `None` when the connection is closed.
async fn heard(socket: &mut (impl Stream<Item = WsResult> + Unpin)) -> Option<String> {
    let next = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) if text == "2" => {}
                // The library's own way to say that it closes.
                Some(Ok(Message::Text(text))) if text == "1" => return None,
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    };
    soon("a packet", next).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_does_not_begin_again_for_ever() {
    let backend = Backend::start().await;
    let created = backend.create("again").await;
    let mut socket = raw(&backend, &created).await;
    for attempt in 1..=6 {
        socket.send(Message::text(r#"40{"token":"wrong"}"#)).await.unwrap();
        let answer = heard(&mut socket).await.expect("an answer");
        assert_eq!(answer.contains("open a new connection"), attempt > 5, "{attempt}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_protocol_has_not_is_not_kept() {
    let backend = Backend::start().await;
    let created = backend.create("binary").await;
    let mut socket = raw(&backend, &created).await;
    socket.send(Message::text("40")).await.unwrap();
    assert!(heard(&mut socket).await.unwrap().starts_with("40"));
    socket.send(Message::text(r#"451-["offer",{"_placeholder":true,"num":0}]"#)).await.unwrap();
    assert_eq!(heard(&mut socket).await, None, "the connection is closed");

    // Neither is a message of very many parts read.
    let mut sockets = Sockets::start(&backend.server.url());
    two(&mut sockets, "websocket", &created).await;
    let offer = json!({"sdp": "v=0", "more": vec![0; 3000]});
    sockets.emit("patient", "offer", json!({"roomId": "binary", "offer": offer})).await;
    sockets.hear("patient", "error").await;
    sockets.emit("patient", "call-init", json!({"roomId": "binary"})).await;
    sockets.hear("doctor", "call-init").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_two_names_also_where_an_id_looks_like_one() {
    let backend = Backend::start().await;
    let created = backend.create("consultation-5").await;
    let mut sockets = Sockets::start(&backend.server.url());
    sockets.connect("doctor", "websocket", "doctor-1", text(&created, "doctorToken")).await;
    for name in ["consultation-5", "consultation-consultation-5"] {
        sockets.emit("doctor", "join-room", json!({"roomId": name})).await;
        assert_eq!(sockets.hear("doctor", "room-joined").await["roomId"], name);
    }
}
