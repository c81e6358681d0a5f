//! Calls from peer to peer, with no SFU in them.

use autamedica_api::Transport;
use autamedica_call::{CallCommand, CallPhase, CallState, EndReason};

use crate::harness::{Clinic, SimulatedUser};

/// Waits until somebody sees a new picture of the other.
fn wait_for_picture(person: &SimulatedUser) {
    let count = |state: &CallState| Some(state.participants.first()?.camera.as_ref()?.count());
    let before = count(&person.state());
    person.wait("a new picture", |state| count(state).filter(|now| *now > 0 && Some(*now) != before));
}

#[test]
fn two_apps_call_each_other_without_an_sfu() {
    let mut clinic = Clinic::open();
    for e2ee in [false, true] {
        let consultation = clinic.consultation(&format!("direct-{e2ee}"), |body| {
            body.transport = Some(Transport::P2p);
            body.e2ee = Some(e2ee);
        });
        let patient = clinic.enter(&consultation.patient_link);
        patient.wait_for_phase(&CallPhase::InCall);
        assert!(patient.state().participants.is_empty(), "nobody else is there yet");
        let doctor = clinic.enter(&consultation.doctor_link);
        for person in [&patient, &doctor] {
            wait_for_picture(person);
            assert!(person.state().direct);
        }
        clinic.kill_sfu();
        [&patient, &doctor].into_iter().for_each(wait_for_picture);

        doctor.send(CallCommand::SendChat("500 mg".into()));
        assert_eq!(patient.wait_for_message("500 mg").from, "doctor-1");
        patient.send(CallCommand::MuteMicrophone(true));
        doctor.wait_for_other("the muted patient", |other| other.microphone_muted);

        // The patient leaves and returns; the doctor stays.
        patient.send(CallCommand::HangUp);
        patient.wait_for("the patient's end", |state| {
            matches!(state.phase, CallPhase::Ended { reason: EndReason::HungUp, .. })
        });
        doctor.wait_for("nobody else", |state| state.participants.is_empty() && state.phase == CallPhase::InCall);
        let patient = clinic.enter(&consultation.patient_link);
        [&patient, &doctor].into_iter().for_each(wait_for_picture);
        assert_eq!(patient.wait_for_message("500 mg").from, "doctor-1", "what was written before");
    }
}

#[test]
fn a_direct_call_moves_over_to_the_sfu() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("direct-moved", |body| body.transport = Some(Transport::P2p));
    let [patient, doctor] = [clinic.enter(&consultation.patient_link), clinic.enter(&consultation.doctor_link)];
    [&patient, &doctor].into_iter().for_each(wait_for_picture);
    doctor.send(CallCommand::MoveToSfu);
    for person in [&patient, &doctor] {
        person.wait_for("the SFU", |state| !state.direct && state.phase == CallPhase::InCall);
        wait_for_picture(person);
    }
    let stats: serde_json::Value = clinic.get("/api/rooms/consultation-direct-moved/stats");
    assert_eq!(stats["totalParticipants"], 2, "{stats}");
}

#[test]
fn a_call_goes_on_without_the_backend() {
    let mut clinic = Clinic::open();
    let consultation = clinic.consultation("direct-alone", |body| body.transport = Some(Transport::P2p));
    let both = [clinic.enter(&consultation.patient_link), clinic.enter(&consultation.doctor_link)];
    both.iter().for_each(wait_for_picture);
    clinic.kill();
    for _ in 0..50 {
        both.iter().for_each(wait_for_picture);
    }
    both[0].send(CallCommand::SendChat("still here".into()));
    both[1].wait_for_message("still here");
}

#[test]
fn the_doctor_ends_a_direct_call_for_both() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("direct-end", |body| body.transport = Some(Transport::P2p));
    let [patient, doctor] = [clinic.enter(&consultation.patient_link), clinic.enter(&consultation.doctor_link)];
    [&patient, &doctor].into_iter().for_each(wait_for_picture);
    let details: serde_json::Value = clinic.get("/api/consultations/direct-end");
    assert_eq!((&details["state"], &details["transport"]), (&"live".into(), &"p2p".into()));
    doctor.send(CallCommand::EndForAll);
    for person in [&patient, &doctor] {
        person
            .wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::RoomClosed, .. }));
    }
}
