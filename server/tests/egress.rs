//! Recording by LiveKit's egress: with the real SFU, which has none, and with a double that records.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use autamedica_engine::RoomEvent;
use autamedica_lab::Sfu;
use autamedica_server::{Config, Database, LiveKitUrl, RecordingConfig, S3Config, Secret, open_store};
use common::bucket::{ACCESS_KEY, S3Server, SECRET_KEY};
use common::egress::{Behavior, EgressDouble};
use common::livekit::{external_at, send_webhook};
use common::recording::{Case, sha256, wait_for_announcement, wait_for_metadata};
use common::{Backend, Peer, claims, databases, error_code, external, soon, text};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_api::services::egress::{EgressClient, EgressOutput, RoomCompositeOptions};
use livekit_protocol::{EgressStatus, EncodedFileOutput, encoded_file_output, room_composite_egress_request};
use object_store::ObjectStoreExt as _;
use object_store::aws::{AmazonS3, AmazonS3ConfigKey};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const FILMED: &str = "/api/consultations/filmed";

/// Recording by an egress into the bucket of this name.
fn into(bucket: &str) -> RecordingConfig {
    let server = S3Server::shared();
    let s3 = S3Config { bucket: bucket.to_owned(), ..server.config(server.port, None) };
    RecordingConfig { egress: true, s3: Some(s3), ..RecordingConfig::default() }
}

async fn until_state(case: &Case, state: &str) -> Value {
    case.until(|recording| recording["state"] == state).await
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let polled = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(what, polled).await;
}

/// Waits until the room is told this state.
async fn until_told(case: &Case, state: &str) -> Value {
    wait_for_announcement(&case.people[0], state, |recording| recording["state"] == state).await
}

/// With a double in front of the SFU, and a bucket of its own.
struct Stage {
    case: Case,
    double: EgressDouble,
    bucket: Arc<AmazonS3>,
    name: String,
    /// The address of the SFU's API.
    api: String,
    config: Config,
    _sfu: Sfu,
}

impl Stage {
    /// Whether what the egress brings is encrypted in the bucket, `encrypts` says.
    async fn new(config: Config, behavior: Behavior, encrypts: bool, more: Value) -> Self {
        let sfu = Sfu::start().unwrap();
        let name = format!("clinic-{}", uuid::Uuid::new_v4());
        let mut bucket = S3Server::shared().bucket(&name);
        if encrypts {
            let encryption = "aws_server_side_encryption".parse::<AmazonS3ConfigKey>().unwrap();
            bucket = bucket.with_config(encryption, "AES256");
        }
        let bucket = Arc::new(bucket.build().unwrap());
        let (double, api) = EgressDouble::start(&sfu, bucket.clone(), behavior).await;
        let url = LiveKitUrl::parse(&sfu.url()).unwrap().with_api(&LiveKitUrl::parse(&api).unwrap());
        let case = Case::new(external_at(url, config.clone()), into(&name), more).await;
        double.set_backend(&case.backend.url(""));
        Self { case, double, bucket, name, api, config, _sfu: sfu }
    }
}

