//! Recording by LiveKit's egress: with the real SFU, which has none, and with a double that records.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Instant;

use autamedica_lab::{HANG_GUARD, Process, Sfu};
use autamedica_server::{Config, LiveKitUrl, RecordingConfig};
use common::egress::{Double, Ways};
use common::livekit::{external, external_at, tell};
use common::s3::{bucket, moto};
use common::{Backend, Peer, databases, error_code, sha256, text};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol::{EgressStatus, encoded_file_output, room_composite_egress_request};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const FILMED: &str = "/api/consultations/filmed";

/// A consultation in which its doctor is, on a server that records by an egress.
struct Case {
    backend: Backend,
    data: Value,
    doctor: Peer,
}

fn egress(s3: u16) -> RecordingConfig {
    RecordingConfig { egress: true, s3: Some(bucket(s3, None)), ..RecordingConfig::default() }
}

impl Case {
    async fn new(config: Config, more: Value) -> Self {
        let backend = Backend::start_with(config).await;
        let data = backend.create_with("filmed", &more).await;
        let doctor = Peer::join(&data, text(&data, "doctorToken")).await;
        Self { backend, data, doctor }
    }

    fn token(&self) -> &str {
        text(&self.data, "doctorToken")
    }

    async fn start(&self) -> (StatusCode, Value) {
        let body = json!({"roomName": "consultation-filmed"});
        self.backend.post(&format!("{FILMED}/recording/start"), Some(self.token()), &body).await
    }

    async fn stop(&self) -> Value {
        self.backend.post(&format!("{FILMED}/recording/stop"), Some(self.token()), &json!({})).await.1
    }

