use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::Process;
use crate::wait::{HANG_GUARD, wait_until};

/// Virtual X server with a window manager.
#[derive(Debug)]
pub struct Display {
    // The drop order is that of the fields: the window manager ends before its server.
    _window_manager: Process,
    _server: Process,
    name: String,
}

impl Display {
    /// Starts Xvfb with openbox at a free display number.
    ///
    /// # Errors
    /// Xvfb or openbox isn't installed or doesn't start.
    pub fn start(width: u32, height: u32) -> Result<Self> {
        Self::start_with(width, height, 24, &[])
    }

    /// Starts Xvfb with openbox, this colour depth (24, or 30 as on medical monitors) and more arguments.
    ///
    /// # Errors
    /// Xvfb or openbox isn't installed or doesn't start.
    pub fn start_with(width: u32, height: u32, depth: u32, more: &[&str]) -> Result<Self> {
        let mut command = Command::new("Xvfb");
        command.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &format!("{width}x{height}x{depth}"),
            "-nolisten",
            "tcp",
            "-noreset",
        ]);
        command.args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = Process::spawn("Xvfb", command)?;
        let stdout = server.child().stdout.take().context("Xvfb's output")?;
        let mut number = String::new();
        BufReader::new(stdout).read_line(&mut number).context("reading the display's number")?;
        let number = number.trim();
        if number.is_empty() {
            bail!("Xvfb reported no display number");
        }
        let name = format!(":{number}");

        let mut command = Command::new("openbox");
        command.env("DISPLAY", &name).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let window_manager = Process::spawn("openbox", command)?;
        let display = Self { _window_manager: window_manager, _server: server, name };
        wait_until("the window manager", HANG_GUARD, || {
            let answer = display.command("xprop").args(["-root", "_NET_SUPPORTING_WM_CHECK"]).output().ok()?;
            String::from_utf8_lossy(&answer.stdout).contains("window id").then_some(())
        })?;
        Ok(display)
    }

    /// Returns the value for `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a command that runs in this display only.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name).env_remove("WAYLAND_DISPLAY");
        command
    }

    /// Returns the command of a window tool with a timeout: some wait forever for a window that is closed.
    fn tool(&self, name: &str) -> Command {
        let mut command = self.command("timeout");
        command.arg(HANG_GUARD.as_secs().to_string()).arg(name);
        command
    }

    /// Waits for the window whose title contains `title`, and returns its id.
    ///
    /// # Errors
    /// No such window appears.
    pub fn window(&self, title: &str) -> Result<String> {
        wait_until(&format!("a window named {title:?}"), HANG_GUARD, || {
            let answer = self.tool("xdotool").args(["search", "--onlyvisible", "--name", title]).output().ok()?;
            String::from_utf8_lossy(&answer.stdout).lines().next().map(str::to_owned)
        })
    }

    /// Runs `xdotool` with these arguments.
    ///
    /// # Errors
    /// `xdotool` fails.
    pub fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let answer = self.tool("xdotool").args(arguments).output().context("running xdotool")?;
        if !answer.status.success() {
            bail!("xdotool {arguments:?}: {}", String::from_utf8_lossy(&answer.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    }

    /// Saves a screenshot of a window (by id), or of the whole screen for `"root"`.
    ///
    /// # Errors
    /// The screenshot fails.
    pub fn screenshot(&self, window: &str, file: &Path) -> Result<()> {
        let status = self.tool("import").args(["-window", window]).arg(file).status().context("running import")?;
        if !status.success() {
            bail!("import of window {window} failed");
        }
        Ok(())
    }
}
