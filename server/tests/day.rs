//! A desk's day: the list, one click in, the network tried before, the call judged after.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::JoinLink;
use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, RoomError, RoomEvent, TrackPublishOptions, TrackSource,
    VideoResolution,
};
use autamedica_server::{Config, Database, RateLimit, RecordingConfig, Scope, open_store};
use common::{Backend, Peer, claims, databases, error_code, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn code_of(link: &str) -> String {
    JoinLink::parse(link).unwrap().code().expose().to_owned()
}

/// The ids in a list, in its order.
fn ids(data: &Value) -> Vec<&str> {
    data["consultations"].as_array().unwrap().iter().map(|one| text(one, "consultationId")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_a_day_follows_its_time_zone() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        // 23:30 in Buenos Aires on the 23rd is 02:30 UTC on the 24th.
        for (id, at) in [
            ("late", "2026-11-24T02:30:00.000Z"),
            ("noon", "2026-11-24T15:00:00.000Z"),
            ("early", "2026-11-24T03:00:00.000Z"),
        ] {
            backend.create_with(id, &json!({"scheduledAt": at})).await;
        }
        backend.create("now").await;
        let list = async |query: &str| {
            let (status, answer) = backend.get(&format!("/api/consultations{query}")).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            answer["data"].clone()
        };
        let day = |text: &str| format!("?day={text}");
        let zone = "&zone=America/Argentina/Buenos_Aires";
        assert_eq!(ids(&list(&day("2026-11-24")).await).iter().filter(|id| **id != "now").count(), 3);
        let there = list(&format!("{}{zone}", day("2026-11-24"))).await;
        let scheduled: Vec<_> = ids(&there).into_iter().filter(|id| *id != "now").collect();
        assert_eq!(scheduled, ["early", "noon"]);
        let before = list(&format!("{}{zone}", day("2026-11-23"))).await;
        assert!(ids(&before).contains(&"late"), "{before}");
        // By two moments, for callers whose zone has no name.
        let by_moments = list("?from=2026-11-24T03:00:00Z&until=2026-11-25T03:00:00Z").await;
        let scheduled: Vec<_> = ids(&by_moments).into_iter().filter(|id| *id != "now").collect();
        assert_eq!(scheduled, ["early", "noon"]);
        // Today's hold what was created without an appointment, and no secret.
        let today = list("").await;
        assert!(ids(&today).contains(&"now"), "{today}");
        assert!(!today.to_string().contains("oken") && !today.to_string().contains("#"), "{today}");
        assert_eq!(list("?day=1999-01-01").await, json!({"consultations": [], "total": 0}));
        assert_eq!(list("?day=9999-12-31").await, json!({"consultations": [], "total": 0}));
        for (query, says) in [
            ("?day=tomorrow", "`day` must be a date"),
            ("?day=2026-02-30", "`day` must be a date"),
            ("?day=2026-11-24&zone=Mars/Olympus", "`zone` must be"),
            ("?day=2026-11-24&day=2026-11-25", "duplicate"),
            ("?from=2026-11-24", "`from` and `until` must be"),
        ] {
            let (status, answer) = backend.get(&format!("/api/consultations{query}")).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::BAD_REQUEST, "invalid_request"), "{query}");
            assert!(text(&answer, "message").contains(says), "{answer}");
        }
        let token = text(&backend.create("now").await, "doctorToken").to_owned();
        assert_eq!(backend.call(Method::GET, "/api/consultations", &token).await.0, StatusCode::FORBIDDEN);
        backend.server.shutdown().await;
    }
}

