//! The deployment files and pages, with a real nginx, Redis, PostgreSQL, LiveKit cluster and browser.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use autamedica_api::JoinLink;
use autamedica_engine::{DisconnectReason, RoomEvent};
use autamedica_lab::{HANG_GUARD, Process, Sfu, free_port, wait_until};
use autamedica_server::{Config, Scope, open_store};
use common::{Backend, Peer, client, databases, external, read, serve, soon, text};
use reqwest::{Client, StatusCode, tls};
use serde_json::{Value, json};

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn wait_for_port(what: &str, port: u16) {
    wait_until(what, HANG_GUARD, || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
}

/// nginx with the site of `docs/deploy`, on other ports and with a certificate of its own.
fn nginx(folder: &Path, backends: &[u16], sfu: u16) -> (Process, u16) {
    let certificate = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=clinic.example", "-addext", "subjectAltName=DNS:clinic.example"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(certificate.unwrap().success());
    let (http, https) = (free_port().unwrap(), free_port().unwrap());
    let servers: String = backends.iter().map(|port| format!("server 127.0.0.1:{port};\n")).collect();
    let path = |name: &str| folder.join(name).display().to_string();
    let mut site = std::fs::read_to_string(file("docs/deploy/nginx.conf")).unwrap();
    for (from, to) in [
        ("server 127.0.0.1:8888;", servers.clone()),
        ("server 127.0.0.1:8888 max_fails=0;", servers.replace(';', " max_fails=0;")),
        ("server 127.0.0.1:7880;", format!("server 127.0.0.1:{sfu};")),
        ("listen 80;", format!("listen 127.0.0.1:{http};")),
        ("listen 443 ssl http2;", format!("listen 127.0.0.1:{https} ssl http2;")),
        ("/etc/letsencrypt/live/clinic.example/fullchain.pem", path("cert.pem")),
        ("/etc/letsencrypt/live/clinic.example/privkey.pem", path("key.pem")),
    ] {
        assert!(site.contains(from), "{from}");
        site = site.replace(from, &to);
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
        .concat();
    // One process: workers would outlive a master that is killed.
    let whole = format!(
        "daemon off; master_process off; pid {}; error_log {};\nevents {{}}\nhttp {{\naccess_log {};\n{temporary}{site}\n}}\n",
        path("pid"),
        path("error.log"),
        path("access.log"),
    );
    std::fs::write(folder.join("nginx.conf"), whole).unwrap();
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(program.unwrap_or("nginx"));
    command.arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("error.log"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::spawn("nginx", command).unwrap();
    wait_for_port("nginx", https);
    (process, https)
}

/// A client of the outside world: it trusts nginx's certificate alone, and finds clinic.example at `port`.
fn outside(folder: &Path, port: u16, version: tls::Version) -> Client {
    let certificate = tls::Certificate::from_pem(&std::fs::read(folder.join("cert.pem")).unwrap()).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    Client::builder()
        // A WebSocket begins as HTTP/1.1.
        .http1_only()
        .tls_certs_only([certificate])
        .tls_version_min(version)
        .tls_version_max(version)
        .resolve("clinic.example", address)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_postgresql_behind_nginx_serve_one_consultation() {
    let folder = tempfile::tempdir().unwrap();
    let sfu = Sfu::start().unwrap();
    let [_, config] = databases();
    let public_url = Some("https://clinic.example".parse().unwrap());
    let config = Config { behind_proxy: true, public_url, ..external(&sfu, config) };
    let store = open_store(&config).await.unwrap();
    let desk = store.create_key("desk", Scope::Desk).await.unwrap();
    let (one, other) = tokio::join!(Backend::start_with(config.clone()), Backend::start_with(config));
    let ports = [&one, &other].map(|backend| backend.server.local_addr().port());
    let (_nginx, port) = nginx(folder.path(), &ports, sfu.port());
    let url = |path: &str| format!("https://clinic.example:{port}{path}");

    // TLS 1.3 and nothing older.
    let http = outside(folder.path(), port, tls::Version::TLS_1_3);
    assert_eq!(http.get(url("/health")).send().await.unwrap().status(), StatusCode::OK);
    let old = outside(folder.path(), port, tls::Version::TLS_1_2);
    assert!(old.get(url("/health")).send().await.unwrap_err().is_connect());
    assert_eq!(http.get(url("/metrics")).send().await.unwrap().status(), StatusCode::FORBIDDEN);

    // nginx takes turns: create on one, join on the other, admit on the first.
    let post = async |path: &str, key: Option<&str>, body: &Value| {
        let request = http.post(url(path)).json(body);
        read(key.map(|key| request.try_clone().unwrap().bearer_auth(key)).unwrap_or(request).send().await.unwrap())
            .await
    };
    let body = json!({"consultationId": "proxied", "patientId": "p", "doctorId": "d", "waitingRoom": true});
    assert_eq!(post("/api/consultations/create", None, &body).await.0, StatusCode::UNAUTHORIZED);
    let (status, created) = post("/api/consultations/create", Some(desk.expose()), &body).await;
    assert_eq!(status, StatusCode::OK, "{created}");
    let data = &created["data"];
    let link = JoinLink::parse(text(data, "patientLink")).unwrap();
    assert_eq!(link.server().as_str(), "https://clinic.example/");
    let (status, joined) = post("/api/join", None, &json!({"code": link.code().expose()})).await;
    assert_eq!(status, StatusCode::OK, "{joined}");
    let mut patient = Peer::join(data, text(&joined["data"], "token")).await;
    let (status, admitted) = post("/api/consultations/proxied/admit", data["doctorToken"].as_str(), &json!({})).await;
    assert_eq!((status, &admitted["data"]["present"]), (StatusCode::OK, &json!(true)), "{admitted}");
    patient
        .wait("the permission", |event| match event {
            RoomEvent::ParticipantPermissionChanged { permission: Some(permission), .. } => {
                permission.can_publish.then_some(())
            }
            _ => None,
        })
        .await;
    for backend in [&one, &other] {
        let metrics = backend.http.get(backend.url("/metrics")).bearer_auth(desk.expose()).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(!metrics.contains("status=\"2xx\"} 0"), "this one served nothing:\n{metrics}");
    }

    // Signaling passes as a WebSocket, and neither token nor code comes into a log.
    let signaling = async |token: &str, header: Option<&str>| {
        let request = http
            .get(url(&format!("/rtc?access_token={token}&protocol=15")))
            .version(reqwest::Version::HTTP_11)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let request = header.map(|token| request.try_clone().unwrap().bearer_auth(token)).unwrap_or(request);
        soon("the upgrade", request.send()).await.unwrap().status()
    };
    let (doctor, patient) = (text(data, "doctorToken"), text(&joined["data"], "token"));
    assert_eq!(signaling(doctor, None).await, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(signaling("not.a.token", None).await, StatusCode::UNAUTHORIZED);

    // Who was removed doesn't even reach the SFU, whichever way they show their token.
    let remove = "/api/consultations/proxied/participants/p/remove";
    assert_eq!(post(remove, Some(doctor), &json!({})).await.0, StatusCode::OK);
    assert_eq!(signaling(patient, None).await, StatusCode::FORBIDDEN);
    assert_eq!(signaling(doctor, Some(patient)).await, StatusCode::FORBIDDEN);
    assert_eq!(
        http.get(url("/sfu/admission")).bearer_auth(doctor).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    // With a token in the header the one in the address is none: it is a second doctor who comes.
    let mut first = Peer::join(data, doctor).await;
    assert_eq!(signaling(patient, Some(doctor)).await, StatusCode::SWITCHING_PROTOCOLS);
    first
        .wait("the second doctor", |event| match event {
            RoomEvent::Disconnected { reason: DisconnectReason::DuplicateIdentity } => Some(()),
            _ => None,
        })
        .await;

    store.close().await;
    one.server.shutdown().await;
    other.server.shutdown().await;
    // Without a backend, whoever is in a call comes back after a broken network.
    assert_eq!(signaling(doctor, None).await, StatusCode::SWITCHING_PROTOCOLS);
    for log in ["access.log", "error.log"] {
        let log = std::fs::read_to_string(folder.path().join(log)).unwrap();
        assert!(!log.contains("access_token") && !log.contains(link.code().expose()), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_livekit_cluster_with_redis_is_one_sfu() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _redis = Process::spawn("redis", command).unwrap();
    wait_for_port("Redis", port);
    let redis = format!("redis: {{address: 127.0.0.1:{port}}}");
    let (one, other) = (Sfu::start_with(&redis).unwrap(), Sfu::start_with(&redis).unwrap());
    let backend = Backend::start_with(external(&one, Config::default())).await;
    let data = backend.create("cluster").await;
    let doctor = Peer::join(&data, text(&data, "doctorToken")).await;
    // The patient comes in through the other node.
    let mut elsewhere = data.clone();
    elsewhere["livekitUrl"] = json!(other.url());
    let patient = Peer::join(&elsewhere, text(&data, "patientToken")).await;
    let stats = backend.until("/api/rooms/consultation-cluster/stats", |data| data["numParticipants"] == 2).await;
    assert_eq!(stats["roomSid"], data["roomSid"]);
    assert_eq!(patient.room.remote_participants().len(), 1);
    backend.until("/api/consultations/cluster", |data| data["state"] == "live").await;
    doctor.room.close().await.unwrap();
    backend.server.shutdown().await;
}

/// The page after its script has run.
fn browse(folder: &Path, url: &str, more: &[&str]) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let output = Command::new(autamedica_lab::browser().unwrap())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", &profile])
        .args(more)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_join_page_opens_the_app_and_keeps_the_code_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let body = json!({"consultationId": "page", "patientId": "p", "doctorId": "d"});
    let (_, created) =
        read(client().post(format!("{url}/api/consultations/create")).json(&body).send().await.unwrap()).await;
    let data = &created["data"];
    let (link, app) = (text(data, "patientLink"), text(data, "patientAppLink"));
    let page = browse(folder.path(), link, &[]);
    // What the button opens is the very link that the API gives for the app.
    let button = page.split("id=\"open\"").nth(1).unwrap().split('>').next().unwrap().replace("&amp;", "&");
    assert!(button.contains(&format!("href=\"{app}\"")), "{button}");
    assert!(page.contains("Su consulta está lista") && page.contains("Your consultation is ready"), "{page}");
    assert!(page.contains("id=\"broken\" lang=\"es\" hidden"), "{page}");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("/join") && log.contains("/assets/join.js"), "{log}");
    assert!(!log.contains(JoinLink::parse(link).unwrap().code().expose()), "the log names the code");

    for broken in ["/join", "/join#short", "/join#<script>alert(1)</script>aaaaaaaaaaaa"] {
        let page = browse(folder.path(), &format!("{url}{broken}"), &[]);
        assert!(page.contains("id=\"ready\" lang=\"es\" hidden"), "{broken}: {page}");
        assert!(!page.contains("id=\"broken\" lang=\"es\" hidden"), "{broken}: {page}");
        assert!(!page.contains("autamedica://"), "{broken}: {page}");
    }

    let docs = browse(folder.path(), &format!("{url}/docs"), &["--virtual-time-budget=5000"]);
    for shown in ["/api/consultations/create", "recording_unavailable", "CreateConsultation", "patientLink"] {
        assert!(docs.contains(shown), "{shown} isn't on /docs");
    }
}
