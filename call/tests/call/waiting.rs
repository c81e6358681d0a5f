//! Waiting room and the doctor's other controls.

use std::time::{Duration, SystemTime};

use autamedica_api::{ConsultationDetails, ConsultationState, Id, QueuePosition, Role, RoomStats, Timestamp};
use autamedica_call::{
    CallCommand, CallPhase, ControlFailure, ControlRequest, EncryptionState, EndReason, Invitation, InvitationProblem,
    ParticipantState,
};
use autamedica_engine::{Room, RoomEvent, RoomOptions};

use crate::harness::{Clinic, SimulatedUser, is_on, runtime};

fn is_waiting(phase: &CallPhase) -> bool {
    matches!(phase, CallPhase::Waiting { .. })
}

#[test]
fn who_waits_reads_their_place_and_the_desks_word() {
    let clinic = Clinic::open();
    let at = |minutes: i64| Timestamp::from_millis(Timestamp::now().as_millis() + minutes * 60_000);
    let consultation = |id: &str, minutes| {
        clinic.consultation(id, |body| {
            body.patient_id = Id::new(format!("patient-{id}")).unwrap();
            body.waiting_room = Some(true);
            body.scheduled_at = Some(at(minutes));
        })
    };
    let (before, own) = (consultation("before", 0), consultation("own", 10));
    clinic.patch("/api/consultations/own", serde_json::json!({"notice": "Ten minutes late"}));
    let first = clinic.enter(&before.patient_link);
    let place = |ahead| Some(QueuePosition { ahead, notice: None });
    first.wait_for("the first place", |state| state.queue == place(0));
    let patient = clinic.enter(&own.patient_link);
    patient.wait_for("place and word", |state| {
        state.queue == Some(QueuePosition { ahead: 1, notice: Some("Ten minutes late".into()) })
    });
    let doctor = clinic.enter(&before.doctor_link);
    doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    doctor.send(CallCommand::Admit("patient-before".into()));
    first.wait_for_phase(&CallPhase::InCall);
    assert_eq!(first.state().queue, None);
    patient.wait_for("the next place", |state| state.queue.as_ref().is_some_and(|queue| queue.ahead == 0));
}

#[test]
fn a_patient_waits_seen_by_nobody_until_the_doctor_admits_them() {
    let clinic = Clinic::open();
    let begins = Timestamp::from_millis(Timestamp::now().as_millis() / 1000 * 1000);
    let consultation = clinic.consultation("waiting", |body| {
        body.waiting_room = Some(true);
        body.e2ee = Some(true);
        body.scheduled_at = Some(begins);
        body.duration_minutes = Some(20);
    });
    let patient = clinic.enter(&consultation.patient_link);
    patient.wait_for("the waiting room", |state| is_waiting(&state.phase) && is_on(&state.camera.device));
    // The patient has a self-view.
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

    // Both are connected and the doctor sends: nothing reaches the patient, and nothing of theirs the room.
    doctor.send(CallCommand::SendChat("for later".into()));
    doctor.wait_for("the doctor's call", |state| state.phase == CallPhase::InCall && state.joined_at.is_some());
    let stats: RoomStats = clinic.get("/api/rooms/consultation-waiting/stats");
    let tracks = |identity: &str| {
        stats.participants.iter().find(|one| one.identity == identity).map_or(0, |one| one.tracks.len())
    };
    assert_eq!(tracks("patient-1"), 0);
    assert!(patient.state().participants.iter().all(|other| other.camera.is_none()));
    assert!(patient.state().chat.is_empty());
    // The patient couldn't decrypt it either, having no key yet.
    let state = patient.state();
    let admission = state.admission.as_ref().unwrap();
    assert!(admission.e2ee && admission.e2ee_key.is_none(), "{admission:?}");
    assert_eq!(state.comparison_code, None);

    doctor.send(CallCommand::Admit("patient-1".into()));
    patient.wait_for("the call", |state| state.phase == CallPhase::InCall && state.joined_at.is_some());
    for (person, other) in [(&doctor, "patient-1"), (&patient, "doctor-1")] {
        let seen = person.wait_for_other("the other's picture and sound", |one| {
            one.identity == other && one.camera.as_ref().is_some_and(|slot| slot.count() > 0) && !one.microphone_muted
        });
        assert_eq!(seen.waiting_since, None);
        assert_eq!(person.state().encryption, EncryptionState::On);
        assert_eq!(person.state().comparison_code, doctor.state().comparison_code);
    }
    // The patient gets the earlier messages on admission.
    patient.wait_for_message("for later");
    patient.send(CallCommand::SendChat("here".into()));
    doctor.wait_for_message("here");
    assert_eq!(doctor.state().control_failure, None);
}

#[test]
fn a_refused_patient_is_told_so() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("refused", |body| body.waiting_room = Some(true));
    let patient = clinic.enter(&consultation.patient_link);
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    doctor.send(CallCommand::Refuse("patient-1".into()));
    let end = CallPhase::Ended { reason: EndReason::Refused, lasted: Duration::ZERO };
    patient.wait_for_phase(&end);
    doctor.wait_for("nobody", |state| state.participants.is_empty());
}