/// More than fit on a page, several of them at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_pages_with_the_newest_on_the_last() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        for number in 0..7 {
            let at = format!("2026-11-24T1{}:00:00.000Z", number / 3);
            backend.create_with(&format!("page.{number}"), &json!({"scheduledAt": at})).await;
        }
        let page = async |query: String| {
            let (status, answer) = backend.get(&format!("/api/consultations?day=2026-11-24{query}")).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            answer["data"].clone()
        };
        let (mut all, mut query) = (Vec::new(), String::new());
        loop {
            let data = page(format!("&limit=2{query}")).await;
            let on_page = ids(&data);
            assert!((1..=2).contains(&on_page.len()), "{data}");
            all.extend(on_page.into_iter().filter(|id| id.starts_with("page")).map(str::to_owned));
            let Some(next) = data["next"].as_str() else { break };
            assert!(data["total"].as_u64().unwrap() >= 7, "{data}");
            query = format!("&cursor={next}");
        }
        assert_eq!(all, (0..7).map(|number| format!("page.{number}")).collect::<Vec<_>>());
        assert!(page(String::new()).await.get("next").is_none(), "one page holds them all");
        for wrong in ["&limit=0", "&limit=1001", "&cursor=", "&cursor=5", "&cursor=x.y", "&cursor=5.a b"] {
            let (status, answer) = backend.get(&format!("/api/consultations?day=2026-11-24{wrong}")).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::BAD_REQUEST, "invalid_request"), "{wrong}");
        }
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_says_which_consultations_have_recordings() {
    for config in databases() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody comes, so nothing is ever recorded; only that it is asked for counts here.
        let recording = RecordingConfig {
            folder: Some(folder.path().join("recordings")),
            program: Some("/bin/false".into()),
            ..RecordingConfig::default()
        };
        let backend = Backend::start_with(Config { recording, ..config }).await;
        backend.create("quiet").await;
        let filmed = backend.create("filmed").await;
        let (doctor, patient) = (text(&filmed, "doctorToken"), text(&filmed, "patientToken"));
        let counts = async || {
            let (_, answer) = backend.get("/api/consultations").await;
            let of = |id: &str| {
                let all = answer["data"]["consultations"].as_array().unwrap().clone();
                all.into_iter().find(|one| one["consultationId"] == id).map(|one| one["recordings"].clone())
            };
            (of("quiet"), of("filmed"))
        };
        let are = |number: u32| (Some(json!(0)), Some(json!(number)));
        assert_eq!(counts().await, are(0));
        let path = |what: &str| format!("/api/consultations/filmed/recording/{what}");
        let start = json!({"roomName": text(&filmed, "roomName")});
        assert_eq!(backend.post(&path("start"), Some(doctor), &start).await.0, StatusCode::OK);
        assert_eq!(counts().await, are(1));
        // One that came to nothing is none.
        assert_eq!(backend.post(&path("stop"), Some(doctor), &json!({})).await.0, StatusCode::OK);
        assert_eq!(counts().await, are(0));
        assert_eq!(backend.post(&path("start"), Some(doctor), &start).await.0, StatusCode::OK);
        let no = json!({"answer": "refused", "textVersion": 1, "language": "es"});
        assert_eq!(backend.post(&path("consent"), Some(patient), &no).await.0, StatusCode::OK);
        assert_eq!(counts().await, are(0));
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_enters_as_the_doctor_and_nobody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { database: Database::File(folder.path().join("a.db")), ..Config::default() };
    let store = open_store(&config).await.unwrap();
    let backend = Backend::start_with(config).await;
    let data = backend.create_with("entered", &json!({"waitingRoom": true, "e2ee": true})).await;
    let enter = "/api/consultations/entered/enter";
    let (status, local) = backend.post(enter, None, &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{local}");
    for (field, value) in [("role", "doctor"), ("userId", "doctor-1"), ("roomName", "consultation-entered")] {
        assert_eq!(local["data"][field], value);
    }
    assert_eq!((&local["data"]["admitted"], &local["data"]["e2eeKey"]), (&json!(true), &data["e2eeKey"]));
    let doctor = Peer::join(&local["data"], text(&local["data"], "token")).await;
    backend.until("/api/consultations/entered", |data| data["state"] == "waiting").await;
    doctor.room.close().await.unwrap();
    let (status, answer) = backend.post("/api/consultations/nothing/enter", None, &json!({})).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "consultation_not_found"));

    for token in ["doctorToken", "patientToken"] {
        assert_eq!(backend.call(Method::POST, enter, text(&data, token)).await.0, StatusCode::FORBIDDEN, "{token}");
    }
    for (scope, status) in [(Scope::Desk, 200), (Scope::Integrator, 403), (Scope::Kiosk, 403), (Scope::Read, 403)] {
        let key = store.create_key(scope.as_str(), scope).await.unwrap();
        let (got, _) = backend.call(Method::POST, enter, key.expose()).await;
        assert_eq!(got.as_u16(), status, "{scope:?}");
        // The list is for all but kiosks; a network check is for all.
        let list = backend.call(Method::GET, "/api/consultations", key.expose()).await.0.as_u16();
        assert_eq!(list, if scope == Scope::Kiosk { 403 } else { 200 }, "{scope:?}");
        let (got, answer) = backend.post("/api/check", Some(key.expose()), &json!({})).await;
        assert_eq!(got, StatusCode::OK, "{scope:?} {answer}");
    }
    assert_eq!(backend.post(enter, None, &json!({})).await.0, StatusCode::UNAUTHORIZED, "now there are keys");
    let log = store.audit_after(0).await.unwrap();
    for actor in ["local", "key:desk"] {
        let entered = log.iter().find(|entry| entry.action == "consultation.enter" && entry.actor == actor).unwrap();
        assert_eq!((entered.subject.as_deref(), entered.outcome.as_str()), (Some("doctor-1"), "ok"));
    }
    let doctor_token = data["doctorToken"].as_str();
    backend.post("/api/consultations/entered/end", doctor_token, &json!({})).await;
    let desk = store.create_key("desk-2", Scope::Desk).await.unwrap();
    let (status, answer) = backend.post(enter, Some(desk.expose()), &json!({})).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_ended"));
    store.close().await;
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_feedback_of_each_counts() {
    for config in databases() {
        let backend = Backend::start_with(config).await;
        let data = backend.create("judged").await;
        let other = backend.create("other").await;
        let path = "/api/consultations/judged/feedback";
        let (patient, doctor) = (text(&data, "patientToken"), text(&data, "doctorToken"));
        for (token, body) in [
            (patient, json!({"stars": 2, "reasons": ["echo", "frozen"]})),
            (doctor, json!({"stars": 4})),
            (patient, json!({"stars": 5.0, "reasons": []})),
        ] {
            let (status, answer) = backend.post(path, Some(token), &body).await;
            assert_eq!((status, &answer["data"]), (StatusCode::OK, &json!({})), "{answer}");
        }
        for (token, body, status) in [
            (Some(patient), json!({"stars": 0}), 400),
            (Some(patient), json!({"stars": 6}), 400),
            (Some(patient), json!({"reasons": []}), 400),
            (Some(patient), json!({"stars": 1, "reasons": ["boring"]}), 400),
            (Some(patient), json!({"stars": 1, "reasons": vec!["echo"; 9]}), 400),
            (Some(text(&other, "patientToken")), json!({"stars": 1}), 403),
            (Some("nonsense"), json!({"stars": 1}), 401),
            (None, json!({"stars": 1}), 401),
        ] {
            let (got, answer) = backend.post(path, token, &body).await;
            assert_eq!(got.as_u16(), status, "{body} {answer}");
        }
        let (_, stats) = backend.get("/api/rooms/consultation-judged/stats").await;
        let given = stats["data"]["feedback"].as_array().unwrap();
        assert_eq!(given.len(), 2, "{stats}");
        for (identity, role, stars) in [("patient-1", "patient", 5), ("doctor-1", "doctor", 4)] {
            let one = given.iter().find(|one| one["identity"] == identity).unwrap();
            assert_eq!((&one["role"], &one["stars"], &one["reasons"]), (&json!(role), &json!(stars), &json!([])));
        }
        let metrics = backend.http.get(backend.url("/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("autamedica_feedback{stars=\"5\"} 1"), "{metrics}");
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_check_has_a_room_of_its_own_that_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let limit = RateLimit { burst: 1000, period: std::time::Duration::from_millis(1) };
    let config =
        Config { database: Database::File(folder.path().join("a.db")), check_limit: limit, ..Config::default() };
    let store = open_store(&config).await.unwrap();
    let backend = Backend::start_with(Config { code_limit: limit, ..config }).await;
    let check = async |token: Option<&str>, body: Value| backend.post("/api/check", token, &body).await;
    let (status, answer) = check(None, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let room = &answer["data"];
    let name = text(room, "roomName");
    assert!(name.starts_with("check-") && name.len() == "check-".len() + 32, "{name}");
    for (token, publishes) in [("senderToken", true), ("receiverToken", false)] {
        let claims = claims(text(room, token));
        let sources = if publishes { json!(["camera", "microphone"]) } else { Value::Null };
        let video = &claims["video"];
        assert_eq!((&video["room"], &video["canPublish"]), (&json!(name), &json!(publishes)));
        assert_eq!((&video["canSubscribe"], &video["canPublishData"]), (&json!(!publishes), &json!(false)));
        assert_eq!(video["canPublishSources"], sources, "{video}");
        assert!(video["roomRecord"] != true && video["roomAdmin"] != true && video["roomCreate"] != true, "{video}");
        let lives = claims["exp"].as_i64().unwrap() - jiff::Timestamp::now().as_second();
        assert!((100..=120).contains(&lives), "{lives} s");
        // They prove nobody to this server.
        let quality = backend.call(Method::GET, "/api/rooms/active", text(room, token)).await.0;
        assert_eq!(quality, StatusCode::UNAUTHORIZED);
    }
    // What one side sends arrives at the other, and the SFU keeps both to that.
    let sender = Peer::join(room, text(room, "senderToken")).await;
    let mut receiver = Peer::join(room, text(room, "receiverToken")).await;
    let video = |name: &str| {
        let source = NativeVideoSource::new(VideoResolution { width: 320, height: 180 }, false).unwrap();
        LocalTrack::Video(LocalVideoTrack::create_video_track(name, source).unwrap())
    };
    let options = |source| TrackPublishOptions { source, ..Default::default() };
    let me = sender.room.local_participant();
    me.publish_track(video("camera"), options(TrackSource::Camera)).await.unwrap();
    receiver.wait("the camera", |event| matches!(event, RoomEvent::TrackSubscribed { .. }).then_some(())).await;
    for (peer, source) in [(&sender, TrackSource::Screenshare), (&receiver, TrackSource::Camera)] {
        let refused = peer.room.local_participant().publish_track(video("more"), options(source)).await;
        assert!(matches!(refused, Err(RoomError::NotAllowed(_))), "{refused:?}");
    }
    let (_, active) = backend.get("/api/rooms/active").await;
    assert_eq!(active["data"], json!([]));
    sender.room.close().await.unwrap();
    receiver.room.close().await.unwrap();

    // A code proves who may, and stays good; too early is early enough here.
    let data = backend.create_with("soon", &json!({"scheduledAt": "2099-01-01T00:00:00.000Z"})).await;
    let code = code_of(text(&data, "patientLink"));
    for _ in 0..2 {
        assert_eq!(check(None, json!({"code": code})).await.0, StatusCode::OK);
    }
    let kiosk = json!({"code": data["kioskCode"]});
    assert_eq!(check(data["patientToken"].as_str(), kiosk.clone()).await.0, StatusCode::FORBIDDEN);
    let kiosk_key = store.create_key("kiosk", Scope::Kiosk).await.unwrap();
    let desk_key = store.create_key("desk", Scope::Desk).await.unwrap();
    assert_eq!(check(Some(kiosk_key.expose()), kiosk.clone()).await.0, StatusCode::OK);
    assert_eq!(check(Some(desk_key.expose()), kiosk).await.0, StatusCode::FORBIDDEN);
    let (status, answer) = check(None, json!({"code": "0123456789abcdefghijkl"})).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::UNAUTHORIZED, "invalid_code"));
    assert_eq!(check(None, json!({})).await.0, StatusCode::UNAUTHORIZED, "now there are keys");
    assert_eq!(check(data["patientToken"].as_str(), json!({})).await.0, StatusCode::FORBIDDEN);
    backend.post("/api/consultations/soon/cancel", Some(desk_key.expose()), &json!({})).await;
    let (status, answer) = check(None, json!({"code": code})).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_cancelled"));
    store.close().await;
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn network_checks_are_few() {
    let backend = Backend::start().await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(backend.post("/api/check", None, &json!({})).await);
    }
    let passed = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    assert!((1..=7).contains(&passed), "{passed}");
    let (status, answer) = answers.last().unwrap();
    assert_eq!((status.as_u16(), error_code(answer)), (429, "rate_limited"));
    // Others go on.
    assert_eq!(backend.get("/api/rooms/active").await.0, StatusCode::OK);
    backend.server.shutdown().await;
}
