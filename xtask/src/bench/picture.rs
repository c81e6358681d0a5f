//! Benchmark of the picture: what each codec makes of the same moving photographs at three bitrates, sent by the engine
//! or by Chromium, and received by the engine in both cases.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use autamedica_lab::{Process, workspace_file};
use clap::Args;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::setup;
use crate::step::{self, say};
use crate::workspace::{cargo, root};

const KBPS: [u32; 3] = [400, 1000, 2500];
const ENGINE: [&str; 4] = ["vp8", "h264", "vp9", "av1"];
const WEB: [&str; 2] = ["vp8", "h264"];
/// Time for one measurement, much longer than it takes.
const GUARD: Duration = Duration::from_secs(180);

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// Also write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints a table.
///
/// # Errors
/// A call fails.
pub fn run(options: &Options) -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--example", "picture"];
    step::show("Building the backend and the measurement", cargo().args(build))?;
    let photographs = setup::photographs()?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(root().join("target"))?;
    let video = folder.path().join("scenes.y4m");
    let status = picture(&video, &["render".as_ref(), photographs.as_os_str()])?.status()?;
    ensure!(status.success(), "rendering the scenes failed ({status})");

    let mut rows = Vec::new();
    for kbps in KBPS {
        for codec in ENGINE {
            say(format_args!("Engine, {codec} at {kbps} kbit/s"));
            let command = picture(&video, &["send".as_ref(), codec.as_ref(), kbps.to_string().as_ref()])?;
            rows.push(row("engine", codec, kbps, figures(command)?)?);
        }
        for codec in WEB {
            say(format_args!("Chromium, {codec} at {kbps} kbit/s"));
            rows.push(row("web", codec, kbps, web(&video, codec, kbps, folder.path())?)?);
        }
    }
    println!(
        "\n1280x720 at 30 frames a second; SSIM of brightness (mean, lowest twentieth) and of colour; CPU of the engine's"
    );
    println!("sender and receiver together in percent of a core");
    println!(
        "{:8}{:>6}{:>8}{:>8}{:>6}{:>11}{:>8}{:>8}{:>8}{:>7}",
        "sender", "codec", "kbit/s", "sent", "fps", "size", "SSIM", "p5", "colour", "CPU %"
    );
    for row in &rows {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:8}{:>6}{:8.0}{:8.0}{:6.1}{:>11}{:8.4}{:8.4}{:8.4}{}",
            row["sender"].as_str().unwrap_or_default(),
            row["asked_codec"].as_str().unwrap_or_default(),
            number("asked_kbps"),
            number("kbps"),
            number("fps"),
            format!("{}x{}", row["width"], row["height"]),
            number("ssim"),
            number("ssim_p5"),
            number("chroma_ssim"),
            if row["sender"] == "engine" { format!("{:7.0}", number("cpu_percent")) } else { String::new() },
        );
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "rows": rows }))?;
        std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn picture(video: &Path, arguments: &[&std::ffi::OsStr]) -> Result<Command> {
    let mut command = Command::new(workspace_file("target/debug/examples/picture")?);
    command.arg(video).args(arguments);
    Ok(command)
}

/// Adds what was asked for to measured figures. Fails if another codec arrived.
fn row(sender: &str, codec: &str, kbps: u32, mut figures: Value) -> Result<Value> {
    let arrived = figures["codec"].as_str().unwrap_or_default().trim_start_matches("video/").to_lowercase();
    ensure!(arrived == codec, "{arrived:?} arrived instead of {codec}");
    figures["sender"] = sender.into();
    figures["asked_codec"] = codec.into();
    figures["asked_kbps"] = kbps.into();
    Ok(figures)
}

/// Runs the measurement and reads its line.
fn figures(mut command: Command) -> Result<Value> {
    command.stdout(Stdio::piped());
    let mut process = Process::spawn("the measurement", command)?;
    let status = process.wait(GUARD)?;
    ensure!(status.success(), "the measurement failed ({status})");
    let mut line = String::new();
    process.child().stdout.as_mut().context("the measurement's output")?.read_to_string(&mut line)?;
    serde_json::from_str(&line).context("reading the measurement")
}

/// Measures what Chromium sends from the same video as its camera.
fn web(video: &Path, codec: &str, kbps: u32, folder: &Path) -> Result<Value> {
    let backend = Backend::start(&folder.join("server.log"))?;
    let consultation = backend.ask(
        "POST",
        "/api/consultations/create",
        &json!({ "consultationId": "bench", "patientId": "bench-patient", "doctorId": "bench-doctor" }),
    )?;
    let instructions = json!({
        "url": consultation["livekitUrl"], "token": consultation["doctorToken"], "codec": codec, "kbps": kbps,
        "browser": setup::browser()?.display().to_string(), "video": video.display().to_string(),
    });
    let mut node = Command::new("node");
    node.arg(root().join("tests/web/picture.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sender = Process::spawn("the web client", node)?;
    // The page stays until its input ends.
    let mut stdin = sender.child().stdin.take().context("the web client's input")?;
    writeln!(stdin, "{instructions}").context("instructing the web client")?;
    let stdout = sender.child().stdout.take().context("the web client's output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(line.trim() == "publishing", "the web client doesn't publish");

    let url = consultation["livekitUrl"].as_str().context("no livekitUrl")?;
    let mut receiver = picture(video, &["receive".as_ref(), url.as_ref()])?;
    receiver.env("AUTAMEDICA_TOKEN", consultation["patientToken"].as_str().context("no patientToken")?);
    let figures = figures(receiver)?;
    drop(stdin);
    ensure!(sender.wait(GUARD)?.success(), "the web client failed");
    Ok(figures)
}
