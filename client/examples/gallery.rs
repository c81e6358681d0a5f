//! Shows each screen in each state, with made-up calls and moving pictures: for looking at, and for measuring.
//!
//! `gallery SCENE [--lang es|en] [--role doctor|patient] [--kiosk] [--video cpu|gpu] [--seconds N]`; without
//! arguments it lists the scenes.

#[path = "gallery/before.rs"]
mod before;
#[path = "gallery/picture.rs"]
mod picture;
#[path = "gallery/recordings.rs"]
mod recordings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::{Feedback, Id, Role};
use autamedica_call::backend::{Admission, ConsultationRef};
use autamedica_call::{
    CallCommand, CallPhase, CallSettings, CallState, CallStatistics, ChatLog, ChatMessage, ControlFailure,
    ControlRequest, DeviceChoices, DeviceKind, DeviceLists, DeviceOffer, EncryptionState, EndReason, FileProgress,
    JoinTarget, ParticipantState, Photo, RecordingProblem, RecordingState, Secret, ShareState, SharedFile,
    StatisticsSample, TrackStatistics, Wake,
};
use autamedica_client::answer::Answer;
use autamedica_client::app::{AppOptions, Call, Calls, Check, PinAnswer, Start, UiHandle};
use autamedica_client::full::{self, Desk, DoctorsAgenda, DoctorsRecordings};
use autamedica_client::i18n::Language;
use autamedica_client::kiosk;
use autamedica_client::settings::Settings;
use autamedica_client::ui::stats::UiStats;
use autamedica_engine::{ConnectionQuality, LatestFrame, TrackSource};
use autamedica_media::{DeviceProblem, DeviceState};
use parking_lot::Mutex;

use crate::picture::moving_picture;

const SCENES: &[&str] = &[
    "start",
    "joining",
    "waiting-room",
    "alone",
    "call",
    "muted",
    "camera-off",
    "devices",
    "reconnecting",
    "chat",
    "people",
    "recording",
    "recording-trouble",
    "refused",
    "sharing",
    "screen",
    "grid",
    "grid-6",
    "grid-12",
    "grid-20",
    "screen-many",
    "waiting",
    "offer",
    "held-back",
    "planned",
    "over",
    "files",
    "statistics",
    "failure",
    "portrait",
    "encryption",
    "end-hung-up",
    "end-lost",
    "end-unreachable",
    "end-not-allowed",
    "end-elsewhere",
    "end-removed",
];

fn main() -> eframe::Result {
    let mut args = std::env::args().skip(1);
    let Some(scene) = args.next() else {
        SCENES.iter().chain(before::SCENES).chain(recordings::SCENES).for_each(|scene| println!("{scene}"));
        return Ok(());
    };
    let mut options = AppOptions { title: format!("gallery {scene}"), role: Role::Doctor, ..AppOptions::default() };
    let (mut seconds, mut is_kiosk) = (None, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--scale" => options.text_scale = args.next().and_then(|s| s.parse().ok()).unwrap_or(1.0),
            "--kiosk" => is_kiosk = true,
            "--lang" => options.language = args.next().and_then(|l| l.parse().ok()).unwrap_or(Language::Spanish),
            "--role" => options.role = args.next().and_then(|r| r.parse().ok()).unwrap_or(Role::Doctor),
            "--video" => options.video_on_cpu = args.next().map(|painter| painter == "cpu"),
            "--seconds" => seconds = args.next().and_then(|s| s.parse::<u64>().ok()),
            other => eprintln!("what is {other}?"),
        }
    }
    let target = JoinTarget::Consultation { id: Id::new("4821").expect("a valid id"), role: options.role };
    options.start = match scene.as_str() {
        "start" | "settings" => Start::Home,
        day if day.starts_with("day") || day.starts_with("recordings") => Start::Home,
        check if check.starts_with("check") => Start::Check(target),
        server if server.starts_with("server") => Start::Check(before::link(server == "server-long")),
        _ => Start::Join(target),
    };
    if scene == "day" {
        options.recent = ["4815", "4809"].map(|id| Id::new(id).expect("a valid id")).to_vec();
    }
    let role = options.role;
    let stats = Arc::new(UiStats::default());
    options.stats = Some(stats.clone());
    options.on_ready = Some(Box::new(move |handle: UiHandle| {
        let Some(seconds) = seconds else { return };
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            let shown = stats.all_frames_shown();
            println!("ui_fps {:.1}, drawn {}, shown {shown:?}", stats.ui_fps(), stats.drawn());
            println!("cpu {:.2} s of {seconds} s, rss {} MiB", cpu_seconds(), rss_mib());
            handle.close();
        });
    }));
    let gallery = Gallery { scene, role };
    if is_kiosk {
        let options = AppOptions { more_texts: full::more_texts, ..options };
        return kiosk::run(options, Box::new(gallery));
    }
    full::run(options, Box::new(gallery.clone()), Box::new(gallery))
}

