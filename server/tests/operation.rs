//! What an operator relies on: keys, the audit log, crashes, several servers, limits, documentation.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use autamedica_api::JoinLink;
use autamedica_lab::Sfu;
use autamedica_server::{Config, Database, LiveKitUrl, Scope, Secret, SfuConfig, open_store};
use common::{Backend, Peer, client, databases, error_code, program, serve, serve_with, text};
use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Runs the program to its end, which must be good, and gives what it printed.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_may_do_what_its_scope_says() {
    for config in databases() {
        // A file instead of memory, so that the operator's command finds the same database.
        let folder = tempfile::tempdir().unwrap();
        let database = match config.database {
            Database::Memory => Database::File(folder.path().join("a.db")),
            other => other,
        };
        let config = Config { database, ..config };
        let store = open_store(&config).await.unwrap();
        let backend = Backend::start_with(config).await;
        let data = backend.create("before").await;

        let scopes = [Scope::Integrator, Scope::Desk, Scope::Kiosk, Scope::Read];
        let mut keys = BTreeMap::new();
        for scope in scopes {
            keys.insert(scope.as_str(), store.create_key(scope.as_str(), scope).await.unwrap());
        }
        // From here on nobody gets in without.
        let body = json!({"consultationId": "keyed", "patientId": "p", "doctorId": "d"});
        let create = "/api/consultations/create";
        let (status, answer) = backend.post(create, None, &body).await;
        assert_eq!((status, error_code(&answer)), (StatusCode::UNAUTHORIZED, "unauthorized"));
        for wrong in ["amk_00000000_0000", "amk_"] {
            assert_eq!(backend.post(create, Some(wrong), &body).await.0, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(backend.get("/health").await.0, StatusCode::OK, "probes need no key");

        let (status, created) = backend.post(create, Some(keys["integrator"].expose()), &body).await;
        assert_eq!(status, StatusCode::OK, "{created}");
        // What an integrator's key may not do, the doctor's token may that it was answered with (docs/deployment.md says so).
        let as_doctor = text(&created["data"], "doctorToken");
        let (status, _) = backend.call(Method::POST, "/api/consultations/keyed/admit", as_doctor).await;
        assert_eq!(status, StatusCode::OK);
        let kiosk_code = json!({"code": created["data"]["kioskCode"]});
        let nothing = json!({});
        //                                                                    integrator, desk, kiosk, read
        let table: [(Method, &str, &Value, [u16; 4]); 7] = [
            (Method::POST, create, &body, [200, 200, 403, 403]),
            (Method::GET, "/api/consultations/keyed", &nothing, [200, 200, 403, 200]),
            (Method::GET, "/api/rooms/active", &nothing, [200, 200, 403, 200]),
            (Method::GET, "/metrics", &nothing, [200, 200, 403, 200]),
            (Method::POST, "/api/join", &kiosk_code, [403, 403, 200, 403]),
            (Method::POST, "/api/consultations/keyed/admit", &nothing, [403, 200, 403, 403]),
            (Method::DELETE, "/api/consultations/keyed/links", &nothing, [200, 200, 403, 403]),
        ];
        for (method, path, body, statuses) in table {
            for (scope, status) in scopes.iter().zip(statuses) {
                let request = backend.http.request(method.clone(), backend.url(path)).json(body);
                let answer = request.bearer_auth(keys[scope.as_str()].expose()).send().await.unwrap();
                assert_eq!(answer.status().as_u16(), status, "{method} {path} by {scope:?}");
            }
        }
        // Links need no key: their code is one. Neither do participants: their token is.
        let code = JoinLink::parse(text(&data, "patientLink")).unwrap().code().expose().to_owned();
        assert_eq!(backend.post("/api/join", None, &json!({"code": code})).await.0, StatusCode::OK);
        let doctor = text(&data, "doctorToken");
        assert_eq!(backend.call(Method::GET, "/api/consultations/before", doctor).await.0, StatusCode::OK);
        assert_eq!(backend.call(Method::GET, "/api/consultations/keyed", doctor).await.0, StatusCode::FORBIDDEN);

        // Revoked, a key is nothing, and having had keys is enough to want one.
        for scope in scopes {
            assert!(store.revoke_key(scope.as_str()).await.unwrap());
        }
        assert_eq!(backend.post(create, Some(keys["integrator"].expose()), &body).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(backend.post(create, None, &body).await.0, StatusCode::UNAUTHORIZED);

        // All of that is on record, and no secret is.
        let log: Vec<_> = store.audit_after(0).await.unwrap();
        for (action, actor) in [
            ("consultation.create", "local"),
            ("key.create", "operator"),
            ("key.use", "unknown"),
            ("consultation.create", "key:integrator"),
            ("access.denied", "key:kiosk"),
            ("join", "key:kiosk"),
            ("join", "link"),
            ("participant.admit", "key:desk"),
        ] {
            assert!(log.iter().any(|entry| entry.action == action && entry.actor == actor), "{action} by {actor}");
        }
        let whole = serde_json::to_string(&log).unwrap();
        let codes = [code.as_str(), text(&created["data"], "kioskCode"), doctor];
        for secret in keys.values().map(Secret::expose).chain(codes) {
            assert!(!whole.contains(secret), "a secret is in the audit log");
        }
        assert_eq!(store.verify_audit().await.unwrap(), Ok(i64::try_from(log.len()).unwrap()));
        store.close().await;
        backend.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_on_another_name_cant_use_the_open_api() {
    let backend = Backend::start().await;
    for (host, status) in
        [("localhost:8888", 200), ("127.0.0.1", 200), ("evil.example", 401), ("localhost.evil.example", 401)]
    {
        let request = backend.http.get(backend.url("/api/rooms/active")).header("host", host);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{host}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_on_this_machine_forwards_isnt_of_this_machine() {
    let backend = Backend::start().await;
    let ask = async |name: Option<&'static str>| {
        let mut request = backend.http.get(backend.url("/api/rooms/active"));
        if let Some(name) = name {
            // Also when the proxy says that its own caller is this machine.
            request = request.header(name, "127.0.0.1");
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(None).await, 200);
    let names = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"];
    for name in names {
        assert_eq!(ask(Some(name)).await, 401, "{name}");
    }
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_inside_an_app_serves_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { local_key_folder: Some(folder.path().to_owned()), ..Config::default() };
    let backend = Backend::start_with(config).await;
    let file = folder.path().join(autamedica_api::local_key_file(backend.server.local_addr().port()));
    let key = std::fs::read_to_string(&file).unwrap();
    let body = json!({"consultationId": "own", "patientId": "p", "doctorId": "d"});
    let path = "/api/consultations/create";
    let wrong = format!("{key}0");
    for (token, status) in [(None, 401), (Some(wrong.as_str()), 401), (Some(key.as_str()), 200)] {
        assert_eq!(backend.post(path, token, &body).await.0.as_u16(), status, "{token:?}");
    }
    // The key is for this machine, not for those whom a proxy or a web page brings here.
    for (name, value) in [("via", "1.1 proxy"), ("host", "evil.example"), ("origin", "https://evil.example")] {
        let request = backend.http.get(backend.url("/api/rooms/active")).bearer_auth(&key).header(name, value);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401, "{name}");
    }
    backend.server.shutdown().await;
    assert!(!file.exists(), "it went with its backend");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answered_create_is_lost_when_the_server_is_killed() {
    kill_during_creates(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answered_create_is_lost_on_postgresql_when_the_server_is_killed() {
    let [_, config] = databases();
    let Database::Postgres(url) = &config.database else { panic!("the second is PostgreSQL") };
    let key = config.master_key.as_ref().unwrap();
    kill_during_creates(&[("DATABASE_URL", url.expose()), ("AUTAMEDICA_MASTER_KEY", key.expose())]).await;
}

async fn kill_during_creates(variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let serve = |folder: &Path| {
        let mut command = program(folder);
        command.args(["--port", "0"]).envs(variables.iter().copied());
        serve_with(folder, command)
    };
    let run = |folder: &Path, arguments: &[&str]| {
        let output = program(folder).args(arguments).envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (mut server, url) = serve(folder.path());
    let http = client();
    let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let creating: Vec<_> = (0..200)
        .map(|number| {
            let (http, url, sender) = (http.clone(), url.clone(), sender.clone());
            tokio::spawn(async move {
                let id = format!("crash-{number}");
                let body = json!({"consultationId": id, "patientId": "p", "doctorId": "d"});
                let answer = http.post(format!("{url}/api/consultations/create")).json(&body).send().await;
                if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    sender.send(id).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut answered = Vec::new();
    while let Some(id) = answers.recv().await {
        answered.push(id);
        // In the middle of it.
        if answered.len() == 50 {
            server.kill();
        }
    }
    for task in creating {
        task.await.unwrap();
    }
    assert!(answered.len() >= 50 && answered.len() < 200, "{} were answered", answered.len());

    assert!(run(folder.path(), &["audit", "verify"]).starts_with("all "));
    let (_server, url) = serve(folder.path());
    for id in &answered {
        let answer = http.get(format!("{url}/api/consultations/{id}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id} was answered and is lost");
    }
    let exported = run(folder.path(), &["audit", "export"]);
    for id in &answered {
        let entry = format!("\"consultationId\":\"{id}\"");
        assert!(exported.lines().any(|line| line.contains("consultation.create") && line.contains(&entry)), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_makes_lists_and_revokes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = run(folder.path(), &["key", "create", "front-desk", "--scope", "desk"]);
    assert!(key.starts_with("amk_"), "{key}");
    let listed = run(folder.path(), &["key", "list"]);
    assert!(listed.contains("front-desk\tdesk") && listed.ends_with("works") && !listed.contains(&key), "{listed}");
    assert!(
        !program(folder.path())
            .args(["key", "create", "front-desk", "--scope", "read"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let (_server, url) = serve(folder.path(), &[]);
    let http = client();
    let rooms = async || http.get(format!("{url}/api/rooms/active")).bearer_auth(&key).send().await.unwrap().status();
    assert_eq!(rooms().await, StatusCode::OK);
    run(folder.path(), &["key", "revoke", "front-desk"]);
    assert_eq!(rooms().await, StatusCode::UNAUTHORIZED);
    assert!(run(folder.path(), &["key", "list"]).contains("revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_codes_are_held_up_and_named_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let http = client();
    let wrong = |number: u32| format!("wrong-code-that-nobody-has-{number:05}");
    let tries = futures_util::stream::iter(0..10_000_u32).map(|number| {
        let request = http.post(format!("{url}/api/join")).json(&json!({"code": wrong(number)}));
        async move {
            let answer = request.send().await.unwrap();
            let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
            (answer.status().as_u16(), wait)
        }
    });
    let start = std::time::Instant::now();
    let answers: Vec<_> = tries.buffer_unordered(32).collect().await;
    let passed = answers.iter().filter(|(status, _)| *status == 401).count();
    let held_up = answers.iter().filter(|(status, wait)| *status == 429 && wait.is_some_and(|wait| wait > 0)).count();
    assert_eq!(passed + held_up, 10_000, "{:?}", answers.iter().find(|(status, _)| ![401, 429].contains(status)));
    let allowed = 20 + usize::try_from(start.elapsed().as_secs()).unwrap() / 2 + 1;
    assert!((1..=allowed).contains(&passed), "{passed} codes were tried, {allowed} are allowed");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("/api/join") && !log.contains("wrong-code-that"), "the log names a code");
    assert!(!run(folder.path(), &["audit", "export"]).contains("wrong-code-that"));
}

/// Whoever guesses keys, or asks for what they may not, can't fill the audit log with it.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_dont_fill_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let key = run(folder.path(), &["key", "create", "desk", "--scope", "desk"]);
    let (_server, url) = serve(folder.path(), &[]);
    let http = client();
    let rooms = format!("{url}/api/rooms/active");
    let tries = futures_util::stream::iter(0..400_u32)
        .map(|number| http.get(&rooms).bearer_auth(format!("amk_{number:08}_{number:064}")).send());
    let start = std::time::Instant::now();
    let statuses: Vec<_> = tries.buffer_unordered(16).map(|answer| answer.unwrap().status().as_u16()).collect().await;
    let noted = statuses.iter().filter(|status| **status == 401).count();
    let held_up = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(noted + held_up, 400, "{statuses:?}");
    let allowed = 60 + usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert!((1..=allowed).contains(&noted), "{noted} were put on record");
    // A key that works does, also from there.
    assert_eq!(http.get(&rooms).bearer_auth(&key).send().await.unwrap().status(), StatusCode::OK);
    let exported = run(folder.path(), &["audit", "export"]);
    assert_eq!(exported.lines().filter(|line| line.contains("unknown key")).count(), noted);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_and_a_server_without_keys_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = serve(folder.path(), &[]);
    drop(server);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("there is no API key"), "{log}");
    let other = program(folder.path()).arg("--check").env("AUTAMEDICA_MASTER_KEY", "7".repeat(64)).output().unwrap();
    let said = String::from_utf8(other.stderr).unwrap();
    assert!(!other.status.success() && said.contains("another master key"), "{said}");
    std::fs::remove_file(folder.path().join("master.key")).unwrap();
    let lost = program(folder.path()).args(["key", "list"]).output().unwrap();
    assert!(!lost.status.success(), "a fresh key isn't the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_postgresql_serve_one_consultation() {
    let [_, config] = databases();
    let sfu = Sfu::start().unwrap();
    let (api_key, api_secret) = (Sfu::API_KEY.to_owned(), Secret::new(Sfu::API_SECRET));
    let sfu = SfuConfig::External { url: LiveKitUrl::parse(&sfu.url()).unwrap(), api_key, api_secret };
    let config = Config { sfu, ..config };
    // Both at once, so that both bring the tables up to date.
    let (one, other) = tokio::join!(Backend::start_with(config.clone()), Backend::start_with(config));
    let data = one.create_with("shared", &json!({"waitingRoom": true, "e2ee": true})).await;
    let code = JoinLink::parse(text(&data, "patientLink")).unwrap().code().expose().to_owned();
    let (status, joined) = other.post("/api/join", None, &json!({"code": code})).await;
    assert_eq!(status, StatusCode::OK, "{joined}");
    assert_eq!(joined["data"]["e2eeKey"], Value::Null, "who waits has no key");
    let (status, entered) = other.post("/api/consultations/shared/enter", None, &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{entered}");
    assert_eq!(entered["data"]["e2eeKey"], data["e2eeKey"], "sealed by one, opened by the other");
    let _patient = Peer::join(&data, text(&joined["data"], "token")).await;
    let _doctor = Peer::join(&data, text(&data, "doctorToken")).await;
    let (status, admitted) =
        one.post("/api/consultations/shared/admit", data["doctorToken"].as_str(), &json!({})).await;
    assert_eq!((status, &admitted["data"]["present"]), (StatusCode::OK, &json!(true)), "{admitted}");
    other.until("/api/consultations/shared", |data| data["state"] == "live").await;
    let (_, stats) = other.get("/api/rooms/consultation-shared/stats").await;
    assert_eq!(stats["data"]["numParticipants"], 2);
    one.server.shutdown().await;
    other.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_keys_and_an_address_are_wanted_and_the_proxy_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let refuses = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = program(folder.path()).args(arguments).envs(variables.iter().copied()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refuses(&["--check", "--host", "0.0.0.0"], &[]).contains("--behind-proxy"));
    assert!(refuses(&["--check", "--behind-proxy"], &[]).contains("PUBLIC_URL"));
    let public = ("PUBLIC_URL", "https://clinic.example");
    let elsewhere =
        [public, ("LIVEKIT_URL", "wss://x.example"), ("LIVEKIT_API_KEY", "key"), ("LIVEKIT_API_SECRET", "secret")];
    assert!(refuses(&["--check", "--behind-proxy"], &elsewhere).contains("needs keys"));
    let key = run(folder.path(), &["key", "create", "integrator", "--scope", "integrator"]);
    let sfu = Sfu::start().unwrap();
    let url = sfu.url();
    let own =
        [("LIVEKIT_URL", url.as_str()), ("LIVEKIT_API_KEY", Sfu::API_KEY), ("LIVEKIT_API_SECRET", Sfu::API_SECRET)];
    assert!(refuses(&["--check", "--behind-proxy"], &[public]).contains("LIVEKIT_URL"));
    let plain =
        refuses(&["--check", "--behind-proxy"], &[&own[..], &[("PUBLIC_URL", "http://clinic.example")]].concat());
    assert!(plain.contains("PUBLIC_URL"), "{plain}");
    let mut command = program(folder.path());
    command.args(["--port", "0", "--behind-proxy", "--host", "0.0.0.0"]).env(public.0, public.1).envs(own);
    let (_server, url) = serve_with(folder.path(), command);
    let http = client();
    let body = json!({"consultationId": "proxied", "patientId": "p", "doctorId": "d"});
    let request = http.post(format!("{url}/api/consultations/create")).bearer_auth(&key).json(&body);
    let answer = request.header("x-forwarded-for", "198.51.100.7, 192.0.2.1").send().await.unwrap();
    let (status, data) = common::read(answer).await;
    assert_eq!(status, StatusCode::OK, "{data}");
    assert!(text(&data["data"], "patientLink").starts_with("https://clinic.example/join#"));
    // The last address is the one that our proxy saw; those before it anybody can write.
    let exported = run(folder.path(), &["audit", "export"]);
    assert!(exported.contains(r#""origin":"192.0.2.1""#) && !exported.contains("198.51.100.7"), "{exported}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_is_whole_and_needs_nothing_from_elsewhere() {
    let backend = Backend::start().await;
    let api: Value = backend.http.get(backend.url("/openapi.json")).send().await.unwrap().json().await.unwrap();
    assert_eq!(api["openapi"], "3.1.0");
    for (path, method) in [
        ("/health", "get"),
        ("/api/consultations/create", "post"),
        ("/api/rooms/active", "get"),
        ("/api/rooms/{roomName}/stats", "get"),
        ("/api/consultations/{id}/recording/start", "post"),
        ("/api/consultations/{id}/recording/stop", "post"),
        ("/api/rooms/{roomName}/participants/{identity}", "delete"),
        ("/api/join", "post"),
        ("/webhooks/livekit", "post"),
    ] {
        assert!(api["paths"][path][method].is_object(), "{method} {path}");
    }
    let codes = &api["components"]["schemas"]["ErrorCode"]["enum"];
    assert!(codes.as_array().unwrap().contains(&json!("recording_unavailable")), "{codes}");
    for path in ["/docs", "/join", "/assets/docs.js", "/assets/join.js", "/assets/page.css"] {
        let answer = backend.http.get(backend.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.unwrap();
        for elsewhere in ["src=\"http", "href=\"http", "url(http", "@import"] {
            assert!(!page.contains(elsewhere), "{path}: {elsewhere}");
        }
    }
    backend.server.shutdown().await;
}

/// The head that a server writes to its log and sends shows that its database was put back, and which part is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_put_back_is_shown_by_a_noted_head() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["key", "create", "first", "--scope", "read"]);
    let copy = |from: &str, to: &str| std::fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    copy("autamedica.db", "older.db");
    run(folder.path(), &["key", "create", "second", "--scope", "read"]);

    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel::<Value>();
    let hook = axum::routing::post(async move |axum::Json(event): axum::Json<Value>| sender.send(event).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/", hook)).await });
    let mut command = program(folder.path());
    command.args(["--port", "0"]).env("WEBHOOK_URL", address).env("WEBHOOK_SECRET", "shared");
    let (server, _) = serve_with(folder.path(), command);
    let event = common::soon("the head", received.recv()).await.unwrap();
    assert_eq!(event["event"], "audit.head", "{event}");
    let noted = text(&event, "head").to_owned();
    assert!(std::fs::read_to_string(folder.path().join("log")).unwrap().contains(&noted));
    drop(server);

    let verify = |head: &str| program(folder.path()).args(["audit", "verify", "--at-least", head]).output().unwrap();
    assert!(verify(&noted).status.success());
    assert_eq!(run(folder.path(), &["audit", "head"]), noted);
    let plain = noted.rsplit_once(':').unwrap().0;
    assert!(verify(plain).status.success());
    for file in ["autamedica.db-wal", "autamedica.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    copy("older.db", "autamedica.db");
    assert!(run(folder.path(), &["audit", "verify"]).starts_with("all 1 "), "by itself the older state is whole");
    for head in [&noted, plain] {
        let output = verify(head);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("was restored or replaced"), "{said}");
    }
}
