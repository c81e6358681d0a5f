//! Recording, with the real recorder: consent, crashes, storage, who may what.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, TrackPublishOptions, TrackSource, VideoResolution,
};
use autamedica_lab::{HANG_GUARD, Sfu};
use autamedica_server::{Config, RecordingConfig};
use common::s3::{bucket, moto};
use common::{Backend, Peer, client, databases, error_code, program, read, serve_with, sha256, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A consultation in which both sides are, on a server that records into `folder`.
struct Case {
    backend: Backend,
    data: Value,
    _people: [Peer; 2],
}

impl Case {
    async fn new(config: Config, recording: RecordingConfig, more: Value) -> Self {
        let backend = Backend::start_with(Config { recording, ..config }).await;
        let data = backend.create_with("filmed", &more).await;
        let people =
            [Peer::join(&data, text(&data, "doctorToken")).await, Peer::join(&data, text(&data, "patientToken")).await];
        for person in &people {
            let source = NativeVideoSource::new(VideoResolution { width: 320, height: 180 }, false).unwrap();
            let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", source).unwrap());
            let options = TrackPublishOptions { source: TrackSource::Camera, ..TrackPublishOptions::default() };
            person.room.local_participant().publish_track(track, options).await.unwrap();
        }
        backend.until("/api/consultations/filmed", |data| data["state"] == "live").await;
        Self { backend, data, _people: people }
    }

    fn doctor(&self) -> &str {
        text(&self.data, "doctorToken")
    }

    fn patient(&self) -> &str {
        text(&self.data, "patientToken")
    }

    async fn start(&self) -> (StatusCode, Value) {
        let body = json!({"roomName": "consultation-filmed"});
        self.backend.post("/api/consultations/filmed/recording/start", Some(self.doctor()), &body).await
    }

    async fn stop(&self) -> (StatusCode, Value) {
        self.backend.post("/api/consultations/filmed/recording/stop", Some(self.doctor()), &json!({})).await
    }

    async fn answer(&self, answer: &str) {
        let body = json!({"answer": answer, "textVersion": 1, "language": "es"});
        let path = "/api/consultations/filmed/recording/consent";
        let (status, said) = self.backend.post(path, Some(self.patient()), &body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }

    /// Waits until the newest recording is as wanted.
    async fn until(&self, is_right: impl Fn(&Value) -> bool) -> Value {
        let start = std::time::Instant::now();
        loop {
            let path = "/api/consultations/filmed/recordings";
            let (_, answer) = self.backend.call(Method::GET, path, self.doctor()).await;
            let newest = answer["data"]["recordings"][0].clone();
            if is_right(&newest) {
                return newest;
            }
            assert!(start.elapsed() < HANG_GUARD, "it stays {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn details(&self, recording: &Value) -> Value {
        let path = format!("/api/consultations/filmed/recordings/{}", text(recording, "recordingId"));
        self.backend.call(Method::GET, &path, self.doctor()).await.1["data"].clone()
    }
}

fn lasts(recording: &Value, seconds: f64) -> bool {
    recording["state"] == "recording" && recording["durationSeconds"].as_f64().is_some_and(|length| length >= seconds)
}

fn local(folder: &Path) -> RecordingConfig {
    RecordingConfig { folder: Some(folder.join("recordings")), ..RecordingConfig::default() }
}

/// Everything below a folder that is a recording.
fn films(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(films(&path));
        } else if path.extension().is_some_and(|kind| kind == "mp4" || kind == "mkv") {
            found.push(path);
        }
    }
    found
}

/// The recorders that write into a folder's recordings: children of this process or of `parent`.
fn recorders_of(parent: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace() {
            if std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with("autamedica-reco"))
            {
                found.push(pid.parse().unwrap());
            }
        }
    }
    found
}

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
        let [_, patient] = &case._people;
        let metadata = async || {
            let heard = serde_json::from_str::<Value>(&patient.room.metadata()).unwrap_or_default();
            heard["recording"].clone()
        };
        let start = std::time::Instant::now();
        while metadata().await["state"] != "asking" {
            assert!(start.elapsed() < HANG_GUARD, "{}", metadata().await);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(metadata().await["asked"], json!(["patient-1"]));
        // Without an answer there is no recorder and no byte.
        assert!(films(folder.path()).is_empty() && recorders_of(std::process::id()).is_empty());

        case.answer("accepted").await;
        case.until(|recording| lasts(recording, 2.0)).await;
        assert_eq!(metadata().await["state"], "recording");
        assert!(patient.room.is_recording(), "LiveKit's own sign, which foreign clients know");
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
        assert_eq!(films(folder.path()), [file.as_path()], "one file, and nothing left over");
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
        // Nothing of this is the patient's, or a stranger's.
        let other = case.backend.create("other").await;
        for token in [case.patient(), text(&other, "doctorToken")] {
            for (method, path) in [
                (Method::POST, "/api/consultations/filmed/recording/stop"),
                (Method::GET, "/api/consultations/filmed/recordings"),
                (Method::GET, path.as_str()),
                (Method::DELETE, path.as_str()),
            ] {
                assert_eq!(
                    case.backend.call(method.clone(), path, token).await.0,
                    StatusCode::FORBIDDEN,
                    "{method} {path}"
                );
            }
            let start = "/api/consultations/filmed/recording/start";
            let body = json!({"roomName": "consultation-filmed"});
            assert_eq!(case.backend.post(start, Some(token), &body).await.0, StatusCode::FORBIDDEN);
        }
        assert_eq!(case.backend.get("/api/consultations/filmed/recordings").await.0, StatusCode::UNAUTHORIZED);
        let elsewhere = path.replace("filmed", "other");
        let (status, answer) = case.backend.call(Method::GET, &elsewhere, text(&other, "doctorToken")).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "recording_not_found"));
        // A doctor doesn't consent for the patient.
        let body = json!({"answer": "accepted", "textVersion": 1, "language": "es"});
        let consent = "/api/consultations/filmed/recording/consent";
        assert_eq!(case.backend.post(consent, Some(case.doctor()), &body).await.0, StatusCode::FORBIDDEN);

        assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK);
        assert!(films(folder.path()).is_empty());
        assert_eq!(case.backend.http.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
        assert_eq!(case.details(&ready).await["state"], "deleted");
        case.backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(Config::default(), local(folder.path()), json!({})).await;
    assert_eq!(case.start().await.1["data"]["state"], "asking");
    case.answer("refused").await;
    case.until(|recording| recording["state"] == "refused").await;
    let (status, answer) = case.start().await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consent_refused"));
    assert!(films(folder.path()).is_empty() && recorders_of(std::process::id()).is_empty());
    case.backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integrator_vouches_and_a_patient_withdraws() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), local(folder.path()), more).await;
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    case.until(|recording| lasts(recording, 1.0)).await;
    case.answer("refused").await;
    let ready = case.until(|recording| recording["state"] == "ready").await;
    assert_eq!(ready["problem"], "consent-withdrawn");
    case.backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_is_followed_by_another_and_both_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), local(folder.path()), more).await;
    case.start().await;
    case.until(|recording| lasts(recording, 3.0)).await;
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
    case.backend.server.shutdown().await;
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
    let until = async |url: &str, is_right: &dyn Fn(&Value) -> bool| {
        let start = std::time::Instant::now();
        loop {
            let request = http.get(format!("{url}/api/consultations/filmed/recordings")).bearer_auth(doctor);
            let (_, answer) = read(request.send().await.unwrap()).await;
            let newest = answer["data"]["recordings"][0].clone();
            if is_right(&newest) {
                return newest;
            }
            assert!(start.elapsed() < HANG_GUARD, "it stays {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    until(&url, &|recording| lasts(recording, 3.0)).await;
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

fn s3(folder: &Path, port: u16, kms_key: Option<&str>) -> RecordingConfig {
    RecordingConfig { s3: Some(bucket(port, kms_key)), ..local(folder) }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bucket_it_is_encrypted_checked_and_only_then_gone_here() {
    let (_moto, port) = moto();
    let http = client();
    let bucket = format!("http://127.0.0.1:{port}/clinic");
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), s3(folder.path(), port, Some("alias-key")), more).await;
    case.start().await;
    case.until(|recording| lasts(recording, 2.0)).await;
    // There is no bucket yet: it is said, tried again, and the file stays here.
    case.stop().await;
    let waiting = case.until(|recording| recording["problem"] == "storage-unreachable").await;
    assert_eq!(waiting["state"], "storing");
    assert_eq!(films(folder.path()).len(), 1);
    assert_eq!(http.put(&bucket).send().await.unwrap().status(), StatusCode::OK);
    let ready = case.until(|recording| recording["state"] == "ready").await;
    assert_eq!((&ready["problem"], &ready["parts"][0]["encryption"]), (&Value::Null, &json!("aws:kms")), "{ready}");
    let key = text(&ready["parts"][0], "location").strip_prefix("s3://clinic/").unwrap();
    assert!(key.starts_with("consultations/filmed-2") && key.ends_with("Z.mp4"), "{key}");
    assert!(films(folder.path()).is_empty(), "it is kept in the bucket alone");
    let link = text(&case.details(&ready).await, "downloadUrl").to_owned();
    let bytes = http.get(&link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((sha256(&bytes).as_str(), &json!(bytes.len())), (text(&ready, "sha256"), &ready["sizeBytes"]));
    let path = format!("/api/consultations/filmed/recordings/{}", text(&ready, "recordingId"));
    assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK);
    assert_eq!(http.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    case.backend.server.shutdown().await;
}

/// In front of the S3 server stands one that forgets what it is asked about encryption.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_doesnt_encrypt_keeps_nothing() {
    let (_moto, port) = moto();
    let http = client();
    assert_eq!(http.put(format!("http://127.0.0.1:{port}/clinic")).send().await.unwrap().status(), StatusCode::OK);
    let through = http.clone();
    let forget = axum::Router::new().fallback(async move |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let url = format!("http://127.0.0.1:{port}{}", parts.uri);
        let mut headers = parts.headers;
        headers.retain_not_encryption();
        let answer = through.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.retain_not_encryption();
        headers.remove("transfer-encoding");
        (status, headers, answer.bytes().await.unwrap())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forgetful = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, forget).await });

    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), s3(folder.path(), forgetful, None), more).await;
    case.start().await;
    case.until(|recording| lasts(recording, 1.0)).await;
    case.stop().await;
    let kept = case.until(|recording| recording["problem"] == "not-encrypted").await;
    assert_eq!(kept["state"], "storing");
    assert_eq!(films(folder.path()).len(), 1, "the file stays here");
    let listed =
        http.get(format!("http://127.0.0.1:{port}/clinic?list-type=2")).send().await.unwrap().text().await.unwrap();
    assert!(!listed.contains("<Key>"), "nothing unencrypted stays there: {listed}");
    // From here it can still be fetched.
    let link = text(&case.details(&kept).await, "downloadUrl").to_owned();
    assert_eq!(sha256(&http.get(&link).send().await.unwrap().bytes().await.unwrap()), text(&kept, "sha256"));
    case.backend.server.shutdown().await;
}

trait RetainNotEncryption {
    fn retain_not_encryption(&mut self);
}

impl RetainNotEncryption for reqwest::header::HeaderMap {
    fn retain_not_encryption(&mut self) {
        let names: Vec<_> =
            self.keys().filter(|name| name.as_str().contains("server-side-encryption")).cloned().collect();
        for name in names {
            self.remove(name);
        }
    }
}
