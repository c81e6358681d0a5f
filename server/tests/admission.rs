//! Who gets in: links, kiosk codes, the waiting room, removal, the end. On SQLite and on PostgreSQL, with real clients.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use autamedica_api::{JoinLink, Timestamp};
use autamedica_engine::{DisconnectReason, Room, RoomEvent, RoomOptions};
use common::signal::Signal;
use common::{Backend, Peer, claims, databases, error_code, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn code_of(link: &str) -> String {
    JoinLink::parse(link).unwrap().code().expose().to_owned()
}

async fn join(backend: &Backend, code: &str) -> (StatusCode, Value) {
    backend.post("/api/join", None, &json!({"code": code})).await
}

fn in_minutes(minutes: i64) -> String {
    Timestamp::from_millis(Timestamp::now().as_millis() + minutes * 60_000).to_string()
}

async fn disconnected(peer: &mut Peer) -> DisconnectReason {
    peer.wait("the end", |event| match event {
        RoomEvent::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_its_side_in_until_it_is_revoked() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("links").await;
        for (link, role, user, recorder) in
            [("patientLink", "patient", "patient-1", false), ("doctorLink", "doctor", "doctor-1", true)]
        {
            let web = text(&data, link);
            assert!(web.starts_with(&format!("{}/join#", backend.server.url())), "{link}");
            let app = text(&data, &link.replace("Link", "AppLink")).to_owned();
            assert_eq!(JoinLink::parse(web).unwrap(), JoinLink::parse(&app).unwrap());
            let (status, answer) = join(&backend, &code_of(web)).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            let joined = &answer["data"];
            assert_eq!((text(joined, "role"), text(joined, "userId")), (role, user));
            assert_eq!(joined["roomName"], data["roomName"]);
            assert_eq!(joined["livekitUrl"], data["livekitUrl"]);
            assert_eq!((&joined["waitingRoom"], &joined["admitted"]), (&json!(false), &json!(true)));
            let token = claims(text(joined, "token"));
            assert_eq!(token["sub"], user);
            assert_eq!(token["video"]["roomRecord"] == json!(true), recorder);
        }
        // The eight digits work as well, written as people write them.
        let kiosk = text(&data, "kioskCode");
        let (status, answer) = join(&backend, &format!("{} {}", &kiosk[..4], &kiosk[4..])).await;
        assert_eq!((status, &answer["data"]["role"]), (StatusCode::OK, &json!("patient")), "{answer}");

        // Fresh links put an end to the old ones; revoking puts an end to all.
        let (status, renewed) = backend.post("/api/consultations/links/links", None, &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{renewed}");
        let (status, answer) = join(&backend, &code_of(text(&data, "patientLink"))).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::GONE, "code_expired"));
        let fresh = code_of(text(&renewed["data"], "patientLink"));
        assert_eq!(join(&backend, &fresh).await.0, StatusCode::OK);
        let revoke = backend.http.delete(backend.url("/api/consultations/links/links")).send().await.unwrap();
        assert_eq!(revoke.status(), StatusCode::OK);
        for code in [fresh.as_str(), text(&renewed["data"], "kioskCode")] {
            let (status, answer) = join(&backend, code).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::GONE, "code_expired"));
        }
        for wrong in ["0123456789abcdefghijkl", "", "short", "00000000", "ñ"] {
            let (status, answer) = join(&backend, wrong).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::UNAUTHORIZED, "invalid_code"), "{wrong}");
        }
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appointments_open_their_links_in_time_and_can_be_moved_and_cancelled() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let settings = json!({"scheduledAt": in_minutes(60), "durationMinutes": 20});
        let data = backend.create_with("later", &settings).await;
        assert_eq!((&data["scheduledAt"], &data["durationMinutes"]), (&settings["scheduledAt"], &json!(20)));
        let code = code_of(text(&data, "patientLink"));
        for code in [code.as_str(), text(&data, "kioskCode")] {
            let (status, answer) = join(&backend, code).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::FORBIDDEN, "too_early"));
        }
        let moved = |at: String| {
            let request = backend.http.patch(backend.url("/api/consultations/later"));
            async move { common::read(request.json(&json!({"scheduledAt": at})).send().await.unwrap()).await }
        };
        // 14 minutes before is early enough.
        let (status, answer) = moved(in_minutes(14)).await;
        assert_eq!((status, &answer["data"]["durationMinutes"]), (StatusCode::OK, &json!(20)), "{answer}");
        assert_eq!(join(&backend, &code).await.0, StatusCode::OK);
        // Long over.
        moved(in_minutes(-24 * 60)).await;
        for code in [code.as_str(), text(&data, "kioskCode")] {
            let (status, answer) = join(&backend, code).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::GONE, "code_expired"));
        }
        moved(in_minutes(0)).await;
        assert_eq!(join(&backend, &code).await.0, StatusCode::OK);
        let (status, answer) = backend.post("/api/consultations/later/cancel", None, &json!({})).await;
        assert_eq!((status, &answer["data"]["state"]), (StatusCode::OK, &json!("cancelled")));
        let (status, answer) = join(&backend, &code).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_cancelled"));
        let (status, answer) = moved(in_minutes(5)).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_cancelled"));
        let body = json!({"consultationId": "later", "patientId": "patient-1", "doctorId": "doctor-1"});
        let (status, answer) = backend.post("/api/consultations/create", None, &body).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_cancelled"));
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_waits_until_the_doctor_admits() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create_with("wait", &json!({"waitingRoom": true})).await;
        let grants = &claims(text(&data, "patientToken"))["video"];
        for may in ["canPublish", "canSubscribe", "canPublishData"] {
            assert_eq!(grants[may], json!(false), "{may}");
        }
        let (doctor_token, patient_token) = (text(&data, "doctorToken"), text(&data, "patientToken"));
        let doctor = Peer::join(&data, doctor_token).await;
        let mut patient = Peer::join(&data, patient_token).await;
        let before = patient.room.local_participant().permission().unwrap();
        assert!(!before.can_publish && !before.can_subscribe && !before.can_publish_data);
        backend.until("/api/consultations/wait", |data| data["state"] == "waiting").await;

        // Nobody but the doctor admits.
        let admit = "/api/consultations/wait/admit";
        let other = backend.create("elsewhere").await;
        for (token, status) in [
            (None, StatusCode::UNAUTHORIZED),
            (Some(patient_token), StatusCode::FORBIDDEN),
            (Some(text(&other, "doctorToken")), StatusCode::FORBIDDEN),
        ] {
            assert_eq!(backend.post(admit, token, &json!({})).await.0, status);
        }
        assert_eq!(backend.get("/api/consultations/wait").await.1["data"]["admitted"], false);

        let (status, answer) = backend.post(admit, Some(doctor_token), &json!({})).await;
        assert_eq!((status, &answer["data"]), (StatusCode::OK, &json!({"identity": "patient-1", "present": true})));
        patient
            .wait("the permission", |event| match event {
                RoomEvent::ParticipantPermissionChanged { permission: Some(permission), .. } => {
                    (permission.can_publish && permission.can_subscribe && permission.can_publish_data).then_some(())
                }
                _ => None,
            })
            .await;
        let sources = patient.room.local_participant().permission().unwrap().can_publish_sources;
        assert_eq!(sources.len(), 2, "camera and microphone, not the screen");
        backend.until("/api/consultations/wait", |data| data["state"] == "live").await;

        // The old token, used again, finds the patient admitted.
        patient.room.close().await.unwrap();
        let mut again = Peer::join(&data, patient_token).await;
        if !again.room.local_participant().permission().unwrap().can_publish {
            again
                .wait("the permission", |event| match event {
                    RoomEvent::ParticipantPermissionChanged { permission: Some(permission), .. } => {
                        permission.can_publish.then_some(())
                    }
                    _ => None,
                })
                .await;
        }
        let (_, answer) = join(&backend, &code_of(text(&data, "patientLink"))).await;
        assert_eq!(answer["data"]["admitted"], true);
        doctor.room.close().await.unwrap();
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_holds() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("remove").await;
        let (doctor_token, patient_token) = (text(&data, "doctorToken"), text(&data, "patientToken"));
        let _doctor = Peer::join(&data, doctor_token).await;
        let mut patient = Peer::join(&data, patient_token).await;
        let remove = "/api/consultations/remove/participants/patient-1/remove";
        assert_eq!(backend.post(remove, Some(patient_token), &json!({})).await.0, StatusCode::FORBIDDEN);
        let (status, answer) = backend.post(remove, Some(doctor_token), &json!({})).await;
        assert_eq!((status, &answer["data"]["present"]), (StatusCode::OK, &json!(true)), "{answer}");
        assert_eq!(disconnected(&mut patient).await, DisconnectReason::ParticipantRemoved);

        // The old token is sent out each time, the link doesn't work, and the API knows the token no more.
        for _ in 0..2 {
            let mut back = Peer::join(&data, patient_token).await;
            assert_eq!(disconnected(&mut back).await, DisconnectReason::ParticipantRemoved);
        }
        // The SFU lets every token in a second time under another name; that one is no way around it.
        let second = format!("{patient_token}&publish=second");
        let second = Signal::join(text(&data, "livekitUrl"), &second).await.unwrap();
        assert_eq!(second.joined.participant.as_ref().unwrap().identity, "patient-1#second");
        assert_eq!(second.sent_out().await, livekit_protocol::DisconnectReason::ParticipantRemoved);
        let code = code_of(text(&data, "patientLink"));
        assert_eq!(join(&backend, &code).await.0, StatusCode::FORBIDDEN);
        let quality = "/api/consultations/remove/quality";
        assert_eq!(backend.post(quality, Some(patient_token), &json!({})).await.0, StatusCode::UNAUTHORIZED);
        let stats = backend.get("/api/rooms/consultation-remove/stats").await.1;
        let people: Vec<_> =
            stats["data"]["participants"].as_array().unwrap().iter().map(|who| &who["identity"]).collect();
        assert_eq!(people, [&json!("doctor-1")]);

        // Creating it again gives no way around that.
        let again = backend.create("remove").await;
        assert_eq!(claims(text(&again, "patientToken"))["video"]["canPublish"], false, "{again}");
        assert_eq!(claims(text(&again, "doctorToken"))["video"]["canPublish"], true);

        // Until the doctor says otherwise.
        let (status, _) = backend.post("/api/consultations/remove/admit", Some(doctor_token), &json!({})).await;
        assert_eq!(status, StatusCode::OK);
        let (status, answer) = join(&backend, &code).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let patient = Peer::join(&data, text(&answer["data"], "token")).await;
        backend.until("/api/rooms/consultation-remove/stats", |data| data["numParticipants"] == 2).await;
        drop(patient);

        // A doctor isn't removed, and nobody is removed from what isn't.
        let own = "/api/consultations/remove/participants/doctor-1/remove";
        assert_eq!(backend.post(own, Some(doctor_token), &json!({})).await.0, StatusCode::FORBIDDEN);
        let (status, answer) = backend.post("/api/consultations/remove/refuse", Some(doctor_token), &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(join(&backend, &code).await.0, StatusCode::FORBIDDEN);
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_ends_it_for_all_and_for_good() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("end").await;
        let (doctor_token, patient_token) = (text(&data, "doctorToken"), text(&data, "patientToken"));
        let mut patient = Peer::join(&data, patient_token).await;
        let end = "/api/consultations/end/end";
        assert_eq!(backend.post(end, Some(patient_token), &json!({})).await.0, StatusCode::FORBIDDEN);
        let (status, answer) = backend.post(end, Some(doctor_token), &json!({})).await;
        assert_eq!((status, &answer["data"]["state"]), (StatusCode::OK, &json!("ended")));
        assert_eq!(answer["data"]["cause"], "doctor");
        let reason = disconnected(&mut patient).await;
        assert!(matches!(reason, DisconnectReason::RoomDeleted | DisconnectReason::ParticipantRemoved), "{reason:?}");
        // A token that is still good opens the room again, and it is closed again: nobody gets in, or not for long.
        let options =
            RoomOptions { join_retries: 0, connect_timeout: Duration::from_secs(3), ..RoomOptions::default() };
        if let Ok((room, events)) = Room::connect(text(&data, "livekitUrl"), patient_token, options).await {
            disconnected(&mut Peer { room, events }).await;
        }
        backend.until("/api/rooms/consultation-end/stats", |data| data["active"] == false).await;
        let (status, answer) = backend.post(end, Some(doctor_token), &json!({})).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_ended"));
        let (status, answer) = join(&backend, &code_of(text(&data, "doctorLink"))).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_ended"));
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_to_end_key_is_the_same_for_both_and_kept_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let config = autamedica_server::Config {
        database: autamedica_server::Database::File(file.clone()),
        ..autamedica_server::Config::default()
    };
    let backend = Backend::start_with(config).await;
    assert!(backend.create("open").await.get("e2eeKey").is_none(), "off unless asked for");
    let data = backend.create_with("sealed", &json!({"e2ee": true})).await;
    let key = text(&data, "e2eeKey").to_owned();
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "256 bits");
    assert_eq!(backend.create("sealed").await["e2eeKey"], data["e2eeKey"]);
    for link in ["patientLink", "doctorLink"] {
        let (_, answer) = join(&backend, &code_of(text(&data, link))).await;
        assert_eq!(text(&answer["data"], "e2eeKey"), key);
    }
    let (status, answer) = backend
        .post(
            "/api/consultations/create",
            None,
            &json!({"consultationId": "sealed", "patientId": "patient-1", "doctorId": "doctor-1", "e2ee": false}),
        )
        .await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_conflict"));
    backend.server.shutdown().await;
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(64).any(|part| part == key.as_bytes()), "{file:?} holds the key");
    }
}
