//! Consultations from peer to peer over REST: what they answer, what only the SFU can do, and the move to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::Transport;
use autamedica_server::Config;
use common::{Backend, claims, databases, error_code, text};
use reqwest::StatusCode;
use serde_json::json;

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
        other = json!({"transport": "p2p", "waitingRoom": true});
        other.as_object_mut().unwrap().extend(people.as_object().unwrap().clone());
        other["consultationId"] = json!("waiting");
        let (status, answer) = backend.post("/api/consultations/create", None, &other).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "peer_to_peer"));

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
