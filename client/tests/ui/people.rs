//! Fake calls and people for the harness.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::Role;
use autamedica_call::{CallPhase, CallState, ParticipantState};
use autamedica_engine::{ConnectionQuality, LatestFrame, VideoFrame};
use autamedica_media::DeviceState;

/// Returns a call of `role` with another participant, both with pictures.
pub fn call(role: Role) -> CallState {
    let other = if role == Role::Doctor { Role::Patient } else { Role::Doctor };
    let mut state = CallState::joining(role);
    state.phase = CallPhase::InCall;
    state.identity = "me".into();
    state.joined_at = Some(Instant::now() - Duration::from_secs(724));
    state.camera.device = DeviceState::On { name: "Camera".into() };
    state.microphone.device = DeviceState::On { name: "Microphone".into() };
    state.self_view = picture();
    state.participants.push(person("María Quispe", Some(other)));
    state
}

pub fn person(name: &str, role: Option<Role>) -> ParticipantState {
    ParticipantState {
        may_send: true,
        identity: format!("id of {name}"),
        name: name.into(),
        role,
        camera: Some(picture()),
        screen: None,
        others: Vec::new(),
        camera_absence: None,
        original_sound: false,
        microphone_muted: false,
        speaking: false,
        waiting_since: None,
        joined_at: None,
        quality: ConnectionQuality::Excellent,
    }
}

/// Returns a slot with a grey picture.
pub fn picture() -> LatestFrame {
    let slot = LatestFrame::new();
    let bytes = vec![128; VideoFrame::packed_len(64, 36)];
    slot.put(Arc::new(VideoFrame::from_packed(64, 36, bytes, 0).expect("the length fits")));
    slot
}
