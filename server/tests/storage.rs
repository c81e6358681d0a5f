//! Where finished recordings go: a real bucket over TLS that goes away, cheats, or is somebody else's; a full disk.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use autamedica_lab::Sfu;
use autamedica_server::{Config, Database, RecordingConfig};
use common::bucket::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY, certificate};
use common::recording::{
    Case, Finished, finished, has_duration, local, newest_recording, recording_files, sha256, wait_for_announcement,
};
use common::tcp_proxy::{ProxyState, TcpProxy};
use common::{Backend, Peer, client, program, read, serve_with, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};

const MIB: u64 = 1024 * 1024;
/// Five chunks.
const LARGE: usize = 40 * MIB as usize;
/// A chunk, and what is said around all of them: what may be sent twice when an upload breaks off once.
const ONCE_MORE: u64 = 9 * MIB;

/// The server's database and its folder of recordings, both in a test's folder.
fn places(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("autamedica.db"), folder.join("recordings"))
}

/// A backend with a consultation in which nobody films, and a recording of so many bytes to be stored.
async fn storing(folder: &Path, recording: RecordingConfig, bytes: usize) -> (Backend, Value, Finished) {
    let (database, recordings) = places(folder);
    let config = Config { database: Database::File(database.clone()), recording, ..Config::default() };
    let backend = Backend::start_with(config).await;
    let data = backend.create("filmed").await;
    let finished = finished(&database, &recordings, bytes).await;
    (backend, data, finished)
}

async fn until(backend: &Backend, data: &Value, is_right: impl Fn(&Value) -> bool) -> Value {
    newest_recording(&backend.http, &backend.url(""), text(data, "doctorToken"), is_right).await
}

fn has(problem: &'static str) -> impl Fn(&Value) -> bool {
    move |recording| recording["state"] == "storing" && recording["problem"] == problem
}

fn is_ready(recording: &Value) -> bool {
    recording["state"] == "ready"
}

