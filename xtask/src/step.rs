//! Steps of a task: a line each, and a sign of life while a long one runs.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many of a failed command's last lines are shown.
const SHOWN_LINES: usize = 25;
/// How often a step says that it still runs where its line can't be redrawn.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// Says one line.
pub fn say(text: impl std::fmt::Display) {
    println!("• {text}");
}

/// Runs a command with its output hidden, showing how long it has run, and returns that output.
///
/// # Errors
/// When it can't be started or fails: the message ends with its last lines, and with `fix`, what would help.
pub fn run(what: &str, mut command: Command, fix: &str) -> Result<String> {
    say(format_args!("{what} …"));
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{what}: cannot run `{program}`; {fix}"))?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), sender.clone());
    forward(child.stderr.take(), sender);

    let started = Instant::now();
    let mut progress = Progress::new(started);
    let mut output: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => output.push(line),
            Err(RecvTimeoutError::Timeout) => {}
            // Both pipes are closed: it has ended.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        progress.show(output.last().map_or("", String::as_str));
    }
    progress.clear();
    let status = child.wait().with_context(|| format!("waiting for `{program}`"))?;
    if !status.success() {
        let last = &output[output.len().saturating_sub(SHOWN_LINES)..];
        bail!("{what}: `{program}` failed ({status}):\n  {}\n{fix}", last.join("\n  "));
    }
    Ok(output.join("\n"))
}

/// Runs a command that speaks for itself.
///
/// # Errors
/// When it can't be started or fails.
pub fn show(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    // The line above must come before what the command prints.
    std::io::stdout().flush().context("writing to the terminal")?;
    let status = command.status().with_context(|| format!("{what}: cannot run {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    Ok(())
}

/// Runs a command that speaks for itself, and shows each of its lines to `on_line` too.
///
/// # Errors
/// When it can't be started or fails.
pub fn watch(what: &str, command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
    say(what);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{what}: cannot run {:?}", command.get_program()))?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), sender.clone());
    forward(child.stderr.take(), sender);
    let mut ended = None;
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => {
                println!("{line}");
                on_line(&line);
            }
            // What it left behind may hold the pipes open after its end.
            Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
            Err(RecvTimeoutError::Timeout) => ended = child.try_wait().with_context(|| format!("{what}: waiting"))?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().with_context(|| format!("{what}: waiting"))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    Ok(())
}

fn forward(pipe: Option<impl Read + Send + 'static>, lines: mpsc::Sender<String>) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            // Progress bars redraw a line with carriage returns: the last state is the line.
            let line = String::from_utf8_lossy(&line).trim_end().rsplit('\r').next().unwrap_or_default().to_owned();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

struct Progress {
    started: Instant,
    shown: Instant,
    terminal: bool,
}

impl Progress {
    fn new(started: Instant) -> Self {
        Self { started, shown: started, terminal: std::io::stdout().is_terminal() }
    }

    fn show(&mut self, last_line: &str) {
        let interval = if self.terminal { Duration::from_secs(1) } else { LOG_INTERVAL };
        if self.shown.elapsed() < interval {
            return;
        }
        self.shown = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        let last_line: String = last_line.chars().take(70).collect();
        if self.terminal {
            print!("\r\x1b[2K  {seconds} s  {last_line}");
            // A lost progress line is no reason to fail.
            let _ = std::io::stdout().flush();
        } else {
            println!("  {seconds} s  {last_line}");
        }
    }

    fn clear(&self) {
        if self.terminal {
            print!("\r\x1b[2K");
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_of_both_pipes_is_returned() {
        let output = run("speaking", shell("echo one; echo two >&2"), "").unwrap();
        let mut lines: Vec<_> = output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_failure_shows_the_last_lines_and_the_fix() {
        let error = run("failing", shell("echo the reason; exit 3"), "try `this`").unwrap_err().to_string();
        assert!(error.contains("the reason") && error.contains("try `this`"), "{error}");
    }

    #[test]
    fn a_missing_program_names_itself_and_the_fix() {
        let error = run("x", Command::new("no-such-program"), "install `it`").unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("no-such-program") && error.contains("install `it`"), "{error}");
    }
}
