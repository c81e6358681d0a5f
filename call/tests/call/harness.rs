//! Test harness: a backend with its SFU, and people in calls.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use autamedica_api::{Consultation, CreateConsultation, Id, JoinLink, Role, Success};
use autamedica_call::backend::Backend;
use autamedica_call::{
    CallCommand, CallHandle, CallOptions, CallPhase, CallSettings, CallState, CallStatistics, ChatMessage,
    DeviceChoices, Entrance, JoinTarget, ParticipantState, Secret,
};
use autamedica_lab::{HANG_GUARD, Process, Sfu, built_program, descendants};
use autamedica_media::{DeviceChoice, DeviceState};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// Returns the runtime of all tests' calls.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
    })
}

/// Backend with its own SFU, as started by an operator.
pub struct Clinic {
    process: Process,
    pub url: Url,
    /// Folder of the backend's data and log.
    folder: TempDir,
}

/// Returns the backend's command with data in this folder.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(built_program("autamedica-server").unwrap());
    command.current_dir(folder).env("AUTAMEDICA_DATA_DIR", folder);
    for name in ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "DATABASE_URL", "PUBLIC_URL", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

impl Clinic {
    pub fn open() -> Self {
        Self::open_at(None)
    }

    /// Starts a backend whose links lead to this address.
    pub fn open_at(public_url: Option<&Url>) -> Self {
        Self::open_with(|command| {
            if let Some(url) = public_url {
                command.env("PUBLIC_URL", url.as_str());
            }
        })
    }

    /// Starts a backend that uses this SFU.
    pub fn open_beside(sfu: &Sfu) -> Self {
        Self::open_beside_url(&sfu.url())
    }

    /// Starts a backend that uses the SFU at this address.
    pub fn open_beside_url(url: &str) -> Self {
        Self::open_with(|command| {
            command.env("LIVEKIT_URL", url);
            command.env("LIVEKIT_API_KEY", Sfu::API_KEY).env("LIVEKIT_API_SECRET", Sfu::API_SECRET);
        })
    }

    fn open_with(configure: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(folder.path());
        command.args(["--port", "0"]);
        configure(&mut command);
        let (process, url) = Self::serve(&folder, command);
        Self { process, url, folder }
    }

    /// Kills the backend and starts it again at the same address, with the same data. Its own SFU has another secret, so no
    /// earlier token is valid.
    pub fn restart(&mut self) {
        self.process.kill();
        let mut command = program(self.folder.path());
        command.args(["--port", &self.url.port().unwrap().to_string()]);
        let (process, url) = Self::serve(&self.folder, command);
        assert_eq!(url, self.url);
        self.process = process;
    }

    fn serve(folder: &TempDir, mut command: Command) -> (Process, Url) {
        let log = File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut process = Process::spawn("autamedica-server", command).unwrap();
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("AutaMedica serves on ").unwrap_or_else(|| {
            panic!("{line:?}\n{}", std::fs::read_to_string(folder.path().join("log")).unwrap());
        });
        (process, url.parse().unwrap())
    }