/// Fetches a recording by its link, as the doctor does, and compares it.
async fn is_fetched(http: &reqwest::Client, url: &str, doctor: &str, ready: &Value, finished: &Finished) {
    let path = format!("{url}/api/consultations/filmed/recordings/{}", finished.id);
    let (_, details) = read(client().get(path).bearer_auth(doctor).send().await.unwrap()).await;
    let bytes = http.get(text(&details["data"], "downloadUrl")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((bytes.len() as u64, sha256(&bytes)), (finished.bytes, finished.sha256.clone()));
    assert_eq!(text(ready, "sha256"), finished.sha256);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_it_is_encrypted_checked_and_only_then_gone_here() {
    let bucket = S3Server::shared();
    // Nobody is there at first: it is told, and the file stays.
    let proxy = TcpProxy::to(bucket.port).await;
    proxy.set(ProxyState::Closed);
    let folder = tempfile::tempdir().unwrap();
    let recording = bucket.recording(folder.path(), proxy.port(), Some("clinic-kms-key"));
    let case = Case::new(Config::default(), recording, json!({"recordingConsent": "already-given"})).await;
    case.start().await;
    case.until(|recording| has_duration(recording, 2.0)).await;
    let stopped = case.stop().await.1["data"].clone();
    case.until(has("storage-unreachable")).await;
    assert_eq!(recording_files(folder.path()).len(), 1);
    let here = std::fs::read(&recording_files(folder.path())[0]).unwrap();

    proxy.set(ProxyState::Open);
    let ready = case.until(is_ready).await;
    assert_eq!((&ready["problem"], &ready["parts"][0]["encryption"]), (&Value::Null, &json!("aws:kms")), "{ready}");
    let location = text(&ready["parts"][0], "location");
    assert_eq!(text(&stopped, "location"), location);
    let name = location.strip_prefix(&format!("s3://{BUCKET}/consultations/filmed-")).unwrap();
    assert!(jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ.mp4", name).is_ok(), "{name}");
    assert!(recording_files(folder.path()).is_empty(), "it is kept in the bucket alone");

    let http = bucket.client();
    let link = text(&case.details(&ready).await, "downloadUrl").to_owned();
    let there = http.get(&link).send().await.unwrap();
    assert_eq!(there.headers()["x-amz-server-side-encryption"], "aws:kms");
    let there = there.bytes().await.unwrap();
    assert_eq!(there, here, "byte for byte");
    assert_eq!((sha256(&there).as_str(), &json!(there.len())), (text(&ready, "sha256"), &ready["sizeBytes"]));
    let path = format!("/api/consultations/filmed/recordings/{}", text(&ready, "recordingId"));
    assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK);
    assert_eq!(http.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    case.shutdown().await;
}

/// Somebody in between has a certificate, too, but not one that we were told to trust.
#[tokio::test(flavor = "multi_thread")]
async fn who_shows_another_certificate_gets_nothing() {
    let bucket = S3Server::shared();
    let proxy = TcpProxy::to(bucket.port).await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "other");
    let mut recording = bucket.recording(folder.path(), proxy.port(), None);
    recording.s3.as_mut().unwrap().ca = Some(std::fs::read(folder.path().join("other.pem")).unwrap());
    let (backend, data, finished) = storing(folder.path(), recording, MIB as usize).await;
    until(&backend, &data, has("storage-unreachable")).await;
    assert_eq!(sha256(&std::fs::read(&finished.file).unwrap()), finished.sha256, "the file stays here");
    assert!(proxy.sent() < 64 * 1024, "{} bytes were sent", proxy.sent());
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_goes_on_where_it_was() {
    let bucket = S3Server::shared();
    let proxy = TcpProxy::to(bucket.port).await;
    let folder = tempfile::tempdir().unwrap();
    proxy.set_after(20 * MIB, ProxyState::Closed);
    let recording = bucket.recording(folder.path(), proxy.port(), None);
    let (backend, data, finished) = storing(folder.path(), recording, LARGE).await;
    let doctor = Peer::join(&data, text(&data, "doctorToken")).await;
    // The doctor is told, in the API and in the room, and again that all is well.
    let stuck = until(&backend, &data, has("storage-unreachable")).await;
    assert_eq!(stuck["parts"][0]["stored"], false);
    wait_for_announcement(&doctor, "the trouble", |recording| recording["problem"] == "storage-unreachable").await;
    assert!(finished.file.is_file());
    assert!((20 * MIB..21 * MIB).contains(&proxy.sent()), "{}", proxy.sent());

    proxy.set(ProxyState::Open);
    let ready = until(&backend, &data, is_ready).await;
    assert_eq!(&ready["parts"][0]["encryption"], "AES256", "{ready}");
    assert_eq!(ready["problem"], "consent-withdrawn", "what happened before stays known");
    wait_for_announcement(&doctor, "the end of it", Value::is_null).await;
    assert!(!finished.file.exists());
    assert!(proxy.sent() < finished.bytes + ONCE_MORE, "{} bytes were sent", proxy.sent());
    is_fetched(&bucket.client(), &backend.url(""), text(&data, "doctorToken"), &ready, &finished).await;
    backend.server.shutdown().await;
}

/// A bucket forgets unfinished uploads after a while.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_bucket_forgot_begins_anew() {
    let bucket = S3Server::shared();
    let proxy = TcpProxy::to(bucket.port).await;
    let folder = tempfile::tempdir().unwrap();
    proxy.set_after(20 * MIB, ProxyState::Closed);
    let recording = bucket.recording(folder.path(), proxy.port(), None);
    let (backend, data, finished) = storing(folder.path(), recording, LARGE).await;
    until(&backend, &data, has("storage-unreachable")).await;
    let url = format!("sqlite://{}", places(folder.path()).0.display());
    let mut database = AnyConnection::connect(&url).await.unwrap();
    let forget = sqlx::query("UPDATE recording_parts SET upload = REPLACE(upload, '\"id\":\"', '\"id\":\"forgotten')");
    assert_eq!(forget.execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();

    proxy.set(ProxyState::Open);
    let ready = until(&backend, &data, is_ready).await;
    assert!(proxy.sent() > finished.bytes + 15 * MIB, "it was sent again from its beginning");
    is_fetched(&bucket.client(), &backend.url(""), text(&data, "doctorToken"), &ready, &finished).await;
    backend.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_it_uploads_goes_on_where_it_was() {
    let bucket = S3Server::shared();
    let proxy = TcpProxy::to(bucket.port).await;
    let folder = tempfile::tempdir().unwrap();
    let sfu = Sfu::start().unwrap();
    std::fs::write(folder.path().join("ca.pem"), bucket.ca()).unwrap();
    let serve = || {
        let mut command = program(folder.path());
        command.args(["--port", "0"]).env("LIVEKIT_URL", sfu.url());
        command.env("LIVEKIT_API_KEY", Sfu::API_KEY).env("LIVEKIT_API_SECRET", Sfu::API_SECRET);
        command.env("AWS_S3_BUCKET", BUCKET).env("AWS_ENDPOINT_URL", format!("https://127.0.0.1:{}", proxy.port()));
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_CA_BUNDLE", folder.path().join("ca.pem"));
        serve_with(folder.path(), command)
    };
    let (mut server, url) = serve();
    let http = client();
    let body = json!({"consultationId": "filmed", "patientId": "p", "doctorId": "d"});
    let (_, created) =
        read(http.post(format!("{url}/api/consultations/create")).json(&body).send().await.unwrap()).await;
    let doctor = text(&created["data"], "doctorToken");
    // The third chunk never arrives: there the server is killed.
    proxy.set_after(20 * MIB, ProxyState::Stalled);
    let (database, recordings) = places(folder.path());
    let finished = finished(&database, &recordings, LARGE).await;
    proxy.wait_for_state(ProxyState::Stalled).await;
    server.kill();
    assert!(finished.file.is_file());

    proxy.set(ProxyState::Open);
    let (_server, url) = serve();
    let ready = newest_recording(&http, &url, doctor, is_ready).await;
    assert!(!finished.file.exists());
    assert!(proxy.sent() < finished.bytes + ONCE_MORE, "{} bytes were sent", proxy.sent());
    is_fetched(&bucket.client(), &url, doctor, &ready, &finished).await;
}

/// In front of the bucket stands one that is quiet about encryption, as those are that don't encrypt.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_doesnt_encrypt_keeps_nothing() {
    let bucket = S3Server::shared();
    let (asked, mut heard) = tokio::sync::mpsc::unbounded_channel::<(Method, String, StatusCode)>();
    let through = bucket.client();
    let port = bucket.port;
    let quiet = axum::Router::new().fallback(async move |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let url = format!("https://127.0.0.1:{port}{}", parts.uri);
        let answer = through.request(parts.method.clone(), url).headers(parts.headers).body(body).send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for name in ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "transfer-encoding"]
        {
            headers.remove(name);
        }
        asked.send((parts.method, parts.uri.path().to_owned(), status)).unwrap();
        (status, headers, answer.bytes().await.unwrap())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quiet_port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, quiet).await });

    let folder = tempfile::tempdir().unwrap();
    let mut recording = bucket.recording(folder.path(), quiet_port, None);
    recording.s3.as_mut().unwrap().endpoint = Some(format!("http://127.0.0.1:{quiet_port}").parse().unwrap());
    let (backend, data, finished) = storing(folder.path(), recording, MIB as usize).await;
    let kept = until(&backend, &data, has("not-encrypted")).await;
    assert_eq!(kept["parts"][0]["stored"], false);
    assert_eq!(sha256(&std::fs::read(&finished.file).unwrap()), finished.sha256, "the file stays here");
    let mut log = Vec::new();
    while let Ok(asked) = heard.try_recv() {
        log.push(asked);
    }
    let (_, path, _) = log.iter().find(|(method, ..)| method == Method::PUT).unwrap();
    let key = path.strip_prefix(&format!("/{BUCKET}/")).unwrap();
    assert!(!bucket.has(key).await, "nothing unencrypted stays there: {log:?}");
    // From here it can still be fetched.
    is_fetched(&backend.http, &backend.url(""), text(&data, "doctorToken"), &kept, &finished).await;
    backend.server.shutdown().await;
}

