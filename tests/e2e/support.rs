//! Shared parts of the end-to-end tests: backend and app as programs, and a browser as a foreign client.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use autamedica_api::{
    Consultation, CreateConsultation, Health, HealthStatus, Id, Recording, RecordingList, RecordingStarted,
    RecordingStopped, Role, RoomStats, StartRecording, Success, Timestamp,
};
use autamedica_lab::{
    Display, HANG_GUARD, Process, ScreenReader, Sfu, browser, built_program, descendants, free_port, wait_until,
    workspace_file,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Returns the Unix time in milliseconds, as used in reports.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(now.as_millis()).expect("and before the year 584 million")
}

/// Backend program, as started by an operator.
pub struct Backend {
    process: Process,
    url: String,
}

impl Backend {
    /// Starts a backend on a free port with the default configuration, which starts its own SFU. Waits until it is
    /// healthy.
    pub fn start() -> Result<Self> {
        Self::spawn(Command::new(built_program("autamedica-server")?))
    }

    /// Starts a backend that stores recordings in this folder.
    pub fn start_recording_into(folder: &Path) -> Result<Self> {
        let mut command = Command::new(built_program("autamedica-server")?);
        command.env("RECORDINGS_DIR", folder);
        Self::spawn(command)
    }

    /// Returns the newest recording of a consultation, as the API returns it to the doctor.
    fn newest_recording(&self, visit: &Consultation) -> Result<Option<Recording>> {
        let path = format!("/api/consultations/{}/recordings", visit.consultation_id);
        let list: RecordingList = self.request_as(reqwest::Method::GET, &path, None, Some(&visit.doctor_token))?;
        Ok(list.recordings.into_iter().next())
    }

    /// Starts recording, as the doctor's program does.
    pub fn start_recording(&self, visit: &Consultation) -> Result<RecordingStarted> {
        let path = format!("/api/consultations/{}/recording/start", visit.consultation_id);
        let body = serde_json::to_value(StartRecording { room_name: visit.room_name.clone() })?;
        self.request_as(reqwest::Method::POST, &path, Some(&body), Some(&visit.doctor_token))
    }

    pub fn stop_recording(&self, visit: &Consultation) -> Result<RecordingStopped> {
        let path = format!("/api/consultations/{}/recording/stop", visit.consultation_id);
        self.request_as(reqwest::Method::POST, &path, None, Some(&visit.doctor_token))
    }

    /// Waits until the newest recording of a consultation meets a condition.
    pub fn recording_when(
        &self,
        visit: &Consultation,
        guard: Duration,
        is_it: impl Fn(&Recording) -> bool,
    ) -> Result<Recording> {
        let mut seen = None;
        let found = wait_until("the recording", guard, || {
            seen = Some(self.newest_recording(visit));
            seen.as_ref()?.as_ref().ok()?.clone().filter(&is_it)
        });
        found.with_context(|| format!("{seen:?}"))
    }

    pub fn start_with(sfu: &Sfu) -> Result<Self> {
        let mut command = Command::new(built_program("autamedica-server")?);
        command.env("LIVEKIT_URL", sfu.url());
        command.env("LIVEKIT_API_KEY", Sfu::API_KEY).env("LIVEKIT_API_SECRET", Sfu::API_SECRET);
        Self::spawn(command)
    }

