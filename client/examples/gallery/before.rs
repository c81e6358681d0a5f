//! What stands behind the screens before and after a call.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ConsultationDetails, ConsultationState, Id, JoinLink, Timestamp};
use autamedica_call::agenda::Agenda;
use autamedica_call::check::{
    CheckCommand, CheckState, NetworkProblem, NetworkReport, NetworkState, NetworkStep, TestSound, Voice,
};
use autamedica_call::{DeviceChoices, DeviceLists, JoinTarget};
use autamedica_client::app::Check;
use autamedica_client::full::DoctorsAgenda;
use autamedica_engine::LatestFrame;
use autamedica_media::audio::Level;
use autamedica_media::{DeviceProblem, DeviceState};
use parking_lot::Mutex;

pub const SCENES: &[&str] = &[
    "server",
    "server-long",
    "check",
    "check-good",
    "check-problems",
    "check-poor",
    "day",
    "day-empty",
    "day-away",
    "day-no-key",
    "settings",
];

/// A link to a server that is new here.
pub fn link(is_long: bool) -> JoinTarget {
    let long = "video.clinica-universitaria-de-la-republica.example.consultas-medicas.example:8443";
    let host = if is_long { long } else { "video.clinica.example" };
    let link = format!("https://{host}/join#abcdefghijklmnopqrstuvwxyz");
    JoinTarget::Link(JoinLink::parse(&link).expect("a valid link"))
}

pub struct GalleryCheck(Mutex<Arc<CheckState>>);

impl GalleryCheck {
    pub fn new(scene: &str, chosen: DeviceChoices, preview: LatestFrame) -> Self {
        let on = |name: &str| DeviceState::On { name: name.into() };
        let mut state = CheckState {
            devices: Arc::new(devices()),
            camera: on("Logitech"),
            preview,
            microphone: on("USB"),
            speaker: on("Auriculares"),
            ..CheckState::new(chosen, NetworkState::Running(NetworkStep::Measuring))
        };
        let report =
            NetworkReport { connect_ms: 80, round_trip_ms: 24, loss_percent: 0.0, up_kbps: 2410, down_kbps: 2380 };
        match scene {
            "check-good" => {
                state.voice = Voice::Heard;
                state.sound = TestSound::Unanswered;
                state.network = NetworkState::Done(report);
            }
            "check-problems" => {
                state.camera = DeviceState::Failed(DeviceProblem::Busy);
                state.preview = LatestFrame::new();
                state.voice = Voice::Muted;
                state.speaker = DeviceState::Failed(DeviceProblem::NotFound);
                state.network = NetworkState::Failed(NetworkProblem::MediaUnreachable);
            }
            "check-poor" => {
                state.voice = Voice::Faint;
                state.sound = TestSound::NotHeard;
                state.network = NetworkState::Done(NetworkReport { loss_percent: 8.3, up_kbps: 190, ..report });
            }
            _ => {}
        }
        Self(Mutex::new(Arc::new(state)))
    }
}

impl Check for GalleryCheck {
    fn state(&self) -> Arc<CheckState> {
        self.0.lock().clone()
    }

    fn level(&self) -> Level {
        Level { rms: 0.06, peak: 0.1 }
    }

    fn send(&self, command: CheckCommand) {
        let mut slot = self.0.lock();
        let mut state = CheckState::clone(&slot);
        match command {
            CheckCommand::PlaySound => state.sound = TestSound::Unanswered,
            CheckCommand::Heard(heard) => state.sound = if heard { TestSound::Heard } else { TestSound::NotHeard },
            CheckCommand::UseCamera(choice) => state.chosen.camera = choice,
            CheckCommand::UseMicrophone(choice) => state.chosen.microphone = choice,
            CheckCommand::UseSpeaker(choice) => state.chosen.speaker = choice,
            CheckCommand::TestNetwork => state.network = NetworkState::Running(NetworkStep::Connecting),
            CheckCommand::Finish => state.finished = true,
        }
        *slot = Arc::new(state);
    }
}

pub fn devices() -> DeviceLists {
    DeviceLists {
        cameras: vec!["Logitech BRIO".into(), "Cámara integrada".into()],
        microphones: vec!["Micrófono USB".into()],
        speakers: vec!["Auriculares".into()],
    }
}

pub struct GalleryDay(pub String);

impl DoctorsAgenda for GalleryDay {
    fn now(&self) -> Arc<Agenda> {
        let states = [
            ConsultationState::Ended,
            ConsultationState::Live,
            ConsultationState::Waiting,
            ConsultationState::Created,
            ConsultationState::Cancelled,
        ];
        let day = states.into_iter().enumerate().map(|(n, state)| consultation(n as i64, state)).collect();
        Arc::new(match self.0.as_str() {
            "day-empty" => Agenda::Known(Vec::new()),
            "day-away" => Agenda::Unreachable(day),
            "day-no-key" => Agenda::NoKey,
            // From the day, its recordings are one click away.
            scene if scene == "day" || scene.starts_with("recordings") => Agenda::Known(day),
            _ => Agenda::Asking,
        })
    }
}

fn consultation(n: i64, state: ConsultationState) -> ConsultationDetails {
    let id = |text: String| Id::new(text).expect("a valid id");
    let minutes = |n: i64| Timestamp::from_millis(Timestamp::now().as_millis() + n * 60_000);
    ConsultationDetails {
        consultation_id: id(format!("{}", 4820 + n)),
        room_name: format!("consultation-{}", 4820 + n),
        patient_id: id(format!("patient-{n}")),
        doctor_id: id("doctor".to_owned()),
        state,
        cause: None,
        waiting_room: true,
        admitted: false,
        e2ee: true,
        scheduled_at: Some(minutes(30 * (n - 2))),
        duration_minutes: Some(30),
        created_at: minutes(-600),
        waiting_at: Some(minutes(-3)),
        live_at: None,
        ended_at: None,
        language: autamedica_api::Language::Es,
        transport: Default::default(),
        recordings: if state == ConsultationState::Ended { 3 } else { 0 },
    }
}

/// How long ago a patient came who waits.
pub const WAITED: Duration = Duration::from_secs(3 * 60 + 5);
