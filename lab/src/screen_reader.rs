use std::io::{BufRead, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::process::Process;
use crate::wait::{HANG_GUARD, wait_until};

/// Screen reader: reads programs over AT-SPI on its own session bus.
#[derive(Debug)]
pub struct ScreenReader {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    // The drop order is that of the fields: the reader ends before its bus.
    _reader: Process,
    _bus: Process,
    address: String,
    folder: tempfile::TempDir,
}

/// Element on the screen as assistive technology sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Control {
    /// AT-SPI's name of the role, such as `push button`.
    pub role: String,
    /// Accessible name.
    pub name: String,
    /// Accessible description.
    pub description: String,
    /// Pressing it has an effect now.
    pub pressable: bool,
    /// AT-SPI's names of the active states, such as `focusable`.
    pub states: Vec<String>,
    /// Left edge in the display, in pixels.
    pub x: i32,
    /// Top edge in the display, in pixels.
    pub y: i32,
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
}

impl Control {
    /// Returns `true` if a state is active.
    pub fn is(&self, state: &str) -> bool {
        self.states.iter().any(|name| name == state)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply<T> {
    Answer(T),
    /// The element disappeared while it was read.
    Gone(IgnoredAny),
}

impl ScreenReader {
    /// Starts a session bus and a reader.
    ///
    /// # Errors
    /// D-Bus, AT-SPI or its bindings for Python aren't installed.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for the session")?;
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]);
        command.arg(format!("--address=unix:dir={}", folder.path().display()));
        command.env("XDG_RUNTIME_DIR", folder.path()).env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut bus = Process::spawn("dbus-daemon", command)?;
        let mut address = String::new();
        let stdout = bus.child().stdout.take().context("the bus's output")?;
        BufReader::new(stdout).read_line(&mut address).context("reading the bus's address")?;
        let address = address.trim().to_owned();
        if address.is_empty() {
            bail!("dbus-daemon reported no address");
        }

        let mut command = Command::new(python()?);
        command.args(["-c", include_str!("screen_reader.py")]);
        command.env("DBUS_SESSION_BUS_ADDRESS", &address).env("XDG_RUNTIME_DIR", folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut reader = Process::spawn("the screen reader", command)?;
        let stdin = reader.child().stdin.take().context("the reader's input")?;
        let stdout = BufReader::new(reader.child().stdout.take().context("the reader's output")?);
        Ok(Self { stdin, stdout, _reader: reader, _bus: bus, address, folder })
    }

    /// Prepares a command so that this reader can read its program.
    pub fn listen_to(&self, command: &mut Command) {
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("XDG_RUNTIME_DIR", self.folder.path());
    }

    /// Returns all visible elements of a program in reading order; none until it has a window.
    ///
    /// # Errors
    /// The reader has ended.
    pub fn controls(&mut self, pid: u32) -> Result<Vec<Control>> {
        Ok(self.ask(json!({ "pid": pid }))?.unwrap_or_default())
    }

    /// Waits for an element with this name and role; an empty `role` matches all.
    ///
    /// # Errors
    /// No such element appears; the message lists those that did.
    pub fn control(&mut self, pid: u32, role: &str, name: &str) -> Result<Control> {
        let mut seen = Vec::new();
        let found = wait_until(&format!("{role} {name:?}"), HANG_GUARD, || {
            seen = self.controls(pid).unwrap_or_default();
            seen.iter().find(|it| it.name == name && (role.is_empty() || it.role == role)).cloned()
        });
        found.with_context(|| {
            let names: Vec<_> = seen.iter().map(|it| format!("{} {:?}", it.role, it.name)).collect();
            format!("there is only: {}", names.join(", "))
        })
    }

    /// Activates an element without a pointer.
    ///
    /// # Errors
    /// No element has this name, or it can't be pressed.
    pub fn press(&mut self, pid: u32, name: &str) -> Result<()> {
        match self.ask::<bool>(json!({ "pid": pid, "press": name }))? {
            Some(true) => Ok(()),
            _ => bail!("{name:?} can't be pressed"),
        }
    }

    fn ask<T: for<'de> Deserialize<'de>>(&mut self, question: serde_json::Value) -> Result<Option<T>> {
        writeln!(self.stdin, "{question}").context("writing to the screen reader")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line).context("reading the screen reader's answer")?;
        match serde_json::from_str(&line).with_context(|| format!("parsing the screen reader's {line:?}"))? {
            Reply::Answer(answer) => Ok(Some(answer)),
            Reply::Gone(_) => Ok(None),
        }
    }
}

/// Returns the Python that has the bindings: the system's, which isn't always the first on the search path.
fn python() -> Result<&'static str> {
    let has_bindings = |python: &&str| {
        let mut command = Command::new(python);
        command.args(["-c", "import gi; gi.require_version('Atspi', '2.0')"]).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_bindings)
        .context("no Python with AT-SPI: run `cargo xtask setup --tests`")
}
