//! Steps of a task: prints a line for each, and the elapsed time of long ones.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Number of lines shown from the end of a failed command's output.
const SHOWN_LINES: usize = 25;
/// Interval for printing the elapsed time if the output isn't a terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// Prints a line about the current step.
pub fn say(text: impl std::fmt::Display) {
    println!("• {text}");
}

/// Runs a command with hidden output, shows the elapsed time, and returns the output.
///
/// # Errors
/// The command can't be started or fails. The message contains its last lines and `fix`, advice for the user.
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
            // Both pipes are closed, so the command has ended.
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

/// Runs a command with visible output.
///
/// # Errors
/// The command can't be started or fails.
pub fn show(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    // The line above must come before the command's output.
    std::io::stdout().flush().context("writing to the terminal")?;
    let status = command.status().with_context(|| format!("{what}: cannot run {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    Ok(())
}

/// Runs a command with visible output, and calls `on_line` with each line.
///
/// # Errors
/// The command can't be started or fails.
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
            // Its child processes may keep the pipes open after its end.
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
            // Progress bars redraw a line with carriage returns. Only the last state is kept.
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
