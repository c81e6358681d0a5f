//! Consultations from peer to peer over REST: what they answer, what only the SFU can do, and the move to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use autamedica_api::{Timestamp, Transport};
use autamedica_lab::Sfu;
use autamedica_server::Config;
use common::sockets::Sockets;
use common::{Backend, claims, databases, error_code, external, text};
use livekit_api::access_token::{AccessToken, VideoGrants};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Our app joins a consultation's room, as a user with a token.
async fn join(sockets: &mut Sockets, name: &str, user: &str, id: &str, token: &str) {
    sockets.connect(name, "websocket", user, token).await;
    sockets.emit(name, "join-room", json!({"roomId": id, "client": "native"})).await;
}

/// The new token that a socket hears of, which is good.
async fn refreshed(backend: &Backend, sockets: &mut Sockets, name: &str) -> String {
    let token = text(&sockets.hear(name, "token-refreshed").await, "token").to_owned();
    let (status, answer) = backend.call(Method::GET, "/api/ice-servers", &token).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_to_peer_consultation_needs_no_room_and_refuses_what_needs_one() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let created = backend.create_with("direct", &json!({"transport": "p2p"})).await;
        assert_eq!((&created["transport"], &created["roomSid"]), (&json!("p2p"), &json!("p2p")));
        assert_eq!(claims(text(&created, "patientToken"))["video"]["room"], "consultation-direct");
        let (_, rooms) = backend.get("/api/rooms/active").await;
        assert_eq!(rooms["data"], json!([]), "no room at the SFU");

        // It stays so without the field, and can't be had otherwise by creating it.
        assert_eq!(backend.create("direct").await["transport"], "p2p");
        let people = json!({"consultationId": "direct", "patientId": "patient-1", "doctorId": "doctor-1"});
        let mut other = people.clone();
        other["transport"] = json!("sfu");
        let (status, answer) = backend.post("/api/consultations/create", None, &other).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_conflict"));

        let doctor = text(&created, "doctorToken");
        let observers = ("/api/consultations/direct/observers", json!({"observerId": "student-1"}));
        for (path, body) in [observers.clone()] {
            let (status, answer) = backend.post(path, Some(doctor), &body).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "peer_to_peer"), "{path}");
        }

        // Only the doctor moves it, to the SFU alone, where everything can be done.
        let path = "/api/consultations/direct/transport";
        let sfu = json!({"transport": "sfu"});
        let (status, _) = backend.post(path, Some(text(&created, "patientToken")), &sfu).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, answer) = backend.post(path, Some(doctor), &json!({"transport": "p2p"})).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::BAD_REQUEST, "invalid_request"));
        for _ in 0..2 {
            let (status, answer) = backend.post(path, Some(doctor), &sfu).await;
            assert_eq!((status, &answer["data"]["transport"]), (StatusCode::OK, &json!("sfu")), "{answer}");
        }
        let (_, rooms) = backend.get("/api/rooms/active").await;
        assert_eq!(rooms["data"][0]["name"], "consultation-direct");
        let (status, _) = backend.post(observers.0, Some(doctor), &observers.1).await;
        assert_eq!(status, StatusCode::OK);
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sets_the_path_of_new_consultations() {
    let backend = Backend::start_with(Config { transport_default: Transport::P2p, ..Config::default() }).await;
    assert_eq!(backend.create("direct").await["transport"], "p2p");
    let created = backend.create_with("routed", &json!({"transport": "sfu"})).await;
    assert_eq!(created["transport"], "sfu");
    let (_, details) = backend.get("/api/consultations/routed").await;
    assert_eq!(details["data"]["transport"], "sfu");
    let code = text(&backend.create("direct").await, "patientLink").split_once('#').unwrap().1.to_owned();
    let (_, joined) = backend.post("/api/join", None, &json!({"code": code})).await;
    assert_eq!(joined["data"]["transport"], "p2p");
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_waits_for_the_doctor_and_is_let_in_or_kept_out() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let asked = json!({"transport": "p2p", "waitingRoom": true, "e2ee": true});
        let created = backend.create_with("waiting", &asked).await;
        assert_eq!((&created["transport"], &created["waitingRoom"]), (&json!("p2p"), &json!(true)), "{created}");
        let (patient_token, doctor_token) = (text(&created, "patientToken"), text(&created, "doctorToken"));
        let mut sockets = Sockets::start(&backend.server.url());
        join(&mut sockets, "patient", "patient-1", "waiting", patient_token).await;
        assert_eq!(sockets.hear("patient", "room-waiting").await, json!({"roomId": "waiting"}));
        backend.until("/api/consultations/waiting", |data| data["state"] == "waiting").await;
        join(&mut sockets, "doctor", "doctor-1", "waiting", doctor_token).await;
        assert_eq!(sockets.hear("doctor", "room-joined").await["users"], json!([]));
        let waits = sockets.hear("doctor", "waiting-room").await;
        let waiting = &waits["users"][0];
        assert_eq!((&waiting["userId"], &waiting["role"]), (&json!("patient-1"), &json!("patient")), "{waits}");

        // Nothing goes through meanwhile, in either direction.
        sockets.emit("patient", "offer", json!({"roomId": "waiting", "offer": {"sdp": "v=0"}})).await;
        assert_eq!(sockets.hear("patient", "error").await["code"], "forbidden");
        sockets.emit("doctor", "call-init", json!({"roomId": "waiting"})).await;
        let key = "/api/consultations/waiting/key";
        assert_eq!(backend.call(Method::GET, key, patient_token).await.0, StatusCode::FORBIDDEN);

        let admit = "/api/consultations/waiting/admit";
        let (status, answer) = backend.call(Method::POST, admit, doctor_token).await;
        assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(true)), "{answer}");
        assert_eq!(sockets.hear("patient", "room-joined").await["users"][0]["userId"], "doctor-1");
        assert_eq!(sockets.hear("doctor", "waiting-room").await["users"], json!([]));
        assert_eq!(sockets.hear("doctor", "user-joined").await["userId"], "patient-1");
        // With the grants for the SFU, to which the call may move.
        let token = refreshed(&backend, &mut sockets, "patient").await;
        assert_eq!(claims(&token)["video"]["canPublish"], true);
        assert_eq!(backend.call(Method::GET, key, &token).await.0, StatusCode::OK);
        backend.until("/api/consultations/waiting", |data| data["state"] == "live").await;

        // Put out, neither the socket nor a token gets in or waits again, before the doctor admits the patient again.
        let remove = "/api/consultations/waiting/participants/patient-1/remove";
        let (status, answer) = backend.call(Method::POST, remove, doctor_token).await;
        assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(true)), "{answer}");
        sockets.hear("patient", "error").await;
        assert_eq!(sockets.hear("patient", "room-left").await["reason"], "forbidden");
        assert_eq!(sockets.hear("doctor", "user-left").await["userId"], "patient-1");
        assert_eq!(sockets.hear("doctor", "key-changed").await["e2eeKeyIndex"], 1);
        sockets.emit("patient", "join-room", json!({"roomId": "waiting", "client": "native"})).await;
        assert_eq!(sockets.hear("patient", "error").await["code"], "forbidden");
        let code = text(&created, "patientLink").split_once('#').unwrap().1.to_owned();
        let (status, _) = backend.post("/api/join", None, &json!({"code": code})).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(backend.call(Method::POST, admit, doctor_token).await.0, StatusCode::OK);
        for old in [patient_token, &token] {
            assert_eq!(backend.call(Method::GET, key, old).await.0, StatusCode::UNAUTHORIZED);
        }
        let (_, joined) = backend.post("/api/join", None, &json!({"code": code})).await;
        join(&mut sockets, "again", "patient-1", "waiting", text(&joined["data"], "token")).await;
        sockets.hear("again", "room-joined").await;
        assert_eq!(sockets.hear("again", "key-changed").await["e2eeKeyIndex"], 1);
        assert_eq!(sockets.hear("doctor", "user-joined").await["userId"], "patient-1");
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_patient_waits_no_longer() {
    let backend = Backend::start().await;
    let created = backend.create_with("refused", &json!({"transport": "p2p", "waitingRoom": true})).await;
    let doctor_token = text(&created, "doctorToken");
    let mut sockets = Sockets::start(&backend.server.url());
    join(&mut sockets, "doctor", "doctor-1", "refused", doctor_token).await;
    sockets.hear("doctor", "room-joined").await;
    // A newer socket takes the place of the older one, and who leaves waits no longer.
    for name in ["first", "second"] {
        join(&mut sockets, name, "patient-1", "refused", text(&created, "patientToken")).await;
        sockets.hear(name, "room-waiting").await;
        assert_eq!(sockets.hear("doctor", "waiting-room").await["users"].as_array().unwrap().len(), 1);
    }
    sockets.hear("first", "error").await;
    assert_eq!(sockets.hear("first", "room-left").await["reason"], "replaced");
    sockets.close("second").await;
    assert_eq!(sockets.hear("doctor", "waiting-room").await["users"], json!([]));
    join(&mut sockets, "third", "patient-1", "refused", text(&created, "patientToken")).await;
    sockets.hear("third", "room-waiting").await;
    sockets.hear("doctor", "waiting-room").await;
    let (status, answer) = backend.call(Method::POST, "/api/consultations/refused/refuse", doctor_token).await;
    assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(true)), "{answer}");
    sockets.hear("third", "error").await;
    assert_eq!(sockets.hear("third", "room-left").await["reason"], "forbidden");
    assert_eq!(sockets.hear("doctor", "waiting-room").await["users"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_links_end_nobodys_direct_call_and_revoked_links_do() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let created = backend.create_with("renewed", &json!({"transport": "p2p", "e2ee": true})).await;
        let (patient_token, doctor_token) = (text(&created, "patientToken"), text(&created, "doctorToken"));
        let mut sockets = Sockets::start(&backend.server.url());
        join(&mut sockets, "patient", "patient-1", "renewed", patient_token).await;
        sockets.hear("patient", "room-joined").await;
        join(&mut sockets, "doctor", "doctor-1", "renewed", doctor_token).await;
        sockets.hear("doctor", "room-joined").await;
        sockets.hear("patient", "user-joined").await;
        for generation in 1..=2 {
            let (status, _) = backend.post("/api/consultations/renewed/links", None, &json!({})).await;
            assert_eq!(status, StatusCode::OK);
            for name in ["patient", "doctor"] {
                let token = refreshed(&backend, &mut sockets, name).await;
                let attributes = &claims(&token)["attributes"];
                assert_eq!(attributes, &json!({"autamedica.generation": generation.to_string()}));
                assert_eq!(sockets.hear(name, "key-changed").await["e2eeKeyIndex"], generation);
            }
            for (from, to) in [("patient", "doctor"), ("doctor", "patient")] {
                sockets.emit(from, "call-init", json!({"roomId": "renewed"})).await;
                sockets.hear(to, "call-init").await;
            }
            for old in [patient_token, doctor_token] {
                assert_eq!(backend.call(Method::GET, "/api/ice-servers", old).await.0, StatusCode::UNAUTHORIZED);
            }
        }
        let revoke = backend.http.delete(backend.url("/api/consultations/renewed/links"));
        assert_eq!(common::read(revoke.send().await.unwrap()).await.0, StatusCode::OK);
        // The first of them is out before the second.
        for name in ["patient", "doctor"] {
            while sockets.hear_any(name).await["event"] != "room-left" {}
        }
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_before_it_expires() {
    let sfu = Sfu::start().unwrap();
    let backend = Backend::start_with(external(&sfu, Config::default())).await;
    backend.create_with("long", &json!({"transport": "p2p"})).await;
    let sign = |minutes: u64| {
        let metadata = json!({"role": "patient", "consultationId": "long", "userId": "patient-1"});
        let grants = VideoGrants { room_join: true, room: "consultation-long".into(), ..VideoGrants::default() };
        let token =
            AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_ttl(Duration::from_secs(60 * minutes));
        token.with_identity("patient-1").with_metadata(&metadata.to_string()).with_grants(grants).to_jwt().unwrap()
    };
    let mut sockets = Sockets::start(&backend.server.url());
    join(&mut sockets, "patient", "patient-1", "long", &sign(30)).await;
    sockets.hear("patient", "room-joined").await;
    let token = refreshed(&backend, &mut sockets, "patient").await;
    let left = claims(&token)["exp"].as_i64().unwrap() - Timestamp::now().as_millis() / 1000;
    assert!((7100..=7200).contains(&left), "{left} s");
    // One that is good for longer stays.
    join(&mut sockets, "again", "patient-1", "long", &sign(90)).await;
    sockets.hear("again", "room-joined").await;
    sockets.emit("again", "leave-room", json!({"roomId": "long"})).await;
    sockets.emit("again", "offer", json!({"roomId": "long", "offer": {"sdp": "v=0"}})).await;
    sockets.hear("again", "error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_after_the_move_is_sent_to_the_sfu() {
    let backend = Backend::start().await;
    let created = backend.create_with("moved", &json!({"transport": "p2p", "waitingRoom": true})).await;
    let doctor_token = text(&created, "doctorToken");
    let moved = json!({"roomId": "moved", "transport": "sfu"});
    let mut sockets = Sockets::start(&backend.server.url());
    join(&mut sockets, "patient", "patient-1", "moved", text(&created, "patientToken")).await;
    sockets.hear("patient", "room-waiting").await;
    let (status, _) =
        backend.post("/api/consultations/moved/transport", Some(doctor_token), &json!({"transport": "sfu"})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(sockets.hear("patient", "transport-changed").await, moved, "the waiting patient, too");
    for (name, user, field) in [("doctor", "doctor-1", "doctorToken"), ("late", "patient-1", "patientToken")] {
        join(&mut sockets, name, user, "moved", text(&created, field)).await;
        assert_eq!(sockets.hear(name, "transport-changed").await, moved);
    }
    // A page knows nothing else than its room.
    let page: Value = json!({"roomId": "moved"});
    sockets.emit("doctor", "join-room", page).await;
    sockets.hear("doctor", "room-joined").await;
}
