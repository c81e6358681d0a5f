//! What the participants' apps tell each other about their devices: why a camera is off, and original sound.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use autamedica_api::Role;
use autamedica_engine::{DataStreamError, StreamTextOptions, TextStreamReader};
use autamedica_media::{DeviceProblem, DeviceState};
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::task::Task;
use super::{CallPhase, MediaState};

/// Topic of text streams with a status or a request.
pub(super) const TOPIC: &str = "device-status";
/// Maximum size in bytes of JSON.
const MAX_BYTES: usize = 1024;
/// Interval of repetitions: a message may not reach a participant who was just admitted.
const REPEAT_INTERVAL: Duration = Duration::from_secs(3);
/// Number of repetitions after which an unremarkable status is no longer sent.
const MAX_UNREMARKABLE: u32 = 3;
/// Maximum number of participants whose status is kept.
const MAX_PARTICIPANTS: usize = 256;

/// Reason why a participant's camera is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraAbsence {
    /// The person switched it off.
    SwitchedOff,
    /// There is none.
    NotFound,
    /// Another program uses it.
    Busy,
    /// The system denies access.
    Denied,
    /// Disconnected while in use.
    Unplugged,
    /// Another fault.
    #[serde(other)]
    Failed,
}

impl CameraAbsence {
    /// Returns the reason why our own camera is off.
    fn of(camera: &MediaState) -> Option<Self> {
        match camera.device {
            _ if camera.muted => Some(Self::SwitchedOff),
            DeviceState::Failed(problem) => Some(match problem {
                DeviceProblem::NotFound => Self::NotFound,
                DeviceProblem::Busy => Self::Busy,
                DeviceProblem::Denied => Self::Denied,
                DeviceProblem::Unplugged => Self::Unplugged,
                DeviceProblem::Silent | DeviceProblem::Unsupported | DeviceProblem::Failed => Self::Failed,
            }),
            DeviceState::Off | DeviceState::Starting | DeviceState::On { .. } => None,
        }
    }
}

/// Message between apps: the state of the sender's devices, or a doctor's request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<CameraAbsence>,
    original_sound: bool,
    /// Doctor: asks the receiver for original (`true`) or processed sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_original_sound: Option<bool>,
}

/// Status sent and received.
#[derive(Default)]
pub(super) struct StatusSync {
    sent: Option<(Status, Instant)>,
    /// Number of times that the status was sent.
    times: u32,
    received: HashMap<String, Status>,
}

impl StatusSync {
    /// Forgets what the participants of the previous room said, and sends our status again.
    pub(super) fn room_entered(&mut self) {
        *self = Self::default();
    }

    /// Forgets what a participant who left said.
    pub(super) fn left(&mut self, identity: &str) {
        self.received.remove(identity);
    }

    /// Returns whether the status is to be sent now.
    fn is_due(&mut self, status: Status, now: Instant) -> bool {
        let unremarkable = status == Status::default();
        match self.sent {
            None if unremarkable => return false,
            Some((sent, at)) if sent == status => {
                let again = !unremarkable || self.times < MAX_UNREMARKABLE;
                if !again || now.saturating_duration_since(at) < REPEAT_INTERVAL {
                    return false;
                }
            }
            _ => self.times = 0,
        }
        self.sent = Some((status, now));
        self.times += 1;
        true
    }
}

impl Task {
    /// Sends the state of our devices to the others, when it has changed and from time to time.
    pub(super) fn update_status(&mut self) {
        let state = &self.publisher.state;
        let others = self.remotes.admitted();
        if state.phase != CallPhase::InCall || state.listening || others.is_empty() {
            return;
        }
        let status = Status {
            camera: CameraAbsence::of(&state.camera),
            original_sound: state.original_sound,
            ask_original_sound: None,
        };
        if self.status_sync.is_due(status, Instant::now()) {
            self.send_status(status, others);
        }
    }

    /// Asks a participant's app for original or processed sound.
    pub(super) fn ask_original_sound(&mut self, identity: &str, on: bool) {
        if self.state().role == Role::Doctor {
            let status = Status { ask_original_sound: Some(on), ..Status::default() };
            self.send_status(status, vec![identity.to_owned()]);
        }
    }

