//! What waiting patients may know: their place, and the desk's word.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::Timestamp;
use common::{Backend, Peer, databases, read, soon, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn patch(backend: &Backend, id: &str, body: &Value) -> (StatusCode, Value) {
    let url = backend.url(&format!("/api/consultations/{id}"));
    read(backend.http.patch(url).json(body).send().await.unwrap()).await
}

/// Waits until the patient reads this place.
async fn until_ahead(backend: &Backend, id: &str, data: &Value, ahead: u64) -> Value {
    let path = format!("/api/consultations/{id}/queue");
    let found = async {
        loop {
            let (status, answer) = backend.call(Method::GET, &path, text(data, "patientToken")).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            if answer["data"]["ahead"] == json!(ahead) {
                return answer["data"].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    soon(&format!("{ahead} ahead of {id}"), found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_patients_read_their_place_and_the_desks_word() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let at = |minutes: i64| Timestamp::from_millis(Timestamp::now().as_millis() + minutes * 60_000).to_string();
        let mut waiting = Vec::new();
        for (id, minutes) in [("first", 0), ("second", 10), ("third", 20)] {
            let more = json!({"patientId": format!("patient-{id}"), "waitingRoom": true, "scheduledAt": at(minutes)});
            waiting.push((id, backend.create_with(id, &more).await));
        }
        // A patient who isn't there is ahead of nobody.
        until_ahead(&backend, "third", &waiting[2].1, 0).await;
        let mut peers = Vec::new();
        for (_, data) in &waiting {
            peers.push(Peer::join(data, text(data, "patientToken")).await);
        }
        for (ahead, (id, data)) in (0..).zip(&waiting) {
            until_ahead(&backend, id, data, ahead).await;
        }

        let (status, answer) = patch(&backend, "third", &json!({"notice": " Ten\u{0} minutes late\n"})).await;
        assert_eq!((status, &answer["data"]["notice"]), (StatusCode::OK, &json!("Ten minutes late")), "{answer}");
        let read = until_ahead(&backend, "third", &waiting[2].1, 2).await;
        assert_eq!(read["notice"], "Ten minutes late");
        assert_eq!(until_ahead(&backend, "second", &waiting[1].1, 1).await.get("notice"), None);
        let (_, listed) = backend.get("/api/consultations/third").await;
        assert_eq!(listed["data"]["notice"], "Ten minutes late");
        let (status, answer) = patch(&backend, "third", &json!({"notice": ""})).await;
        assert_eq!((status, answer["data"].get("notice")), (StatusCode::OK, None));
        let (status, _) = patch(&backend, "third", &json!({"notice": "x".repeat(201)})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        // Nothing to change is no error, and an appointment still moves.
        assert_eq!(patch(&backend, "third", &json!({})).await.0, StatusCode::OK);
        let (status, moved) = patch(&backend, "first", &json!({"scheduledAt": at(40)})).await;
        assert_eq!(status, StatusCode::OK, "{moved}");
        until_ahead(&backend, "first", &waiting[0].1, 2).await;
        until_ahead(&backend, "second", &waiting[1].1, 0).await;

        // Each token reads its own place only.
        let (status, _) =
            backend.call(Method::GET, "/api/consultations/first/queue", text(&waiting[1].1, "patientToken")).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        drop(peers.remove(1));
        until_ahead(&backend, "third", &waiting[2].1, 0).await;
        drop(peers);
        backend.server.shutdown().await;
    }
}
