//! Recorder process: order and commands on its standard input, events on its standard output, as lines of JSON.

use std::path::Path;
use std::process::Stdio;

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::secret::without_secrets;

/// Argument for recording; followed by the label.
const RECORD: &str = "record";

/// A running recorder. Dropping it closes its input, so that it finishes its file and exits.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Recorder {
    /// Starts a recorder, which waits for its [order](Self::send_order). Doesn't await, so that the caller can register
    /// it at once. [`running_recorders`] finds it by the label in its arguments.
    ///
    /// # Errors
    /// If the process can't be started.
    pub fn spawn(program: &Path, label: &str) -> std::io::Result<Self> {
        let mut command = command(program);
        command.arg(RECORD).arg(label).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().map(|pipe| BufReader::new(pipe).lines());
        let input = child.stdin.take();
        let output = output.ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, input, output })
    }

    /// Sends the order, which is the first line on its input.
    ///
    /// # Errors
    /// If the recorder has exited.
    pub async fn send_order(&mut self, order: &RecorderOrder) -> std::io::Result<()> {
        self.write_line(order).await
    }

    /// Sends a command.
    ///
    /// # Errors
    /// If the recorder has exited.
    pub async fn send(&mut self, command: RecorderCommand) -> std::io::Result<()> {
        self.write_line(&command).await
    }

    async fn write_line(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        let input = self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        input.write_all(&text).await?;
        input.flush().await
    }

    /// Waits for the next event; `None` when the recorder has closed its output. Cancel-safe.
    pub async fn next(&mut self) -> Option<RecorderEvent> {
        // A read error means that the pipe is closed.
        while let Ok(Some(line)) = self.output.next_line().await {
            match serde_json::from_str(&line) {
                Ok(event) => return Some(event),
                Err(error) => tracing::warn!(%error, "recorder sent an invalid event"),
            }
        }
        None
    }

    /// Waits until the recorder has exited.
    pub async fn wait(mut self) {
        self.input = None;
        match self.child.wait().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "recorder exited with an error"),
            Err(error) => tracing::warn!(%error, "waiting for the recorder failed"),
        }
    }
}

/// Recovers files under `folder/name` that crashed recorders left unfinished.
///
/// # Errors
/// If the recorder can't be started or its output can't be read.
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
        tracing::warn!(%status, "recovering some parts of a recording failed");
    }
    Ok(parts)
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    without_secrets(&mut command);
    // Keeps the recorder out of the terminal's process group, because the server handles Ctrl-C and lets it finish.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Returns process ids and labels of all recorders of this program on this machine, whoever started them. Files of a
/// running recorder must not be touched. Zombies have no command line and don't count.
pub fn running_recorders(program: &Path) -> Vec<(i32, String)> {
    let name = program.file_name().unwrap_or_default();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = processes.filter_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let mut arguments = line.split(|byte| *byte == 0).map(|argument| str::from_utf8(argument).unwrap_or_default());
        let is_recorder = Path::new(arguments.next()?).file_name() == Some(name) && arguments.next() == Some(RECORD);
        is_recorder.then(|| Some((pid, arguments.next()?.to_owned())))?
    });
    found.collect()
}

/// Stops a recorder that isn't this server's child any more. It finishes its file.
pub fn stop(pid: i32) {
    #[cfg(unix)]
    // SAFETY: a plain system call. The id belonged to a recorder a moment ago.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
    }
    #[cfg(not(unix))]
    let _ = pid;
}
