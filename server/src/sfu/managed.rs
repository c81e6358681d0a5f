//! Embedded SFU: runs `livekit-server` as a child process, restarts it after a crash, and ends it with this process.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::ports::Ports;
use super::{Sfu, find_program};
use crate::files::write_private;
use crate::livekit_url::LiveKitUrl;
use crate::secret::{Secret, random_secret, without_secrets};

/// Timeout for startup, which takes 0.2 s on an idle machine.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Number of attempts for the first start. Another process may take a free port before the SFU does.
const START_ATTEMPTS: u32 = 3;
/// Range of the delay before a restart, which doubles each time.
const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);
const MAX_RESTART_DELAY: Duration = Duration::from_secs(5);
/// Running time after which the delay is reset.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// Timeout for the end after a signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Error of starting the SFU.
#[derive(Debug, thiserror::Error)]
pub enum SfuStartError {
    /// The program is missing.
    #[error(
        "`livekit-server` isn't installed: run `cargo xtask setup`, put it into this program's folder, set `LIVEKIT_SERVER_BIN`, or set `LIVEKIT_URL` to an external one"
    )]
    NotFound,
    /// Starting the process failed.
    #[error("`livekit-server` can't be started")]
    Spawn(#[from] std::io::Error),
    /// The process exited or didn't answer.
    #[error("`livekit-server` doesn't start; see its log")]
    NotReady,
}

/// Supervisor of the process. Dropping it ends the process; [`stop`](Self::stop) also waits for that.
#[derive(Debug)]
pub struct ManagedSfu {
    stop: Option<oneshot::Sender<()>>,
    stopped: oneshot::Receiver<()>,
}

impl ManagedSfu {
    /// Starts the SFU with a new key and secret, and waits until it answers.
    ///
    /// `webhook` is the URL for its events.
    ///
    /// # Errors
    /// [`SfuStartError`] with the reason.
    pub async fn start(program: Option<PathBuf>, webhook: Option<String>) -> Result<(Self, Sfu), SfuStartError> {
        let program = program.or_else(find_program).ok_or(SfuStartError::NotFound)?;
        let (ready_sender, ready) = oneshot::channel();
        let (stop, stop_receiver) = oneshot::channel();
        let (stopped_sender, stopped) = oneshot::channel();
        // The kernel kills the child when the *thread* that started it ends, so one long-lived thread makes all starts.
        // Its own runtime makes it independent of the caller's.
        std::thread::Builder::new().name("sfu".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(supervise(program, webhook, ready_sender, stop_receiver)),
                // The receiver may have been dropped.
                Err(error) => drop(ready_sender.send(Err(error.into()))),
            }
            // The receiver may have been dropped.
            let _ = stopped_sender.send(());
        })?;
        let sfu = ready.await.unwrap_or(Err(SfuStartError::NotReady))?;
        Ok((Self { stop: Some(stop), stopped }, sfu))
    }

    /// Stops the SFU and waits for its end.
    pub async fn stop(mut self) {
        // Both only fail if the supervisor has ended.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = self.stopped.await;
    }
}

/// Parameters of a start. They stay the same, so that tokens remain valid across restarts.
struct Launch {
    program: PathBuf,
    api_key: String,
    api_secret: Secret,
    ports: Ports,
    webhook: Option<String>,
}

impl Launch {
    fn sfu(&self) -> Sfu {
        let url = LiveKitUrl::parse(&format!("ws://127.0.0.1:{}", self.ports.signaling)).expect("a plain address");
        Sfu::new(url, self.api_key.clone(), self.api_secret.clone(), true)
    }

    /// Returns the configuration as YAML. Media uses UDP only, because a TCP port can't be bound to the loopback
    /// interface alone. PLIs are throttled to four per second instead of one, because an encrypted video only starts
    /// with its second key frame.
    fn config(&self) -> String {
        let Ports { signaling, media } = self.ports;
        let (key, secret) = (&self.api_key, self.api_secret.expose());
        let webhook = match &self.webhook {
            Some(url) => format!("webhook: {{api_key: {key}, urls: ['{url}']}}\n"),
            None => String::new(),
        };
        format!(
            "port: {signaling}\nbind_addresses: [127.0.0.1]\nkeys: {{{key}: {secret}}}\n\
             logging: {{json: true, level: info, pion_level: error}}\n\
             rtc: {{enable_loopback_candidate: true, node_ip: 127.0.0.1, use_external_ip: false, tcp_port: 0, \
             udp_port: {media}, ips: {{includes: [127.0.0.1/32]}}, \
             pli_throttle: {{low_quality: 250ms, mid_quality: 250ms, high_quality: 250ms}}}}\n{webhook}"
        )
    }

    /// Starts the process. The configuration contains the secret, so it is passed in a private file that is deleted
    /// once read: neither `ps` nor the disk reveals it.
    fn spawn(&self) -> std::io::Result<Running> {
        let folder = tempfile::Builder::new().prefix("autamedica-sfu-").tempdir()?;
        let path = folder.path().join("config.yaml");
        write_private(&path, &self.config())?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&path).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("LIVEKIT_CONFIG").env_remove("LIVEKIT_KEYS");
        without_secrets(&mut command);
        kill_with_this_thread(&mut command);
        let mut child = command.spawn()?;
        // The tasks end when the child closes its output.
        child.stdout.take().map(|pipe| tokio::spawn(forward_log(pipe)));
        child.stderr.take().map(|pipe| tokio::spawn(forward_log(pipe)));
        Ok(Running { child, folder: Some(folder) })
    }
}