#[derive(Clone)]
struct Gallery {
    scene: String,
    role: Role,
}

struct Scene {
    state: Mutex<Arc<CallState>>,
    wake: Wake,
    running: Arc<AtomicBool>,
}

impl Calls for Gallery {
    fn check(&mut self, _: &JoinTarget, devices: &DeviceChoices, _: CallSettings, _: Wake) -> Box<dyn Check> {
        let preview = moving_picture(1280, 720, 30, 1, Arc::new(AtomicBool::new(true)));
        Box::new(before::GalleryCheck::new(&self.scene, devices.clone(), preview))
    }

    fn send_feedback(&mut self, _: &Admission, _: Feedback, _: Wake) -> Answer<bool> {
        Answer::ready(self.scene != "end-hung-up")
    }

    fn operator_pin(&mut self, _: Secret, _: Wake) -> Answer<PinAnswer> {
        Answer::ready(PinAnswer::Wrong)
    }

    fn join(&mut self, _: JoinTarget, _: &DeviceChoices, _: CallSettings, wake: Wake) -> Box<dyn Call> {
        let running = Arc::new(AtomicBool::new(true));
        let state = scene(&self.scene, self.role, &running);
        Box::new(Scene { state: Mutex::new(Arc::new(state)), wake, running })
    }
}

impl Desk for Gallery {
    fn agenda(&mut self, _: Wake) -> Box<dyn DoctorsAgenda> {
        Box::new(before::GalleryDay(self.scene.clone()))
    }

    fn recordings(&mut self, _: &Id, wake: Wake) -> Box<dyn DoctorsRecordings> {
        Box::new(recordings::GalleryRecordings::new(&self.scene, wake))
    }

    fn list_devices(&mut self, _: Wake) -> Answer<DeviceLists> {
        Answer::ready(before::devices())
    }

    fn save_settings(&mut self, _: &Settings, _: Wake) -> Answer<bool> {
        Answer::ready(true)
    }

    fn save_recent(&mut self, _: &[Id], _: Wake) -> Answer<bool> {
        Answer::ready(true)
    }
}

impl Call for Scene {
    fn state(&self) -> Arc<CallState> {
        self.state.lock().clone()
    }

