//! What LiveKit tells, what the integrator hears, what clients measure.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use autamedica_engine::RoomEvent;
use autamedica_lab::{Sfu, free_port};
use autamedica_server::{AuditHead, Config, Database, Secret, WebhookConfig, open_store};
use axum::Router;
use axum::http::{HeaderMap, StatusCode as Status};
use axum::routing::post;
use common::livekit::send_webhook;
use common::{Backend, Peer, client, databases, error_code, external, soon, text};
use livekit_api::services::room::{CreateRoomOptions, RoomClient};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

fn admin(sfu: &Sfu) -> RoomClient {
    RoomClient::with_api_key(&format!("http://127.0.0.1:{}", sfu.port()), Sfu::API_KEY, Sfu::API_SECRET)
}

fn event(kind: &str, id: &str, at: i64, room: &Value, who: Option<(&str, &str)>) -> Value {
    let room = json!({"sid": room["roomSid"], "name": room["roomName"]});
    let mut event = json!({"event": kind, "id": id, "createdAt": at.to_string(), "room": room});
    if let Some((sid, identity)) = who {
        event["participant"] = json!({"sid": sid, "identity": identity, "joinedAt": at.to_string()});
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn livekits_events_are_verified_idempotent_and_may_come_in_any_order() {
    for config in databases() {
        let sfu = Sfu::start().unwrap();
        let backend = Backend::start_with(external(&sfu, config)).await;
        let room = backend.create("events").await;
        let state = async || backend.get("/api/consultations/events").await.1["data"]["state"].clone();
        let doctor = Some(("PA_doctor", "doctor-1"));
        let patient = Some(("PA_patient", "patient-1"));

        let came = event("participant_joined", "1", 100, &room, doctor);
        let (status, answer) = send_webhook(&backend, &came, "somebody else's secret").await;
        assert_eq!((status, error_code(&answer)), (StatusCode::UNAUTHORIZED, "unauthorized"));
        assert_eq!(state().await, "created");

        // The patient's leaving is told before their coming: they are not there.
        for told in [
            came.clone(),
            came,
            event("participant_left", "2", 300, &room, patient),
            event("participant_joined", "3", 200, &room, patient),
        ] {
            let (status, answer) = send_webhook(&backend, &told, Sfu::API_SECRET).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
        assert_eq!(state().await, "waiting");
        let again = event("participant_joined", "4", 400, &room, Some(("PA_patient_2", "patient-1")));
        send_webhook(&backend, &again, Sfu::API_SECRET).await;
        assert_eq!(state().await, "live");

        // An old room's end is no news; this room's is.
        let old = json!({"roomSid": "RM_old", "roomName": room["roomName"]});
        send_webhook(&backend, &event("room_finished", "5", 500, &old, None), Sfu::API_SECRET).await;
        assert_eq!(state().await, "live");
        send_webhook(&backend, &event("room_finished", "6", 500, &room, None), Sfu::API_SECRET).await;
        assert_eq!(state().await, "ended");

        // What is told late of the closed room opens nothing again.
        admin(&sfu).delete_room(text(&room, "roomName")).await.unwrap();
        let late = Some(("PA_late", "patient-1"));
        for (number, told) in [
            event("room_started", "7", 50, &room, None),
            event("participant_joined", "8", 450, &room, late),
            event("room_started", "9", 50, &old, None),
        ]
        .iter()
        .enumerate()
        {
            let (status, answer) = send_webhook(&backend, told, Sfu::API_SECRET).await;
            assert_eq!((status, state().await), (StatusCode::OK, json!("ended")), "{number}: {answer}");
        }
        // Nor does a room that is really open again: only its doctor does.
        admin(&sfu).create_room(text(&room, "roomName"), CreateRoomOptions::default()).await.unwrap();
        let (_, stats) = backend.get("/api/rooms/consultation-events/stats").await;
        send_webhook(&backend, &event("room_started", "10", 600, &stats["data"], None), Sfu::API_SECRET).await;
        assert_eq!(state().await, "ended");
        let back = event("participant_joined", "11", 650, &stats["data"], Some(("PA_doctor_2", "doctor-1")));
        send_webhook(&backend, &back, Sfu::API_SECRET).await;
        assert_eq!(state().await, "waiting");
        send_webhook(&backend, &event("room_finished", "12", 700, &stats["data"], None), Sfu::API_SECRET).await;
        assert_eq!(state().await, "ended", "it is noted as the consultation's room");
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_things_at_once_dont_block_each_other() {
    for config in databases() {
        let sfu = Sfu::start().unwrap();
        let backend = Backend::start_with(external(&sfu, config)).await;
        let room = &backend.create_with("busy", &json!({"waitingRoom": true})).await;
        let doctor = room["doctorToken"].as_str();
        let backend = &backend;
        let busy = (0..60).map(|number| async move {
            let (sid, id) = (format!("PA_{}", number / 4), format!("event-{number}"));
            let who = if number % 3 == 0 { "doctor-1" } else { "patient-1" };
            let (status, answer) = match number % 4 {
                0 => {
                    send_webhook(
                        backend,
                        &event("participant_joined", &id, 1, room, Some((&sid, who))),
                        Sfu::API_SECRET,
                    )
                    .await
                }
                1 => {
                    send_webhook(backend, &event("participant_left", &id, 2, room, Some((&sid, who))), Sfu::API_SECRET)
                        .await
                }
                2 => backend.post("/api/consultations/busy/participants/patient-1/remove", doctor, &json!({})).await,
                _ => backend.post("/api/consultations/busy/admit", doctor, &json!({})).await,
            };
            assert_eq!(status, StatusCode::OK, "{number}: {answer}");
        });
        futures_util::future::join_all(busy).await;
    }
}

/// A backend, and an SFU that tells it at once what happens.
async fn with_webhooks(config: Config) -> (Backend, Sfu) {
    let port = free_port().unwrap();
    let webhook = format!("webhook: {{api_key: {}, urls: ['http://127.0.0.1:{port}/webhooks/livekit']}}", Sfu::API_KEY);
    let sfu = Sfu::start_with(&webhook).unwrap();
    let server = autamedica_server::Server::start(Config { port, ..external(&sfu, config) }).await.unwrap();
    (Backend { server, http: client() }, sfu)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_consultation_ends_and_can_begin_again() {
    for config in databases() {
        let (backend, sfu) = with_webhooks(config).await;
        let data = backend.create("empty").await;
        let doctor = Peer::join(&data, text(&data, "doctorToken")).await;
        let patient = Peer::join(&data, text(&data, "patientToken")).await;
        let live = backend.until("/api/consultations/empty", |data| data["state"] == "live").await;
        assert!(live["liveAt"].is_string() && live["waitingAt"].is_string(), "{live}");
        doctor.room.close().await.unwrap();
        patient.room.close().await.unwrap();
        // The SFU closes an empty room by itself after a while; not everybody has that long.
        admin(&sfu).delete_room(text(&data, "roomName")).await.unwrap();
        let ended = backend.until("/api/consultations/empty", |data| data["state"] == "ended").await;
        assert_eq!(ended["cause"], "empty");
        backend.create("empty").await;
        assert_eq!(backend.get("/api/consultations/empty").await.1["data"]["state"], "created");
        backend.server.shutdown().await;
    }
}

/// A patient who only waited and left comes back by their link. What has taken place is over for them, until the doctor opens it.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_taken_place_begins_again_only_with_its_doctor() {
    for config in databases() {
        let (backend, sfu) = with_webhooks(config).await;
        let data = backend.create_with("over", &json!({"waitingRoom": true})).await;
        let code = |link: &str| text(&data, link).split_once('#').unwrap().1.to_owned();
        let join = async |link: &str| backend.post("/api/join", None, &json!({"code": code(link)})).await;
        let all_leave = async |people: Vec<Peer>| {
            for peer in people {
                peer.room.close().await.unwrap();
            }
            admin(&sfu).delete_room(text(&data, "roomName")).await.unwrap();
            backend.until("/api/consultations/over", |data| data["state"] == "ended").await
        };
        let enter = async |link: &str| {
            let (status, answer) = join(link).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            Peer::join(&answer["data"], text(&answer["data"], "token")).await
        };
        let patient = enter("patientLink").await;
        backend.until("/api/consultations/over", |data| data["state"] == "waiting").await;
        assert_eq!(all_leave(vec![patient]).await["liveAt"], Value::Null);
        let patient = enter("patientLink").await;
        let doctor = enter("doctorLink").await;
        backend.post("/api/consultations/over/admit", data["doctorToken"].as_str(), &json!({})).await;
        backend.until("/api/consultations/over", |data| data["state"] == "live").await;
        all_leave(vec![patient, doctor]).await;

        for path in ["/api/join", "/api/check"] {
            let (status, answer) = backend.post(path, None, &json!({"code": code("patientLink")})).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_ended"), "{path}");
        }
        // A token from before opens the room at the SFU, and leads nowhere.
        let mut patient = Peer::join(&data, text(&data, "patientToken")).await;
        let out = |event| matches!(event, RoomEvent::Disconnected { .. }).then_some(());
        patient.wait("the patient is sent out", out).await;
        assert_eq!(backend.get("/api/consultations/over").await.1["data"]["state"], "ended");
        // The doctor's link or desk opens it, for the patient as well.
        let (status, answer) = join("doctorLink").await;
        assert_eq!((status, &answer["data"]["role"]), (StatusCode::OK, &json!("doctor")), "{answer}");
        let (status, answer) = join("patientLink").await;
        assert_eq!((status, &answer["data"]["admitted"]), (StatusCode::OK, &json!(true)), "{answer}");
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_webhooks_the_reconciler_finds_out() {
    for config in databases() {
        let sfu = Sfu::start().unwrap();
        let backend = Backend::start_with(external(&sfu, config)).await;
        let data = backend.create_with("ask", &json!({"waitingRoom": true})).await;
        let doctor = Peer::join(&data, text(&data, "doctorToken")).await;
        let _patient = Peer::join(&data, text(&data, "patientToken")).await;
        backend.until("/api/consultations/ask", |data| data["state"] == "waiting").await;
        let admit = "/api/consultations/ask/admit";
        backend.post(admit, Some(text(&data, "doctorToken")), &json!({})).await;
        backend.until("/api/consultations/ask", |data| data["state"] == "live").await;
        doctor.room.close().await.unwrap();
        backend.server.shutdown().await;
    }
}

/// Somebody who was noted as gone by mistake, and is there, is noted as there again.
#[tokio::test(flavor = "multi_thread")]
async fn the_reconciler_puts_a_wrong_leave_right_and_leaves_no_shows_alone() {
    for config in databases() {
        let sfu = Sfu::start().unwrap();
        let config = external(&sfu, config);
        let store = match config.database {
            Database::Postgres(_) => Some(open_store(&config).await.unwrap()),
            _ => None,
        };
        let backend = Backend::start_with(config).await;
        let data = backend.create("wrong").await;
        for number in 0..3 {
            backend.create(&format!("no-show-{number}")).await;
        }
        let open = async || match &store {
            Some(store) => Some(store.open_consultations().await.unwrap().len()),
            None => None,
        };
        assert!(open().await.is_none_or(|open| open == 0), "nobody came to any");
        let _doctor = Peer::join(&data, text(&data, "doctorToken")).await;
        backend.until("/api/consultations/wrong", |data| data["state"] == "waiting").await;
        assert!(open().await.is_none_or(|open| open == 1));
        let (_, stats) = backend.get("/api/rooms/consultation-wrong/stats").await;
        let sid = text(&stats["data"]["participants"][0], "sid").to_owned();
        let gone = event("participant_left", "1", 1, &data, Some((&sid, "doctor-1")));
        assert_eq!(send_webhook(&backend, &gone, Sfu::API_SECRET).await.0, StatusCode::OK);
        // It is live only if the doctor counts as there.
        let _patient = Peer::join(&data, text(&data, "patientToken")).await;
        backend.until("/api/consultations/wrong", |data| data["state"] == "live").await;
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_integrator_hears_what_happens_signed_and_in_spite_of_failures() {
    for config in databases() {
        let (sender, mut received) = mpsc::unbounded_channel::<(HeaderMap, String)>();
        let calls = Arc::new(AtomicUsize::new(0));
        let receive = post(move |headers: HeaderMap, body: String| async move {
            // The first attempt fails.
            if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                return Status::SERVICE_UNAVAILABLE;
            }
            sender.send((headers, body)).unwrap();
            Status::NO_CONTENT
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", receive)).await });

        let sfu = Sfu::start().unwrap();
        let secret = Secret::new("shared with the integrator");
        let webhook = Some(WebhookConfig { url, secret });
        let backend = Backend::start_with(Config { webhook, ..external(&sfu, config) }).await;
        let room = backend.create("told").await;
        backend.create("told").await;
        send_webhook(
            &backend,
            &event("participant_joined", "1", 1, &room, Some(("PA_1", "doctor-1"))),
            Sfu::API_SECRET,
        )
        .await;
        send_webhook(
            &backend,
            &event("participant_joined", "2", 2, &room, Some(("PA_2", "patient-1"))),
            Sfu::API_SECRET,
        )
        .await;
        let end = "/api/consultations/told/end";
        assert_eq!(backend.post(end, Some(text(&room, "doctorToken")), &json!({})).await.0, StatusCode::OK);

        let mut heard = Vec::new();
        while heard.len() < 4 {
            let (headers, body) = soon("an event", received.recv()).await.unwrap();
            let signature = headers["autamedica-signature"].to_str().unwrap();
            let (time, mac) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"shared with the integrator");
            let expected = ring::hmac::sign(&key, format!("{time}.{body}").as_bytes());
            assert_eq!(mac, expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            let event: Value = serde_json::from_str(&body).unwrap();
            if event["event"] == "audit.head" {
                // The hourly one may come right after the first entry.
                assert!(text(&event, "head").parse::<AuditHead>().is_ok(), "{event}");
                continue;
            }
            assert_eq!(event["consultationId"], "told");
            heard.push(text(&event, "event").to_owned());
        }
        // The first one came late; each came once.
        heard.sort();
        assert_eq!(
            heard,
            ["consultation.created", "consultation.ended", "consultation.live", "consultation.waiting"]
                .map(str::to_owned)
                .into_iter()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_join_the_sfus_view_with_what_clients_measured() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("stats").await;
        let token = text(&data, "patientToken");
        let _patient = Peer::join(&data, token).await;
        let quality = "/api/consultations/stats/quality";
        let tracks = json!([{"sid": "TR_1", "jitterMs": 2.5}]);
        for ms in 1..=20 {
            let sample = json!({"roundTripMs": ms, "packetLossPercent": 0.5, "fps": 30, "width": 1280, "height": 720,
                "tracks": tracks});
            let (status, answer) = backend.post(quality, Some(token), &sample).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
        }
        let (_, stats) = backend.get("/api/rooms/consultation-stats/stats").await;
        assert_eq!(stats["data"]["quality"]["latest"]["tracks"], tracks);
        for (wrong, token, status) in [
            (json!({"roundTripMs": -1}), Some(token), 400),
            (json!({"packetLossPercent": 101}), Some(token), 400),
            (json!({"tracks": vec![json!({"sid": "TR"}); 17]}), Some(token), 400),
            (json!({}), Some("nonsense"), 401),
            (json!({}), None, 401),
        ] {
            assert_eq!(backend.post(quality, token, &wrong).await.0.as_u16(), status, "{wrong}");
        }
        // Twice as many in a minute as a client sends are kept, no more; another person's aren't counted with them.
        for number in 20..30 {
            let answer = backend.http.post(backend.url(quality)).bearer_auth(token).json(&json!({"roundTripMs": 20}));
            let answer = answer.send().await.unwrap();
            let (status, waits) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
            assert_eq!((status, waits), if number < 24 { (200, false) } else { (429, true) }, "sample {number}");
        }
        let doctor = text(&data, "doctorToken");
        assert_eq!(backend.post(quality, Some(doctor), &json!({})).await.0, StatusCode::OK);
        let stats = backend.until("/api/rooms/consultation-stats/stats", |data| data["numParticipants"] == 1).await;
        let patient = &stats["participants"][0];
        assert_eq!((&patient["identity"], &patient["role"]), (&json!("patient-1"), &json!("patient")));
        for (quality, samples) in [(&stats["quality"], 25), (&patient["quality"], 24)] {
            assert_eq!(quality["samples"], samples);
            assert_eq!((&quality["p50"]["roundTripMs"], &quality["p95"]["roundTripMs"]), (&json!(12.0), &json!(20.0)));
            assert_eq!(quality["p50"]["width"], 1280);
        }
        assert_eq!(patient["quality"]["latest"]["roundTripMs"], 20.0);
        let metrics = backend.http.get(backend.url("/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("autamedica_sfu_up 1"), "{metrics}");
        assert!(metrics.contains("autamedica_consultations{state="), "{metrics}");
        backend.server.shutdown().await;
    }
}
