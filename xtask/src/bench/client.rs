//! Benchmark of the native client against a web client (LiveKit's web SDK in Chromium), in the same call of two on the
//! same SFU. Every client shows a window of the same size in a virtual display; the bare engine, without a window, is
//! the floor. The kinds take turns, so that a change of the machine's speed meets all of them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use autamedica_lab::{Display, HANG_GUARD, Process, built_program, cpu_time, workspace_file};
use clap::Args;
use serde_json::{Value, json};

use super::start;
use crate::backend::Backend;
use crate::step::{self, say};
use crate::workspace::{cargo, root};
use crate::{demo, setup};

/// Measured time at the end of each call.
const WINDOW: Duration = Duration::from_secs(10);
/// Time for a browser to start and stop, in addition to the call.
const GRACE: Duration = Duration::from_secs(60);
/// Size of each window, and the space beside it.
const SIZE: (u32, u32) = (1280, 720);
const SPACE: u32 = 40;

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// Duration of each call; its last ten seconds are measured.
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u64).range(15..=600))]
    seconds: u64,
    /// Number of calls of each kind of client; medians are reported.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    runs: u32,
    /// Also write all figures and their ratios to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Names of the figures in the reports, and headings.
const COLUMNS: [(&str, &str); 7] = [
    ("join_ms", "join ms"),
    ("video_fps", "fps"),
    ("latency_p50_ms", "p50 ms"),
    ("latency_p95_ms", "p95 ms"),
    ("cpu_percent", "CPU %"),
    ("cpu_ms_per_frame", "ms/frame"),
    ("pss_mib", "PSS MiB"),
];

/// Names of the ratios, and the figures that they compare.
const RATIOS: [(&str, &str); 5] = [
    ("cpu_per_frame", "cpu_ms_per_frame"),
    ("pss", "pss_mib"),
    ("join", "join_ms"),
    ("latency_p50", "latency_p50_ms"),
    ("latency_p95", "latency_p95_ms"),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Native,
    /// The web SDK with its defaults: VP8 with simulcast.
    Web,
    /// The web SDK with the native client's encoding: H.264 without simulcast.
    TunedWeb,
    /// Sender and receiver of the bare engine, without encryption and drawing; together they do the work of one client.
    Engine,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Native, Self::Web, Self::TunedWeb, Self::Engine];

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Web => "web",
            Self::TunedWeb => "web_tuned",
            Self::Engine => "engine",
        }
    }
}

type Figures = BTreeMap<&'static str, f64>;

