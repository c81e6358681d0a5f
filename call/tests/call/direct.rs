//! Calls from peer to peer, with no SFU in them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use autamedica_api::{Consultation, ConsultationDetails, CreateConsultation, Transport};
use autamedica_call::{CallCommand, CallPhase, CallState, EncryptionState, EndReason};
use autamedica_lab::{HANG_GUARD, Process, wait_until, workspace_file};
use serde_json::{Value, json};

use crate::harness::{Clinic, SimulatedUser, runtime};
use crate::proxy::Proxy;

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

/// A page of the deployment before, in a call from peer to peer as a user of this machine.
struct Page {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _process: Process,
}

impl Page {
    fn join(clinic: &Clinic, room: &str, user: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(workspace_file("tests/web/direct.mjs").unwrap()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("node", node).unwrap();
        let stdin = process.child().stdin.take().unwrap();
        let stdout = BufReader::new(process.child().stdout.take().unwrap());
        let mut page = Self { stdin, stdout, _process: process };
        let browser = autamedica_lab::browser().unwrap().display().to_string();
        let url = clinic.url.as_str().trim_end_matches('/');
        page.ask(&json!({"browser": browser, "url": url, "room": room, "user": user, "toneHz": 700}));
        page
    }

    /// Calls a function of the page: its name, and its parameters.
    fn ask(&mut self, call: &Value) -> Value {
        writeln!(self.stdin, "{call}").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{call}: {answer:?}"))
    }
}

#[test]
fn an_app_and_a_page_see_each_other_and_the_app_knows_that_there_is_no_chat() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("direct-page", |body| {
        body.transport = Some(Transport::P2p);
        body.e2ee = Some(false);
    });
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_phase(&CallPhase::InCall);
    assert!(!doctor.state().no_chat);
    let mut page = Page::join(&clinic, "direct-page", "patient-1");
    wait_for_picture(&doctor);
    let patience = u64::try_from(HANG_GUARD.as_millis()).unwrap();
    let seen = page.ask(&json!(["watch", 1280, 2000, patience]));
    assert!(seen["fps"].as_f64().unwrap() > 0.0 && seen["changed"].as_f64().unwrap() > 0.005, "{seen}");
    assert!(doctor.state().no_chat && doctor.state().direct);
    doctor.send(CallCommand::SendChat("¿me lee?".into()));
    assert!(doctor.wait_for_message("¿me lee?").failed);
    page.ask(&json!(["leave"]));
    doctor.wait_for("nobody else", |state| state.participants.is_empty() && !state.no_chat);
    assert_eq!(doctor.state().phase, CallPhase::InCall);
}

/// Returns the number of open sockets for signaling.
fn sockets(clinic: &Clinic) -> Option<u64> {
    let health = clinic.url.join("/health").unwrap();
    let get = async { reqwest::get(health).await.ok()?.json::<Value>().await.ok() };
    runtime().block_on(get)?["activeConnections"].as_u64()
}

fn is_ended(reason: EndReason) -> impl Fn(&CallState) -> bool {
    move |state| matches!(state.phase, CallPhase::Ended { reason: ended, .. } if ended == reason)
}

/// Creates an encrypted consultation from peer to peer.
fn direct(clinic: &Clinic, id: &str, set: impl FnOnce(&mut CreateConsultation)) -> Consultation {
    clinic.consultation(id, |body| {
        body.transport = Some(Transport::P2p);
        body.e2ee = Some(true);
        set(body);
    })
}

fn assert_in_call(person: &SimulatedUser) {
    let state = person.state();
    assert_eq!((state.phase.clone(), state.direct, state.encryption), (CallPhase::InCall, true, EncryptionState::On));
}

#[test]
fn a_direct_call_outlives_its_token() {
    let mut clinic = Clinic::open();
    let consultation = direct(&clinic, "direct-token", |_| {});
    let both = [clinic.enter(&consultation.patient_link), clinic.enter(&consultation.doctor_link)];
    both.iter().for_each(wait_for_picture);
    let begun = both.each_ref().map(|person| person.state().participants[0].camera.clone());
    clinic.restart();
    wait_until("both sockets", HANG_GUARD, || (sockets(&clinic) == Some(2)).then_some(())).unwrap();
    both[0].send(CallCommand::SendChat("still here".into()));
    both[1].wait_for_message("still here");
    for (person, begun) in both.iter().zip(begun) {
        wait_for_picture(person);
        assert_in_call(person);
        assert_eq!(person.state().participants[0].camera, begun, "the same media session");
    }
    // What the doctor asks of the backend uses the new token, too.
    both[1].send(CallCommand::EndForAll);
    both.iter().for_each(|person| person.wait_for("the end", is_ended(EndReason::RoomClosed)));
}

