//! What the end-to-end tests share: our backend and our app as programs, and a browser as a foreign client.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use autamedica_api::{Consultation, CreateConsultation, Health, HealthStatus, Id, Role, RoomStats, Success};
use autamedica_lab::{Display, HANG_GUARD, Process, built_program, free_port, wait_until, workspace_file};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Our backend, as an operator starts it with nothing configured, and the SFU that it starts.
pub struct Backend {
    _process: Process,
    url: String,
}

impl Backend {
    /// Starts it on a free port and waits until it is well.
    pub fn start() -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(built_program("autamedica-server")?);
        command.env("AUTAMEDICA_PORT", port.to_string()).env("DATABASE_URL", "sqlite::memory:");
        quiet(&mut command);
        let process = Process::spawn("autamedica-server", command)?;
        let backend = Self { _process: process, url: format!("http://127.0.0.1:{port}") };
        wait_until("the backend", HANG_GUARD, || {
            let health: Health = backend.get("/health").ok()?;
            (health.status == HealthStatus::Ok).then_some(())
        })?;
        Ok(backend)
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates a consultation between the people whom `autamedica --consultation` makes up for it.
    pub fn create(&self, id: &str) -> Result<Consultation> {
        let person = |role: Role| Id::new(format!("{role}-{id}"));
        let body = CreateConsultation {
            consultation_id: Id::new(id)?,
            patient_id: person(Role::Patient)?,
            doctor_id: person(Role::Doctor)?,
        };
        self.request(reqwest::Method::POST, "/api/consultations/create", Some(&serde_json::to_value(body)?))
    }

    /// Who is in a room, and what they publish, as the SFU tells the backend.
    pub fn stats(&self, room: &str) -> Result<RoomStats> {
        self.get(&format!("/api/rooms/{room}/stats"))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(reqwest::Method::GET, path, None)
    }

    fn request<T: DeserializeOwned>(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<T> {
        // A test has one thread of its own and no use for an executor that outlives a question.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            // Another test of this process may have installed it.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await?.error_for_status()?.json::<Success<T>>().await?;
            Ok(answer.data)
        })
    }
}

/// Only what went wrong, unless somebody asked for more.
fn quiet(command: &mut Command) {
    command.stdin(Stdio::null());
    if std::env::var_os("RUST_LOG").is_none() {
        command.env("RUST_LOG", "warn,livekit_server=error");
    }
}

/// The app with test devices, in a call that ends by itself after `seconds`.
pub struct App {
    process: Process,
    report: PathBuf,
}

impl App {
    /// Starts it in a display.
    pub fn start(
        display: &Display,
        backend: &Backend,
        role: Role,
        consultation: &str,
        seconds: u64,
        say: &str,
        folder: &Path,
    ) -> Result<Self> {
        let report = folder.join(format!("{role}.json"));
        let mut app = display.command(built_program("autamedica")?);
        app.args(["--role", role.as_str(), "--consultation", consultation, "--server", backend.url()]);
        app.args(["--camera", "test", "--microphone", "test", "--speaker", "none", "--say", say]);
        app.args(["--seconds", &seconds.to_string(), "--report"]).arg(&report);
        quiet(&mut app);
        Ok(Self { process: Process::spawn("autamedica", app)?, report })
    }

    /// Whether the call still goes on.
    pub fn is_running(&mut self) -> Result<bool> {
        self.process.is_running()
    }

    /// Waits for the end of the call, and returns what this client measured.
    pub fn report(mut self) -> Result<Value> {
        let status = self.process.wait(2 * HANG_GUARD)?;
        ensure!(status.success(), "the app failed: {status}");
        let text = std::fs::read_to_string(&self.report).context("reading the app's report")?;
        let mut report: Value = serde_json::from_str(&text)?;
        Ok(report["clients"][0].take())
    }
}

/// What the browser shall do; `tests/web/driver.mjs` says it in detail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instructions<'a> {
    pub url: &'a str,
    pub token: &'a str,
    pub tone_hz: f64,
    pub say: &'a str,
    pub width: u32,
    pub watch_ms: u32,
    pub patience_ms: u32,
    pub attempts: &'a [&'a str],
}

/// What it saw, heard and was answered.
#[derive(Debug, Deserialize)]
pub struct Seen {
    pub published: Vec<String>,
    pub video: SeenVideo,
    pub audio: Heard,
    pub chat: Vec<ChatLine>,
    pub attempts: BTreeMap<String, Attempt>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenVideo {
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub mean_luma: f64,
    pub changed: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    pub tone_hz: f64,
}

#[derive(Debug, Deserialize)]
pub struct ChatLine {
    pub from: String,
    pub text: String,
}

/// An attempt to publish: whether it worked, else what the SFU answered.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Attempt {
    pub published: bool,
    pub sfu: Option<Refusal>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Refusal {
    pub request: String,
    pub reason: String,
}

/// A browser that takes part in a call by itself, as the driver tells it to.
pub struct Browser {
    process: Process,
}

impl Browser {
    /// Starts it.
    pub fn start(instructions: &Instructions<'_>) -> Result<Self> {
        let mut node = Command::new("node");
        node.arg(workspace_file("tests/web/driver.mjs")?);
        node.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("node", node)?;
        let mut instructions = serde_json::to_value(instructions)?;
        instructions["browser"] = browser_program()?.display().to_string().into();
        let mut stdin = process.child().stdin.take().context("the driver's input")?;
        stdin.write_all(instructions.to_string().as_bytes()).context("instructing the driver")?;
        Ok(Self { process })
    }

    /// Waits until the other side has left, and returns what the browser saw.
    pub fn seen(mut self) -> Result<Seen> {
        let mut output = String::new();
        let mut stdout = self.process.child().stdout.take().context("the driver's output")?;
        // Its own patience ends this.
        stdout.read_to_string(&mut output)?;
        let status = self.process.wait(HANG_GUARD)?;
        ensure!(status.success(), "the browser's driver failed: {status}");
        serde_json::from_str(&output).with_context(|| format!("reading {output:?}"))
    }
}

/// The browser that `cargo xtask setup --tests` installed, or `AUTAMEDICA_BROWSER`.
fn browser_program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("AUTAMEDICA_BROWSER") {
        return Ok(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    for name in ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] {
        if let Some(program) = folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()) {
            return Ok(program);
        }
    }
    bail!("no Chromium or Chrome on the search path: run `cargo xtask setup --tests`")
}
