//! The recorder as a child process: its order and commands go in, its events come out, a line of JSON each.

use std::path::Path;
use std::process::Stdio;

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::secret::without_secrets;

/// The recorder's argument for recording, after which comes a label.
const RECORD: &str = "record";

/// A recorder that runs. Dropped, its input ends, which is a stop: it finishes its file by itself.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Recorder {
    /// Starts one, which waits for its [order](Self::order). Awaits nothing, so that the caller can keep it before anything
    /// fails. The label is its argument, by which [`running`] finds it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(program: &Path, label: &str) -> std::io::Result<Self> {
        let mut command = command(program);
        command.arg(RECORD).arg(label).stdin(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().map(|pipe| BufReader::new(pipe).lines());
        let input = child.stdin.take();
        let output = output.ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, input, output })
    }

    /// Gives it its order: the first line that it reads.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn order(&mut self, order: &RecorderOrder) -> std::io::Result<()> {
        self.send(order).await
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
    without_secrets(&mut command);
    // A terminal's Ctrl-C is the server's to handle: it lets the recorder finish.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// The recorders of this program that run on this machine, whoever started them: their ids and labels. Nothing may touch a
/// file while its recorder runs. A zombie has no command line, and writes nothing any more.
pub fn running(program: &Path) -> Vec<(i32, String)> {
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

/// Has a recorder that isn't this server's child any more finish its file.
pub fn stop(pid: i32) {
    #[cfg(unix)]
    // SAFETY: a plain system call. The id was a recorder's a moment ago.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
    }
    #[cfg(not(unix))]
    let _ = pid;
}
