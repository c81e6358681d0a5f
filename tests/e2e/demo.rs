//! Tests of `cargo xtask demo`: its results, and that it leaves nothing behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use autamedica_lab::{HANG_GUARD, Process, descendants, wait_until, wait_until_gone};
use serde_json::Value;

/// Time to build what changed since the tests were built.
const TIMEOUT: Duration = Duration::from_secs(600);

fn demo(arguments: &[&str]) -> Result<Process> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["xtask", "demo", "--headless"]).args(arguments);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    Process::spawn("cargo xtask demo", cargo)
}

#[test]
fn both_windows_see_hear_and_read_each_other() -> Result<()> {
    see_hear_and_read("sfu")
}

#[test]
fn from_peer_to_peer_both_windows_see_hear_and_read_each_other() -> Result<()> {
    see_hear_and_read("p2p")
}

fn see_hear_and_read(transport: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (report, pictures) = (folder.path().join("r.json"), folder.path().join("shots"));
    let mut demo = demo(&[
        "--seconds",
        "20",
        "--transport",
        transport,
        "--report",
        report.to_str().context("a path")?,
        "--screenshots",
        pictures.to_str().context("a path")?,
    ])?;
    assert!(demo.wait(TIMEOUT)?.success());

    let report: Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
    let clients = report["clients"].as_array().context("clients")?;
    assert_eq!(
        clients.iter().map(|client| client["role"].as_str()).collect::<Vec<_>>(),
        [Some("doctor"), Some("patient")]
    );
    for client in clients {
        let number = |name: &str| client[name].as_f64().unwrap_or_else(|| panic!("no {name} in {client}"));
        assert_eq!((number("video_width"), number("video_height")), (1280.0, 720.0), "{client}");
        // The pictures move and their age is known. Frame rates are measured by `cargo xtask bench client`, not here.
        assert!(number("video_fps") > 5.0, "{client}");
        let (median, late) = (number("latency_p50_ms"), number("latency_p95_ms"));
        assert!(0.0 < median && median <= late && late < 2000.0, "{client}");
        assert!(number("rss_mib") < 300.0, "{client}");
        assert!(number("audio_frames") > 500.0, "{client}");
        assert_eq!(client["chat_received"], true, "{client}");
        assert_eq!(client["encrypted"], true, "{client}");
    }
    // The tones differ enough to show that each side heard the other's, not its own.
    let tone = |client: usize| clients[client]["audio_tone_hz"].as_f64().context("a tone");
    assert!((tone(0)? - tone(1)?).abs() > 50.0, "{clients:?}");
    for role in ["doctor", "patient"] {
        assert_is_a_window_with_a_picture(&pictures.join(format!("{role}.png")))?;
    }
    Ok(())
}

/// Checks that a screenshot is large and has many colours: neither a blank window nor a plain page.
fn assert_is_a_window_with_a_picture(file: &Path) -> Result<()> {
    let answer =
        Command::new("identify").args(["-format", "%w %h %k"]).arg(file).output().context("running identify")?;
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let numbers: Vec<u32> = answer.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    assert!(matches!(numbers[..], [1280, 720, colours] if colours > 1000), "{}: {answer:?}", file.display());
    Ok(())
}

fn assert_nothing_survives(end: impl FnOnce(&mut Process) -> Result<()>) -> Result<()> {
    const PARTS: [&str; 5] = ["Xvfb", "openbox", "livekit-server", "autamedica-serv", "autamedica"];
    let mut demo = demo(&[])?;
    let family = wait_until("all parts of the demo", TIMEOUT, || {
        let family = descendants(demo.id());
        let is_running = |part: &&str| family.values().any(|process| process.name == *part);
        let windows = family.values().filter(|process| process.name == "autamedica").count();
        (PARTS.iter().all(is_running) && windows == 2).then_some(family)
    })?;
    end(&mut demo)?;
    wait_until_gone(&family, HANG_GUARD)
}

#[test]
fn nothing_survives_a_killed_demo() -> Result<()> {
    assert_nothing_survives(|demo| {
        demo.kill();
        Ok(())
    })
}

#[test]
fn nothing_survives_ctrl_c() -> Result<()> {
    assert_nothing_survives(|demo| demo.signal(libc::SIGINT))
}
