//! The recorder as a child process: its order and commands go in, its events come out, a line of JSON each.

use std::path::Path;
use std::process::Stdio;

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What belongs to the server alone.
const SECRETS: [&str; 9] = [
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "DATABASE_URL",
    "AUTAMEDICA_MASTER_KEY",
    "WEBHOOK_SECRET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_S3_KMS_KEY_ID",
];

/// A recorder that runs. Dropped, its input ends, which is a stop: it finishes its file by itself.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Recorder {
    /// Starts one with an order.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn start(program: &Path, order: &RecorderOrder) -> std::io::Result<Self> {
        let mut command = command(program);
        command.stdin(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().map(|pipe| BufReader::new(pipe).lines());
        let input = child.stdin.take();
        let output = output.ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut recorder = Self { child, input, output };
        recorder.send(order).await?;
        Ok(recorder)
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Commands it.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn tell(&mut self, command: RecorderCommand) -> std::io::Result<()> {
        self.send(&command).await
    }

    async fn send(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        let input = self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        input.write_all(&text).await?;
        input.flush().await
    }

    /// The next thing it says; `None` when it has ended. Can be waited for beside other things.
    pub async fn next(&mut self) -> Option<RecorderEvent> {
        // A line that can't be read means that the pipe is gone, and with it the recorder.
        while let Ok(Some(line)) = self.output.next_line().await {
            match serde_json::from_str(&line) {
                Ok(event) => return Some(event),
                Err(error) => tracing::warn!(%error, "the recorder said something else"),
            }
        }
        None
    }

    /// Its end, once it says nothing more.
    pub async fn ended(mut self) {
        self.input = None;
        match self.child.wait().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "a recorder ended"),
            Err(error) => tracing::warn!(%error, "a recorder is lost"),
        }
    }
}

/// Makes whole files of what killed recorders left under `folder/name`.
///
/// # Errors
/// When the recorder can't be started.
pub async fn recover(program: &Path, folder: &Path, name: &str) -> std::io::Result<Vec<RecordedPart>> {
    let mut command = command(program);
    command.arg("recover").arg(folder.join(name)).stdin(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut parts = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            if let Ok(RecorderEvent::Finished(part)) = serde_json::from_str(&line) {
                parts.push(part);
            }
        }
    }
    let status = child.wait().await?;
    if !status.success() {
        tracing::warn!(%status, "not every part of a recording could be recovered");
    }
    Ok(parts)
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    for name in SECRETS {
        command.env_remove(name);
    }
    // A terminal's Ctrl-C is the server's to handle: it lets the recorder finish.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Whether a process of this id is a recorder. Nothing may touch its files while it runs.
pub fn is_recorder(pid: u32, program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie writes nothing any more.
    !state.contains(") Z ") && !name.is_empty() && String::from_utf8_lossy(&line).contains(name)
}
