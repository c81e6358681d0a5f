//! Joining by a consultation's id, as `--consultation` does.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{Id, Role};
use autamedica_call::Secret;
use autamedica_call::backend::Backend;
use autamedica_call::check::{self, CheckOptions, NetworkProblem, NetworkState};
use autamedica_call::{CallOptions, CallPhase, CallSettings, EndReason, Entrance, JoinTarget, StartBackend};
use autamedica_lab::{HANG_GUARD, Sfu, free_port, wait_until};
use autamedica_media::CameraFormat;
use url::Url;

use crate::harness::{Clinic, SimulatedUser, runtime, test_devices};
use crate::proxy::Proxy;

fn enter(clinic: &Clinic, id: &str, role: Role) -> SimulatedUser {
    let target = JoinTarget::Consultation { id: Id::new(id).unwrap(), role };
    SimulatedUser::enter(clinic.url.clone(), target, test_devices(), CallSettings::default())
}

#[test]
fn a_consultation_made_by_others_is_entered_in_its_own_peoples_places() {
    let clinic = Clinic::open();
    clinic.consultation("theirs", |body| {
        body.waiting_room = Some(true);
        body.e2ee = Some(false);
        body.duration_minutes = Some(20);
    });
    let patient = enter(&clinic, "theirs", Role::Patient);
    // The waiting room also applies to this way of joining.
    patient.wait_for("the waiting room", |state| matches!(state.phase, CallPhase::Waiting { .. }));
    let doctor = enter(&clinic, "theirs", Role::Doctor);
    let waits = doctor.wait_for_other("who waits", |other| other.waiting_since.is_some());
    assert_eq!((waits.identity.as_str(), waits.role), ("patient-1", Some(Role::Patient)));
    assert_eq!(doctor.state().identity, "doctor-1");
    assert_eq!((patient.state().role, doctor.state().role), (Role::Patient, Role::Doctor));
}

#[test]
fn a_consultation_that_nobody_made_is_made() {
    let clinic = Clinic::open();
    let participants = [Role::Patient, Role::Doctor].map(|role| (role, enter(&clinic, "ours", role)));
    for (role, person) in &participants {
        person.wait_for_phase(&CallPhase::InCall);
        assert_eq!(person.state().identity, format!("{role}-ours"));
    }
}

/// Returns an entrance whose work panics: nothing answers at the backend's address, and starting one panics.
fn panicking_entrance() -> Entrance {
    let start: StartBackend = Arc::new(|_| panic!("as a bug in this program would"));
    let server = format!("http://127.0.0.1:{}", free_port().unwrap()).parse().unwrap();
    let backend = runtime().block_on(async { Backend::new().unwrap() });
    Entrance { backend, server, key: None, start_backend: Some(start), transport: None, refuses_doctors: false }
}

#[test]
fn a_join_that_panics_ends_the_call_in_words() {
    let target = JoinTarget::Consultation { id: Id::new("lost").unwrap(), role: Role::Doctor };
    let options = CallOptions {
        target,
        entrance: panicking_entrance(),
        devices: test_devices(),
        settings: CallSettings::default(),
        observer: None,
        role: Role::Doctor,
        initial_message: None,
    };
    let person = SimulatedUser { call: autamedica_call::start(runtime().handle(), options, Arc::new(|| {})) };
    person.wait_for_phase(&CallPhase::Ended { reason: EndReason::JoinFailed, lasted: Duration::ZERO });
}

#[test]
fn a_network_check_that_panics_is_shown_as_failed() {
    let target = JoinTarget::Consultation { id: Id::new("lost").unwrap(), role: Role::Doctor };
    let options = CheckOptions {
        target,
        entrance: panicking_entrance(),
        devices: test_devices(),
        format: CameraFormat::default(),
    };
    let check = check::start(runtime().handle(), options, Arc::new(|| {}));
    wait_until("the outcome", HANG_GUARD, || {
        (check.state().network == NetworkState::Failed(NetworkProblem::Failed)).then_some(())
    })
    .unwrap();
}

fn ended(reason: EndReason) -> CallPhase {
    CallPhase::Ended { reason, lasted: Duration::ZERO }
}