    /// Answers as a call would, so that buttons can be tried.
    fn send(&self, command: CallCommand) {
        let mut slot = self.state.lock();
        let mut state = CallState::clone(&slot);
        match command {
            CallCommand::MuteCamera(muted) => state.camera.muted = muted,
            CallCommand::MuteMicrophone(muted) => state.microphone.muted = muted,
            CallCommand::ShareScreen(_) => state.screen = ShareState::On,
            CallCommand::StopSharing => state.screen = ShareState::Off,
            CallCommand::Record(true) => state.recording = RecordingState::On(Instant::now()),
            CallCommand::Record(false) => state.recording = RecordingState::Off,
            CallCommand::Admit(identity) => {
                for person in state.participants.iter_mut().filter(|person| person.identity == identity) {
                    person.waiting_since = None;
                }
            }
            CallCommand::Refuse(identity) | CallCommand::Remove(identity) => {
                state.participants.retain(|person| person.identity != identity);
            }
            CallCommand::MuteOther(identity) => {
                for person in state.participants.iter_mut().filter(|person| person.identity == identity) {
                    person.microphone_muted = true;
                }
            }
            CallCommand::DismissOffer | CallCommand::UseMicrophone(_) => state.offer = None,
            CallCommand::Show(tiles) => println!("shown: {tiles:?}"),
            CallCommand::SendChat(text) => {
                state.chat.push(line(&text, true, 0));
            }
            CallCommand::HangUp | CallCommand::EndForAll => {
                self.running.store(false, Ordering::Relaxed);
                state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(724) };
            }
            _ => {}
        }
        *slot = Arc::new(state);
        drop(slot);
        (self.wake)();
    }
}