const GOOD: Behavior = Behavior { sends_webhooks: true, failures: 0, stays_starting: false };

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
    let config = external(&sfu, Config::default());
    let case = Case::new(config, into("clinic"), json!({"recordingConsent": "already-given"})).await;
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    let failed = until_state(&case, "failed").await;
    assert_eq!((&failed["problem"], &failed["parts"]), (&json!("egress-unavailable"), &json!([])), "{failed}");
    until_told(&case, "failed").await;
    // Nothing is in the way of another try.
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_end_to_end_isnt_recorded() {
    let sfu = Sfu::start().unwrap();
    let config = Config { recording: into("clinic"), ..external(&sfu, Config::default()) };
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
    for (config, sends_webhooks) in databases().into_iter().zip([true, false]) {
        let stage = Stage::new(config, Behavior { sends_webhooks, ..GOOD }, true, json!({})).await;
        let (case, double) = (&stage.case, &stage.double);
        assert_eq!(case.start().await.1["data"]["state"], "asking");
        assert_eq!(until_told(case, "asking").await["asked"], json!(["patient-1"]));
        let (status, answer) = case.start().await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "recording_active"));
        assert!(double.requests().is_empty(), "nothing is begun without consent");

        case.answer("accepted").await;
        let recording = until_state(case, "recording").await;
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
            (stage.name.as_str(), ACCESS_KEY, SECRET_KEY, true)
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
        assert_eq!(send_webhook(&case.backend, &came, Sfu::API_SECRET).await.0, StatusCode::OK);

        // Somebody else comes: nothing is recorded until they have consented, too.
        let guest = guest();
        let _guest = Peer::join(&case.data, &guest).await;
        assert_eq!(until_told(case, "paused").await["asked"], json!(["guest-1"]));
        assert_ne!(double.states()[0], EgressStatus::EgressActive);
        assert_eq!(double.requests().len(), 1);
        case.answer_of(&guest, "accepted").await;
        until_told(case, "recording").await;

        let (_, stopped) = case.stop().await;
        assert_eq!(stopped["data"]["location"], format!("s3://{}/{key}", stage.name), "{stopped}");
        let ready = until_state(case, "ready").await;
        assert_eq!((&ready["problem"], &ready["durationSeconds"]), (&Value::Null, &json!(5.0)), "{ready}");
        let [first, second] = &ready["parts"].as_array().unwrap()[..] else { panic!("{ready}") };
        assert_ne!(first["location"], second["location"]);
        let links = case.details(&ready).await;
        for (index, part) in [first, second].into_iter().enumerate() {
            let object = EgressDouble::object(index);
            assert_eq!(
                (text(part, "sha256"), &part["encryption"]),
                (sha256(&object).as_str(), &json!("AES256")),
                "{part}"
            );
            let link = text(&links["parts"][index], "downloadUrl");
            assert_eq!(S3Server::shared().client().get(link).send().await.unwrap().bytes().await.unwrap(), object);
        }
        let path = format!("{FILMED}/recordings/{}", text(&ready, "recordingId"));
        assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK);
        for part in [first, second] {
            let key = text(part, "location").split_once("consultations/").unwrap().1;
            let found = stage.bucket.head(&format!("consultations/{key}").into()).await;
            assert!(matches!(found, Err(object_store::Error::NotFound { .. })), "{found:?}");
        }
        stage.case.shutdown().await;
    }
}

/// Has the SFU record the room into a bucket of the caller's, as any client may that holds a token with `roomRecord`.
async fn record_without_the_server(api: &str, token: &str) {
    let file = EncodedFileOutput { filepath: "stolen.mp4".to_owned(), ..EncodedFileOutput::default() };
    let options = RoomCompositeOptions::default();
    let client = EgressClient::with_token(api, token);
    client.start_room_composite_egress("consultation-filmed", vec![EgressOutput::File(file)], options).await.unwrap();
}

