//! Consultation on this machine: SFU, backend, and the windows of a doctor and a patient.

mod report;
mod role;
mod stage;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use autamedica_lab::{Process, built_program};
use clap::Args;
use serde_json::Value;

use crate::backend::{Backend, log_to};
use crate::step::{self, say};
use crate::workspace::{cargo, root};
use role::Role;
use stage::Stage;

/// Timeout for a window to hang up and close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// Options of the demo.
#[derive(Args)]
pub struct Options {
    /// Run in a virtual display with test devices. Default if there is no screen.
    #[arg(long)]
    headless: bool,
    /// Use test devices for both: a moving test card, a tone, and a speaker that only counts.
    #[arg(long)]
    test_devices: bool,
    /// End the call after this many seconds. Without it, close the windows or press Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(5..))]
    seconds: Option<u64>,
    /// Write both clients' figures to this file as JSON, and fail if one is missing.
    #[arg(long, value_name = "FILE", requires = "seconds")]
    report: Option<PathBuf>,
    /// Save a screenshot of each window, `doctor.png` and `patient.png`, in this folder (headless only).
    #[arg(long, value_name = "DIR", requires = "seconds")]
    screenshots: Option<PathBuf>,
    /// Path of the media: `sfu` or `p2p`.
    #[arg(long, default_value = "sfu")]
    transport: String,
}

/// Builds the app and the backend.
///
/// # Errors
/// The build fails.
pub fn build() -> Result<()> {
    // The selection of crates is that of the tests, so that nothing compiles twice.
    step::show("Building the app and the backend", cargo().args(["build", "--workspace", "--bins"]))
}

/// Runs the demo, which must be built. All its processes end with this one.
///
/// # Errors
/// A part doesn't start, a window fails, or the requested report lacks a figure.
pub fn run(options: &Options) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("demo-").tempdir_in(root().join("target"))?;
    let result = run_call(options, folder.path());
    if result.is_err() {
        show_logs(folder.path());
    }
    result
}

fn run_call(options: &Options, folder: &Path) -> Result<()> {
    let stage = Stage::new(options.headless)?;
    if options.screenshots.is_some() && !stage.is_virtual() {
        bail!("--screenshots needs --headless: a real screen shows more than the demo");
    }
    let mut call = Call::start(&stage, options, folder)?;
    if let Some(seconds) = options.seconds {
        let ids = stage.arrange(&call.windows)?;
        call.stay_until(call.started + Duration::from_secs(seconds))?;
        if let Some(pictures) = &options.screenshots {
            stage.save_screenshots(&ids, pictures)?;
        }
        // The app's own `--seconds` would not allow for the time that screenshots take.
        call.hang_up()?;
    } else {
        say("Close both windows, or press Ctrl-C, to end");
    }
    call.wait(if options.seconds.is_some() { CLOSE_TIMEOUT } else { Duration::MAX })?;
    if let Some(file) = &options.report {
        let parts = Role::ALL.map(|role| report_file(folder, role));
        report::merge(&parts, file)?;
        say(format_args!("Report in {}", file.display()));
    }
    Ok(())
}

/// Running call of two apps.
struct Call {
    // The drop order is that of the fields: the windows end before the backend.
    windows: Vec<(Role, Process)>,
    backend: Backend,
    started: Instant,
}

impl Call {
    fn start(stage: &Stage, options: &Options, folder: &Path) -> Result<Self> {
        let backend = Backend::start(&folder.join("server.log"))?;
        // Each run has its own consultation, which a browser or a third window can join by this id.
        let consultation = format!("demo-{}", std::process::id());
        let mut windows = Vec::new();
        for role in Role::ALL {
            let command = app(stage, options, role, &consultation, &backend.url(), folder)?;
            windows.push((role, Process::spawn(role.name(), command)?));
        }
        say(format_args!("Doctor and patient are in consultation {consultation}"));
        Ok(Self { windows, backend, started: Instant::now() })
    }