#[test]
fn a_doctor_mutes_removes_and_ends_and_hears_what_did_not_work() {
    let clinic = Clinic::open();
    let [patient, doctor] = clinic.start_call("controls", true);

    doctor.send(CallCommand::MuteOther("patient-1".into()));
    patient.wait_for("being muted", |state| state.microphone.muted);
    doctor.wait_for_other("the mark", |other| other.microphone_muted);
    // The patient can unmute repeatedly, which doesn't count as being muted by somebody else.
    for _ in 0..3 {
        patient.send(CallCommand::MuteMicrophone(false));
        doctor.wait_for_other("sound again", |other| !other.microphone_muted);
        patient.send(CallCommand::MuteMicrophone(true));
        doctor.wait_for_other("the mark", |other| other.microphone_muted);
    }
    patient.send(CallCommand::MuteMicrophone(false));
    doctor.wait_for_other("sound again", |other| !other.microphone_muted);
    assert!(!patient.state().microphone.muted);

    // A patient may request none of this, and the doctor nothing about absent participants: each failure is reported.
    patient.send(CallCommand::EndForAll);
    let failure = |request, number| Some(ControlFailure { request, number });
    patient.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::End, 1));
    patient.send(CallCommand::Remove("doctor-1".into()));
    patient.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::Remove, 2));
    doctor.send(CallCommand::MuteOther("nobody".into()));
    doctor.wait_for("the refusal", |state| state.control_failure == failure(ControlRequest::Mute, 1));

    doctor.send(CallCommand::Remove("patient-1".into()));
    patient.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::Removed, .. }));
    doctor.send(CallCommand::EndForAll);
    doctor.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::RoomClosed, .. }));
    let details: ConsultationDetails = clinic.get("/api/consultations/controls");
    assert_eq!(details.state, ConsultationState::Ended);
}

#[test]
fn a_doctor_invites_an_observer() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("invited", |body| body.e2ee = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_phase(&CallPhase::InCall);
    let invite = |label: &str| {
        doctor.send(CallCommand::Invite(label.into()));
        doctor.wait("an answer", |state| match &state.invitation {
            Invitation::Ready { label: ready, link } if ready == label => Some(Ok(link.clone())),
            Invitation::Failed(problem) => Some(Err(*problem)),
            _ => None,
        })
    };
    let link = invite("Intérprete").unwrap();
    let observer = clinic.enter(link.expose());
    let seen = doctor.wait_for_other("the observer", |other| other.name == "Intérprete");
    assert_eq!((seen.role, seen.may_send), (Some(Role::Observer), false));
    observer.wait_for_other("the doctor's picture", |other| {
        other.role == Some(Role::Doctor) && other.camera.as_ref().is_some_and(|slot| slot.count() > 0)
    });
    assert!(invite("Estudiante").is_ok());
    assert_eq!(invite("Acompañante"), Err(InvitationProblem::TooMany));
}

fn pictures(person: &SimulatedUser) -> u64 {
    person.state().participants.iter().find_map(|other| Some(other.camera.as_ref()?.count())).unwrap_or_default()
}

#[test]
fn renewed_links_change_the_key_and_the_call_goes_on() {
    let clinic = Clinic::open();
    let [patient, doctor] = clinic.start_call("renewed", true);
    let both = [&patient, &doctor];
    let code = |person: &SimulatedUser| person.state().comparison_code.clone().unwrap();
    let before = code(&patient);
    let asked = clinic.post("/api/consultations/renewed/links");
    assert!(asked.get("patientLink").is_some(), "{asked}");
    for person in both {
        person.wait_for("another key", |state| state.comparison_code.as_ref() != Some(&before));
    }
    assert_eq!(code(&patient), code(&doctor));
    // Five seconds of pictures cover the change to the new key.
    for person in both {
        let begun = pictures(person);
        person.wait_for("pictures", |state| {
            assert_eq!((state.phase.clone(), state.encryption), (CallPhase::InCall, EncryptionState::On));
            pictures(person) > begun + 75
        });
    }
    for (person, other, text) in [(&patient, &doctor, "one"), (&doctor, &patient, "two")] {
        person.send(CallCommand::SendChat(text.into()));
        other.wait_for_message(text);
    }
}

#[test]
fn a_stranger_with_a_dead_token_puts_nobody_out_for_long() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("pushed", |body| body.e2ee = Some(true));
    let stranger = clinic.enter(&consultation.patient_link);
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_other("the stranger", |other| other.identity == "patient-1");
    doctor.send(CallCommand::Remove("patient-1".into()));
    stranger.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::Removed, .. }));
    doctor.send(CallCommand::Admit("patient-1".into()));
    // The backend may not know yet.
    let patient = loop {
        let patient = clinic.enter(&consultation.patient_link);
        let is_in = patient.wait("an answer", |state| match state.phase {
            CallPhase::InCall => Some(true),
            CallPhase::Ended { .. } => Some(false),
            _ => None,
        });
        if is_in {
            break patient;
        }
    };
    let is_seen = |other: &ParticipantState| other.camera.as_ref().is_some_and(|slot| slot.count() > 0);
    let came_first = doctor.wait_for_other("the patient", is_seen).joined_at;
    // The stranger has an earlier token and connects to the SFU with it.
    runtime().block_on(async {
        let url = &consultation.livekit_url;
        let options =
            RoomOptions { join_retries: 0, connect_timeout: Duration::from_secs(3), ..RoomOptions::default() };
        // The removal may precede the end of connecting.
        let Ok((_room, mut events)) = Room::connect(url, &consultation.patient_token, options).await else { return };
        let guard = tokio::time::timeout(autamedica_lab::HANG_GUARD, async {
            while let Some(event) = events.recv().await {
                if matches!(event, RoomEvent::Disconnected { .. }) {
                    break;
                }
            }
        });
        guard.await.unwrap();
    });
    doctor.wait_for_other("the patient again", |other| is_seen(other) && other.joined_at != came_first);
    patient.wait_for_phase(&CallPhase::InCall);
}