fn scene(name: &str, role: Role, running: &Arc<AtomicBool>) -> CallState {
    let other = if role == Role::Doctor { Role::Patient } else { Role::Doctor };
    let video = |width, height, fps, look| Some(moving_picture(width, height, fps, look, running.clone()));
    let person = |name: &str, role, camera| ParticipantState {
        may_send: true,
        identity: name.to_lowercase().replace(' ', "-"),
        name: name.to_owned(),
        role,
        camera,
        screen: None,
        microphone_muted: false,
        speaking: false,
        waiting_since: None,
        joined_at: None,
        quality: ConnectionQuality::Excellent,
    };
    let mut state = CallState::joining(role);
    if name == "joining" {
        return state;
    }
    state.phase = CallPhase::InCall;
    state.identity = "me".into();
    state.joined_at = Some(Instant::now() - Duration::from_secs(724));
    state.camera.device = DeviceState::On { name: "Test".into() };
    state.microphone.device = DeviceState::On { name: "Test".into() };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    state.devices = Arc::new(DeviceLists {
        cameras: names(&["Logitech C920", "Cámara integrada"]),
        microphones: names(&["Jabra Evolve2 30", "Micrófono interno"]),
        speakers: names(&["Jabra Evolve2 30", "Altavoces HDMI"]),
    });
    state.speaker = DeviceState::On { name: "Altavoces HDMI".into() };
    state.self_view = moving_picture(1280, 720, 30, 1, running.clone());
    let other_name = if role == Role::Doctor { "María Quispe" } else { "Dra. Gómez" };
    state.participants = vec![person(other_name, Some(other), video(1280, 720, 30, 0))];
    state.participants[0].identity = "other".into();
    let ended = |reason| CallPhase::Ended { reason, lasted: Duration::from_secs(1085) };
    let failed = |reason| CallPhase::Ended { reason, lasted: Duration::ZERO };
    state.admission = Some(Arc::new(Admission {
        url: String::new(),
        token: Secret::new(""),
        role,
        e2ee: false,
        e2ee_key: None,
        e2ee_key_index: 0,
        consultation: Some(ConsultationRef {
            server: "http://localhost:8888".parse().expect("a valid address"),
            id: Id::new("4821").expect("a valid id"),
            room_name: "consultation-4821".into(),
        }),
        direct_as: None,
        planned_end: None,
    }));
    match name {
        "waiting-room" => state.phase = CallPhase::Waiting { since: Instant::now() - before::WAITED },
        "alone" => state.participants.clear(),
        "muted" => {
            state.microphone.muted = true;
            state.participants[0].microphone_muted = true;
        }
        "camera-off" => {
            state.camera.muted = true;
            state.participants[0].camera = None;
            state.participants[0].speaking = true;
        }
        "devices" => {
            state.camera.device = DeviceState::Failed(DeviceProblem::Busy);
            state.microphone.device = DeviceState::Failed(DeviceProblem::Silent);
        }
        "reconnecting" => {
            state.phase = CallPhase::Reconnecting { since: Instant::now() - Duration::from_secs(8) };
        }
        "chat" | "people" => {
            state.chat = ChatLog::from(vec![
                line("Buenos días. ¿Me escucha bien?", role == Role::Doctor, 240),
                line("Sí, doctora, la escucho perfectamente.", role != Role::Doctor, 220),
                line(
                    "Le paso el nombre del medicamento: paracetamol de 500 mg, uno cada ocho horas.",
                    role == Role::Doctor,
                    60,
                ),
                line("Muchas gracias. ¿Puedo tomarlo con el estómago vacío?", role != Role::Doctor, 20),
            ]);
        }
        "recording" | "recording-trouble" => {
            state.recording = RecordingState::On(Instant::now() - Duration::from_secs(192));
            state.participants[0].speaking = true;
            state.recording_trouble = (name == "recording-trouble").then(|| "storage-unreachable".to_owned());
        }
        "refused" => state.recording = RecordingState::Failed(RecordingProblem::Unavailable),
        "grid-6" | "grid-12" | "grid-20" | "screen-many" => {
            let names =
                ["Álvaro Núñez", "Rosa Quispe", "Dr. Iván Paz", "Eva Ríos", "Noé Gil", "Sofía Vega", "Luz Mora"];
            let count = match name {
                "grid-6" => 5,
                "grid-12" => 11,
                "grid-20" => 19,
                _ => 9,
            };
            for n in 1..count {
                let camera = if n % 4 == 3 { None } else { video(320, 180, 15, (n % 4) as u8) };
                let mut who =
                    person(names[n % names.len()], if n % 3 == 0 { None } else { Some(Role::Patient) }, camera);
                who.identity = format!("person-{n}");
                who.microphone_muted = n % 3 == 1;
                who.speaking = n == 2;
                who.quality = if n == 4 { ConnectionQuality::Poor } else { ConnectionQuality::Good };
                state.participants.push(who);
            }
            if name == "screen-many" {
                state.participants[0].screen = video(1280, 800, 10, 2);
            }
        }
        "waiting" => {
            for (n, name) in ["Rosa Quispe", "Luis Paredes", "Eva Ríos"].into_iter().enumerate() {
                let mut who = person(name, Some(Role::Patient), None);
                who.waiting_since = Some(SystemTime::now() - Duration::from_secs(200 - 60 * n as u64));
                state.participants.push(who);
            }
        }
        "offer" => {
            state.offer = Some(DeviceOffer { kind: DeviceKind::Microphone, name: "Jabra Evolve2 30".into() });
        }
        "held-back" => {
            state.participants[0].camera = Some(LatestFrame::new());
            state.video_reduced = true;
        }
        "planned" => state.planned_end = Some(SystemTime::now() + Duration::from_secs(4 * 60)),
        "over" => state.planned_end = Some(SystemTime::now() - Duration::from_secs(130)),
        "failure" => {
            state.control_failure = Some(ControlFailure { request: ControlRequest::Admit, number: 1 });
        }
        "files" => {
            let file = |id: &str, name: &str, own: bool, size: u64, progress, preview: Option<Photo>| ChatMessage {
                file: Some(SharedFile { id: id.into(), mime_type: String::new(), size, progress, preview }),
                ..line(name, own, 30)
            };
            let doctor = role == Role::Doctor;
            state.chat = ChatLog::from(vec![
                line("Le mando la foto de la erupción.", !doctor, 90),
                file("a", "foto-brazo.png", !doctor, 412_000, FileProgress::Done, Some(photo())),
                file("b", "receta.pdf", doctor, 1_440_000, FileProgress::InProgress(930_000), None),
                file("c", "estudio-completo.zip", doctor, 48_000_000, FileProgress::WrongType, None),
                line("Lea esto: https://clinica.example/cuidados/piel, por favor.", doctor, 10),
            ]);
        }
        "statistics" => state.statistics = Arc::new(statistics()),
        "sharing" => state.screen = ShareState::On,
        "screen" => state.participants[0].screen = video(1280, 800, 10, 2),
        "grid" => {
            state.participants.push(person("Intérprete Álvaro Núñez", None, video(640, 360, 30, 3)));
            state.participants.push(person("Rosa Quispe", Some(Role::Patient), None));
            state.participants[1].microphone_muted = true;
            state.participants[0].speaking = true;
        }
        "portrait" => state.participants[0].camera = video(360, 640, 30, 0),
        "encryption" => state.encryption = EncryptionState::On,
        "end-hung-up" => state.phase = ended(EndReason::HungUp),
        "end-lost" => state.phase = ended(EndReason::ConnectionLost),
        "end-unreachable" => state.phase = failed(EndReason::ServerUnreachable),
        "end-not-allowed" => state.phase = failed(EndReason::NotAllowed),
        "end-elsewhere" => state.phase = ended(EndReason::JoinedElsewhere),
        "end-removed" => state.phase = ended(EndReason::Removed),
        _ => {}
    }
    state
}