#[test]
fn renewed_links_change_the_key_of_a_direct_call_and_it_goes_on() {
    let clinic = Clinic::open();
    let consultation = direct(&clinic, "direct-renewed", |_| {});
    let both = [clinic.enter(&consultation.patient_link), clinic.enter(&consultation.doctor_link)];
    both.iter().for_each(wait_for_picture);
    let code = |person: &SimulatedUser| person.state().comparison_code.clone().unwrap();
    let before = code(&both[0]);
    clinic.post("/api/consultations/direct-renewed/links");
    for person in &both {
        person.wait_for("another key", |state| state.comparison_code.as_ref() != Some(&before));
    }
    assert_eq!(code(&both[0]), code(&both[1]));
    // These pictures cover the change to the new key.
    for _ in 0..75 {
        for person in &both {
            wait_for_picture(person);
            assert_in_call(person);
        }
    }
    both[1].send(CallCommand::EndForAll);
    both.iter().for_each(|person| person.wait_for("the end", is_ended(EndReason::RoomClosed)));
}

#[test]
fn a_patient_waits_for_a_direct_call_until_the_doctor_admits_them() {
    let clinic = Clinic::open();
    let consultation = direct(&clinic, "direct-waiting", |body| body.waiting_room = Some(true));
    let enter_and_wait = || {
        let patient = clinic.enter(&consultation.patient_link);
        patient.wait_for("the waiting room", |state| matches!(state.phase, CallPhase::Waiting { .. }));
        patient
    };
    let patient = enter_and_wait();
    let doctor = clinic.enter(&consultation.doctor_link);
    let waits = doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    assert_eq!((waits.identity.as_str(), waits.camera), ("patient-1", None));
    doctor.wait_for_phase(&CallPhase::InCall);
    let state = patient.state();
    assert!(state.participants.is_empty() && state.joined_at.is_none() && state.comparison_code.is_none());
    assert!(state.admission.as_ref().unwrap().e2ee_key.is_none());
    let details: ConsultationDetails = clinic.get("/api/consultations/direct-waiting");
    assert_eq!((details.state, details.admitted), (autamedica_api::ConsultationState::Waiting, false));

    // The patient leaves and returns, and is refused.
    patient.send(CallCommand::HangUp);
    doctor.wait_for("nobody", |state| state.participants.is_empty());
    let patient = enter_and_wait();
    doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    doctor.send(CallCommand::Refuse("patient-1".into()));
    patient.wait_for("the refusal", is_ended(EndReason::Refused));
    doctor.wait_for("nobody", |state| state.participants.is_empty());
    clinic.enter(&consultation.patient_link).wait_for("the end", is_ended(EndReason::NotAllowed));

    // Admitted after all, and again after a removal, each time with another key.
    let mut codes = Vec::new();
    for _ in 0..2 {
        doctor.send(CallCommand::Admit("patient-1".into()));
        wait_until("the admission", HANG_GUARD, || {
            clinic.get::<ConsultationDetails>("/api/consultations/direct-waiting").admitted.then_some(())
        })
        .unwrap();
        let patient = clinic.enter(&consultation.patient_link);
        [&patient, &doctor].into_iter().for_each(|person| {
            wait_for_picture(person);
            assert_in_call(person);
        });
        assert_eq!(patient.state().comparison_code, doctor.state().comparison_code);
        codes.push(patient.state().comparison_code.clone().unwrap());
        doctor.send(CallCommand::Remove("patient-1".into()));
        patient.wait_for("the removal", is_ended(EndReason::Removed));
        doctor.wait_for("nobody", |state| state.participants.is_empty());
    }
    assert_ne!(codes[0], codes[1]);
    assert_eq!(doctor.state().control_failure, None);
}

#[test]
fn a_waiting_patient_is_admitted_to_a_direct_call() {
    let clinic = Clinic::open();
    let consultation = direct(&clinic, "direct-admitted", |body| body.waiting_room = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    let patient = clinic.enter(&consultation.patient_link);
    doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    doctor.send(CallCommand::Admit("patient-1".into()));
    for person in [&patient, &doctor] {
        wait_for_picture(person);
        assert_in_call(person);
        assert!(person.state().participants.iter().all(|other| other.waiting_since.is_none()));
    }
    doctor.send(CallCommand::MoveToSfu);
    for person in [&patient, &doctor] {
        person.wait_for("the SFU", |state| !state.direct && state.phase == CallPhase::InCall);
        wait_for_picture(person);
    }
}

#[test]
fn a_move_to_the_sfu_is_not_missed_without_signaling() {
    let clinic = Clinic::open();
    let consultation = direct(&clinic, "direct-missed", |_| {});
    let proxy = Proxy::before(clinic.url.port().unwrap());
    let mut by_proxy = clinic.url.clone();
    by_proxy.set_port(Some(proxy.port)).unwrap();
    let patient = clinic.enter(&consultation.patient_link.replace(clinic.url.as_str(), by_proxy.as_str()));
    let doctor = clinic.enter(&consultation.doctor_link);
    [&patient, &doctor].into_iter().for_each(wait_for_picture);
    proxy.set_down(true);
    proxy.cut();
    wait_until("the lost socket", HANG_GUARD, || (sockets(&clinic) == Some(1)).then_some(())).unwrap();
    doctor.send(CallCommand::MoveToSfu);
    doctor.wait_for("the SFU", |state| !state.direct && state.phase == CallPhase::InCall);
    assert!(patient.state().direct);
    proxy.set_down(false);
    patient.wait_for("the SFU", |state| !state.direct && state.phase == CallPhase::InCall);
    [&patient, &doctor].into_iter().for_each(wait_for_picture);
}
