//! `cargo xtask demo`, the command that the README begins with: what it promises, and what it leaves behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use autamedica_lab::{HANG_GUARD, Process, wait_until};
use serde_json::Value;

/// Building what has changed since the tests were built, at worst.
const PATIENCE: Duration = Duration::from_secs(600);

fn demo(arguments: &[&str]) -> Result<Process> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["xtask", "demo", "--headless"]).args(arguments);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    Process::spawn("cargo xtask demo", cargo)
}

#[test]
fn both_windows_see_hear_and_read_each_other_at_the_promised_quality() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (report, pictures) = (folder.path().join("r.json"), folder.path().join("shots"));
    let mut demo = demo(&[
        "--seconds",
        "20",
        "--report",
        report.to_str().context("a path")?,
        "--screenshots",
        pictures.to_str().context("a path")?,
    ])?;
    assert!(demo.wait(PATIENCE)?.success());

    let report: Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
    let clients = report["clients"].as_array().context("clients")?;
    assert_eq!(
        clients.iter().map(|client| client["role"].as_str()).collect::<Vec<_>>(),
        [Some("doctor"), Some("patient")]
    );
    for client in clients {
        let number = |name: &str| client[name].as_f64().unwrap_or_else(|| panic!("no {name} in {client}"));
        assert_eq!((number("video_width"), number("video_height")), (1280.0, 720.0), "{client}");
        assert!(number("video_fps") >= 25.0, "{client}");
        assert!(number("latency_p50_ms") < 80.0, "{client}");
        assert!(number("latency_p95_ms") < 200.0, "{client}");
        assert!(number("rss_mib") < 300.0, "{client}");
        assert!(number("audio_frames") > 500.0, "{client}");
        assert_eq!(client["chat_received"], true, "{client}");
    }
    // The two tones are far apart: each heard the other's, not its own.
    let tone = |client: usize| clients[client]["audio_tone_hz"].as_f64().context("a tone");
    assert!((tone(0)? - tone(1)?).abs() > 50.0, "{clients:?}");
    for role in ["doctor", "patient"] {
        assert_is_a_window_with_a_picture(&pictures.join(format!("{role}.png")))?;
    }
    Ok(())
}

/// Large, and of many colours: neither a blank window nor a plain page.
fn assert_is_a_window_with_a_picture(file: &Path) -> Result<()> {
    let answer =
        Command::new("identify").args(["-format", "%w %h %k"]).arg(file).output().context("running identify")?;
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let numbers: Vec<u32> = answer.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    assert!(matches!(numbers[..], [1280, 720, colours] if colours > 1000), "{}: {answer:?}", file.display());
    Ok(())
}

/// Every process below another one: its id, and its name with the moment it started, which tells it from a later one
/// with the same id.
fn descendants(of: u32) -> BTreeMap<u32, (String, String)> {
    let mut known = BTreeMap::new();
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Some((identity, parent)) = process(id) else { continue };
        known.insert(id, identity);
        parents.insert(id, parent);
    }
    let is_below = |id: u32| std::iter::successors(Some(id), |id| parents.get(id).copied()).skip(1).any(|id| id == of);
    known.retain(|id, _| is_below(*id));
    known
}

/// A process's identity as above, and its parent; `None` when it is gone, or dead and waiting to be reaped.
fn process(id: u32) -> Option<((String, String), u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<_> = after.split_whitespace().collect();
    let is_dead = matches!(fields.first(), Some(&("Z" | "X")));
    (!is_dead).then_some(((name, (*fields.get(19)?).to_owned()), fields.get(1)?.parse().ok()?))
}

fn assert_nothing_survives(end: impl FnOnce(&mut Process) -> Result<()>) -> Result<()> {
    const PARTS: [&str; 5] = ["Xvfb", "openbox", "livekit-server", "autamedica-serv", "autamedica"];
    let mut demo = demo(&[])?;
    let family = wait_until("all parts of the demo", PATIENCE, || {
        let family = descendants(demo.id());
        let is_running = |part: &&str| family.values().any(|(name, _)| name == *part);
        PARTS.iter().all(|part| is_running(&part)).then_some(family)
    })?;
    assert_eq!(family.values().filter(|(name, _)| name == "autamedica").count(), 2, "{family:?}");
    end(&mut demo)?;
    wait_until("the end of all its processes", HANG_GUARD, || {
        let is_alive =
            |(id, identity): (&u32, &(String, String))| process(*id).is_some_and(|(now, _)| now == *identity);
        (!family.iter().any(is_alive)).then_some(())
    })
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