/// A photo as a phone would send it, small.
fn photo() -> Photo {
    let picture = image::RgbImage::from_fn(640, 480, |x, y| {
        let spot =
            (f64::from(x) - 330.0).hypot(f64::from(y) - 230.0) < 60.0 + 14.0 * (f64::from(x + 2 * y) * 0.07).sin();
        if spot { image::Rgb([196, 96, 88]) } else { image::Rgb([220, (178 - y / 12) as u8, 150]) }
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture encodes");
    bytes.into_inner().into()
}

/// A minute with a bad moment in it.
fn statistics() -> CallStatistics {
    let now = Instant::now();
    let sample = |n: u64| {
        let x = n as f64;
        let bad = (x - 34.0).abs() < 6.0;
        let track = |identity: Option<&str>, source, codec: &str, kbps, width: u32, fps| TrackStatistics {
            sid: format!("TR_{codec}"),
            identity: identity.map(Into::into),
            source,
            codec: codec.into(),
            encoder: if identity.is_none() && width > 0 { "OpenH264".into() } else { String::new() },
            kbps,
            width,
            height: width * 9 / 16,
            fps,
            loss_percent: if bad { 3.4 } else { 0.1 },
            jitter_ms: 3.0,
        };
        StatisticsSample {
            at: now.checked_sub(Duration::from_secs(60 - n)).unwrap_or(now),
            round_trip_ms: Some(if bad { 120.0 } else { 24.0 + 4.0 * (x * 0.6).sin() }),
            loss_percent: if bad { 3.4 } else { 0.1 + 0.1 * (x * 0.9).sin().abs() },
            jitter_ms: if bad { 31.0 } else { 3.0 + (x * 0.4).cos() },
            sent_kbps: if bad { 700.0 } else { 1500.0 + 120.0 * (x * 0.3).sin() },
            received_kbps: if bad { 420.0 } else { 1780.0 + 150.0 * (x * 0.2).cos() },
            tracks: vec![
                track(None, TrackSource::Camera, "H264", 1470.0, 1280, 30.0),
                track(None, TrackSource::Microphone, "Opus", 32.0, 0, 0.0),
                track(Some("other"), TrackSource::Camera, "H264", 1730.0, 1280, 29.8),
                track(Some("other"), TrackSource::Microphone, "Opus", 31.0, 0, 0.0),
            ],
        }
    };
    CallStatistics { samples: (0..60).map(sample).collect() }
}

fn line(text: &str, own: bool, seconds_ago: u64) -> ChatMessage {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let from = if own { "me" } else { "other" };
    let at = SystemTime::now() - Duration::from_secs(seconds_ago);
    ChatMessage { number: NEXT.fetch_add(1, Ordering::Relaxed), ..ChatMessage::written(from, own, text, at) }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |n: usize| stat.rsplit(')').next().and_then(|s| s.split_whitespace().nth(n)?.parse::<f64>().ok());
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