    /// Creates an API key for a doctor's desk. From then on the backend requires a key.
    pub fn desk_key(&self) -> Secret {
        let made = program(self.folder.path()).args(["key", "create", "desk", "--scope", "desk"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Secret::new(String::from_utf8(made.stdout).unwrap().trim())
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills the SFU that the backend started; the backend starts another.
    pub fn kill_sfu(&mut self) {
        let children = descendants(self.process.id());
        let (sfu, _) = children.iter().find(|(_, child)| child.name == "livekit-server").expect("it runs an SFU");
        // SAFETY: a plain system call with the id of our own child's child.
        assert_eq!(unsafe { libc::kill((*sfu).try_into().unwrap(), libc::SIGKILL) }, 0);
    }

    /// Creates a consultation between `patient-1` and `doctor-1` with these settings.
    pub fn consultation(&self, id: &str, set: impl FnOnce(&mut CreateConsultation)) -> Consultation {
        let person = |name| Id::new(name).unwrap();
        let mut body = CreateConsultation::new(Id::new(id).unwrap(), person("patient-1"), person("doctor-1"));
        set(&mut body);
        self.request(reqwest::Method::POST, "/api/consultations/create", Some(serde_json::to_value(body).unwrap()))
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.request(reqwest::Method::GET, path, None)
    }

    pub fn post(&self, path: &str) -> Value {
        self.request(reqwest::Method::POST, path, Some(serde_json::json!({})))
    }

    pub fn patch(&self, path: &str, body: Value) -> Value {
        self.request(reqwest::Method::PATCH, path, Some(body))
    }

    fn request<T: DeserializeOwned>(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> T {
        runtime().block_on(async {
            let mut request = reqwest::Client::new().request(method, self.url.join(path).unwrap());
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            answer.json::<Success<T>>().await.unwrap().data
        })
    }

    /// Joins by a link with test devices.
    pub fn enter(&self, link: &str) -> SimulatedUser {
        self.enter_with(link, test_devices(), CallSettings::default())
    }

    pub fn enter_with(&self, link: &str, devices: DeviceChoices, settings: CallSettings) -> SimulatedUser {
        SimulatedUser::enter(self.url.clone(), JoinTarget::Link(JoinLink::parse(link).unwrap()), devices, settings)
    }

    /// Joins both sides of a consultation and waits until they hear and see each other.
    pub fn start_call(&self, id: &str, e2ee: bool) -> [SimulatedUser; 2] {
        let consultation = self.consultation(id, |body| body.e2ee = Some(e2ee));
        let both = [self.enter(&consultation.patient_link), self.enter(&consultation.doctor_link)];
        for person in &both {
            person.wait("the other's picture", |state| {
                state.participants.iter().find_map(|other| other.camera.as_ref()?.newest())
            });
        }
        both
    }
}

pub fn test_devices() -> DeviceChoices {
    DeviceChoices { camera: DeviceChoice::Test, microphone: DeviceChoice::Test, speaker: DeviceChoice::None }
}

pub struct SimulatedUser {
    pub call: CallHandle,
}

impl SimulatedUser {
    pub fn enter(server: Url, target: JoinTarget, devices: DeviceChoices, settings: CallSettings) -> Self {
        let _guard = runtime().enter();
        let role = target.role().unwrap_or(Role::Patient);
        let options = CallOptions {
            target,
            entrance: Entrance {
                backend: Backend::new().unwrap(),
                server,
                key: None,
                start_backend: None,
                transport: None,
                refuses_doctors: false,
            },
            devices,
            settings,
            role,
            observer: None,
            initial_message: None,
        };
        Self { call: autamedica_call::start(runtime().handle(), options, Arc::new(|| {})) }
    }

    pub fn state(&self) -> Arc<CallState> {
        self.call.state()
    }

    pub fn send(&self, command: CallCommand) {
        self.call.send(command);
    }

    /// Polls the state until `find` returns a value: pictures change without a new state.
    pub fn wait<T>(&self, what: &str, mut find: impl FnMut(&CallState) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            let state = self.call.state();
            if let Some(found) = find(&state) {
                return found;
            }
            assert!(started.elapsed() < HANG_GUARD, "{what}: not within {HANG_GUARD:?}: {}", in_short(&state));
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn wait_for(&self, what: &str, mut is: impl FnMut(&CallState) -> bool) {
        self.wait(what, |state| is(state).then_some(()));
    }

    pub fn wait_for_phase(&self, phase: &CallPhase) {
        self.wait_for(&format!("{phase:?}"), |state| state.phase == *phase);
    }

    /// Waits for another participant that meets a condition.
    pub fn wait_for_other(&self, what: &str, mut is: impl FnMut(&ParticipantState) -> bool) -> ParticipantState {
        self.wait(what, |state| state.participants.iter().find(|other| is(other)).cloned())
    }

    pub fn wait_for_message(&self, text: &str) -> ChatMessage {
        self.wait(text, |state| state.chat.iter().find(|line| line.text == text).map(|line| ChatMessage::clone(line)))
    }
}

/// Formats a state without its long parts.
fn in_short(state: &CallState) -> String {
    let mut short = CallState { devices: Arc::default(), ..state.clone() };
    short.statistics =
        Arc::new(CallStatistics { samples: state.statistics.samples.iter().rev().take(1).cloned().collect() });
    format!("{short:?} {:?}", state.devices)
}

pub fn is_on(state: &DeviceState) -> bool {
    matches!(state, DeviceState::On { .. })
}
