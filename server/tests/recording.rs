//! Recording, with the real recorder: from the start to the file's end, through crashes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use autamedica_lab::Sfu;
use autamedica_server::Config;
use common::recording::{
    Case, has_duration, local, newest_recording, recorders_of, recording_files, sha256, wait_for_announcement,
};
use common::{Peer, client, databases, error_code, program, read, serve_with, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn with_consent_it_is_recorded_kept_fetched_and_deleted() {
    for config in databases() {
        let folder = tempfile::tempdir().unwrap();
        let case = Case::new(config, local(folder.path()), json!({"e2ee": false})).await;
        let (status, answer) = case.start().await;
        assert_eq!((status, &answer["data"]["state"]), (StatusCode::OK, &json!("asking")), "{answer}");
        let (status, answer) = case.start().await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "recording_active"));
        // Everybody in the room hears it, and that the patient is asked.
        let [_, patient] = &case.people;
        let asking = wait_for_announcement(patient, "the question", |recording| recording["state"] == "asking").await;
        assert_eq!(asking["asked"], json!(["patient-1"]));
        // Without an answer there is no recorder and no byte.
        assert!(recording_files(folder.path()).is_empty() && recorders_of(std::process::id()).is_empty());

        case.answer("accepted").await;
        case.until(|recording| has_duration(recording, 2.0)).await;
        wait_for_announcement(patient, "the recording", |recording| recording["state"] == "recording").await;
        assert!(patient.room.active_recording(), "LiveKit's own sign, which foreign clients know");
        let (_, stats) = case.backend.get("/api/rooms/consultation-filmed/stats").await;
        assert_eq!(stats["data"]["numParticipants"], 2, "the recorder is nobody: {stats}");

        let (status, stopped) = case.stop().await;
        assert_eq!((status, &stopped["data"]["state"]), (StatusCode::OK, &json!("stopping")), "{stopped}");
        let (status, answer) = case.stop().await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "recording_not_active"));
        let ready = case.until(|recording| recording["state"] == "ready").await;
        let location = text(&ready["parts"][0], "location");
        assert_eq!(stopped["data"]["location"], location);
        let file = reqwest::Url::parse(location).unwrap().to_file_path().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("filmed-2")
                && name.ends_with("Z.mp4")
                && name.len() == "filmed-20261124T150000Z.mp4".len()
        );
        assert_eq!(recording_files(folder.path()), [file.as_path()], "one file, and nothing left over");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!((text(&ready, "sha256"), &ready["sizeBytes"]), (sha256(&bytes).as_str(), &json!(bytes.len())));

        // By its link it can be fetched, whole or in part, by nobody who changed it.
        let link = text(&case.details(&ready).await, "downloadUrl").to_owned();
        let fetched = case.backend.http.get(&link).send().await.unwrap();
        assert_eq!(
            (fetched.status(), fetched.headers()["content-type"].to_str().unwrap()),
            (StatusCode::OK, "video/mp4")
        );
        assert_eq!(sha256(&fetched.bytes().await.unwrap()), text(&ready, "sha256"));
        let part = case.backend.http.get(&link).header("range", "bytes=4-7").send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.unwrap().as_ref(), b"ftyp");
        for wrong in [link.replace("expires=1", "expires=2"), format!("{link}0"), link.replace("/1?", "/2?")] {
            assert_eq!(case.backend.http.get(&wrong).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{wrong}");
        }

        let path = format!("/api/consultations/filmed/recordings/{}", text(&ready, "recordingId"));
        assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK);
        assert!(recording_files(folder.path()).is_empty());
        assert_eq!(case.backend.http.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
        assert_eq!(case.details(&ready).await["state"], "deleted");
        case.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_is_followed_by_another_and_both_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), local(folder.path()), more).await;
    case.start().await;
    case.until(|recording| has_duration(recording, 3.0)).await;
    let [recorder] = recorders_of(std::process::id())[..] else { panic!("one recorder") };
    // SAFETY: a plain system call on a process that this test's server started.
    assert_eq!(unsafe { libc::kill(recorder, libc::SIGKILL) }, 0);
    let again =
        case.until(|recording| recording["parts"][1]["durationSeconds"].as_f64().is_some_and(|length| length > 1.0));
    assert_eq!(again.await["state"], "recording");
    case.stop().await;
    let ready = case.until(|recording| recording["state"] == "ready").await;
    let parts = ready["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "{ready}");
    assert!(parts[0]["durationSeconds"].as_f64().unwrap() > 0.9, "all but the last two seconds: {ready}");
    for part in parts {
        let file = reqwest::Url::parse(text(part, "location")).unwrap().to_file_path().unwrap();
        assert_eq!(sha256(&std::fs::read(file).unwrap()), text(part, "sha256"));
    }
    case.shutdown().await;
}

/// A server that is killed finds what its recorder finished meanwhile, and records on.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_finds_its_recording_again() {
    let folder = tempfile::tempdir().unwrap();
    let sfu = Sfu::start().unwrap();
    let serve = || {
        let mut command = program(folder.path());
        command.args(["--port", "0"]).env("LIVEKIT_URL", sfu.url());
        command.env("LIVEKIT_API_KEY", Sfu::API_KEY).env("LIVEKIT_API_SECRET", Sfu::API_SECRET);
        serve_with(folder.path(), command)
    };
    let (mut server, url) = serve();
    let http = client();
    let body =
        json!({"consultationId": "filmed", "patientId": "p", "doctorId": "d", "recordingConsent": "already-given"});
    let (_, created) =
        read(http.post(format!("{url}/api/consultations/create")).json(&body).send().await.unwrap()).await;
    let data = &created["data"];
    let doctor = text(data, "doctorToken");
    let _doctor = Peer::join(data, doctor).await;
    let start = http.post(format!("{url}/api/consultations/filmed/recording/start")).bearer_auth(doctor);
    let (status, answer) = read(start.json(&json!({"roomName": "consultation-filmed"})).send().await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let until =
        async |url: &str, is_right: &dyn Fn(&Value) -> bool| newest_recording(&http, url, doctor, is_right).await;
    until(&url, &|recording| has_duration(recording, 3.0)).await;
    server.kill();
    let (_server, url) = serve();
    until(&url, &|recording| recording["parts"][1]["durationSeconds"].as_f64().is_some_and(|length| length > 1.0))
        .await;
    let stop =
        http.post(format!("{url}/api/consultations/filmed/recording/stop")).bearer_auth(doctor).send().await.unwrap();
    assert_eq!(stop.status(), StatusCode::OK);
    let ready = until(&url, &|recording| recording["state"] == "ready").await;
    assert_eq!(ready["parts"].as_array().unwrap().len(), 2, "{ready}");
    assert!(ready["parts"][0]["durationSeconds"].as_f64().unwrap() > 0.9, "{ready}");
}
