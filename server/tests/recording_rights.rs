//! A recording is its doctor's: nobody else starts, stops, lists, fetches or deletes it, by any way there is.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::Timestamp;
use autamedica_lab::Sfu;
use autamedica_server::{Config, Database, RateLimit, Scope, open_store};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::recording::{Finished, finished, local, newest_recording, sha256};
use common::signal::Signal;
use common::{Backend, external, text};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol::participant_info;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A consultation with a recording that is ready, on a server that asks everybody who they are.
struct Case {
    folder: tempfile::TempDir,
    _sfu: Sfu,
    config: Config,
    backend: Backend,
    data: Value,
    recording: Finished,
}

impl Case {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sfu = Sfu::start().unwrap();
        let file = folder.path().join("autamedica.db");
        let config =
            Config { database: Database::File(file.clone()), recording: local(folder.path()), ..Config::default() };
        // All the refusals come from one address.
        let refusal_limit = RateLimit { burst: 1000, period: std::time::Duration::from_millis(1) };
        let config = external(&sfu, Config { refusal_limit, ..config });
        let backend = Backend::start_with(config.clone()).await;
        let data = backend.create("filmed").await;
        let recording = finished(&file, &folder.path().join("recordings"), 1 << 20).await;
        let case = Self { folder, _sfu: sfu, config, backend, data, recording };
        case.newest(|recording| recording["state"] == "ready").await;
        case
    }

    async fn newest(&self, is_right: impl Fn(&Value) -> bool) -> Value {
        newest_recording(&self.backend.http, &self.backend.url(""), self.doctor(), is_right).await
    }

    fn doctor(&self) -> &str {
        text(&self.data, "doctorToken")
    }

    fn path(&self) -> String {
        format!("/api/consultations/filmed/recordings/{}", self.recording.id)
    }

    async fn link(&self) -> String {
        let (status, answer) = self.backend.call(Method::GET, &self.path(), self.doctor()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        text(&answer["data"], "downloadUrl").to_owned()
    }

    /// What a request with this in `Authorization`, or without any, is answered.
    async fn ask(&self, method: Method, path: &str, body: &Value, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.backend.http.request(method, self.backend.url(path)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn end(self) {
        let film = self.folder.path().join("recordings/consultations");
        let kept: Vec<_> = std::fs::read_dir(film).unwrap().flatten().map(|entry| entry.path()).collect();
        let [kept] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(sha256(&std::fs::read(kept).unwrap()), self.recording.sha256, "it is as it was");
        let all = self.newest(|_| true).await;
        assert_eq!((all["state"].as_str(), text(&all, "recordingId")), (Some("ready"), self.recording.id.as_str()));
        self.backend.server.shutdown().await;
    }
}

/// A token of the SFU's key, as the server makes them.
fn token(identity: &str, metadata: &Value, grants: VideoGrants) -> AccessToken {
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity);
    token.with_metadata(&if metadata.is_null() { String::new() } else { metadata.to_string() }).with_grants(grants)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_its_doctor_does_anything_with_a_recording() {
    let case = Case::new().await;
    let other = case.backend.create("other").await;
    let store = open_store(&case.config).await.unwrap();
    let mut callers: Vec<(&str, Option<String>, u16)> = Vec::new();
    for scope in [Scope::Kiosk, Scope::Read, Scope::Integrator] {
        let key = store.create_key(scope.as_str(), scope).await.unwrap();
        callers.push((scope.as_str(), Some(key.expose().to_owned()), 403));
    }
    let room = || VideoGrants { room_join: true, room: "consultation-filmed".to_owned(), ..VideoGrants::default() };
    let doctor = json!({"role": "doctor", "consultationId": "filmed", "userId": "doctor-1"});
    let whole = case.doctor();
    let expired = token("doctor-1", &doctor, VideoGrants { room_record: true, ..room() });
    let ago = std::time::Duration::from_secs(60 * 60);
    let recorder = VideoGrants {
        can_publish: Some(false),
        can_publish_data: Some(false),
        can_subscribe: Some(true),
        hidden: true,
        recorder: true,
        ..room()
    };
    let piece = |token: &str, number: usize| token.split('.').nth(number).unwrap().to_owned();
    let patient = text(&case.data, "patientToken");
    let forged = format!("{}.{}.{}", piece(patient, 0), piece(whole, 1), piece(patient, 2));
    callers.extend([
        ("the patient", Some(patient.to_owned()), 403),
        ("another consultation's doctor", Some(text(&other, "doctorToken").to_owned()), 403),
        ("another consultation's patient", Some(text(&other, "patientToken").to_owned()), 403),
        ("nobody", None, 401),
        ("an unknown key", Some("amk_00000000_0000".to_owned()), 401),
        ("a doctor's claims under a patient's signature", Some(forged), 401),
        ("a doctor of yesterday", Some(sign_expired(&expired, ago)), 401),
        // A patient who can make claims of their own can't sign them; here the SFU's key did, and they still don't fit.
        ("a patient who claims to be a doctor", Some(token("patient-1", &doctor, room()).to_jwt().unwrap()), 401),
        ("the recorder itself", Some(token("recorder:1", &Value::Null, recorder).to_jwt().unwrap()), 401),
    ]);
    let (nothing, path) = (json!({}), case.path());
    let routes = [
        (Method::POST, "/api/consultations/filmed/recording/start", json!({"roomName": "consultation-filmed"})),
        (Method::POST, "/api/consultations/filmed/recording/stop", nothing.clone()),
        (Method::GET, "/api/consultations/filmed/recordings", nothing.clone()),
        (Method::GET, path.as_str(), nothing.clone()),
        (Method::DELETE, path.as_str(), nothing.clone()),
    ];
    for (who, token, status) in &callers {
        for (method, path, body) in &routes {
            let (answered, said) = case.ask(method.clone(), path, body, token.as_deref()).await;
            assert_eq!(answered.as_u16(), *status, "{method} {path} by {who}: {said}");
            assert!(
                !said.contains(&case.recording.id) && !said.contains("s3://") && !said.contains("file://"),
                "{said}"
            );
        }
    }
    // Under their own consultation it isn't there, also for who may do all there.
    let elsewhere = path.replace("filmed", "other");
    for method in [Method::GET, Method::DELETE] {
        let (status, said) = case.ask(method, &elsewhere, &nothing, other["doctorToken"].as_str()).await;
        assert_eq!((status, said.contains("recording_not_found")), (StatusCode::NOT_FOUND, true), "{said}");
    }
    // Only the patient consents for the patient.
    let consent = "/api/consultations/filmed/recording/consent";
    let yes = json!({"answer": "accepted", "textVersion": 1, "language": "es"});
    for (who, token, _) in callers.iter().filter(|(who, ..)| *who != "the patient") {
        let (status, said) = case.ask(Method::POST, consent, &yes, token.as_deref()).await;
        assert!(matches!(status.as_u16(), 401 | 403), "consent by {who}: {status} {said}");
    }
    assert_eq!(case.ask(Method::POST, consent, &yes, Some(whole)).await.0, StatusCode::FORBIDDEN);
    // All of it is on record.
    let log = store.audit_after(0).await.unwrap();
    for actor in ["patient:patient-1", "doctor:doctor-1", "key:kiosk", "key:read", "key:integrator"] {
        assert!(log.iter().any(|entry| entry.action == "access.denied" && entry.actor == actor), "{actor}");
    }
    store.close().await;
    case.end().await;
}

/// The token, but good only until so long ago.
fn sign_expired(token: &AccessToken, ago: std::time::Duration) -> String {
    let engine = URL_SAFE_NO_PAD;
    let jwt = token.clone().to_jwt().unwrap();
    let mut claims = common::claims(&jwt);
    claims["exp"] = json!(Timestamp::now().as_millis() / 1000 - i64::try_from(ago.as_secs()).unwrap());
    let signed = format!("{}.{}", jwt.split('.').next().unwrap(), engine.encode(claims.to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, Sfu::API_SECRET.as_bytes());
    format!("{signed}.{}", engine.encode(ring::hmac::sign(&key, signed.as_bytes())))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_link_that_the_server_signed_a_moment_ago_opens_a_file() {
    let case = Case::new().await;
    let link = case.link().await;
    let http = &case.backend.http;
    assert_eq!(sha256(&http.get(&link).send().await.unwrap().bytes().await.unwrap()), case.recording.sha256);
    let (id, in_an_hour) = (&case.recording.id, Timestamp::now().as_millis() + 3_600_000);
    let of = |number: u32, expires: i64, signature: &str| {
        format!("/recordings/{id}/{number}?expires={expires}&signature={signature}")
    };
    let store = open_store(&case.config).await.unwrap();
    let stranger = open_store(&Config::default()).await.unwrap();
    let ago = Timestamp::now().as_millis() - 1000;
    let (good, signature) = (link.split_once("signature=").unwrap().0, link.split_once("signature=").unwrap().1);
    let here = case.backend.url("");
    let good = good.strip_prefix(&here).unwrap().to_owned();
    let wrong = [
        // Signed by us, and over.
        of(1, ago, &store.sign_link(id, 1, ago)),
        // By a server with another key.
        of(1, in_an_hour, &stranger.sign_link(id, 1, in_an_hour)),
        // For another file.
        of(1, in_an_hour, &store.sign_link(id, 2, in_an_hour)),
        of(1, in_an_hour, &store.sign_link("another", 1, in_an_hour)),
        // A good link's signature under another time.
        of(1, in_an_hour, signature),
        // Guessed.
        of(1, in_an_hour, &"0".repeat(64)),
        of(1, in_an_hour, ""),
        of(1, in_an_hour, "nonsense"),
        format!("{good}signature={}", &signature[..62]),
        format!("{good}signature={signature}00"),
    ];
    for path in &wrong {
        for token in [None, Some(text(&case.data, "patientToken"))] {
            let (status, said) = case.ask(Method::GET, path, &json!({}), token).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {said}");
        }
    }
    // Without the query, or to other files of this machine.
    for (path, statuses) in [
        (format!("/recordings/{id}/1"), [400, 400]),
        (format!("/recordings/{id}/1?expires={in_an_hour}"), [400, 400]),
        (format!("/recordings/{id}"), [404, 404]),
        ("/recordings/".to_owned(), [404, 404]),
        (format!("/recordings/..%2f..%2fautamedica.db/1?expires={in_an_hour}&signature={signature}"), [403, 404]),
        (format!("/recordings/consultations/filmed.mp4?expires={in_an_hour}&signature={signature}"), [400, 404]),
    ] {
        let (status, said) = case.ask(Method::GET, &path, &json!({}), None).await;
        assert!(statuses.contains(&status.as_u16()), "{path}: {status} {said}");
    }
    store.close().await;
    stranger.close().await;
    case.end().await;
}

/// In the room, past the server, a patient is no recorder, and sees none.
#[tokio::test(flavor = "multi_thread")]
async fn a_patient_in_the_room_is_no_recorder() {
    let case = Case::new().await;
    let url = text(&case.data, "livekitUrl");
    let patient = Signal::join(url, text(&case.data, "patientToken")).await.unwrap();
    let me = patient.joined.participant.as_ref().unwrap();
    let may = me.permission.as_ref().unwrap();
    assert!(!may.hidden && !may.can_update_metadata && me.kind() == participant_info::Kind::Standard, "{me:?}");
    assert!(!patient.joined.room.as_ref().unwrap().active_recording);
    // What a client adds to its own token, the SFU doesn't believe.
    let engine = URL_SAFE_NO_PAD;
    let mut claims = common::claims(text(&case.data, "patientToken"));
    claims["video"]["hidden"] = json!(true);
    claims["video"]["recorder"] = json!(true);
    claims["video"]["roomRecord"] = json!(true);
    let mut pieces: Vec<_> = text(&case.data, "patientToken").split('.').map(str::to_owned).collect();
    pieces[1] = engine.encode(claims.to_string());
    assert_eq!(Signal::join(url, &pieces.join(".")).await.err(), Some(401));
    // Nor does the server.
    let start = "/api/consultations/filmed/recording/start";
    let body = json!({"roomName": "consultation-filmed"});
    assert_eq!(case.ask(Method::POST, start, &body, Some(&pieces.join("."))).await.0, StatusCode::UNAUTHORIZED);
    drop(patient);
    case.end().await;
}