/// A file system with room for few files, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting isn't permitted.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "nr_inodes=12,mode=700", "tmpfs"])
            .arg(folder.path())
            .output();
        mounted.unwrap().status.success().then_some(Self(folder))
    }

    /// Files that take all the room there is.
    fn fill(&self) -> Vec<PathBuf> {
        let files = (0..).map(|number| self.0.path().join(format!("filler{number}")));
        files.take_while(|file| std::fs::write(file, "").is_ok()).collect()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays mounted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_file_is_tried_again() {
    let Some(disk) = SmallDisk::mount() else {
        println!("SKIPPED: mounting isn't permitted here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (database, _) = places(folder.path());
    let config =
        Config { database: Database::File(database.clone()), recording: local(disk.0.path()), ..Config::default() };
    let backend = Backend::start_with(config).await;
    let data = backend.create("filmed").await;
    let recordings = disk.0.path().join("recordings");
    // Its place is kept free, and taken by the recording's file.
    std::fs::write(recordings.join("place"), "").unwrap();
    let fillers = disk.fill();
    assert!(!fillers.is_empty());
    std::fs::remove_file(recordings.join("place")).unwrap();
    let finished = finished(&database, &recordings, MIB as usize).await;
    until(&backend, &data, has("storage-full")).await;
    assert_eq!(sha256(&std::fs::read(&finished.file).unwrap()), finished.sha256, "the file stays");
    for filler in fillers {
        std::fs::remove_file(filler).unwrap();
    }
    let ready = until(&backend, &data, is_ready).await;
    assert_eq!((text(&ready, "problem"), text(&ready, "sha256")), ("consent-withdrawn", finished.sha256.as_str()));
    let kept = reqwest::Url::parse(text(&ready["parts"][0], "location")).unwrap().to_file_path().unwrap();
    assert_eq!(sha256(&std::fs::read(kept).unwrap()), finished.sha256);
    assert!(!finished.file.exists());
    backend.server.shutdown().await;
}
