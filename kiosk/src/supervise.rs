//! Parent process of a kiosk, which restarts it after crashes.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use autamedica_client::program::shutdown::{LAST_WORK, asked_to_end};

/// Delay of the first restart.
const PAUSE: Duration = Duration::from_millis(500);
/// Maximum delay of restarts in a row.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Run time after which a kiosk counts as stable: the next crash is again a first one.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Runs the kiosk until its operator ends it with the PIN or the system ends this process.
///
/// # Errors
/// The kiosk can't be started.
pub fn run() -> Result<ExitCode> {
    let program = std::env::current_exe().context("finding our own program")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let mut pause = PAUSE;
    loop {
        let mut kiosk = Command::new(&program);
        kiosk.args(std::env::args_os().skip(1)).arg("--supervised");
        die_with_parent(&mut kiosk);
        let started = Instant::now();
        let ended = runtime.block_on(wait(tokio::process::Command::from(kiosk)))?;
        let Some(status) = ended else { return Ok(ExitCode::SUCCESS) };
        if status.success() {
            return Ok(ExitCode::SUCCESS);
        }
        pause = if started.elapsed() >= STABLE_AFTER { PAUSE } else { pause };
        tracing::error!(%status, restart_ms = pause.as_millis() as u64, "the kiosk crashed");
        if runtime.block_on(asked_to_end_within(pause)) {
            return Ok(ExitCode::SUCCESS);
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Waits for the kiosk to end. Returns `None` after the system's request to end, which is passed on first.
async fn wait(mut kiosk: tokio::process::Command) -> Result<Option<std::process::ExitStatus>> {
    let mut child = kiosk.spawn().context("starting the kiosk")?;
    tokio::select! {
        status = child.wait() => return Ok(Some(status.context("waiting for the kiosk")?)),
        () = asked_to_end() => {}
    }
    ask_to_end(child.id());
    if tokio::time::timeout(LAST_WORK * 2, child.wait()).await.is_err() {
        child.kill().await.context("ending the kiosk")?;
    }
    Ok(None)
}

async fn asked_to_end_within(pause: Duration) -> bool {
    tokio::time::timeout(pause, asked_to_end()).await.is_ok()
}

#[cfg(unix)]
fn ask_to_end(process: Option<u32>) {
    if let Some(process) = process {
        // SAFETY: signals a child of ours that isn't waited for yet, so that its id is still its own.
        unsafe { libc::kill(process as libc::pid_t, libc::SIGTERM) };
    }
}

#[cfg(not(unix))]
fn ask_to_end(_: Option<u32>) {}

/// Makes the kiosk end with its supervisor: nobody would restart it.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: between fork and exec; one system call, nothing allocated.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}
