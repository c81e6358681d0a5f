//! A whole consultation on this machine: SFU, backend, a doctor's and a patient's window.

mod report;
mod stage;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use autamedica_lab::{HANG_GUARD, Process, built_program, free_port, wait_until};
use clap::Args;

use crate::step::{self, say};
use crate::workspace::{cargo, root};
use stage::Stage;

/// The backend's usual port.
const PORT: u16 = 8888;
/// How long a window may take to come up, join and go, on top of the seconds asked for.
const GRACE: Duration = Duration::from_secs(60);
/// How long before the end of the call the windows are photographed.
const BEFORE_END: Duration = Duration::from_secs(5);

/// How to run the demo.
#[derive(Args)]
pub struct Options {
    /// No window on this screen: run in a virtual display, with test devices. The default where there is no screen.
    #[arg(long)]
    headless: bool,
    /// Test devices for both: a moving test card, a tone, and a speaker that only counts.
    #[arg(long)]
    test_devices: bool,
    /// End the call after so many seconds. Without it, close the windows or press Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(5..))]
    seconds: Option<u64>,
    /// Write both clients' figures to this file, as JSON, and fail if one is missing.
    #[arg(long, value_name = "FILE", requires = "seconds")]
    report: Option<PathBuf>,
    /// Save a picture of each window, `doctor.png` and `patient.png`, in this folder (headless only).
    #[arg(long, value_name = "DIR", requires = "seconds")]
    screenshots: Option<PathBuf>,
}

/// The two people in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Doctor,
    Patient,
}

impl Role {
    const ALL: [Self; 2] = [Self::Doctor, Self::Patient];

    fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Patient => "patient",
        }
    }

    /// What they write in the chat when the call is run to be measured.
    fn chat_line(self) -> &'static str {
        match self {
            Self::Doctor => "Buenos días. ¿Me ve y me oye bien?",
            Self::Patient => "Buenos días, doctora. Sí, perfectamente.",
        }
    }
}

/// Runs the demo to its end. Whatever it starts ends with this process, however that ends.
///
/// # Errors
/// When something doesn't come up, a window fails, or a report that was asked for lacks a figure.
pub fn run(options: &Options) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--package", "autamedica", "--package", "autamedica-server", "--bins"]);
    step::show("Building the app and the backend", &mut build)?;

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
    let (mut server, url) = start_server(folder)?;
    // One consultation a run: a browser or a third window can join it by this id.
    let consultation = format!("demo-{}", std::process::id());
    let mut windows = Vec::new();
    for role in Role::ALL {
        let command = app(&stage, options, role, &consultation, &url, folder)?;
        windows.push((role, Process::spawn(role.name(), command)?));
    }
    let started = Instant::now();
    say(format_args!("Doctor and patient are in consultation {consultation}"));
    if let Some(seconds) = options.seconds {
        let ids = stage.arrange(&windows)?;
        if let Some(pictures) = &options.screenshots {
            stay_in_call(&mut windows, started + Duration::from_secs(seconds).saturating_sub(BEFORE_END))?;
            stage.photograph(&ids, pictures)?;
        }
    } else {
        say("Close both windows, or press Ctrl-C, to end");
    }

    for (role, window) in &mut windows {
        let guard = options.seconds.map_or(Duration::MAX, |seconds| Duration::from_secs(seconds) + GRACE);
        let status = window.wait(guard)?;
        if !status.success() {
            bail!("the {}'s window failed ({status})", role.name());
        }
    }
    if !server.is_running()? {
        bail!("the backend ended before the call did");
    }
    if let Some(file) = &options.report {
        let parts = Role::ALL.map(|role| report_file(folder, role));
        report::merge(&parts, file)?;
        say(format_args!("Report in {}", file.display()));
    }
    Ok(())
}

/// Waits until `moment`, or until a window ends, which is too early.
fn stay_in_call(windows: &mut [(Role, Process)], moment: Instant) -> Result<()> {
    while Instant::now() < moment {
        for (role, window) in &mut *windows {
            if !window.is_running()? {
                bail!("the {}'s window ended before the call did", role.name());
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Starts the backend (which starts the SFU) and waits until it is well.
fn start_server(folder: &Path) -> Result<(Process, String)> {
    let is_free = TcpListener::bind(("127.0.0.1", PORT)).is_ok();
    let port = if is_free { PORT } else { free_port()? };
    let mut command = Command::new(built_program("autamedica-server")?);
    command.env("AUTAMEDICA_PORT", port.to_string()).env("DATABASE_URL", "sqlite::memory:");
    log_to(&mut command, &folder.join("server.log"))?;
    let mut server = Process::spawn("autamedica-server", command)?;
    wait_until("the backend", HANG_GUARD, || {
        if !server.is_running().unwrap_or(false) {
            return Some(Err(anyhow::anyhow!("the backend ended at once")));
        }
        is_healthy(port).then_some(Ok(()))
    })??;
    let url = format!("http://localhost:{port}");
    say(format_args!("Backend and SFU are up: {url}"));
    Ok((server, url))
}

/// Whether the backend says that it, its SFU and its database are well.
fn is_healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The app, as this person starts it.
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
    // One machine has one camera, which can't be opened twice, and two microphones beside two speakers howl:
    // the doctor gets the devices, the patient is the test card.
    if stage.is_virtual() || options.test_devices || role == Role::Patient {
        app.args(["--camera", "test", "--microphone", "test", "--speaker", "none"]);
    }
    if let Some(seconds) = options.seconds {
        app.args(["--seconds", &seconds.to_string(), "--say", role.chat_line()]);
        app.arg("--report").arg(report_file(folder, role));
    }
    log_to(&mut app, &folder.join(format!("{}.log", role.name())))?;
    Ok(app)
}

fn report_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.json", role.name()))
}

fn log_to(command: &mut Command, file: &Path) -> Result<()> {
    let log = std::fs::File::create(file).with_context(|| format!("making {}", file.display()))?;
    command.stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(())
}

/// Shows the end of what each program said.
fn show_logs(folder: &Path) {
    const LINES: usize = 30;
    for name in ["server", "doctor", "patient"] {
        let Ok(log) = std::fs::read_to_string(folder.join(format!("{name}.log"))) else { continue };
        let lines: Vec<_> = log.lines().collect();
        eprintln!("--- the last the {name} said ---");
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            eprintln!("{line}");
        }
    }
}
