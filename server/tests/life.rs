//! Start, crash, restart and end: the SFU's supervision and the program itself.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use autamedica_lab::{HANG_GUARD, wait_until};
use autamedica_server::{Config, Server, StartError};
use common::{Backend, program, serve};
use serde_json::json;

/// The process ids of the children of `parent` (all threads of it) that run `livekit-server`.
fn sfus_of(parent: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace() {
            if std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("livekit-server"))
            {
                found.push(pid.parse().unwrap());
            }
        }
    }
    found
}

fn is_alive(pid: i32) -> bool {
    // A zombie is dead; only its parent hasn't noticed.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(pid: i32) {
    // SAFETY: a plain system call on a process that this test started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn fails(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let Output { status, stderr, .. } =
        program(folder).args(arguments).envs(variables.iter().copied()).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

// Every test in this binary has a backend with an SFU of its own in this process, so those that count the SFUs of this
// process are one test.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sfu_comes_back_where_it_was_and_old_tokens_work() {
    let backend = Backend::start().await;
    let data = backend.create("crash").await;
    let [sfu] = sfus_of(std::process::id())[..] else { panic!("one SFU") };
    kill(sfu);
    let start = Instant::now();
    let back = loop {
        let (_, health) = backend.get("/health").await;
        if health["data"]["sfu"]["status"] == "ok" && !is_alive(sfu) {
            break health;
        }
        assert!(start.elapsed() < HANG_GUARD, "{health}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(back["data"]["status"], "ok");
    let again = backend.create("crash").await;
    assert_eq!(again["livekitUrl"], data["livekitUrl"]);
    // The secret is the same: a token from before still proves the doctor.
    let (status, answer) =
        backend.post("/api/consultations/crash/recording/stop", data["doctorToken"].as_str(), &json!({})).await;
    assert_eq!(status.as_u16(), 501, "{answer}");

    // The secret shows neither in the command line nor in the environment, and no file holds it any more.
    let [sfu] = sfus_of(std::process::id())[..] else { panic!("one SFU") };
    let line = std::fs::read_to_string(format!("/proc/{sfu}/cmdline")).unwrap();
    let file = line.split('\0').find(|part| part.ends_with("config.yaml")).unwrap().to_owned();
    wait_until("the configuration's end", HANG_GUARD, || (!Path::new(&file).exists()).then_some(())).unwrap();

    backend.server.shutdown().await;
    assert!(!is_alive(sfu), "the SFU ends with the server");

    // Dropped instead of shut down, it ends too.
    let backend = Backend::start().await;
    let [sfu] = sfus_of(std::process::id())[..] else { panic!("one SFU") };
    drop(backend);
    wait_until("the SFU's end", HANG_GUARD, || (!is_alive(sfu)).then_some(())).unwrap();
}

#[test]
fn no_sfu_outlives_a_killed_server() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _) = serve(folder.path(), &[]);
    let [sfu] = sfus_of(server.id())[..] else { panic!("one SFU") };
    server.kill();
    wait_until("the SFU's end", HANG_GUARD, || (!is_alive(sfu)).then_some(())).unwrap();
}

#[test]
fn signals_end_the_server_and_its_sfu() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let (mut server, _) = serve(folder.path(), &[]);
        let [sfu] = sfus_of(server.id())[..] else { panic!("one SFU") };
        server.signal(signal).unwrap();
        assert!(server.wait(HANG_GUARD).unwrap().success());
        assert!(!is_alive(sfu));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Server::start(Config { port, ..Config::default() }).await.unwrap_err();
    assert!(matches!(error, StartError::PortTaken(_)), "{error:?}");
    let folder = tempfile::tempdir().unwrap();
    let told = fails(folder.path(), &["--port", &port.to_string()], &[]);
    assert!(told.contains(&format!("127.0.0.1:{port} is in use:")), "{told}");
}

#[test]
fn a_wrong_configuration_is_told_and_names_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, variables, told) in [
        (&["--check"][..], &[("LIVEKIT_URL", "wss://x.example")][..], "LIVEKIT_API_KEY"),
        (&["--check"], &[("LIVEKIT_URL", "x.example")], "LIVEKIT_URL"),
        (&["--check", "--no-sfu"], &[], "--no-sfu"),
        (&[], &[("LIVEKIT_URL", "wss://x.example"), ("LIVEKIT_API_KEY", "key")], "LIVEKIT_API_SECRET"),
        (&["--check"], &[("DATABASE_URL", "mysql://user:hidden@h/d")], "DATABASE_URL"),
        (&["--port", "0"], &[("RECORDING", "egress")], "AWS_S3_BUCKET"),
        (&["--port", "0"], &[("LIVEKIT_SERVER_BIN", "/nowhere/livekit-server")], "livekit-server"),
    ] {
        let said = fails(folder.path(), arguments, variables);
        assert!(said.contains(told), "{told}: {said}");
        assert!(!said.contains("hidden"), "{said}");
    }
    // What `.env` says counts like the environment, which wins.
    std::fs::write(folder.path().join(".env"), "LIVEKIT_URL=https://from.file.example\n").unwrap();
    assert!(fails(folder.path(), &["--check"], &[]).contains("LIVEKIT_API_KEY"));
    // Of the working folder alone: anybody may write into one above it.
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let output = program(&below).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