    /// Waits until `moment`. Fails if a window ends before.
    fn stay_until(&mut self, moment: Instant) -> Result<()> {
        while Instant::now() < moment {
            for (role, window) in &mut self.windows {
                if !window.is_running()? {
                    bail!("the {}'s window ended before the call did", role.name());
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn hang_up(&mut self) -> Result<()> {
        self.windows.iter_mut().try_for_each(|(_, window)| window.signal(libc::SIGTERM))
    }

    /// Waits until both windows have closed. Fails if one of them or the backend failed.
    fn wait(&mut self, guard: Duration) -> Result<()> {
        for (role, window) in &mut self.windows {
            let status = window.wait(guard)?;
            if !status.success() {
                bail!("the {}'s window failed ({status})", role.name());
            }
        }
        self.backend.check()
    }
}

/// Runs a call of two apps in a virtual display for `before` and then for `window`, which `measure` calls at its
/// start and end for each process. Returns each client's report with both measurements.
///
/// # Errors
/// As [`run`].
pub fn measure<T>(
    before: Duration,
    window: Duration,
    folder: &Path,
    mut measure: impl FnMut(u32) -> Result<T>,
) -> Result<Vec<(Value, T, T)>> {
    let options = Options {
        headless: true,
        test_devices: true,
        seconds: Some((before + window).as_secs()),
        report: Some(folder.join("native.json")),
        screenshots: None,
        transport: "sfu".to_owned(),
    };
    let result = (|| {
        let stage = Stage::new(true)?;
        let mut call = Call::start(&stage, &options, folder)?;
        stage.arrange(&call.windows)?;
        call.stay_until(call.started + before)?;
        let ids: Vec<u32> = call.windows.iter().map(|(_, window)| window.id()).collect();
        let first = ids.iter().map(|id| measure(*id)).collect::<Result<Vec<T>>>()?;
        call.stay_until(Instant::now() + window)?;
        let last = ids.iter().map(|id| measure(*id)).collect::<Result<Vec<T>>>()?;
        call.hang_up()?;
        call.wait(CLOSE_TIMEOUT)?;
        let mut clients = Vec::new();
        for (role, (first, last)) in Role::ALL.into_iter().zip(first.into_iter().zip(last)) {
            clients.push((report::client(&report_file(folder, role))?, first, last));
        }
        Ok(clients)
    })();
    if result.is_err() {
        show_logs(folder);
    }
    result
}

/// Returns the command of the app for this role.
fn app(
    stage: &Stage,
    options: &Options,
    role: Role,
    consultation: &str,
    server: &str,
    folder: &Path,
) -> Result<Command> {
    let mut app = stage.command(built_program("autamedica")?);
    app.args(["--role", role.name(), "--consultation", consultation, "--server", server]);
    app.args(["--transport", &options.transport]);
    // A camera can't be opened twice, and two microphones near two speakers cause feedback. So the doctor gets the
    // devices, and the patient the test devices.
    if stage.is_virtual() || options.test_devices || role == Role::Patient {
        app.args(["--camera", "test", "--microphone", "test", "--speaker", "none"]);
    }
    if options.seconds.is_some() {
        app.args(["--say", role.chat_line()]);
        app.arg("--report").arg(report_file(folder, role));
    }
    // The demo neither uses nor changes the user's settings.
    app.env("XDG_CONFIG_HOME", folder.join(format!("{} config", role.name())));
    log_to(&mut app, &folder.join(format!("{}.log", role.name())))?;
    Ok(app)
}

fn report_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.json", role.name()))
}

fn show_logs(folder: &Path) {
    const LINES: usize = 30;
    for name in ["server", "doctor", "patient"] {
        let Ok(log) = std::fs::read_to_string(folder.join(format!("{name}.log"))) else { continue };
        let lines: Vec<_> = log.lines().collect();
        eprintln!("--- end of the {name}'s log ---");
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            eprintln!("{line}");
        }
    }
}