struct Running {
    child: Child,
    folder: Option<tempfile::TempDir>,
}

impl Running {
    /// Waits until the SFU answers. Returns `false` if it exits first or the timeout passes.
    async fn wait_until_ready(&mut self, sfu: &Sfu) -> bool {
        let answers = async {
            while !sfu.is_reachable().await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ready = tokio::select! {
            result = timeout(READY_TIMEOUT, answers) => result.is_ok(),
            _ = self.child.wait() => false,
        };
        self.folder = None;
        ready
    }

    async fn end(mut self) {
        // The first signal makes it wait for participants to leave; the second makes it exit.
        for _ in 0..2 {
            terminate(&self.child);
            if timeout(Duration::from_millis(100), self.child.wait()).await.is_ok() {
                return;
            }
        }
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err()
            && let Err(error) = self.child.kill().await
        {
            tracing::warn!(%error, "stopping the SFU failed");
        }
    }
}

async fn supervise(
    program: PathBuf,
    webhook: Option<String>,
    ready: oneshot::Sender<Result<Sfu, SfuStartError>>,
    mut stop: oneshot::Receiver<()>,
) {
    let first = tokio::select! {
        first = first_start(program, webhook) => first,
        _ = &mut stop => return,
    };
    let (launch, mut running) = match first {
        Ok(started) => started,
        Err(error) => return drop(ready.send(Err(error))),
    };
    tracing::info!(port = launch.ports.signaling, "SFU started");
    if ready.send(Ok(launch.sfu())).is_err() {
        return running.end().await;
    }
    let mut delay = MIN_RESTART_DELAY;
    loop {
        let since = Instant::now();
        tokio::select! {
            status = running.child.wait() => report_end(status),
            _ = &mut stop => return running.end().await,
        }
        if since.elapsed() > STABLE_AFTER {
            delay = MIN_RESTART_DELAY;
        }
        running = loop {
            tokio::select! {
                () = sleep(delay) => {}
                _ = &mut stop => return,
            }
            delay = (delay * 2).min(MAX_RESTART_DELAY);
            let mut restarted = match launch.spawn() {
                Ok(restarted) => restarted,
                Err(error) => {
                    tracing::error!(%error, "restarting the SFU failed");
                    continue;
                }
            };
            let sfu = launch.sfu();
            let is_ready = tokio::select! {
                is_ready = restarted.wait_until_ready(&sfu) => is_ready,
                _ = &mut stop => return restarted.end().await,
            };
            if is_ready {
                tracing::info!("SFU restarted");
                break restarted;
            }
            tracing::error!("restarted SFU doesn't answer");
            restarted.end().await;
        };
    }
}

async fn first_start(program: PathBuf, webhook: Option<String>) -> Result<(Launch, Running), SfuStartError> {
    let (api_key, api_secret) = (format!("AM{}", random_secret::<6>().expose()), random_secret::<32>());
    let mut launch = Launch { program, api_key, api_secret, ports: Ports::free()?, webhook };
    for _ in 0..START_ATTEMPTS {
        let mut running = launch.spawn()?;
        if running.wait_until_ready(&launch.sfu()).await {
            return Ok((launch, running));
        }
        running.end().await;
        launch.ports = Ports::free()?;
    }
    Err(SfuStartError::NotReady)
}

fn report_end(status: std::io::Result<ExitStatus>) {
    match status {
        Ok(status) => tracing::error!(%status, "SFU exited; restarting it"),
        Err(error) => tracing::error!(%error, "waiting for the SFU failed; restarting it"),
    }
}

/// Makes the kernel kill the child when this thread ends, and shields it from the terminal's Ctrl-C, because this
/// process stops it in order.
fn kill_with_this_thread(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec only prctl, getppid and _exit run, all async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // The parent may have exited before the line above took effect.
                if u32::try_from(libc::getppid()).ok() != Some(parent) {
                    libc::_exit(1);
                }
                Ok(())
            });
        }
    }
}

fn terminate(child: &Child) {
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // SAFETY: a plain system call. The child has an id, so it isn't reaped yet and the id is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
    #[cfg(not(unix))]
    let _ = child;
}

/// Forwards the child's log, limited to the message and fields that contain no secrets.
async fn forward_log(pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe).lines();
    // A read error means that the pipe is closed.
    while let Ok(Some(text)) = lines.next_line().await {
        // Parsed as a map, because duplicate fields are errors in a struct.
        let Ok(line) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) else {
            // Before its logger starts, it writes plain text, such as errors of its configuration.
            tracing::warn!(target: "livekit_server", "{text}");
            continue;
        };
        let [level, msg, room, error] =
            ["level", "msg", "room", "error"].map(|name| line.get(name).and_then(|value| value.as_str()).unwrap_or(""));
        match level {
            "error" | "fatal" | "panic" => tracing::error!(target: "livekit_server", room, error, "{msg}"),
            "warn" => tracing::warn!(target: "livekit_server", room, error, "{msg}"),
            _ => tracing::debug!(target: "livekit_server", room, error, "{msg}"),
        }
    }
}