/// Followed by webhooks, and without any: then the SFU is asked.
#[tokio::test(flavor = "multi_thread")]
async fn an_egress_that_the_server_did_not_start_is_stopped_put_on_record_and_told() {
    for (config, sends_webhooks) in databases().into_iter().zip([true, false]) {
        let folder = tempfile::tempdir().unwrap();
        let database = match config.database {
            Database::Postgres(_) => config.database.clone(),
            _ => Database::File(folder.path().join("a.db")),
        };
        let master_key = Some(Secret::new("0123456789abcdef".repeat(4)));
        let config = Config { database, master_key, ..config };
        let more = json!({"recordingConsent": "already-given"});
        let stage = Stage::new(config, Behavior { sends_webhooks, ..GOOD }, true, more).await;
        let (case, double) = (&stage.case, &stage.double);
        let [doctor, patient] = &case.people;
        record_without_the_server(&stage.api, case.doctor()).await;
        for person in [doctor, patient] {
            wait_for_metadata(person, "the problem", |metadata| metadata["problem"]["what"] == "foreign-recording")
                .await;
        }
        let stopped = async {
            while double.states()[0] != EgressStatus::EgressComplete {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        soon("the foreign egress's end", stopped).await;

        // The server's own isn't taken for one, and its news leave the room's problem where it is.
        case.start().await;
        until_state(case, "recording").await;
        let metadata =
            wait_for_metadata(patient, "the recording", |metadata| metadata["recording"]["state"] == "recording").await;
        assert_eq!(metadata["problem"]["what"], "foreign-recording");
        case.stop().await;
        let ready = until_state(case, "ready").await;
        assert_eq!((&ready["problem"], ready["parts"].as_array().unwrap().len()), (&Value::Null, 1), "{ready}");
        assert_eq!(double.states(), [EgressStatus::EgressComplete, EgressStatus::EgressComplete]);
        let config = stage.config.clone();
        stage.case.shutdown().await;
        let log = open_store(&config).await.unwrap().audit_after(0).await.unwrap();
        let entries: Vec<_> = log.iter().filter(|entry| entry.action == "egress.foreign").collect();
        for entry in &entries {
            let about = (entry.consultation_id.as_deref(), entry.subject.as_deref());
            assert_eq!(about, (Some("filmed"), Some("egress:EG_0")));
        }
        // Its end, too, where webhooks tell of it; that may come first. Nothing twice.
        let mut outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome.as_str()).collect();
        outcomes.sort_unstable();
        assert!(matches!(outcomes[..], ["stopped"] | ["ended", "stopped"]), "{outcomes:?}");
    }
}

/// The SFU replaces a room's metadata as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn announcements_at_the_same_time_dont_erase_each_other() {
    let mut stage = Stage::new(Config::default(), GOOD, true, json!({"e2ee": true})).await;
    // Long enough for the second one to read the metadata before the first one has changed it.
    stage.double.delay_metadata(Duration::from_secs(1));
    let nothing = json!({});
    let renew = stage.case.backend.post("/api/consultations/filmed/links", None, &nothing);
    let record = record_without_the_server(&stage.api, stage.case.doctor());
    let ((), (status, answer)) = tokio::join!(record, renew);
    assert_eq!(status, StatusCode::OK, "{answer}");
    let mut announced = json!({});
    let [doctor, _] = &mut stage.case.people;
    doctor
        .wait("the problem and the key's number", |event| {
            let RoomEvent::RoomMetadataChanged { metadata, .. } = event else { return None };
            let now: Value = serde_json::from_str(&metadata).unwrap();
            for field in ["problem", "e2eeKeyIndex"] {
                assert!(announced[field].is_null() || announced[field] == now[field], "{announced} became {now}");
            }
            announced = now;
            (!announced["problem"].is_null() && announced["e2eeKeyIndex"] == 1).then_some(())
        })
        .await;
    stage.case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctors_token_lacks_room_record_where_the_operator_says_so_and_records_all_the_same() {
    let config = Config { doctor_room_record: false, ..Config::default() };
    let stage = Stage::new(config, GOOD, true, json!({"recordingConsent": "already-given"})).await;
    assert_eq!(claims(stage.case.doctor())["video"].get("roomRecord"), None);
    assert_eq!(stage.case.start().await.1["data"]["state"], "starting");
    until_state(&stage.case, "recording").await;
    stage.case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_egress_that_fails_is_told_and_followed_by_another() {
    let behavior = Behavior { failures: 1, ..GOOD };
    let stage = Stage::new(Config::default(), behavior, true, json!({"recordingConsent": "already-given"})).await;
    let case = &stage.case;
    case.start().await;
    case.until(|recording| recording["problem"] == "egress-failed").await;
    until_state(case, "recording").await;
    assert_eq!(stage.double.requests().len(), 2);
    case.stop().await;
    let ready = until_state(case, "ready").await;
    assert_eq!(ready["parts"].as_array().unwrap().len(), 1, "{ready}");
    stage.case.shutdown().await;
}

/// Nobody wants what was recorded before a consultation was cancelled, and nobody may have consented to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_cancelled_recording_leaves_the_bucket() {
    let more = json!({"recordingConsent": "already-given"});
    let stage = Stage::new(Config::default(), Behavior { stays_starting: true, ..GOOD }, true, more).await;
    let (case, double) = (&stage.case, &stage.double);
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    until("an egress to begin", || async { !double.requests().is_empty() }).await;
    let key = double.requests()[0].file_outputs[0].filepath.clone();
    let ended = case.backend.post(&format!("{FILMED}/end"), Some(case.doctor()), &json!({})).await;
    assert_eq!(ended.0, StatusCode::OK, "{}", ended.1);
    until_state(case, "cancelled").await;
    // By then it has brought its object to the bucket.
    until("the egress to end", || async { double.states() == [EgressStatus::EgressComplete] }).await;
    let is_gone = || async {
        let found = stage.bucket.head(&key.as_str().into()).await;
        matches!(found, Err(object_store::Error::NotFound { .. }))
    };
    until("the object to be deleted", is_gone).await;
    stage.case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_isnt_encrypted_in_the_bucket_is_said_and_not_lost() {
    let stage = Stage::new(Config::default(), GOOD, false, json!({"recordingConsent": "already-given"})).await;
    let case = &stage.case;
    case.start().await;
    until_state(case, "recording").await;
    case.stop().await;
    let waiting = case.until(|recording| recording["problem"] == "not-encrypted").await;
    assert_eq!((&waiting["state"], &waiting["parts"][0]["stored"]), (&json!("storing"), &json!(false)), "{waiting}");
    let link = text(&case.details(&waiting).await, "downloadUrl").to_owned();
    let got = S3Server::shared().client().get(&link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(got, EgressDouble::object(0));
    stage.case.shutdown().await;
}