    /// Starts a backend with API keys and a consultation. Returns it with the consultation's kiosk code and the kiosk's
    /// API key.
    pub fn start_with_kiosk(folder: &Path) -> Result<(Self, String, String)> {
        let database = format!("sqlite:{}?mode=rwc", folder.join("kiosk.db").display());
        let make = |name: &str, scope: &str| -> Result<String> {
            let mut command = Command::new(built_program("autamedica-server")?);
            quiet(&mut command);
            command.args(["key", "create", name, "--scope", scope]).env("DATABASE_URL", &database).current_dir(folder);
            let output = command.output().context("making a key")?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let (desk, kiosk) = (make("desk", "desk")?, make("kiosk", "kiosk")?);
        let mut command = Command::new(built_program("autamedica-server")?);
        command.current_dir(folder);
        let backend = Self::spawn_with(command, &database)?;
        let person = |role: Role| Id::new(format!("{role}-kiosk"));
        let body = CreateConsultation::new(Id::new("kiosk-1")?, person(Role::Patient)?, person(Role::Doctor)?);
        let body = serde_json::to_value(body)?;
        let path = "/api/consultations/create";
        let made: Consultation = backend.request_as(reqwest::Method::POST, path, Some(&body), Some(&desk))?;
        Ok((backend, made.kiosk_code, kiosk))
    }

    fn spawn(command: Command) -> Result<Self> {
        Self::spawn_with(command, "sqlite::memory:")
    }

    fn spawn_with(mut command: Command, database: &str) -> Result<Self> {
        let port = free_port()?;
        command.env("AUTAMEDICA_PORT", port.to_string()).env("DATABASE_URL", database);
        quiet(&mut command);
        let process = Process::spawn("autamedica-server", command)?;
        let backend = Self { process, url: format!("http://127.0.0.1:{port}") };
        wait_until("the backend", HANG_GUARD, || {
            let health: Health = backend.get("/health").ok()?;
            (health.status == HealthStatus::Ok).then_some(())
        })?;
        Ok(backend)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills the SFU that the backend started (SIGKILL), not the backend.
    pub fn kill_sfu(&self) -> Result<()> {
        let children = descendants(self.process.id());
        let (sfu, _) = children.iter().find(|(_, child)| child.name == "livekit-server").context("it runs no SFU")?;
        let status = Command::new("kill").args(["-KILL", &sfu.to_string()]).status().context("running kill")?;
        ensure!(status.success(), "the SFU can't be killed: {status}");
        Ok(())
    }

    /// Creates a consultation with the identities that `autamedica --consultation` uses for it.
    pub fn create(&self, id: &str) -> Result<Consultation> {
        let person = |role: Role| Id::new(format!("{role}-{id}"));
        let body = CreateConsultation::new(Id::new(id)?, person(Role::Patient)?, person(Role::Doctor)?);
        self.request(reqwest::Method::POST, "/api/consultations/create", Some(&serde_json::to_value(body)?))
    }

    /// Creates a consultation with or without end-to-end encryption.
    pub fn create_encrypted(&self, id: &str, e2ee: bool) -> Result<Consultation> {
        let person = |role: Role| Id::new(format!("{role}-{id}"));
        let mut body = CreateConsultation::new(Id::new(id)?, person(Role::Patient)?, person(Role::Doctor)?);
        body.e2ee = Some(e2ee);
        self.request(reqwest::Method::POST, "/api/consultations/create", Some(&serde_json::to_value(body)?))
    }

    /// Creates a scheduled, end-to-end encrypted consultation with a waiting room, as an appointment system does.
    pub fn schedule(&self, id: &str) -> Result<Consultation> {
        let person = |role: Role| Id::new(format!("{role}-{id}"));
        let mut body = CreateConsultation::new(Id::new(id)?, person(Role::Patient)?, person(Role::Doctor)?);
        (body.waiting_room, body.e2ee) = (Some(true), Some(true));
        (body.scheduled_at, body.duration_minutes) = (Some(Timestamp::now()), Some(20));
        self.request(reqwest::Method::POST, "/api/consultations/create", Some(&serde_json::to_value(body)?))
    }

    /// Returns the participants and publications of a room, as the SFU reports them to the backend.
    pub fn stats(&self, room: &str) -> Result<RoomStats> {
        self.get(&format!("/api/rooms/{room}/stats"))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(reqwest::Method::GET, path, None)
    }

    fn request<T: DeserializeOwned>(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<T> {
        self.request_as(method, path, body, None)
    }

    fn request_as<T: DeserializeOwned>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<T> {
        // A runtime per request: tests are synchronous and need none in between.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            // Another test of this process may have installed it.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = request.send().await?.error_for_status()?.json::<Success<T>>().await?;
            Ok(answer.data)
        })
    }
}

/// Limits the log to errors unless the environment requests more.
fn quiet(command: &mut Command) {
    command.stdin(Stdio::null());
    if std::env::var_os("RUST_LOG").is_none() {
        command.env("RUST_LOG", "warn,livekit_server=error");
    }
}

/// App with test devices, in a call that ends by itself after `seconds`.
pub struct App {
    process: Process,
    role: Role,
    title: String,
    report: PathBuf,
    log: PathBuf,
}

impl App {
    pub fn start(
        display: &Display,
        backend: &Backend,
        role: Role,
        consultation: &str,
        seconds: u64,
        say: &str,
        folder: &Path,
    ) -> Result<Self> {
        Self::start_at(display, backend.url(), role, consultation, seconds, say, folder)
    }

    /// Starts the app with this backend's address.
    pub fn start_at(
        display: &Display,
        server: &str,
        role: Role,
        consultation: &str,
        seconds: u64,
        say: &str,
        folder: &Path,
    ) -> Result<Self> {
        let app = display.command(built_program("autamedica")?);
        Self::spawn(app, server, role, consultation, seconds, say, folder)
    }

    /// Starts the app in English with a screen reader.
    pub fn start_heard(
        display: &Display,
        backend: &Backend,
        role: Role,
        consultation: &str,
        seconds: u64,
        reader: &ScreenReader,
        folder: &Path,
    ) -> Result<Self> {
        let mut app = display.command(built_program("autamedica")?);
        app.args(["--lang", "en"]);
        reader.listen_to(&mut app);
        Self::spawn(app, backend.url(), role, consultation, seconds, "hello", folder)
    }

