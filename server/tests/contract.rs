//! The REST contract, field for field, over real sockets and with a real SFU.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_api::Language;
use autamedica_server::Config;
use common::{Backend, claims, error_code, read, text};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// The names of an object's fields, in order.
fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The contract's example, as its callers have it.
const REQUEST: &str =
    r#"{"consultationId": "uuid-consultation-001", "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456"}"#;
const ANSWER: &str = r#"{"success": true, "data": {
  "consultationId": "uuid-consultation-001",
  "roomName": "consultation-uuid-consultation-001",
  "roomSid": "RM_dLZxmFRPxzcP",
  "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456",
  "patientToken": "eyJhbGci...", "doctorToken": "eyJhbGci...",
  "livekitUrl": "wss://…", "createdAt": "2025-10-05T12:07:46.209Z"}}"#;

/// A text's form, whatever its digits.
fn form(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// With the real curl, as a caller would type it: every field of the example is there, and is as it is there, except for
/// what is new in each answer, which is of the same kind.
#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_example_runs_verbatim_with_curl() {
    let backend = Backend::start().await;
    let create =
        ["-H", "Content-Type: application/json", "-d", REQUEST, "http://localhost:8888/api/consultations/create"];
    let port = backend.server.local_addr().port();
    let curl = async |arguments: &[&str]| {
        let mut curl = tokio::process::Command::new("curl");
        // The contract's address, wherever this server's port is.
        curl.args(["-sS", "--noproxy", "*", "--connect-to", &format!("localhost:8888:127.0.0.1:{port}")]);
        let output = curl.args(["-w", "\n%{http_code}"]).args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.to_owned(), serde_json::from_str::<Value>(body).unwrap())
    };
    let (status, answer) = curl(&create).await;
    let example: Value = serde_json::from_str(ANSWER).unwrap();
    assert_eq!((status.as_str(), fields(&answer)), ("200", fields(&example)), "{answer}");
    assert_eq!(answer["success"], example["success"]);
    for (field, expected) in example["data"].as_object().unwrap() {
        let (got, expected) = (answer["data"][field].as_str().unwrap_or_default(), expected.as_str().unwrap());
        let same = match field.as_str() {
            "roomSid" => got.len() == expected.len() && got.starts_with("RM_"),
            "patientToken" | "doctorToken" => got.starts_with("eyJ") && got.split('.').count() == 3,
            // This machine's own SFU has no certificate.
            "livekitUrl" => got.starts_with("ws://127.0.0.1:"),
            "createdAt" => form(got) == form(expected),
            _ => got == expected,
        };
        assert!(same, "{field}: {got} instead of {expected}");
    }
    let (_, again) = curl(&create).await;
    assert_eq!(again["data"]["roomSid"], answer["data"]["roomSid"]);

    // The other calls of the contract's table, in its order.
    let (status, health) = curl(&["http://localhost:8888/health"]).await;
    assert_eq!((status.as_str(), &health["data"]["status"]), ("200", &json!("ok")));
    let (status, rooms) = curl(&["http://localhost:8888/api/rooms/active"]).await;
    assert_eq!((status.as_str(), rooms["data"].as_array().map(Vec::len)), ("200", Some(1)));
    let stats = "http://localhost:8888/api/rooms/consultation-uuid-consultation-001/stats";
    let (status, stats) = curl(&[stats]).await;
    assert_eq!((status.as_str(), &stats["data"]["numParticipants"]), ("200", &json!(0)));
    let other = REQUEST.replace("maria", "jose");
    let (status, conflict) = curl(&["-H", create[1], "-d", &other, create[4]]).await;
    assert_eq!((status.as_str(), error_code(&conflict)), ("409", "consultation_conflict"));
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_answers_the_contracts_example() {
    let backend = Backend::start().await;
    let body = json!({
        "consultationId": "uuid-consultation-001", "patientId": "patient-maria-123", "doctorId": "doctor-carlos-456"
    });
    let before = jiff::Timestamp::now().as_second();
    let (status, answer) = backend.post("/api/consultations/create", None, &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(fields(&answer), ["data", "success"]);
    assert_eq!(answer["success"], json!(true));
    let data = &answer["data"];
    for (field, value) in [
        ("consultationId", "uuid-consultation-001"),
        ("roomName", "consultation-uuid-consultation-001"),
        ("patientId", "patient-maria-123"),
        ("doctorId", "doctor-carlos-456"),
        ("livekitUrl", backend.server.livekit_url()),
    ] {
        assert_eq!(data[field], value, "{field}");
    }
    assert!(data["roomSid"].as_str().unwrap().starts_with("RM_"), "{data}");
    assert!(data["livekitUrl"].as_str().unwrap().starts_with("ws://127.0.0.1:"), "{data}");
    let created_at = data["createdAt"].as_str().unwrap();
    assert_eq!(created_at.len(), "2025-10-05T12:07:46.209Z".len(), "{created_at}");
    assert!((created_at.parse::<jiff::Timestamp>().unwrap().as_second() - before).abs() < 60, "{created_at}");

    let patient = claims(data["patientToken"].as_str().unwrap());
    assert_eq!(patient["sub"], "patient-maria-123");
    assert_eq!(
        patient["metadata"],
        r#"{"role":"patient","consultationId":"uuid-consultation-001","userId":"patient-maria-123"}"#
    );
    assert_eq!(
        patient["video"],
        json!({
            "roomJoin": true, "room": "consultation-uuid-consultation-001", "canPublish": true, "canSubscribe": true,
            "canPublishData": true, "canPublishSources": ["camera", "microphone"]
        })
    );
    let doctor = claims(data["doctorToken"].as_str().unwrap());
    assert_eq!(doctor["sub"], "doctor-carlos-456");
    assert_eq!(
        doctor["metadata"],
        r#"{"role":"doctor","consultationId":"uuid-consultation-001","userId":"doctor-carlos-456"}"#
    );
    assert_eq!(
        doctor["video"],
        json!({
            "roomJoin": true, "room": "consultation-uuid-consultation-001", "canPublish": true, "canSubscribe": true,
            "canPublishData": true, "roomRecord": true,
            "canPublishSources": ["camera", "microphone", "screen_share", "screen_share_audio"]
        })
    );
    for token in [&patient, &doctor] {
        let lives = token["exp"].as_i64().unwrap() - before;
        assert!((7200..7260).contains(&lives), "{lives} s");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_again_is_idempotent_and_other_people_conflict() {
    let backend = Backend::start().await;
    let first = backend.create("again").await;
    let second = backend.create("again").await;
    for field in ["consultationId", "roomName", "roomSid", "livekitUrl", "createdAt", "patientId", "doctorId"] {
        assert_eq!(first[field], second[field], "{field}");
    }
    for body in [
        json!({"consultationId": "again", "patientId": "patient-2", "doctorId": "doctor-1"}),
        json!({"consultationId": "again", "patientId": "patient-1", "doctorId": "doctor-2"}),
        json!({"consultationId": "again", "patientId": "doctor-1", "doctorId": "patient-1"}),
    ] {
        let (status, answer) = backend.post("/api/consultations/create", None, &body).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_conflict"), "{body}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_creates_of_one_consultation_at_once_agree() {
    let backend = Backend::start().await;
    let creates = futures_util::future::join_all((0..20).map(|_| backend.create("crowd"))).await;
    for field in ["roomSid", "createdAt"] {
        assert!(creates.iter().all(|data| data[field] == creates[0][field]), "{field}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_refused_with_a_code() {
    let backend = Backend::start().await;
    let create = "/api/consultations/create";
    let whole = |id: &str, patient: &str, doctor: &str| {
        json!({"consultationId": id, "patientId": patient, "doctorId": doctor}).to_string()
    };
    let json_type = "application/json";
    let too_long = "x".repeat(129);
    for (body, kind, status, code) in [
        ("{".to_owned(), json_type, 400, "invalid_json"),
        (String::new(), json_type, 400, "invalid_json"),
        ("[]".to_owned(), json_type, 400, "invalid_request"),
        ("{}".to_owned(), json_type, 400, "invalid_request"),
        (r#"{"consultationId": 7, "patientId": "p", "doctorId": "d"}"#.to_owned(), json_type, 400, "invalid_request"),
        (whole("", "p", "d"), json_type, 400, "invalid_request"),
        (whole("a b", "p", "d"), json_type, 400, "invalid_request"),
        (whole("../etc", "p", "d"), json_type, 400, "invalid_request"),
        (whole("ñ", "p", "d"), json_type, 400, "invalid_request"),
        (whole(&too_long, "p", "d"), json_type, 400, "invalid_request"),
        (whole("c", &too_long, "d"), json_type, 400, "invalid_request"),
        (whole("c", "p", "d\n"), json_type, 400, "invalid_request"),
        (whole("c", "same", "same"), json_type, 409, "same_person"),
        (whole("c", "p", "d"), "text/plain", 415, "unsupported_media_type"),
        (whole("c", &"x".repeat(70_000), "d"), json_type, 413, "body_too_large"),
    ] {
        let response =
            backend.http.post(backend.url(create)).header(header::CONTENT_TYPE, kind).body(body.clone()).send().await;
        let (got, answer) = read(response.unwrap()).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((got.as_u16(), error_code(&answer)), (status, code), "{shown}: {answer}");
    }
    // The longest ids that are allowed work.
    let longest = "x".repeat(128);
    let response = backend.http.post(backend.url(create)).header(header::CONTENT_TYPE, json_type);
    let (status, answer) = read(response.body(whole(&longest, "p", "d")).send().await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, _) = backend.get(&format!("/api/rooms/consultation-{longest}/stats")).await;
    assert_eq!(status, StatusCode::OK);
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_names_the_field() {
    let backend = Backend::start().await;
    let body = json!({"consultationId": "c", "patientId": "a b", "doctorId": "d"});
    let (_, answer) = backend.post("/api/consultations/create", None, &body).await;
    assert!(answer["message"].as_str().unwrap().contains("patientId"), "{answer}");
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_json_errors() {
    let backend = Backend::start().await;
    let (status, answer) = backend.get("/nothing").await;
    assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "not_found"));
    let response = backend.http.delete(backend.url("/api/consultations/create")).send().await.unwrap();
    assert_eq!(response.headers()[header::ALLOW], "POST");
    let (status, answer) = read(response).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_request_id_and_careful_headers() {
    let backend = Backend::start().await;
    let get = |id: &'static str| backend.http.get(backend.url("/health")).header("x-request-id", id).send();
    let given = get("from-the-proxy").await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "from-the-proxy");
    assert_eq!(given.headers()["x-content-type-options"], "nosniff");
    assert_eq!(given.headers()["cache-control"], "no-store");
    let bad = get("a b; drop").await.unwrap();
    assert_eq!(bad.headers()["x-request-id"].len(), 36, "a fresh one replaces what can't stand in a log");
    assert!(bad.headers().get("access-control-allow-origin").is_none());
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_pages_may_call_from_a_browser() {
    let config = Config { cors_origins: vec!["https://doctors.example".parse().unwrap()], ..Config::default() };
    let backend = Backend::start_with(config).await;
    for (origin, allowed) in [("https://doctors.example", true), ("https://evil.example", false)] {
        let preflight = backend.http.request(reqwest::Method::OPTIONS, backend.url("/api/consultations/create"));
        let preflight = preflight.header("origin", origin).header("access-control-request-method", "POST");
        let answer = preflight.header("access-control-request-headers", "content-type").send().await.unwrap();
        let named = answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(named, allowed.then_some(origin));
        let answer = backend.http.get(backend.url("/health")).header("origin", origin).send().await.unwrap();
        assert_eq!(answer.headers().contains_key("access-control-allow-origin"), allowed, "{origin}");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    backend.server.shutdown().await;
}

/// A server without keys trusts this machine, not the web pages that are open on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_is_not_this_machine() {
    let backend = Backend::start().await;
    backend.create("page").await;
    for (origin, allowed) in
        [("https://evil.example", false), ("null", false), ("http://localhost:3000", true), ("http://127.0.0.1", true)]
    {
        let request = backend.http.post(backend.url("/api/consultations/page/links")).header("origin", origin);
        let status = request.send().await.unwrap().status();
        assert_eq!(status != StatusCode::UNAUTHORIZED, allowed, "{origin}: {status}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_rooms() {
    let backend = Backend::start().await;
    let (status, answer) = backend.get("/health").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["data"]["status"], "ok");
    assert_eq!(answer["data"]["sfu"], json!({"status": "ok", "managed": true}));
    assert_eq!(answer["data"]["database"], json!({"status": "ok"}));

    let (_, answer) = backend.get("/api/rooms/active").await;
    assert_eq!(answer["data"], json!([]));
    let created = backend.create("one").await;
    let (_, answer) = backend.get("/api/rooms/active").await;
    let room = &answer["data"][0];
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(room["name"], "consultation-one");
    assert_eq!(room["sid"], created["roomSid"]);
    assert_eq!(room["numParticipants"], 0);
    assert!(room["creationTime"].as_i64().unwrap() > 1_700_000_000, "{room}");
    let metadata = json!({"consultationId": "one", "patientId": "patient-1", "doctorId": "doctor-1",
        "createdAt": created["createdAt"], "type": "medical_consultation"});
    assert_eq!(room["metadata"], metadata);

    let (status, answer) = backend.get("/api/rooms/consultation-one/stats").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["data"]["active"], true);
    assert_eq!(answer["data"]["participants"], json!([]));
    assert_eq!(
        (&answer["data"]["roomName"], &answer["data"]["totalParticipants"]),
        (&json!("consultation-one"), &json!(0))
    );
    for path in ["/api/rooms/consultation-two/stats", "/api/rooms/lobby/stats", "/api/rooms/%FF/stats"] {
        let (status, answer) = backend.get(path).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "room_not_found"), "{path}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_tells_doctor_patient_and_stranger_apart() {
    let backend = Backend::start().await;
    let data = backend.create("rec").await;
    let other = backend.create("other").await;
    let token = |data: &Value, name: &str| data[name].as_str().unwrap().to_owned();
    let (doctor, patient) = (token(&data, "doctorToken"), token(&data, "patientToken"));
    let elsewhere = token(&other, "doctorToken");
    let forged = {
        // The patient's token with the doctor's claims and the old signature.
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (patient, doctor) = (parts(&patient), parts(&doctor));
        format!("{}.{}.{}", patient[0], doctor[1], patient[2])
    };
    let body = json!({"roomName": "consultation-rec"});
    for path in ["/api/consultations/rec/recording/start", "/api/consultations/rec/recording/stop"] {
        for (token, status, code) in [
            (Some(doctor.as_str()), 501, "recording_unavailable"),
            (Some(&patient), 403, "forbidden"),
            (Some(&elsewhere), 403, "forbidden"),
            (Some(&forged), 401, "unauthorized"),
            (Some("nonsense"), 401, "unauthorized"),
            (None, 401, "unauthorized"),
        ] {
            let (got, answer) = backend.post(path, token, &body).await;
            assert_eq!((got.as_u16(), error_code(&answer)), (status, code), "{path} {answer}");
        }
    }
    let wrong_room = json!({"roomName": "consultation-other"});
    let (status, answer) = backend.post("/api/consultations/rec/recording/start", Some(&doctor), &wrong_room).await;
    assert_eq!((status, error_code(&answer)), (StatusCode::NOT_FOUND, "room_not_found"));
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_a_sentence_with_a_code() {
    let backend = Backend::start().await;
    let all = "Missing required fields: consultationId, patientId, doctorId";
    for body in [
        json!({}),
        json!({"consultationId": "a", "patientId": "p"}),
        json!({"consultationId": "", "patientId": "p", "doctorId": "d"}),
        json!({"consultationId": "a", "patientId": null, "doctorId": "d"}),
    ] {
        let (status, answer) = backend.post("/api/consultations/create", None, &body).await;
        assert_eq!((status, text(&answer, "code")), (StatusCode::BAD_REQUEST, "invalid_request"), "{body}");
        assert_eq!((text(&answer, "error"), &answer["success"]), (all, &json!(false)), "{body}");
    }
    let created = backend.create("one").await;
    let doctor = Some(text(&created, "doctorToken"));
    let (status, answer) = backend.post("/api/consultations/one/recording/start", doctor, &json!({})).await;
    assert_eq!((status, text(&answer, "error")), (StatusCode::BAD_REQUEST, "Missing roomName"));
    let (status, answer) = backend.get("/api/consultations/two").await;
    assert_eq!((status, text(&answer, "code")), (StatusCode::NOT_FOUND, "consultation_not_found"));
    assert!(!text(&answer, "error").is_empty() && !text(&answer, "message").is_empty());
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_is_removed_by_the_rooms_name() {
    let backend = Backend::start().await;
    let created = backend.create("one").await;
    let path = "/api/rooms/consultation-one/participants/patient-1";
    let (status, _) = backend.call(Method::DELETE, path, text(&created, "patientToken")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, answer) = backend.call(Method::DELETE, path, text(&created, "doctorToken")).await;
    assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)), "{answer}");
    assert!(!text(&answer, "message").is_empty());
    for (path, code) in [
        ("/api/rooms/lobby/participants/patient-1", "room_not_found"),
        ("/api/rooms/consultation-one/participants/a%20b", "invalid_id"),
    ] {
        let (_, answer) = backend.call(Method::DELETE, path, text(&created, "doctorToken")).await;
        assert_eq!(text(&answer, "code"), code, "{path}");
    }
    backend.server.shutdown().await;
}

/// A path with `.` or `..` in it leads elsewhere before it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn ids_that_no_path_reaches_are_refused() {
    let backend = Backend::start().await;
    for id in [".", ".."] {
        for (field, other) in [("consultationId", "doctorId"), ("patientId", "doctorId"), ("doctorId", "patientId")] {
            let mut body = json!({"consultationId": "c", "patientId": "p", "doctorId": "d"});
            body[field] = json!(id);
            let (status, answer) = backend.post("/api/consultations/create", None, &body).await;
            assert_eq!((status, error_code(&answer)), (StatusCode::BAD_REQUEST, "invalid_request"), "{field} {other}");
            assert!(text(&answer, "message").contains("neither `.` nor `..`"), "{answer}");
        }
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_body_is_taken_and_stays_within_the_limit() {
    use std::io::Write as _;

    let backend = Backend::start().await;
    let zip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = backend.http.post(backend.url("/api/consultations/create")).body(body);
        let request = request.header("content-type", "application/json").header("content-encoding", encoding);
        read(request.send().await.unwrap()).await
    };
    let body = json!({"consultationId": "zipped", "patientId": "p", "doctorId": "d"}).to_string();
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        let (status, answer) = send(encoding, zip(body.as_bytes())).await;
        assert_eq!(status, StatusCode::OK, "{encoding}: {answer}");
    }
    assert_eq!(send("identity", body.clone().into_bytes()).await.0, StatusCode::OK);
    // A few kilobytes that would become 32 MiB.
    let bomb = zip(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < 60_000, "{} bytes", bomb.len());
    for (encoding, body, status, code) in [
        ("gzip", bomb, 413, "body_too_large"),
        ("gzip", body.clone().into_bytes(), 400, "invalid_request"),
        ("br", body.into_bytes(), 415, "unsupported_media_type"),
    ] {
        let (answered, answer) = send(encoding, body).await;
        assert_eq!((answered.as_u16(), error_code(&answer)), (status, code), "{encoding}");
    }
    backend.server.shutdown().await;
}

/// The language of a consultation's recordings: as asked, else the operator's, and kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_has_a_language() {
    for config in common::databases() {
        let backend = Backend::start_with(Config { language_default: Language::En, ..config }).await;
        for (id, more, language) in [("asked", json!({"language": "es"}), "es"), ("default", json!({}), "en")] {
            backend.create_with(id, &more).await;
            let (_, answer) = backend.get(&format!("/api/consultations/{id}")).await;
            assert_eq!(answer["data"]["language"], language, "{answer}");
        }
        let create = async |id: &str, language: &str| {
            let body =
                json!({"consultationId": id, "patientId": "patient-1", "doctorId": "doctor-1", "language": language});
            backend.post("/api/consultations/create", None, &body).await
        };
        assert_eq!(create("asked", "es").await.0, StatusCode::OK);
        let (status, answer) = create("asked", "en").await;
        assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consultation_conflict"));
        assert_eq!(create("third", "de").await.0, StatusCode::BAD_REQUEST);
        backend.server.shutdown().await;
    }
}
