//! Benchmark of the app's start time and idle cost, against an empty browser window.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use autamedica_lab::{Display, Process, built_program, cpu_time, descendants};
use clap::Args;
use serde_json::Value;

use crate::setup;
use crate::step::{self, say};
use crate::workspace::cargo;

/// Time for a window to settle before it is measured.
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// Time over which the idle CPU usage is measured.
const MEASURED_TIME: Duration = Duration::from_secs(10);

/// Options of the benchmark.
#[derive(Args)]
pub struct Options {
    /// Number of starts of each program; the median is reported.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Measure this build of the app instead of the development build.
    #[arg(long, value_name = "FILE")]
    app: Option<PathBuf>,
}

struct Figures {
    start_ms: f64,
    idle_percent: f64,
}

/// Measures, and prints a table.
///
/// # Errors
/// A program doesn't start or shows no window.
pub fn run(options: &Options) -> Result<()> {
    let app = match &options.app {
        Some(program) => program.clone(),
        None => {
            step::show("Building the app", cargo().args(["build", "--workspace", "--bins"]))?;
            built_program("autamedica")?
        }
    };
    let (ours, theirs) = starts(options.runs, &app)?;
    println!("\n{:24}{:>12}{:>14}", "", "start ms", "idle CPU %");
    for (name, figures) in [("start screen", ours), ("browser, empty page", theirs)] {
        println!("{name:24}{:12.0}{:14.2}", median(&figures, |it| it.start_ms), median(&figures, |it| it.idle_percent));
    }
    Ok(())
}

/// Medians of the times to the first picture.
pub struct StartTimes {
    pub app_ms: f64,
    pub browser_ms: f64,
}

/// Starts the app and a browser `runs` times each, in turn.
///
/// # Errors
/// A program doesn't start or shows no window.
pub fn measure(runs: u32, app: &Path) -> Result<StartTimes> {
    let (ours, theirs) = starts(runs, app)?;
    Ok(StartTimes { app_ms: median(&ours, |it| it.start_ms), browser_ms: median(&theirs, |it| it.start_ms) })
}

fn starts(runs: u32, app: &Path) -> Result<(Vec<Figures>, Vec<Figures>)> {
    let (display, browser) = (Display::start(1280, 720)?, setup::browser()?);
    say(format_args!("Starting each {runs} times"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        ours.push(start_app(&display, app)?);
        theirs.push(start_browser(&display, &browser)?);
    }
    Ok((ours, theirs))
}

fn median(all: &[Figures], figure: fn(&Figures) -> f64) -> f64 {
    let mut all: Vec<f64> = all.iter().map(figure).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Starts the app, which reports when it first drew its start screen.
fn start_app(display: &Display, program: &Path) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let mut command = display.command(program);
    command
        .args(["--role", "doctor"])
        .args(["--seconds", &(SETTLE_TIME + MEASURED_TIME + SETTLE_TIME).as_secs().to_string()]);
    command.arg("--report").arg(&report).env("XDG_CONFIG_HOME", folder.path());
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut process = Process::spawn("autamedica", command)?;
    std::thread::sleep(SETTLE_TIME);
    let idle_percent = idle(process.id());
    process.wait(autamedica_lab::HANG_GUARD)?;
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
    let first = &report["clients"][0]["screens"][0];
    let (screen, at) = (&first[0], first[1].as_f64());
    anyhow::ensure!(screen == "start", "the first screen is {screen}");
    let start_ms = at.context("when the screen was drawn")? - started.as_secs_f64() * 1000.0;
    Ok(Figures { start_ms, idle_percent })
}

/// Starts the browser with an empty page, which counts from when its first frame was drawn.
fn start_browser(display: &Display, program: &Path) -> Result<Figures> {
    const TITLE: &str = "empty-window";
    let folder = tempfile::tempdir()?;
    let mut command = display.command(program);
    command.args(["--no-sandbox", "--no-first-run", "--disable-gpu", "--window-size=1280,720"]);
    command.arg(format!("--user-data-dir={}", folder.path().display()));
    // A frame's callbacks run before it is drawn, so that in the second one the first has been drawn.
    let script = format!("requestAnimationFrame(()=>requestAnimationFrame(()=>document.title='{TITLE}'))");
    command.arg(format!("--app=data:text/html,<title>empty</title><script>{script}</script>"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let process = Process::spawn("the browser", command)?;
    display.window(TITLE)?;
    let start_ms = started.elapsed().as_secs_f64() * 1000.0;
    std::thread::sleep(SETTLE_TIME);
    Ok(Figures { start_ms, idle_percent: idle(process.id()) })
}

/// Returns the idle CPU usage of a process and its descendants in percent of a core.
fn idle(id: u32) -> f64 {
    let processes = || std::iter::once(id).chain(descendants(id).into_keys());
    let before: Duration = processes().filter_map(cpu_time).sum();
    let started = Instant::now();
    std::thread::sleep(MEASURED_TIME);
    let after: Duration = processes().filter_map(cpu_time).sum();
    let used = after.saturating_sub(before);
    100.0 * used.as_secs_f64() / started.elapsed().as_secs_f64()
}
