//! Generations: after a removal, a renewal or a revocation the tokens from before are dead, wherever they are shown, and media
//! has another key. On SQLite and on PostgreSQL, with real clients.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::JoinLink;
use autamedica_engine::{DisconnectReason, RoomEvent};
use common::signal::Signal;
use common::{Backend, Peer, claims, databases, error_code, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn code_of(link: &str) -> String {
    JoinLink::parse(link).unwrap().code().expose().to_owned()
}

async fn join(backend: &Backend, link: &str) -> (StatusCode, Value) {
    backend.post("/api/join", None, &json!({"code": code_of(link)})).await
}

/// A fresh token by a link.
async fn token_by(backend: &Backend, link: &str) -> String {
    let (status, answer) = join(backend, link).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    text(&answer["data"], "token").to_owned()
}

/// The answer to the proxy in front of the SFU about this token.
async fn proxy_answer(backend: &Backend, token: &str) -> StatusCode {
    let request = backend.http.get(backend.url("/sfu/admission")).bearer_auth(token);
    request.send().await.unwrap().status()
}

/// The answer of a route that any good token of the consultation may call.
async fn api_answer(backend: &Backend, id: &str, token: &str) -> StatusCode {
    backend.post(&format!("/api/consultations/{id}/quality"), Some(token), &json!({})).await.0
}

async fn assert_dead(backend: &Backend, id: &str, token: &str) {
    assert_eq!(proxy_answer(backend, token).await, StatusCode::FORBIDDEN);
    assert_eq!(api_answer(backend, id, token).await, StatusCode::UNAUTHORIZED);
}

async fn assert_good(backend: &Backend, id: &str, token: &str) {
    assert_eq!(proxy_answer(backend, token).await, StatusCode::NO_CONTENT);
    assert_eq!(api_answer(backend, id, token).await, StatusCode::OK);
}

async fn disconnected(peer: &mut Peer) -> DisconnectReason {
    peer.wait("the end", |event| match event {
        RoomEvent::Disconnected { reason } => Some(reason),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_does_not_come_back_when_the_patient_is_admitted_again() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("leaked").await;
        let doctor_token = text(&data, "doctorToken");
        let doctor = Peer::join(&data, doctor_token).await;
        // A stranger has the patient's link, and uses it before the patient does.
        let stolen = token_by(&backend, text(&data, "patientLink")).await;
        assert_good(&backend, "leaked", &stolen).await;
        let mut stranger = Peer::join(&data, &stolen).await;
        let remove = "/api/consultations/leaked/participants/patient-1/remove";
        assert_eq!(backend.post(remove, Some(doctor_token), &json!({})).await.0, StatusCode::OK);
        assert_eq!(disconnected(&mut stranger).await, DisconnectReason::ParticipantRemoved);

        let admit = "/api/consultations/leaked/admit";
        assert_eq!(backend.post(admit, Some(doctor_token), &json!({})).await.0, StatusCode::OK);
        let fresh = token_by(&backend, text(&data, "patientLink")).await;
        assert_eq!(claims(&fresh)["attributes"], json!({"autamedica.generation": "1"}));
        assert_good(&backend, "leaked", &fresh).await;
        for old in [stolen.as_str(), text(&data, "patientToken")] {
            assert_dead(&backend, "leaked", old).await;
        }
        // In the room the stolen token doesn't stay, and whom it pushes out comes back.
        let mut patient = Peer::join(&data, &fresh).await;
        let stranger = Signal::join(text(&data, "livekitUrl"), &stolen).await.unwrap();
        assert_eq!(disconnected(&mut patient).await, DisconnectReason::DuplicateIdentity);
        let presence = "/api/consultations/leaked/presence";
        let (status, answer) = backend.call(Method::GET, presence, &fresh).await;
        assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(false)), "{answer}");
        assert_eq!(stranger.sent_out().await, livekit_protocol::DisconnectReason::ParticipantRemoved);
        let mut stranger = Peer::join(&data, &stolen).await;
        assert_eq!(disconnected(&mut stranger).await, DisconnectReason::ParticipantRemoved);
        let patient = Peer::join(&data, &fresh).await;
        backend.until("/api/rooms/consultation-leaked/stats", |data| data["numParticipants"] == 2).await;
        let (_, answer) = backend.call(Method::GET, presence, &fresh).await;
        assert_eq!(answer["data"]["present"], true, "{answer}");
        assert_eq!(backend.call(Method::GET, presence, &stolen).await.0, StatusCode::UNAUTHORIZED);
        // Tokens that the integrator gets from here on are good.
        let again = backend.create("leaked").await;
        for token in [text(&again, "patientToken"), text(&again, "doctorToken"), doctor_token] {
            assert_good(&backend, "leaked", token).await;
        }
        drop((patient, doctor));
        backend.server.shutdown().await;
    }
}

