//! Runs `livekit-server` as a child: started, watched, started again when it dies, and gone when this process is gone.

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
use crate::secret::{Secret, without_secrets};

/// How long it may take to come up: it needs 0.2 s on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often a start on fresh ports is tried before giving up. Somebody may take a port between our look and its start.
const START_ATTEMPTS: u32 = 3;
/// Pause before it is started again; doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After this long alive, the next pause is the first again.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// How long it may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Why no SFU could be started.
#[derive(Debug, thiserror::Error)]
pub enum SfuStartError {
    /// The program isn't there.
    #[error(
        "`livekit-server` isn't installed: run `cargo xtask setup`, put it beside this program, set `LIVEKIT_SERVER_BIN`, or set `LIVEKIT_URL` to one that runs elsewhere"
    )]
    NotFound,
    /// It can't be started.
    #[error("`livekit-server` can't be started")]
    Spawn(#[from] std::io::Error),
    /// It ended at once or never answered.
    #[error("`livekit-server` doesn't come up; its log says why")]
    NotReady,
}

/// The child's guardian. Dropped, it ends the child; [`stop`](Self::stop) also waits for that.
#[derive(Debug)]
pub struct ManagedSfu {
    stop: Option<oneshot::Sender<()>>,
    stopped: oneshot::Receiver<()>,
}

impl ManagedSfu {
    /// Starts the SFU with a key and a secret of its own, and returns when it answers.
    ///
    /// `webhook` is where it reports events.
    ///
    /// # Errors
    /// When it can't be found or doesn't come up.
    pub async fn start(program: Option<PathBuf>, webhook: Option<String>) -> Result<(Self, Sfu), SfuStartError> {
        let program = program.or_else(find_program).ok_or(SfuStartError::NotFound)?;
        let (ready_sender, ready) = oneshot::channel();
        let (stop, stop_receiver) = oneshot::channel();
        let (stopped_sender, stopped) = oneshot::channel();
        // The kernel ends the child when the *thread* that started it ends, so one thread starts it every time and lives
        // as long as it should. Its own small runtime makes it independent of the caller's.
        std::thread::Builder::new().name("sfu".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(guard(program, webhook, ready_sender, stop_receiver)),
                // The receiver may be gone: then nobody wants to know.
                Err(error) => drop(ready_sender.send(Err(error.into()))),
            }
            // Nobody may be waiting.
            let _ = stopped_sender.send(());
        })?;
        let sfu = ready.await.unwrap_or(Err(SfuStartError::NotReady))?;
        Ok((Self { stop: Some(stop), stopped }, sfu))
    }

    /// Ends the SFU and waits for it.
    pub async fn stop(mut self) {
        // Both fail only when the guardian has ended already.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = self.stopped.await;
    }
}

/// What a start needs, the same each time, so that tokens stay good over a restart.
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

    /// YAML. No TCP port for media: that one can't be bound to loopback alone, and on loopback UDP always works. Key frames
    /// may be asked for four times a second, not once: an encrypted video begins with the second.
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

    /// Starts it. The configuration holds the secret: it goes through a file that only we can read, and that is deleted
    /// as soon as it has been read, so that neither `ps` nor the disk keeps it.
    fn spawn(&self) -> std::io::Result<Running> {
        let folder = tempfile::Builder::new().prefix("autamedica-sfu-").tempdir()?;
        let path = folder.path().join("config.yaml");
        write_private(&path, &self.config())?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&path).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("LIVEKIT_CONFIG").env_remove("LIVEKIT_KEYS");
        without_secrets(&mut command);
        tie_to_this_thread(&mut command);
        let mut child = command.spawn()?;
        // These end by themselves when the child closes its end.
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
    /// Waits until it answers; `false` when it ends first or takes too long.
    async fn is_ready(&mut self, sfu: &Sfu) -> bool {
        let answers = async {
            while !sfu.answers().await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let ready = tokio::select! {
            result = timeout(READY_WITHIN, answers) => result.is_ok(),
            _ = self.child.wait() => false,
        };
        self.folder = None;
        ready
    }

    async fn end(mut self) {
        // The first signal lets it wait for the people in its rooms; the second makes it end.
        for _ in 0..2 {
            terminate(&self.child);
            if timeout(Duration::from_millis(100), self.child.wait()).await.is_ok() {
                return;
            }
        }
        if timeout(STOP_WITHIN, self.child.wait()).await.is_err()
            && let Err(error) = self.child.kill().await
        {
            tracing::warn!(%error, "the SFU can't be ended");
        }
    }
}

async fn guard(
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
    tracing::info!(port = launch.ports.signaling, "the SFU runs");
    if ready.send(Ok(launch.sfu())).is_err() {
        return running.end().await;
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        tokio::select! {
            status = running.child.wait() => report_end(status),
            _ = &mut stop => return running.end().await,
        }
        if since.elapsed() > STABLE_AFTER {
            pause = FIRST_PAUSE;
        }
        running = loop {
            tokio::select! {
                () = sleep(pause) => {}
                _ = &mut stop => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let mut again = match launch.spawn() {
                Ok(again) => again,
                Err(error) => {
                    tracing::error!(%error, "the SFU can't be started again");
                    continue;
                }
            };
            let sfu = launch.sfu();
            let is_ready = tokio::select! {
                is_ready = again.is_ready(&sfu) => is_ready,
                _ = &mut stop => return again.end().await,
            };
            if is_ready {
                tracing::info!("the SFU runs again");
                break again;
            }
            tracing::error!("the SFU doesn't come up again");
            again.end().await;
        };
    }
}

async fn first_start(program: PathBuf, webhook: Option<String>) -> Result<(Launch, Running), SfuStartError> {
    let (api_key, api_secret) = (format!("AM{}", Secret::random::<6>().expose()), Secret::random::<32>());
    let mut launch = Launch { program, api_key, api_secret, ports: Ports::free()?, webhook };
    for _ in 0..START_ATTEMPTS {
        let mut running = launch.spawn()?;
        if running.is_ready(&launch.sfu()).await {
            return Ok((launch, running));
        }
        running.end().await;
        launch.ports = Ports::free()?;
    }
    Err(SfuStartError::NotReady)
}

fn report_end(status: std::io::Result<ExitStatus>) {
    match status {
        Ok(status) => tracing::error!(%status, "the SFU died; starting it again"),
        Err(error) => tracing::error!(%error, "the SFU is lost; starting it again"),
    }
}

/// Makes the kernel kill the child when this thread ends in any way, and keeps a terminal's Ctrl-C from it: this process
/// ends it in order.
fn tie_to_this_thread(command: &mut Command) {
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
                // The parent may have died before the line above took effect.
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
        // SAFETY: a plain system call; the child isn't reaped yet (it has an id), so the id is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
    #[cfg(not(unix))]
    let _ = child;
}

/// Its log lines become ours: the message and a few fields that are known to hold no secret.
async fn forward_log(pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe).lines();
    // A line that can't be read means that the pipe is gone, and with it the child.
    while let Ok(Some(text)) = lines.next_line().await {
        // As a map, because it names some fields twice, which a struct would refuse.
        let Ok(line) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) else {
            // Before its logger is up it writes plain text, such as why its configuration is wrong.
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