    async fn accept(&self, token: &str) {
        let body = json!({"answer": "accepted", "textVersion": 1, "language": "es"});
        let (status, said) = self.backend.post(&format!("{FILMED}/recording/consent"), Some(token), &body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
    }

    /// Waits until the newest recording is as wanted.
    async fn until(&self, is_right: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let (_, answer) = self.backend.call(Method::GET, &format!("{FILMED}/recordings"), self.token()).await;
            let newest = answer["data"]["recordings"][0].clone();
            if is_right(&newest) {
                return newest;
            }
            assert!(start.elapsed() < HANG_GUARD, "it stays {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn until_state(&self, state: &str) -> Value {
        self.until(|recording| recording["state"] == state).await
    }

    /// Waits until the room is told this state.
    async fn until_told(&self, state: &str) -> Value {
        let start = Instant::now();
        loop {
            let heard = serde_json::from_str::<Value>(&self.doctor.room.metadata()).unwrap_or_default();
            if heard["recording"]["state"] == state {
                return heard["recording"].clone();
            }
            assert!(start.elapsed() < HANG_GUARD, "{heard}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn details(&self, recording: &Value) -> Value {
        let path = format!("{FILMED}/recordings/{}", text(recording, "recordingId"));
        self.backend.call(Method::GET, &path, self.token()).await.1["data"].clone()
    }
}

/// With a double in front of the SFU, and a bucket.
struct Stage {
    case: Case,
    double: Double,
    s3: u16,
    _parts: (Sfu, Process),
}

impl Stage {
    async fn new(config: Config, ways: Ways, more: Value) -> Self {
        let (moto, s3) = moto();
        let sfu = Sfu::start().unwrap();
        let (double, api) = Double::start(&sfu, s3, ways).await;
        let made = double_bucket(s3).await;
        assert_eq!(made, StatusCode::OK);
        let url = LiveKitUrl::parse(&sfu.url()).unwrap().with_api(&LiveKitUrl::parse(&api).unwrap());
        let config = Config { recording: egress(s3), ..external_at(url, config) };
        let case = Case::new(config, more).await;
        double.tell(&case.backend.url(""));
        Self { case, double, s3, _parts: (sfu, moto) }
    }
}

async fn double_bucket(s3: u16) -> StatusCode {
    common::client().put(format!("http://127.0.0.1:{s3}/clinic")).send().await.unwrap().status()
}

const GOOD: Ways = Ways { tells: true, encrypts: true, failures: 0 };

/// Somebody whom no side of the consultation is.
fn guest() -> String {
    let grants = VideoGrants {
        room_join: true,
        room: "consultation-filmed".to_owned(),
        can_publish: Some(true),
        can_subscribe: Some(true),
        ..VideoGrants::default()
    };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity("guest-1").with_grants(grants);
    let metadata = json!({"role": "patient", "consultationId": "filmed", "userId": "guest-1"});
    token.with_metadata(&metadata.to_string()).to_jwt().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sfu_without_an_egress_says_so_and_the_doctor_hears_it() {
    let sfu = Sfu::start().unwrap();
    let config = Config { recording: egress(1), ..external(&sfu, Config::default()) };
    let case = Case::new(config, json!({"recordingConsent": "already-given"})).await;
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    let failed = case.until_state("failed").await;
    assert_eq!((&failed["problem"], &failed["parts"]), (&json!("egress-unavailable"), &json!([])), "{failed}");
    case.until_told("failed").await;
    // Nothing is in the way of another try.
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    case.backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_end_to_end_isnt_recorded() {
    let sfu = Sfu::start().unwrap();
    let config = Config { recording: egress(1), ..external(&sfu, Config::default()) };
    let backend = Backend::start_with(config).await;
    let data = backend.create_with("filmed", &json!({"e2ee": true})).await;
    let body = json!({"roomName": "consultation-filmed"});
    let start = format!("{FILMED}/recording/start");
    let (status, answer) = backend.post(&start, data["doctorToken"].as_str(), &body).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "recording_encrypted"));
    backend.server.shutdown().await;
}

/// Followed by webhooks, and without any: then the SFU is asked.
#[tokio::test(flavor = "multi_thread")]
async fn an_egress_records_with_consent_stops_for_who_comes_later_and_its_parts_are_kept() {
    for (config, tells) in databases().into_iter().zip([true, false]) {
        let stage = Stage::new(config, Ways { tells, ..GOOD }, json!({})).await;
        let (case, double) = (&stage.case, &stage.double);
        assert_eq!(case.start().await.1["data"]["state"], "asking");
        assert_eq!(case.until_told("asking").await["asked"], json!(["patient-1"]));
        let (status, answer) = case.start().await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "recording_active"));
        assert!(double.requests().is_empty(), "nothing is begun without consent");

        case.accept(text(&case.data, "patientToken")).await;
        let recording = case.until_state("recording").await;
        assert!(recording["startedAt"].is_string(), "{recording}");
        let [request] = &double.requests()[..] else { panic!("one request") };
        let file = &request.file_outputs[0];
        let key = file.filepath.clone();
        assert!(key.starts_with("consultations/filmed-2") && key.ends_with("Z.mp4"), "{key}");
        assert_eq!(
            (request.room_name.as_str(), key.len()),
            ("consultation-filmed", "consultations/filmed-20261124T150000Z.mp4".len())
        );
        let Some(encoded_file_output::Output::S3(s3)) = &file.output else { panic!("{file:?}") };
        assert_eq!(
            (s3.bucket.as_str(), s3.access_key.as_str(), s3.secret.as_str(), s3.force_path_style),
            ("clinic", "key", "secret", true)
        );
        let Some(room_composite_egress_request::Options::Advanced(encoding)) = &request.options else {
            panic!("{request:?}")
        };
        assert_eq!(
            (encoding.width, encoding.height, encoding.framerate, encoding.audio_frequency),
            (1280, 720, 30, 48_000)
        );

        // The egress itself is nobody who must consent.
        let room = json!({"sid": case.data["roomSid"], "name": case.data["roomName"]});
        let itself = json!({"sid": "PA_egress", "identity": "EG_0", "kind": "EGRESS", "joinedAt": "1"});
        let came =
            json!({"event": "participant_joined", "id": "e", "createdAt": "1", "room": room, "participant": itself});
        assert_eq!(tell(&case.backend, &came, Sfu::API_SECRET).await.0, StatusCode::OK);

        // Somebody else comes: nothing is recorded until they have consented, too.
        let guest = guest();
        let _guest = Peer::join(&case.data, &guest).await;
        assert_eq!(case.until_told("paused").await["asked"], json!(["guest-1"]));
        assert_ne!(double.states()[0], EgressStatus::EgressActive);
        assert_eq!(double.requests().len(), 1);
        case.accept(&guest).await;
        case.until_told("recording").await;

        let stopped = case.stop().await;
        assert_eq!(stopped["data"]["location"], format!("s3://clinic/{key}"), "{stopped}");
        let ready = case.until_state("ready").await;
        assert_eq!((&ready["problem"], &ready["durationSeconds"]), (&Value::Null, &json!(5.0)), "{ready}");
        let [first, second] = &ready["parts"].as_array().unwrap()[..] else { panic!("{ready}") };
        assert_ne!(first["location"], second["location"]);
        let links = case.details(&ready).await;
        for (index, part) in [first, second].into_iter().enumerate() {
            let object = Double::object(index);
            assert_eq!(
                (text(part, "sha256"), &part["encryption"]),
                (sha256(&object).as_str(), &json!("AES256")),
                "{part}"
            );
            let link = text(&links["parts"][index], "downloadUrl");
            assert_eq!(case.backend.http.get(link).send().await.unwrap().bytes().await.unwrap(), object);
        }
        let path = format!("{FILMED}/recordings/{}", text(&ready, "recordingId"));
        assert_eq!(case.backend.call(Method::DELETE, &path, case.token()).await.0, StatusCode::OK);
        let list = format!("http://127.0.0.1:{}/clinic?list-type=2", stage.s3);
        let listed = case.backend.http.get(list).send().await.unwrap().text().await.unwrap();
        assert!(!listed.contains("<Key>"), "{listed}");
        stage.case.backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_egress_that_fails_is_told_and_followed_by_another() {
    let ways = Ways { failures: 1, ..GOOD };
    let stage = Stage::new(Config::default(), ways, json!({"recordingConsent": "already-given"})).await;
    let case = &stage.case;
    case.start().await;
    case.until(|recording| recording["problem"] == "egress-failed").await;
    case.until_state("recording").await;
    assert_eq!(stage.double.requests().len(), 2);
    case.stop().await;
    let ready = case.until_state("ready").await;
    assert_eq!(ready["parts"].as_array().unwrap().len(), 1, "{ready}");
    stage.case.backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_isnt_encrypted_in_the_bucket_is_said_and_not_lost() {
    let ways = Ways { encrypts: false, ..GOOD };
    let stage = Stage::new(Config::default(), ways, json!({"recordingConsent": "already-given"})).await;
    let case = &stage.case;
    case.start().await;
    case.until_state("recording").await;
    case.stop().await;
    let waiting = case.until(|recording| recording["problem"] == "not-encrypted").await;
    assert_eq!((&waiting["state"], &waiting["parts"][0]["stored"]), (&json!("storing"), &json!(false)), "{waiting}");
    let link = text(&case.details(&waiting).await, "downloadUrl").to_owned();
    let got = case.backend.http.get(&link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(got, Double::object(0));
    stage.case.backend.server.shutdown().await;
}
