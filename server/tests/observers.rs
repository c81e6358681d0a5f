//! Observers: they see and hear, publish nothing unless the doctor lets them, and are asked like everybody before a recording.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_engine::RoomEvent;
use autamedica_lab::Sfu;
use autamedica_server::Config;
use common::signal::Signal;
use common::{Backend, Peer, claims, databases, error_code, external, text};
use livekit_protocol::TrackSource;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const OBSERVERS: &str = "/api/consultations/observed/observers";

async fn add(backend: &Backend, token: &str, body: Value) -> (StatusCode, Value) {
    backend.post(OBSERVERS, Some(token), &body).await
}

/// Adds an observer, and gives the answer's data.
async fn added(backend: &Backend, token: &str, id: &str, label: &str) -> Value {
    let (status, answer) = add(backend, token, json!({"observerId": id, "label": label})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_two_with_tokens_and_links_of_their_own() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let created = backend.create("observed").await;
        let doctor = text(&created, "doctorToken");
        let first = added(&backend, doctor, "interpreter-1", "Intérprete").await;
        let claims = claims(text(&first, "token"));
        assert_eq!((&claims["sub"], &claims["name"]), (&json!("interpreter-1"), &json!("Intérprete")));
        let metadata: Value = serde_json::from_str(text(&claims, "metadata")).unwrap();
        let expected = json!({"role": "observer", "consultationId": "observed", "userId": "interpreter-1"});
        assert_eq!(metadata, expected);
        let video = &claims["video"];
        let grants = ["roomJoin", "canSubscribe", "canPublish", "canPublishData"].map(|grant| video[grant] == true);
        assert_eq!(grants, [true, true, false, false], "{video}");
        assert_ne!(video["roomRecord"], true);

        // The link leads to the same place.
        let code = text(&first, "link").split_once('#').unwrap().1;
        let (status, joined) = backend.post("/api/join", None, &json!({"code": code})).await;
        assert_eq!(status, StatusCode::OK, "{joined}");
        assert_eq!((&joined["data"]["role"], &joined["data"]["userId"]), (&json!("observer"), &json!("interpreter-1")));

        added(&backend, doctor, "companion-1", "Acompañante").await;
        let (status, answer) = add(&backend, doctor, json!({"observerId": "student-1"})).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "too_many_observers"));
        // Again is no third one.
        added(&backend, doctor, "interpreter-1", "Intérprete").await;
        for (body, code) in [
            (json!({"observerId": "patient-1"}), "same_person"),
            (json!({"observerId": "x", "label": ""}), "invalid_request"),
            (json!({"observerId": "x", "label": "a\u{202e}b"}), "invalid_request"),
            (json!({"observerId": "x", "label": "x".repeat(41)}), "invalid_request"),
            (json!({}), "invalid_request"),
        ] {
            let (_, answer) = add(&backend, doctor, body).await;
            assert_eq!(error_code(&answer), code, "{answer}");
        }
        // Neither the patient nor an observer adds anybody or directs anything.
        for token in [text(&created, "patientToken"), text(&first, "token")] {
            let (status, _) = add(&backend, token, json!({"observerId": "student-1"})).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
            let (status, _) = backend.call(Method::POST, "/api/consultations/observed/end", token).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
        }

        // Whoever is removed makes room, and comes again only when they are added again.
        let remove = "/api/consultations/observed/participants/interpreter-1/remove";
        let (status, answer) = backend.call(Method::POST, remove, doctor).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let (status, _) = backend.post("/api/join", None, &json!({"code": code})).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        added(&backend, doctor, "student-1", "Estudiante").await;
        let (status, _) = add(&backend, doctor, json!({"observerId": "interpreter-1"})).await;
        assert_eq!(status, StatusCode::CONFLICT);

        // Revoked links are revoked for all.
        let student = added(&backend, doctor, "student-1", "Estudiante").await;
        let (status, _) = backend.call(Method::DELETE, "/api/consultations/observed/links", "").await;
        assert_ne!(status, StatusCode::OK, "an empty key is no key");
        let revoked = backend.http.delete(backend.url("/api/consultations/observed/links")).send().await.unwrap();
        assert_eq!(revoked.status(), StatusCode::OK);
        let code = text(&student, "link").split_once('#').unwrap().1;
        let (status, _) = backend.post("/api/join", None, &json!({"code": code})).await;
        assert_eq!(status, StatusCode::GONE);
        let mute = "/api/consultations/observed/presence";
        let (status, _) = backend.call(Method::GET, mute, text(&student, "token")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "the token is dead, too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_publish_only_while_the_doctor_lets_them() {
    let sfu = Sfu::start().unwrap();
    let backend = Backend::start_with(external(&sfu, Config::default())).await;
    let created = backend.create("observed").await;
    let doctor = text(&created, "doctorToken");
    let observer = added(&backend, doctor, "interpreter-1", "Intérprete").await;
    let url = text(&created, "livekitUrl");
    let join = async |token: &str| Signal::join(url, token).await.unwrap();
    assert!(!join(text(&observer, "token")).await.publish(TrackSource::Microphone).await);

    let permit = "/api/consultations/observed/participants/interpreter-1/permit";
    let (status, answer) = backend.post(permit, Some(text(&observer, "token")), &json!({"publish": true})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    let nobody = "/api/consultations/observed/participants/patient-1/permit";
    let (status, answer) = backend.post(nobody, Some(doctor), &json!({"publish": true})).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "participant_not_found"));

    // Somebody who is there gets it at once, and loses it at once.
    let mut there = Peer::join(&created, text(&observer, "token")).await;
    for publish in [true, false] {
        let (status, answer) = backend.post(permit, Some(doctor), &json!({"publish": publish})).await;
        assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(true)), "{answer}");
        let told = there.wait("another permission", |event| match event {
            RoomEvent::ParticipantPermissionChanged { permission, .. } => permission.map(|may| may.can_publish),
            _ => None,
        });
        assert_eq!(told.await, publish);
    }
    // A token from before is set right as soon as its holder comes.
    let (status, _) = backend.post(permit, Some(doctor), &json!({"publish": true})).await;
    assert_eq!(status, StatusCode::OK);
    drop(there);
    let mut back = Peer::join(&created, text(&observer, "token")).await;
    let told = back.wait("the permission", |event| match event {
        RoomEvent::ParticipantPermissionChanged { permission, .. } => {
            permission.filter(|may| may.can_publish).map(drop)
        }
        _ => None,
    });
    told.await;
    backend.server.shutdown().await;
}