#[test]
fn an_sfu_that_isnt_ready_is_tried_until_it_is_and_the_person_is_told() {
    let sfu = Sfu::start().unwrap();
    let proxy = Proxy::before(Url::parse(&sfu.url()).unwrap().port().unwrap());
    let clinic = Clinic::open_beside_url(&format!("ws://127.0.0.1:{}", proxy.port));
    let consultation = clinic.consultation("not-ready", |_| {});
    proxy.set_down(true);
    let patient = clinic.enter(&consultation.patient_link);
    patient.wait_for("that it is tried again", |state| state.first_join_failure.is_some());
    let before = proxy.refused();
    patient.wait_for("more attempts", |state| {
        assert_eq!(state.phase, CallPhase::Joining);
        proxy.refused() > before
    });
    proxy.set_down(false);
    patient.wait_for_phase(&CallPhase::InCall);
    assert_eq!(patient.state().first_join_failure, None);
}

/// Unknown digits must never create a room.
#[test]
fn eight_digits_that_no_clinic_knows_open_no_room() {
    let digits = || JoinTarget::Digits(Secret::new("31836728"));
    let clinic = Clinic::open();
    let typed = |server: Url, key: Option<Secret>| {
        let start: StartBackend = Arc::new(|_| panic!("a backend of one's own knows no code"));
        let options = CallOptions {
            target: digits(),
            entrance: Entrance {
                backend: Backend::new().unwrap(),
                server,
                key,
                start_backend: Some(start),
                transport: None,
                refuses_doctors: false,
            },
            devices: test_devices(),
            settings: CallSettings::default(),
            observer: None,
            role: Role::Patient,
            initial_message: None,
        };
        SimulatedUser { call: autamedica_call::start(runtime().handle(), options, Arc::new(|| {})) }
    };
    let _guard = runtime().enter();
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap()).parse().unwrap();
    typed(nobody, None).wait_for_phase(&ended(EndReason::NoClinic));
    // A backend that requires no API key of this machine.
    typed(clinic.url.clone(), None).wait_for_phase(&ended(EndReason::NoAppointment));
    let consultation = clinic.consultation("typed", |_| {});
    let known = JoinTarget::Digits(Secret::new(&consultation.kiosk_code));
    let patient = SimulatedUser::enter(clinic.url.clone(), known, test_devices(), CallSettings::default());
    patient.wait_for_phase(&CallPhase::InCall);
    // A backend that requires an API key, which this app lacks.
    clinic.desk_key();
    typed(clinic.url.clone(), None).wait_for_phase(&ended(EndReason::NoClinic));
}

/// A kiosk is for patients, whatever a link allows.
#[test]
fn an_entrance_that_refuses_doctors_admits_patients() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("kiosk", |_| {});
    let enter = |link: &str| {
        let options = CallOptions {
            target: JoinTarget::Link(autamedica_api::JoinLink::parse(link).unwrap()),
            entrance: Entrance {
                backend: Backend::new().unwrap(),
                server: clinic.url.clone(),
                key: None,
                start_backend: None,
                transport: None,
                refuses_doctors: true,
            },
            devices: test_devices(),
            settings: CallSettings::default(),
            observer: None,
            role: Role::Patient,
            initial_message: None,
        };
        SimulatedUser { call: autamedica_call::start(runtime().handle(), options, Arc::new(|| {})) }
    };
    let _guard = runtime().enter();
    enter(&consultation.doctor_link).wait_for_phase(&ended(EndReason::NotAllowed));
    enter(&consultation.patient_link).wait_for_phase(&CallPhase::InCall);
}

#[test]
fn a_code_that_isnt_good_now_says_why() {
    let clinic = Clinic::open();
    let at = |minutes: i64| {
        let now = autamedica_api::Timestamp::now().as_millis();
        autamedica_api::Timestamp::from_millis(now + minutes * 60_000)
    };
    let early = clinic.consultation("early", |body| body.scheduled_at = Some(at(600)));
    clinic.enter(&early.patient_link).wait_for_phase(&ended(EndReason::TooEarly));
    let cancelled = clinic.consultation("cancelled", |_| {});
    clinic.post("/api/consultations/cancelled/cancel");
    clinic.enter(&cancelled.patient_link).wait_for_phase(&ended(EndReason::Cancelled));
    // The check reports this before anybody adjusts a camera.
    let options = CheckOptions {
        target: JoinTarget::Link(autamedica_api::JoinLink::parse(&cancelled.patient_link).unwrap()),
        entrance: Entrance {
            backend: Backend::new().unwrap(),
            server: clinic.url.clone(),
            key: None,
            start_backend: None,
            transport: None,
            refuses_doctors: false,
        },
        devices: test_devices(),
        format: CameraFormat::default(),
    };
    let check = check::start(runtime().handle(), options, Arc::new(|| {}));
    wait_until("the dead end", HANG_GUARD, || {
        (check.state().network == NetworkState::Failed(NetworkProblem::DeadEnd(EndReason::Cancelled))).then_some(())
    })
    .unwrap();
}
