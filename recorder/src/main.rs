//! Records one room to one file. Started by the backend, one process a recording.
//!
//! ```text
//! autamedica-recorder                       records: the order and commands on standard input, events on standard output
//! autamedica-recorder recover DIR/NAME…     makes MP4 files of what killed recorders left, and prints `finished` for each
//! ```
//!
//! # Recording
//!
//! Standard input is JSON, one object a line. The first is the order ([`RecorderOrder`](autamedica_api::RecorderOrder));
//! never an argument or a variable, because it holds secrets. Then commands
//! ([`RecorderCommand`](autamedica_api::RecorderCommand)). The end of the input is a `stop`, and so are SIGTERM and SIGINT.
//!
//! ```json
//! {"url":"ws://…","token":"…","e2eeKey":"…","directory":"/…","name":"…","part":1,"language":"es","names":{"patient-1":"María"}}
//! {"do":"only","people":["patient-1","doctor-1"]}
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
//! makes the MP4 once there is room. A file that exists already is never written over.
//!
//! `only` names whose picture and sound may be recorded; until it comes, everybody's are. The server says who has consented.
//!
//! A pause is cut out: the file goes on where it stopped, and no picture or sound of the pause is in it.
//!
//! The exit code is 0 after `finished`. It is 1 when nothing was recorded: a `problem` came before. Logs go to standard
//! error, as `RUST_LOG` says.
//!
//! # Recovering
//!
//! Each argument is a recording's folder and name: all its parts are looked at, in order. A `.mkv` becomes an `.mp4`; an
//! `.mp4` that is there already is reported as it is. Nothing must be writing to them. The exit code is 0 when all could
//! be done.

use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};

use anyhow::{Context, Result, bail};
use autamedica_api::{RecorderCommand, RecorderEvent, RecorderOrder, RecorderProblem};
use autamedica_recorder::{Outcome, record, recover};

/// No order is longer than this; it may hold many names.
const LONGEST_ORDER: u64 = 1 << 20;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // SAFETY: sets a number of the process; nothing else runs yet.
    unsafe { libc::umask(0o077) };
    keep_memory_flat();

    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let outcome = match arguments.split_first() {
        None => run(),
        Some((first, names)) if first == "recover" && !names.is_empty() => recover_all(names),
        Some(_) => Err(anyhow::anyhow!("usage: autamedica-recorder [recover DIR/NAME…]")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A picture is 1.4 MB, and dozens come and go each second on several threads. Left to itself, glibc learns to keep such
/// sizes in its heaps, where they leave holes: after half an hour with people who come and go, 100 MB of them. Mapped, each
/// is given back at once, which costs nothing that can be measured.
fn keep_memory_flat() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a number of the allocator; nothing else runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
    }
}

/// One line of JSON. A reader that is gone doesn't end the recording.
fn report(event: RecorderEvent) {
    match serde_json::to_string(&event) {
        Ok(line) => {
            let mut out = std::io::stdout().lock();
            if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
                tracing::debug!(%error, "nobody reads the events");
            }
        }
        Err(error) => tracing::error!(%error, "an event can't be written"),
    }
}

fn run() -> Result<ExitCode> {
    let mut input = std::io::BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.by_ref().take(LONGEST_ORDER).read_line(&mut line).context("reading the order")?;
    let order: RecorderOrder = match serde_json::from_str(&line) {
        Ok(order) => order,
        Err(error) => {
            // Where, but not what: it may be part of a secret.
            let message = format!("line 1, column {}: not an order ({:?})", error.column(), error.classify());
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

/// Passes commands on until the input ends, which is one, too.
fn read_commands(input: impl BufRead, commands: &Sender<RecorderCommand>) {
    for line in input.lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(&line) {
            // Fails when the recording is over already.
            Ok(command) => _ = commands.send(command),
            Err(error) => tracing::warn!(%error, "a command that isn't one"),
        }
    }
    _ = commands.send(RecorderCommand::Stop);
}

/// SIGTERM and SIGINT finish the file.
fn stop_on_signals(commands: Sender<RecorderCommand>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
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