/// Waits for the token and the number of the key that renewed links bring to somebody inside, who is never sent out.
async fn carried_over(peer: &mut Peer, generation: u32) -> String {
    let (mut token, mut announced) = (None, false);
    peer.wait("a token and the key's number", |event| {
        match event {
            RoomEvent::TokenRefreshed { token: fresh } => {
                let attributes = &claims(fresh.expose())["attributes"];
                if attributes["autamedica.generation"] == json!(generation.to_string()) {
                    token = Some(fresh.expose().to_owned());
                }
            }
            RoomEvent::RoomMetadataChanged { metadata, .. } => {
                let metadata: Value = serde_json::from_str(&metadata).unwrap();
                announced |= metadata["e2eeKeyIndex"] == json!(generation);
            }
            RoomEvent::Disconnected { reason } => panic!("{reason:?}"),
            _ => {}
        }
        token.take_if(|_| announced)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_links_end_all_tokens_but_nobodys_call_and_revoked_links_end_both() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create_with("renewed", &json!({"e2ee": true})).await;
        let (old_patient, old_doctor) = (text(&data, "patientToken"), text(&data, "doctorToken"));
        let mut patient = Peer::join(&data, old_patient).await;
        let mut doctor = Peer::join(&data, old_doctor).await;
        for generation in 1..=2 {
            let (status, renewed) = backend.post("/api/consultations/renewed/links", None, &json!({})).await;
            assert_eq!(status, StatusCode::OK, "{renewed}");
            let patients = carried_over(&mut patient, generation).await;
            let doctors = carried_over(&mut doctor, generation).await;
            for old in [old_patient, old_doctor] {
                assert_dead(&backend, "renewed", old).await;
            }
            let mut keys = Vec::new();
            for token in [&patients, &doctors] {
                assert_good(&backend, "renewed", token).await;
                let (status, answer) = backend.call(Method::GET, "/api/consultations/renewed/key", token).await;
                assert_eq!((status, &answer["data"]["index"]), (StatusCode::OK, &json!(generation)), "{answer}");
                keys.push(text(&answer["data"], "key").to_owned());
            }
            assert!(keys[0] == keys[1] && keys[0] != text(&data, "e2eeKey"), "the key has changed");
            assert_eq!(join(&backend, text(&data, "patientLink")).await.0, StatusCode::GONE);
            let by_link = join(&backend, text(&renewed["data"], "patientLink")).await.1;
            assert_eq!(text(&by_link["data"], "e2eeKey"), keys[0]);
            assert_eq!(by_link["data"]["e2eeKeyIndex"], json!(generation));
        }
        // An old token of the doctor's gets nobody in: not the reconciler's or a webhook's look either.
        let mut old = Peer::join(&data, old_doctor).await;
        assert_eq!(disconnected(&mut old).await, DisconnectReason::ParticipantRemoved);
        assert_eq!(disconnected(&mut doctor).await, DisconnectReason::DuplicateIdentity);

        let again = backend.create_with("renewed", &json!({"e2ee": true})).await;
        assert_eq!(again["e2eeKeyIndex"], json!(2));
        let mut doctor = Peer::join(&data, text(&again, "doctorToken")).await;
        backend.until("/api/rooms/consultation-renewed/stats", |data| data["numParticipants"] == 2).await;
        let (status, _) =
            common::read(backend.http.delete(backend.url("/api/consultations/renewed/links")).send().await.unwrap())
                .await;
        assert_eq!(status, StatusCode::OK);
        for peer in [&mut patient, &mut doctor] {
            assert_eq!(disconnected(peer).await, DisconnectReason::ParticipantRemoved);
        }
        assert_dead(&backend, "renewed", text(&again, "doctorToken")).await;
        // The desk lets the doctor in.
        let (status, entered) = backend.post("/api/consultations/renewed/enter", None, &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{entered}");
        assert_good(&backend, "renewed", text(&entered["data"], "token")).await;
        assert_eq!(entered["data"]["e2eeKeyIndex"], json!(3));
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_patient_gets_the_key_when_they_are_admitted() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create_with("keyed", &json!({"waitingRoom": true, "e2ee": true})).await;
        let key = "/api/consultations/keyed/key";
        let (_, waiting) = join(&backend, text(&data, "patientLink")).await;
        let waiting = &waiting["data"];
        assert_eq!((&waiting["admitted"], &waiting["e2ee"]), (&json!(false), &json!(true)), "{waiting}");
        assert!(waiting.get("e2eeKey").is_none(), "{waiting}");
        let token = text(waiting, "token");
        let (status, answer) = backend.call(Method::GET, key, token).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::FORBIDDEN, "forbidden"));
        let (_, doctors) = join(&backend, text(&data, "doctorLink")).await;
        assert_eq!(doctors["data"]["e2eeKey"], data["e2eeKey"]);
        let doctor_token = text(&doctors["data"], "token");

        let admit = async || {
            let (status, answer) = backend.post("/api/consultations/keyed/admit", Some(doctor_token), &json!({})).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        };
        admit().await;
        let expected = json!({"key": data["e2eeKey"], "index": 0});
        for token in [token, doctor_token] {
            let (status, answer) = backend.call(Method::GET, key, token).await;
            assert_eq!((status, &answer["data"]), (StatusCode::OK, &expected), "{answer}");
        }
        let (_, admitted) = join(&backend, text(&data, "patientLink")).await;
        assert_eq!(admitted["data"]["e2eeKey"], data["e2eeKey"]);

        // Sent away again, they have neither this key nor the next one.
        let refuse = "/api/consultations/keyed/refuse";
        assert_eq!(backend.post(refuse, Some(doctor_token), &json!({})).await.0, StatusCode::OK);
        assert_eq!(backend.call(Method::GET, key, token).await.0, StatusCode::UNAUTHORIZED);
        let (_, answer) = backend.call(Method::GET, key, doctor_token).await;
        assert_eq!(answer["data"]["index"], json!(1));
        assert_ne!(answer["data"]["key"], data["e2eeKey"]);
        admit().await;
        assert_eq!(backend.call(Method::GET, key, token).await.0, StatusCode::UNAUTHORIZED);

        // It is nobody's who isn't in this consultation, and there is none without encryption.
        let other = backend.create("plain").await;
        assert_eq!(backend.call(Method::GET, key, text(&other, "patientToken")).await.0, StatusCode::FORBIDDEN);
        let plain = "/api/consultations/plain/key";
        let (status, answer) = backend.call(Method::GET, plain, text(&other, "doctorToken")).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "not_found"));
        backend.server.shutdown().await;
    }
}
