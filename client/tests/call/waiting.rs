//! The waiting room, and what else a doctor controls.

use std::time::{Duration, SystemTime};

use autamedica_api::{ConsultationDetails, ConsultationState, RoomStats, Timestamp};
use autamedica_client::call::{CallCommand, CallPhase, ControlFailure, ControlRequest, EndReason};

use crate::harness::{Clinic, is_on};

fn is_waiting(phase: &CallPhase) -> bool {
    matches!(phase, CallPhase::Waiting { .. })
}

#[test]
fn a_patient_waits_seen_by_nobody_until_the_doctor_admits_them() {
    let clinic = Clinic::open();
    let begins = Timestamp::from_millis(Timestamp::now().as_millis() / 1000 * 1000);
    let consultation = clinic.consultation("waiting", |body| {
        body.waiting_room = Some(true);
        body.scheduled_at = Some(begins);
        body.duration_minutes = Some(20);
    });
    let patient = clinic.enter(&consultation.patient_link);
    patient.wait_for("the waiting room", |state| is_waiting(&state.phase) && is_on(&state.camera.device));
    // They see themselves.
    patient.wait("their own picture", |state| state.self_view.newest());
    assert_eq!(patient.state().joined_at, None, "the call hasn't begun");

    let doctor = clinic.enter(&consultation.doctor_link);
    let waits = doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    assert_eq!(waits.identity, "patient-1");
    let since = waits.waiting_since.unwrap();
    let ago = SystemTime::now().duration_since(since).unwrap_or_default();
    assert!(ago < Duration::from_secs(60), "waits since {since:?}");
    assert_eq!(waits.joined_at, Some(since));
    let end = SystemTime::UNIX_EPOCH
        + Duration::from_millis(begins.as_millis().try_into().unwrap())
        + Duration::from_secs(20 * 60);
    for person in [&patient, &doctor] {
        assert_eq!(person.state().planned_end, Some(end));
    }

    // Both are there and the doctor sends; nothing of it reaches the patient, and nothing of theirs the room.
    doctor.ask(CallCommand::SendChat("for later".into()));
    doctor.wait_for("the doctor's call", |state| state.phase == CallPhase::InCall && state.joined_at.is_some());
    let stats: RoomStats = clinic.get("/api/rooms/consultation-waiting/stats");
    let tracks = |identity: &str| {
        stats.participants.iter().find(|one| one.identity == identity).map_or(0, |one| one.tracks.len())
    };
    assert_eq!(tracks("patient-1"), 0);
    assert!(patient.state().participants.iter().all(|other| other.camera.is_none()));
    assert!(patient.state().chat.is_empty());

    doctor.ask(CallCommand::Admit("patient-1".into()));
    patient.wait_for("the call", |state| state.phase == CallPhase::InCall && state.joined_at.is_some());
    for (person, other) in [(&doctor, "patient-1"), (&patient, "doctor-1")] {
        let seen = person.wait_for_other("the other's picture and sound", |one| {
            one.identity == other && one.camera.as_ref().is_some_and(|slot| slot.count() > 0) && !one.microphone_muted
        });
        assert_eq!(seen.waiting_since, None);
    }
    assert_eq!(doctor.state().control_failure, None);
}

#[test]
fn a_refused_patient_is_told_so() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("refused", |body| body.waiting_room = Some(true));
    let patient = clinic.enter(&consultation.patient_link);
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    doctor.ask(CallCommand::Refuse("patient-1".into()));
    let end = CallPhase::Ended { reason: EndReason::Refused, lasted: Duration::ZERO };
    patient.wait_for_phase(&end);
    doctor.wait_for("nobody", |state| state.participants.is_empty());
}

#[test]
fn a_doctor_mutes_removes_and_ends_and_hears_what_did_not_work() {
    let clinic = Clinic::open();
    let [patient, doctor] = clinic.meet("controls", true);

    doctor.ask(CallCommand::MuteOther("patient-1".into()));
    patient.wait_for("being muted", |state| state.microphone.muted);
    doctor.wait_for_other("the mark", |other| other.microphone_muted);
    // They can speak again by themselves, as often as they like, without being taken for muted by somebody else.
    for _ in 0..3 {
        patient.ask(CallCommand::MuteMicrophone(false));
        doctor.wait_for_other("sound again", |other| !other.microphone_muted);
        patient.ask(CallCommand::MuteMicrophone(true));
        doctor.wait_for_other("the mark", |other| other.microphone_muted);
    }
    patient.ask(CallCommand::MuteMicrophone(false));
    doctor.wait_for_other("sound again", |other| !other.microphone_muted);
    assert!(!patient.state().microphone.muted);

    // A patient may ask for nothing of this, and the doctor for nothing that isn't there: each failure is told.
    patient.ask(CallCommand::EndForAll);
    let failure = |asked, number| Some(ControlFailure { asked, number });
    patient.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::End, 1));
    patient.ask(CallCommand::Remove("doctor-1".into()));
    patient.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::Remove, 2));
    doctor.ask(CallCommand::MuteOther("nobody".into()));
    doctor.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::Mute, 1));

    doctor.ask(CallCommand::Remove("patient-1".into()));
    patient.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::Removed, .. }));
    doctor.ask(CallCommand::EndForAll);
    doctor.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::RoomClosed, .. }));
    let details: ConsultationDetails = clinic.get("/api/consultations/controls");
    assert_eq!(details.state, ConsultationState::Ended);
}