    fn spawn(
        mut app: Command,
        server: &str,
        role: Role,
        consultation: &str,
        seconds: u64,
        say: &str,
        folder: &Path,
    ) -> Result<Self> {
        let (report, log) = (folder.join(format!("{role}.json")), folder.join(format!("{role}.log")));
        let title = format!("{consultation} {role}");
        app.args(["--role", role.as_str(), "--consultation", consultation, "--server", server, "--title", &title]);
        app.args(["--camera", "test", "--microphone", "test", "--speaker", "none", "--say", say]);
        app.args(["--seconds", &seconds.to_string(), "--report"]).arg(&report);
        // The app neither uses nor changes the settings of the user who runs the test.
        app.env("XDG_CONFIG_HOME", folder.join(format!("{role} config")));
        app.env("XDG_DATA_HOME", folder.join("data")).env_remove("AUTAMEDICA_DATA_DIR");
        app.env("DATABASE_URL", "sqlite::memory:").env("NO_COLOR", "1").env_remove("RUST_LOG");
        app.current_dir(folder);
        app.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).context("making the app's log")?);
        Ok(Self { process: Process::spawn("autamedica", app)?, role, title, report, log })
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns whether the app still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        self.process.is_running()
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn window(&self, display: &Display) -> Result<String> {
        display.window(&self.title)
    }

    fn log_count(&self, text: &str) -> usize {
        std::fs::read_to_string(&self.log).unwrap_or_default().matches(text).count()
    }

    /// Waits until a line has been logged this many times.
    pub fn wait_for_log(&mut self, text: &str, times: usize) -> Result<()> {
        wait_until(&format!("the {}'s app to log {text:?} {times} times", self.role), HANG_GUARD, || {
            (self.log_count(text) >= times).then_some(())
        })
        .with_context(|| std::fs::read_to_string(&self.log).unwrap_or_default())
    }

    /// Waits until a screen has been shown this many times.
    pub fn wait_for_screen(&mut self, screen: &str, times: usize) -> Result<()> {
        self.wait_for_log(&format!("shown screen={screen}"), times)
    }

    /// Checks that the app stays in the call for this time.
    pub fn stays_in_call(&mut self, long: Duration) -> Result<()> {
        let shown = self.log_count("shown screen=");
        let end = Instant::now() + long;
        while Instant::now() < end {
            ensure!(self.process.is_running()?, "the {}'s app ended", self.role);
            ensure!(self.log_count("shown screen=") == shown, "the {}'s app shows another screen", self.role);
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Moves the pointer onto hang-up: the last button of the bar at the lower edge, which is wider for a doctor.
    pub fn point_at_hang_up(&self, display: &Display) -> Result<()> {
        let window = self.window(display)?;
        display.xdotool(&["windowactivate", "--sync", &window])?;
        let x = if self.role == Role::Doctor { "908" } else { "824" };
        // The first of two moves makes the bar appear.
        display.xdotool(&["mousemove", "--window", &window, "640", "400"])?;
        display.xdotool(&["mousemove", "--window", &window, x, "632"])?;
        Ok(())
    }

    /// Asks the app to end (SIGTERM), which hangs up and writes the report.
    pub fn close(&mut self) -> Result<()> {
        self.process.signal(libc::SIGTERM)
    }

    /// Waits for the end of the call and returns the report.
    pub fn report(mut self) -> Result<Value> {
        let status = self.process.wait(2 * HANG_GUARD)?;
        ensure!(status.success(), "the app failed: {status}");
        let text = std::fs::read_to_string(&self.report).context("reading the app's report")?;
        let mut report: Value = serde_json::from_str(&text)?;
        Ok(report["clients"][0].take())
    }
}

/// Instructions for the browser, documented in `tests/web/driver.mjs`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instructions<'a> {
    pub url: &'a str,
    pub token: &'a str,
    pub key: Option<&'a str>,
    pub video_codec: Option<&'a str>,
    pub tone_hz: f64,
    pub say: &'a str,
    pub width: u32,
    pub watch_ms: u32,
    pub patience_ms: u32,
    pub attempts: &'a [&'a str],
    pub stay: bool,
}

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
    pub codec: String,
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

/// Result of an attempt to publish: success, or the SFU's answer.
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

/// Browser that takes part in a call under the driver's control.
pub struct Browser {
    process: Process,
}

impl Browser {
    pub fn start(instructions: &Instructions<'_>) -> Result<Self> {
        workspace_file("tests/web/node_modules/playwright-core").context("run `cargo xtask setup --tests`")?;
        let mut node = Command::new("node");
        node.arg(workspace_file("tests/web/driver.mjs")?);
        node.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("node", node)?;
        let mut instructions = serde_json::to_value(instructions)?;
        instructions["browser"] = browser()?.display().to_string().into();
        let mut stdin = process.child().stdin.take().context("the driver's input")?;
        stdin.write_all(instructions.to_string().as_bytes()).context("instructing the driver")?;
        Ok(Self { process })
    }

    /// Waits until the other side has left, and returns the browser's observations.
    pub fn seen(mut self) -> Result<Seen> {
        let mut output = String::new();
        let mut stdout = self.process.child().stdout.take().context("the driver's output")?;
        // The driver has a timeout of its own.
        stdout.read_to_string(&mut output)?;
        let status = self.process.wait(HANG_GUARD)?;
        ensure!(status.success(), "the browser's driver failed: {status}");
        serde_json::from_str(&output).with_context(|| format!("reading {output:?}"))
    }
}
