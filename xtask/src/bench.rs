//! Benchmarks of the native client against a web client, in the same call on the same SFU.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use autamedica_lab::Process;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::step::{self, say};
use crate::workspace::{cargo, root};
use crate::{bench_server, bench_start, demo, setup};

/// Time for the browser to start and stop, in addition to the call.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(60);

/// Benchmark to run.
#[derive(Subcommand)]
pub enum Bench {
    /// Compare a call of two native clients with one of two web clients (LiveKit's web SDK in headless Chromium).
    Client {
        /// Duration of each call; its last ten seconds are measured.
        #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u64).range(15..=600))]
        seconds: u64,
        /// Also write the results to this file, as JSON.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Measure the doctor's window with twelve participants, and the streams paused while the window is minimised.
    Crowd {
        /// Duration of the call.
        #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(30..=36_000))]
        seconds: u64,
    },
    /// Measure how fast the start screen appears and what it costs when idle, compared with an empty browser window.
    Start(bench_start::Options),
    /// Compare the backend with the web stack's token server, both creating consultations as fast as they can.
    Server(bench_server::Options),
}

/// Columns: names of the figures in the reports, and headings.
const COLUMNS: [(&str, &str); 6] = [
    ("join_ms", "join ms"),
    ("video_fps", "fps"),
    ("latency_p50_ms", "p50 ms"),
    ("latency_p95_ms", "p95 ms"),
    ("cpu_percent", "CPU %"),
    ("memory_mib", "MiB"),
];

/// Measures, and prints a table.
///
/// # Errors
/// A call fails.
pub fn run(bench: &Bench) -> Result<()> {
    let (seconds, report) = match bench {
        Bench::Client { seconds, report } => (seconds, report),
        Bench::Crowd { seconds } => return crowd(*seconds),
        Bench::Start(options) => return bench_start::run(options),
        Bench::Server(options) => return bench_server::run(options),
    };
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(root().join("target"))?;
    let native = native(*seconds, folder.path())?;
    let web = web(*seconds, folder.path())?;

    println!("\n1280x720 at 30 frames a second both ways, per client; CPU in percent of one core");
    println!("{:8}{}", "", COLUMNS.map(|(_, heading)| format!("{heading:>10}")).concat());
    for (name, clients) in [("native", &native), ("web", &web)] {
        for client in clients {
            let cells = COLUMNS.map(|(figure, _)| client[figure].as_f64());
            println!(
                "{name:8}{}",
                cells.map(|cell| cell.map_or_else(|| " ".repeat(10), |it| format!("{it:10.1}"))).concat()
            );
        }
    }
    println!(
        "MiB: native resident memory, web proportional memory of all the browser's processes (never more than resident)"
    );
    if let Some(file) = report {
        let text = serde_json::to_string_pretty(&json!({ "native": native, "web": web }))?;
        std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn crowd(seconds: u64) -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--example", "crowd"];
    step::show("Building the app and the crowd", cargo().args(build))?;
    let mut crowd = Command::new(root().join("target/debug/examples/crowd"));
    crowd.args(["--seconds", &seconds.to_string()]);
    step::show(&format!("Twelve people in one room for {seconds} s"), &mut crowd)
}

fn native(seconds: u64, folder: &Path) -> Result<Vec<Value>> {
    let file = folder.join("native.json");
    demo::build()?;
    demo::run(&demo::Options::measurement(seconds, file.clone()))?;
    let report = std::fs::read_to_string(&file).context("reading the native report")?;
    let report: Value = serde_json::from_str(&report).context("reading the native report")?;
    let clients = report["clients"].as_array().context("no clients in the native report")?;
    Ok(clients.iter().map(|client| with_memory(client.clone(), "rss_mib")).collect())
}

fn web(seconds: u64, folder: &Path) -> Result<Vec<Value>> {
    let backend = Backend::start(&folder.join("server.log"))?;
    let consultation = backend.ask(
        "POST",
        "/api/consultations/create",
        &json!({ "consultationId": "bench", "patientId": "bench-patient", "doctorId": "bench-doctor" }),
    )?;
    let browser = setup::browser()?;
    say(format_args!("Two web clients call each other for {seconds} s"));
    let mut clients = Vec::new();
    for token in ["doctorToken", "patientToken"] {
        let instructions = json!({
            "url": consultation["livekitUrl"], "token": consultation[token],
            "browser": browser.display().to_string(), "seconds": seconds,
        });
        let mut node = Command::new("node");
        node.arg(root().join("tests/web/bench.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("the web client", node)?;
        let mut stdin = process.child().stdin.take().context("the web client's input")?;
        stdin.write_all(instructions.to_string().as_bytes()).context("instructing the web client")?;
        clients.push(process);
    }
    clients.iter_mut().map(|client| figures(client, Duration::from_secs(seconds) + BROWSER_TIMEOUT)).collect()
}

fn figures(client: &mut Process, guard: Duration) -> Result<Value> {
    // The output is one line, which fits in the pipe.
    let status = client.wait(guard)?;
    ensure!(status.success(), "the web client failed ({status})");
    let mut output = String::new();
    let stdout = client.child().stdout.as_mut().context("the web client's output")?;
    stdout.read_to_string(&mut output)?;
    Ok(with_memory(serde_json::from_str(&output).context("reading the web client's figures")?, "pss_mib"))
}

/// Copies a client's memory figure to the name that both kinds of clients share.
fn with_memory(mut client: Value, figure: &str) -> Value {
    client["memory_mib"] = client[figure].clone();
    client
}
