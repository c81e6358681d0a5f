//! Records one room to one file. The server starts one process per recording.
//!
//! ```text
//! autamedica-recorder [record LABEL]        records: reads the order and commands from standard input, writes events to
//!                                           standard output. LABEL is ignored; it identifies the process in lists
//! autamedica-recorder recover DIR/NAME…     completes the files of killed recorders, and prints `finished` for each
//! ```
//!
//! # Recording
//!
//! Standard input is JSON, one object a line. The first line is the order
//! ([`RecorderOrder`](autamedica_api::RecorderOrder)), which contains secrets and therefore is neither an argument nor a
//! variable. The other lines are commands ([`RecorderCommand`](autamedica_api::RecorderCommand)). End of input, SIGTERM and
//! SIGINT count as `stop`.
//!
//! ```json
//! {"url":"ws://…","token":"…","e2eeKey":"…","directory":"/…","name":"…","part":1,"people":["patient-1","doctor-1"],"language":"es","roles":{"patient-1":"patient"}}
//! {"do":"only","people":["patient-1","doctor-1","companion-1"]}
//! {"do":"pause"}
//! {"do":"resume"}
//! {"do":"stop"}
//! ```
//!
//! Standard output is JSON, one object a line ([`RecorderEvent`](autamedica_api::RecorderEvent)):
//!
//! ```json
//! {"event":"started","at":"2026-11-24T15:00:00.000Z"}
//! {"event":"progress","bytes":123456,"seconds":1.0}
//! {"event":"paused"}
//! {"event":"resumed"}
//! {"event":"problem","what":"connection-lost","message":"…"}
//! {"event":"finished","file":"/…/NAME.part1.mp4","seconds":60.0,"bytes":123456,"sha256":"…"}
//! ```
//!
//! The file is `DIRECTORY/NAME.partN.mkv` (mode 0600) while it is written, playable at every moment, and becomes
//! `DIRECTORY/NAME.partN.mp4` at the end. When the disk is too full for that, `finished` names the `.mkv`, and `recover`
//! makes the MP4 once there is room. An existing file is never overwritten.
//!
//! `people` lists the participants whose video and audio may be recorded; `only` replaces the list. The server knows who has
//! consented. An order without `people` is refused; with an empty list nobody is recorded.
//!
//! Pauses are cut out: the file contains no video or audio of a pause and continues where it stopped.
//!
//! The exit code is 0 after `finished`, and 1 when nothing was recorded, after a `problem`. Logs go to standard error,
//! filtered by `RUST_LOG`.
//!
//! # Recovering
//!
//! Each argument is a recording's folder and name; its parts are processed in order. A `.mkv` becomes an `.mp4`; an existing
//! `.mp4` is reported unchanged. No recorder may be writing to them. The exit code is 0 when all parts are complete.

use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};

use anyhow::{Context, Result, bail};
use autamedica_api::{RecorderCommand, RecorderEvent, RecorderOrder, RecorderProblem};
use autamedica_recorder::{Outcome, record, recover};

/// Limit on the length of the order in bytes.
const MAX_ORDER_BYTES: u64 = 1 << 20;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // SAFETY: has no preconditions.
    unsafe { libc::umask(0o077) };
    return_frames_to_the_system();

    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let outcome = match arguments.split_first() {
        None => run(),
        Some((first, [_])) if first == "record" => run(),
        Some((first, names)) if first == "recover" && !names.is_empty() => recover_all(names),
        Some(_) => Err(anyhow::anyhow!("usage: autamedica-recorder [record LABEL | recover DIR/NAME…]")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Makes glibc map large allocations, which are then returned to the system when freed.
///
/// By default glibc adapts to frames of 1.4 MB, allocated and freed on several threads, by keeping them in its heaps, which
/// then fragment: 100 MB were lost after half an hour. Mapping them has no measurable cost.
fn return_frames_to_the_system() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: has no preconditions.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
    }
}

/// Writes an event as one line of JSON. A closed output does not end the recording.
fn report(event: RecorderEvent) {
    match serde_json::to_string(&event) {
        Ok(line) => {
            let mut out = std::io::stdout().lock();
            if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
                tracing::debug!(%error, "event not written");
            }
        }
        Err(error) => tracing::error!(%error, "event not serialized"),
    }
}

fn run() -> Result<ExitCode> {
    let mut input = std::io::BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.by_ref().take(MAX_ORDER_BYTES).read_line(&mut line).context("reading the order")?;
    let order: RecorderOrder = match serde_json::from_str(&line) {
        Ok(order) => order,
        Err(error) => {
            // Without the text of the error, which may quote a secret.
            let message = format!("line 1, column {}: invalid order ({:?})", error.column(), error.classify());
            report(RecorderEvent::Problem { what: RecorderProblem::BadOrder, message: message.clone() });
            bail!(message);
        }
    };
    drop(line);
    let (commands, received) = mpsc::channel();
    stop_on_signals(commands.clone())?;
    std::thread::Builder::new().name("commands".into()).spawn(move || read_commands(input, &commands))?;
    Ok(match record(&order, &received, report) {
        Outcome::Finished(_) => ExitCode::SUCCESS,
        Outcome::Failed(error) => return Err(error.into()),
    })
}

/// Forwards commands from the input. End of input counts as `Stop`.
fn read_commands(input: impl BufRead, commands: &Sender<RecorderCommand>) {
    for line in input.lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(&line) {
            // Sending fails after the end of the recording.
            Ok(command) => _ = commands.send(command),
            Err(error) => tracing::warn!(%error, "invalid command ignored"),
        }
    }
    _ = commands.send(RecorderCommand::Stop);
}

/// Sends `Stop` on SIGTERM and SIGINT.
fn stop_on_signals(commands: Sender<RecorderCommand>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let (mut terminate, mut interrupt) = {
        let _guard = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let wait = move || {
        runtime.block_on(async {
            loop {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                _ = commands.send(RecorderCommand::Stop);
            }
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).context("starting a thread")?;
    Ok(())
}

fn recover_all(names: &[std::ffi::OsString]) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for name in names {
        let parts = recover(Path::new(name)).with_context(|| format!("recovering {}", name.display()))?;
        for part in parts {
            match part {
                Ok(part) => report(RecorderEvent::Finished(part)),
                Err(error) => {
                    code = ExitCode::FAILURE;
                    let message = error.to_string();
                    report(RecorderEvent::Problem { what: RecorderProblem::RemuxFailed, message });
                }
            }
        }
    }
    Ok(code)
}