    fn send_status(&mut self, status: Status, destination_identities: Vec<String>) {
        let Some(session) = self.session.as_ref().filter(|session| session.sends()) else { return };
        let participant = session.room.local_participant();
        let options = StreamTextOptions { topic: TOPIC.into(), destination_identities, ..StreamTextOptions::default() };
        let text = serde_json::to_string(&status).expect("plain values always become JSON");
        self.jobs.spawn(async move {
            if let Err(error) = participant.send_text(&text, options).await {
                tracing::warn!(%error, "device status not sent");
            }
        });
    }

    pub(super) fn read_status(&mut self, sender: String, reader: TextStreamReader) {
        let if_panics = Event::StatusReceived { sender: sender.clone(), result: Err(DataStreamError::Disconnected) };
        self.spawn_job(if_panics, async move {
            let read = async {
                let text = reader.read_all(MAX_BYTES).await?;
                serde_json::from_str(&text).map_err(|error| DataStreamError::Aborted(error.to_string()))
            };
            Event::StatusReceived { sender, result: read.await }
        });
    }

    pub(super) fn on_status(&mut self, sender: &str, result: Result<Status, DataStreamError>) {
        let status = match result {
            Ok(status) => status,
            Err(error) => return tracing::debug!(%error, "device status not read"),
        };
        if let Some(on) = status.ask_original_sound {
            return self.on_original_sound_request(sender, on);
        }
        let received = &mut self.status_sync.received;
        if received.len() < MAX_PARTICIPANTS || received.contains_key(sender) {
            received.insert(sender.to_owned(), status);
        }
        self.show_participants();
    }

    /// Follows a doctor's request for original sound.
    fn on_original_sound_request(&mut self, from: &str, on: bool) {
        if self.remotes.role(from) == Some(Role::Doctor) {
            self.use_original_sound(on);
        } else {
            tracing::warn!("request for original sound ignored: not from a doctor");
        }
    }

    /// Adds what the participants' apps say to the participants of the snapshot.
    pub(super) fn show_status(&mut self) {
        for participant in &mut self.publisher.state.participants {
            let Some(status) = self.status_sync.received.get(&participant.identity) else { continue };
            participant.camera_absence = status.camera.filter(|_| participant.camera.is_none());
            participant.original_sound = status.original_sound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remarkable_status_is_repeated_and_an_ordinary_one_soon_is_not() {
        let (mut sync, start) = (StatusSync::default(), Instant::now());
        let off = Status { camera: Some(CameraAbsence::Busy), ..Status::default() };
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!sync.is_due(Status::default(), at(0)), "nothing to say");
        assert!(sync.is_due(off, at(1)) && !sync.is_due(off, at(2)));
        let count = |sync: &mut StatusSync, status, seconds: std::ops::Range<u64>| {
            seconds.filter(|second| sync.is_due(status, at(*second))).count()
        };
        assert_eq!(count(&mut sync, off, 2..62), 20);
        assert_eq!(count(&mut sync, Status::default(), 62..200), MAX_UNREMARKABLE as usize);
        assert!(sync.is_due(off, at(200)), "at once");
    }

    #[test]
    fn a_status_of_another_version_is_understood() {
        let read = |text| serde_json::from_str::<Status>(text).unwrap();
        assert_eq!(read(r#"{"camera": "stolen", "more": 1}"#).camera, Some(CameraAbsence::Failed));
        assert_eq!(read("{}"), Status::default());
        let busy = Status { camera: Some(CameraAbsence::Busy), original_sound: true, ask_original_sound: None };
        assert_eq!(serde_json::to_string(&busy).unwrap(), r#"{"camera":"busy","originalSound":true}"#);
    }

    #[test]
    fn the_reason_is_the_persons_before_the_devices() {
        let failed = DeviceState::Failed(DeviceProblem::Busy);
        let media = |muted, device| MediaState { muted, device };
        assert_eq!(CameraAbsence::of(&media(true, failed.clone())), Some(CameraAbsence::SwitchedOff));
        assert_eq!(CameraAbsence::of(&media(false, failed)), Some(CameraAbsence::Busy));
        assert_eq!(CameraAbsence::of(&media(false, DeviceState::Starting)), None);
    }
}