/// Measures, and prints a table.
///
/// # Errors
/// A call fails.
pub fn run(options: &Options) -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--example", "cost"];
    step::show("Building the app, the backend and the bare engine", cargo().args(build))?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(root().join("target"))?;
    let before = Duration::from_secs(options.seconds) - WINDOW;
    let mut clients: BTreeMap<Kind, Vec<Figures>> = BTreeMap::new();
    for number in 1..=options.runs {
        for kind in Kind::ALL {
            say(format_args!("Call {number} of {}: {}", options.runs, kind.name()));
            let measured = match kind {
                Kind::Native => native(before, folder.path())?,
                Kind::Web | Kind::TunedWeb => web(kind == Kind::TunedWeb, options.seconds, folder.path())?,
                Kind::Engine => engine()?,
            };
            clients.entry(kind).or_default().extend(measured);
        }
    }
    let start = start::measure(options.runs, &built_program("autamedica")?)?;
    let medians: BTreeMap<Kind, Figures> = clients.iter().map(|(kind, figures)| (*kind, medians(figures))).collect();
    print(&medians);
    let ratios = ratios(&medians, start.app_ms / start.browser_ms);
    println!("\nnative to:{}", RATIOS.map(|(name, _)| format!("{name:>16}")).concat() + "      cold_start");
    for (kind, ratios) in &ratios {
        let names = RATIOS.iter().map(|(name, _)| *name).chain(["cold_start"]);
        let cells: String =
            names.map(|name| ratios.get(name).map_or_else(|| " ".repeat(16), |it| format!("{it:16.2}"))).collect();
        println!("{kind:10}{cells}");
    }
    println!(
        "the start screen is drawn after {:.0} ms, a browser's empty page after {:.0} ms",
        start.app_ms, start.browser_ms
    );
    if let Some(file) = &options.json {
        let named = |values: &BTreeMap<Kind, Figures>| -> Value {
            values
                .iter()
                .map(|(kind, figures)| (kind.name().to_owned(), json!(figures)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let all: serde_json::Map<String, Value> =
            clients.iter().map(|(kind, all)| (kind.name().to_owned(), json!(all))).collect();
        let text = serde_json::to_string_pretty(&json!({
            "clients": all, "medians": named(&medians),
            "start_ms": { "native": start.app_ms, "web": start.browser_ms },
            "ratios": ratios["web"], "ratios_tuned": ratios["web_tuned"], "ratios_engine": ratios["engine"],
        }))?;
        std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// Returns the median of each figure; a figure that not every client has is left out.
fn medians(clients: &[Figures]) -> Figures {
    let median = |name: &str| {
        let mut all = clients.iter().map(|client| client.get(name).copied()).collect::<Option<Vec<f64>>>()?;
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    COLUMNS.iter().filter_map(|(name, _)| Some((*name, median(name)?))).collect()
}

/// Returns the native client's figures divided by each other kind's, by the kind's name.
fn ratios(medians: &BTreeMap<Kind, Figures>, cold_start: f64) -> BTreeMap<&'static str, Figures> {
    let native = &medians[&Kind::Native];
    let others = medians.iter().filter(|(kind, _)| **kind != Kind::Native);
    others
        .map(|(kind, other)| {
            let ratio = |(name, figure): &(&'static str, &str)| Some((*name, native.get(figure)? / other.get(figure)?));
            let mut ratios: Figures = RATIOS.iter().filter_map(ratio).collect();
            if *kind != Kind::Engine {
                ratios.insert("cold_start", cold_start);
            }
            (kind.name(), ratios)
        })
        .collect()
}

fn print(medians: &BTreeMap<Kind, Figures>) {
    println!("\n1280x720 at 30 frames a second both ways, per client; CPU in percent of one core; medians");
    println!("{:10}{}", "", COLUMNS.map(|(_, heading)| format!("{heading:>10}")).concat());
    for (kind, figures) in medians {
        let cells =
            COLUMNS.map(|(name, _)| figures.get(name).map_or_else(|| " ".repeat(10), |it| format!("{it:10.1}")));
        println!("{:10}{}", kind.name(), cells.concat());
    }
}

/// CPU time and memory of a process at one moment.
struct Usage {
    at: Instant,
    cpu: Duration,
    pss_mib: f64,
}

impl Usage {
    fn of(id: u32) -> Result<Self> {
        let cpu = cpu_time(id).with_context(|| format!("process {id} is gone"))?;
        let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
        let kib: f64 = pss.context("no Pss in smaps_rollup")?.parse()?;
        Ok(Self { at: Instant::now(), cpu, pss_mib: kib / 1024.0 })
    }
}

fn native(before: Duration, folder: &Path) -> Result<Vec<Figures>> {
    let clients = demo::measure(before, WINDOW, folder, Usage::of)?;
    let figures = |(report, first, last): (Value, Usage, Usage)| {
        let seconds = (last.at - first.at).as_secs_f64();
        let percent = 100.0 * (last.cpu - first.cpu).as_secs_f64() / seconds;
        with_cpu(&report, percent, last.pss_mib)
    };
    Ok(clients.into_iter().map(figures).collect())
}

/// Collects a report's figures, with the CPU usage in percent and the memory measured from outside.
fn with_cpu(report: &Value, cpu_percent: f64, pss_mib: f64) -> Figures {
    let reported = COLUMNS.iter().filter_map(|(name, _)| Some((*name, report[*name].as_f64()?)));
    let mut figures: Figures = reported.collect();
    figures.insert("cpu_percent", cpu_percent);
    figures.insert("pss_mib", pss_mib);
    if let Some(fps) = figures.get("video_fps").copied() {
        figures.insert("cpu_ms_per_frame", 10.0 * cpu_percent / fps);
    }
    figures
}

fn web(is_tuned: bool, seconds: u64, folder: &Path) -> Result<Vec<Figures>> {
    let display = Display::start(2 * (SIZE.0 + SPACE), SIZE.1 + SPACE)?;
    let backend = Backend::start(&folder.join("server.log"))?;
    let consultation = backend.ask(
        "POST",
        "/api/consultations/create",
        &json!({ "consultationId": "bench", "patientId": "bench-patient", "doctorId": "bench-doctor" }),
    )?;
    let browser = setup::browser()?;
    let mut clients = Vec::new();
    for (number, token) in (0..).zip(["doctorToken", "patientToken"]) {
        let instructions = json!({
            "url": consultation["livekitUrl"], "token": consultation[token], "tuned": is_tuned,
            "browser": browser.display().to_string(), "seconds": seconds,
            "window": { "left": number * (SIZE.0 + SPACE), "top": 0, "width": SIZE.0, "height": SIZE.1 },
        });
        let mut node = display.command("node");
        node.arg(root().join("tests/web/bench.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("the web client", node)?;
        let mut stdin = process.child().stdin.take().context("the web client's input")?;
        stdin.write_all(instructions.to_string().as_bytes()).context("instructing the web client")?;
        clients.push(process);
    }
    let figures = |client: &mut Process| {
        let report = output(client, Duration::from_secs(seconds) + GRACE)?;
        let report: Value = serde_json::from_str(&report).context("reading the web client's figures")?;
        let figure = |name: &str| report[name].as_f64().with_context(|| format!("the web client has no {name}"));
        Ok(with_cpu(&report, figure("cpu_percent")?, figure("pss_mib")?))
    };
    clients.iter_mut().map(figures).collect()
}

fn engine() -> Result<Vec<Figures>> {
    let mut command = std::process::Command::new(workspace_file("target/debug/examples/cost")?);
    command.args(["--codec", "h264"]).stdout(Stdio::piped());
    let mut process = Process::spawn("the bare engine", command)?;
    let output = output(&mut process, HANG_GUARD)?;
    let lines = output.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let lines = lines.context("reading the bare engine's figures")?;
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
    let receiver = lines.iter().find(|line| line["process"] == "receiver").context("no receiver")?;
    Ok(vec![with_cpu(receiver, sum("cpu_percent"), sum("pss_mib"))])
}

/// Returns what a process prints until it ends: few lines, which fit in the pipe.
fn output(process: &mut Process, guard: Duration) -> Result<String> {
    let status = process.wait(guard)?;
    ensure!(status.success(), "the client failed ({status})");
    let mut output = String::new();
    process.child().stdout.as_mut().context("the client's output")?.read_to_string(&mut output)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_counted_for_each_frame_that_was_shown() {
        let figures = with_cpu(&json!({ "video_fps": 20.0, "rss_mib": 1 }), 60.0, 100.0);
        assert_eq!(figures["cpu_ms_per_frame"], 30.0, "600 ms of a core in a second, for 20 frames");
        assert_eq!(figures.len(), 4, "{figures:?}");
    }

    #[test]
    fn ratios_compare_medians_and_leave_out_what_is_not_measured() {
        let client = |cpu: f64| with_cpu(&json!({ "video_fps": 10.0 }), cpu, 50.0);
        let medians = BTreeMap::from([
            (Kind::Native, medians(&[client(10.0), client(30.0), client(20.0)])),
            (Kind::Web, medians(&[client(40.0)])),
            (Kind::Engine, medians(&[client(10.0)])),
        ]);
        let ratios = ratios(&medians, 0.2);
        assert_eq!(ratios["web"]["cpu_per_frame"], 0.5);
        assert_eq!(ratios["web"]["cold_start"], 0.2);
        assert_eq!(ratios["engine"]["cpu_per_frame"], 2.0);
        assert!(!ratios["web"].contains_key("join") && !ratios["engine"].contains_key("cold_start"));
    }
}
