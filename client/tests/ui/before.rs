//! Screens before and after the call: check, waiting room, a doctor's day, feedback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::{ConsultationDetails, ConsultationState, FeedbackReason, Id, Role, Timestamp};
use autamedica_client::agenda::Agenda;
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::backend::{Admission, ConsultationRef};
use autamedica_client::call::{CallCommand, CallPhase, CallState, DeviceChoices, EndReason, JoinTarget, Secret};
use autamedica_client::check::{
    CheckCommand, CheckState, NetworkProblem, NetworkReport, NetworkState, NetworkStep, TestSound, Voice,
};
use autamedica_client::device::{DeviceChoice, DeviceProblem, DeviceState};
use autamedica_client::i18n::Language;
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call};

fn target(role: Role) -> JoinTarget {
    JoinTarget::Consultation { id: Id::new("4821").unwrap(), role }
}

fn checking(language: Language, role: Role) -> Stand {
    let start = Start::Check(target(role));
    Stand::with(AppOptions { language, role, start, ..AppOptions::default() }, CallState::joining(role))
}

type Change = Box<dyn Fn(&mut CheckState)>;

fn change(change: impl Fn(&mut CheckState) + 'static) -> Change {
    Box::new(change)
}

#[test]
fn every_state_of_the_check_has_words_and_a_way_on() {
    use DeviceProblem::*;
    let problems = [
        (NotFound, "not-found"),
        (Busy, "busy"),
        (Denied, "denied"),
        (Unplugged, "unplugged"),
        (Silent, "silent"),
        (Unsupported, "unsupported"),
        (Failed, "failed"),
    ];
    let mut cases: Vec<(Change, Vec<String>)> = Vec::new();
    for (problem, name) in problems {
        cases.push((
            change(move |check| {
                check.camera = DeviceState::Failed(problem);
                check.microphone = DeviceState::Failed(problem);
                check.speaker = DeviceState::Failed(problem);
            }),
            ["camera", "microphone"]
                .iter()
                .flat_map(|it| [format!("{it}-problem-{name}"), format!("{it}-advice-{name}")])
                .chain(["check-speaker-advice".to_owned()])
                .collect(),
        ));
    }
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    for (voice, shown) in [
        (Voice::Listening, keys(&["check-say-something"])),
        (Voice::Heard, keys(&["check-voice-heard"])),
        (Voice::Faint, keys(&["check-voice-faint", "check-voice-faint-advice"])),
        (Voice::Silent, keys(&["check-voice-silent", "check-voice-silent-advice"])),
        (Voice::Muted, keys(&["check-voice-muted", "check-voice-muted-advice"])),
    ] {
        cases.push((change(move |check| check.voice = voice), shown));
    }
    for (sound, shown) in [
        (TestSound::Silent, keys(&["check-sound-play"])),
        (TestSound::Playing, keys(&["check-sound-playing"])),
        (TestSound::Asked, keys(&["check-sound-asked", "check-yes", "check-no"])),
        (TestSound::Heard, keys(&["check-sound-heard"])),
        (TestSound::NotHeard, keys(&["check-sound-not-heard", "check-speaker-advice", "check-sound-play"])),
    ] {
        cases.push((change(move |check| check.sound = sound), shown));
    }
    let report = |loss_percent, up_kbps| {
        let report = NetworkReport { connect_ms: 80, round_trip_ms: 24, loss_percent, up_kbps, down_kbps: 2000 };
        NetworkState::Done(report)
    };
    let failed = |name: &str| keys(&[&format!("check-network-{name}"), &format!("check-network-{name}-advice")]);
    for (network, shown) in [
        (NetworkState::NoServer, keys(&["check-network-none"])),
        (NetworkState::Running(NetworkStep::Connecting), keys(&["check-network-connecting"])),
        (NetworkState::Running(NetworkStep::Measuring), keys(&["check-network-measuring"])),
        (report(0.0, 2000), keys(&["check-network-good"])),
        (report(0.0, 500), failed("fair")),
        (report(20.0, 500), failed("poor")),
        (NetworkState::Failed(NetworkProblem::ServerUnreachable), failed("unreachable")),
        (NetworkState::Failed(NetworkProblem::Refused), failed("refused")),
        (NetworkState::Failed(NetworkProblem::MediaUnreachable), failed("blocked")),
        (NetworkState::Failed(NetworkProblem::TooSlow), failed("slow")),
        (NetworkState::Failed(NetworkProblem::Busy), failed("busy")),
        (
            NetworkState::Failed(NetworkProblem::ClinicTrouble),
            keys(&["end-clinic-trouble", "check-clinic-trouble-advice"]),
        ),
        (NetworkState::Failed(NetworkProblem::Failed), failed("failed")),
    ] {
        cases.push((change(move |check| check.network = network), shown));
    }
    cases.push((
        change(|check| check.camera = DeviceState::Off),
        keys(&["check-camera-off", "check-camera-off-advice"]),
    ));
    cases.push((
        change(|check| check.microphone = DeviceState::Off),
        keys(&["check-microphone-off", "check-microphone-off-advice"]),
    ));
    for language in Language::ALL {
        for (change, shown) in &cases {
            let mut stand = checking(language, Role::Patient);
            stand.change_check(|check| change(check));
            for key in shown {
                stand.assert_shows(key);
            }
            // Whatever the problem, the person can enter and go back.
            stand.assert_shows("check-enter");
            stand.assert_shows("check-back");
        }
    }
}

#[test]
fn a_good_network_is_told_with_its_figures() {
    for (language, figures, near) in [
        (Language::Spanish, "Ida y vuelta 24 ms · sube 2,4 y baja 2,3 Mbit/s · pérdida 0,0 %", "menos de 1 ms"),
        (Language::English, "Round trip 24 ms · up 2.4 and down 2.3 Mbit/s · loss 0.0 %", "less than 1 ms"),
    ] {
        let patient = checking(language, Role::Patient);
        patient.assert_shows("check-network-good");
        assert!(!patient.shows_text(figures), "a patient can do nothing with figures");
        let mut stand = checking(language, Role::Doctor);
        stand.assert_shows("check-title");
        assert!(stand.shows_text(figures));
        let on_this_machine =
            NetworkReport { connect_ms: 9, round_trip_ms: 0, loss_percent: 0.0, up_kbps: 2400, down_kbps: 2300 };
        stand.change_check(|check| check.network = NetworkState::Done(on_this_machine));
        assert!(stand.shows_text(&figures.replace("24 ms", near)));
        assert!(!stand.shows("check-network-again"), "a good one needs no second try");
    }
}

#[test]
fn a_device_chosen_in_the_check_is_the_calls_and_is_kept() {
    let mut stand = checking(Language::Spanish, Role::Patient);
    stand.click("camera-caption");
    stand.harness.get_by_label("Integrada").click();
    stand.settle();
    let chosen = DeviceChoice::Named("Integrada".into());
    assert_eq!(stand.asked(), [CheckCommand::UseCamera(chosen.clone())]);
    stand.go_in();
    assert_eq!(stand.joined(), [target(Role::Patient)]);
    let expected = DeviceChoices { camera: chosen.clone(), ..DeviceChoices::default() };
    assert_eq!(stand.joined_with(), Some(expected));
    assert_eq!(stand.kept().last().map(|settings| settings.camera.clone()), Some(chosen));
}

#[test]
fn the_sound_is_played_and_asked_about() {
    let mut stand = checking(Language::English, Role::Patient);
    stand.click("check-sound-play");
    assert_eq!(stand.asked(), [CheckCommand::PlaySound]);
    stand.change_check(|check| check.sound = TestSound::Asked);
    stand.click("check-no");
    assert_eq!(stand.asked(), [CheckCommand::Heard(false)]);
}

#[test]
fn a_network_that_failed_can_be_tried_again() {
    let mut stand = checking(Language::Spanish, Role::Patient);
    stand.change_check(|check| check.network = NetworkState::Failed(NetworkProblem::TooSlow));
    stand.click("check-network-again");
    assert_eq!(stand.asked(), [CheckCommand::TestNetwork]);
}

#[test]
fn the_check_can_be_left() {
    let mut stand = checking(Language::Spanish, Role::Patient);
    stand.click("check-back");
    stand.assert_shows("start-title-patient");
    assert_eq!(stand.joined(), []);
}

#[test]
fn a_doctor_may_skip_the_check_and_a_patient_may_not() {
    let stand = checking(Language::Spanish, Role::Patient);
    assert!(!stand.shows("settings-skip-check"));

    let mut stand = checking(Language::Spanish, Role::Doctor);
    stand.click("settings-skip-check");
    assert!(stand.kept().last().is_some_and(|settings| settings.skip_check));
    stand.click("check-back");
    let field = stand.text("start-code");
    stand.harness.get_by_label(&field).type_text("4822");
    stand.settle();
    stand.click("start-enter");
    assert_eq!(stand.joined(), [JoinTarget::Consultation { id: Id::new("4822").unwrap(), role: Role::Doctor }]);
}

#[test]
fn whoever_waits_sees_themselves_and_since_when_and_can_leave() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        let doctor = std::mem::take(&mut state.participants);
        state.phase = CallPhase::Waiting { since: Instant::now() - Duration::from_secs(185) };
        let mut stand = Stand::in_call(language, state);
        for key in ["waiting-title-alone", "waiting-lead-alone", "self-view"] {
            stand.assert_shows(key);
        }
        assert!(!stand.shows("waiting-title"), "nobody is there who could know");
        stand.change(|state| state.participants = doctor);
        for key in ["waiting-title", "waiting-lead"] {
            stand.assert_shows(key);
        }
        assert!(stand.shows_text(&stand.text_with("waited-for", &[("minutes", 3.into())])));
        stand.change(|state| state.camera.device = DeviceState::Failed(DeviceProblem::Busy));
        stand.assert_shows("camera-problem-busy");
        stand.assert_shows("camera-advice-busy");
        stand.change(|state| state.phase = CallPhase::Waiting { since: Instant::now() });
        stand.assert_shows("waiting-since-now");
        stand.click("waiting-leave");
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        stand.assert_shows("start-title-patient");
    }
}

#[test]
fn whoever_is_sent_away_from_the_waiting_room_is_told_kindly() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Waiting { since: Instant::now() };
    let mut stand = Stand::in_call(Language::Spanish, state);
    stand.change(|state| state.phase = CallPhase::Ended { reason: EndReason::Refused, lasted: Duration::ZERO });
    stand.assert_shows("end-refused");
    stand.assert_shows("end-refused-next");
    assert!(!stand.shows("end-how"), "there is nothing to judge");
}

pub fn consultation(id: &str, state: ConsultationState) -> ConsultationDetails {
    let at = |minutes: i64| Timestamp::from_millis(Timestamp::now().as_millis() + minutes * 60_000);
    ConsultationDetails {
        consultation_id: Id::new(id).unwrap(),
        room_name: format!("consultation-{id}"),
        patient_id: Id::new("p").unwrap(),
        doctor_id: Id::new("d").unwrap(),
        state,
        cause: None,
        waiting_room: true,
        admitted: false,
        e2ee: true,
        scheduled_at: Some(at(0)),
        duration_minutes: Some(30),
        created_at: at(-100),
        waiting_at: Some(at(-3)),
        live_at: None,
        ended_at: None,
        language: autamedica_api::Language::Es,
        transport: Default::default(),
        recordings: 0,
    }
}

#[test]
fn a_doctors_day_is_shown_and_entered_with_one_click() {
    use ConsultationState::*;
    for language in Language::ALL {
        let mut stand = Stand::at_home(language, Role::Doctor);
        stand.assert_shows("day-asking");
        let day = [("1", Created), ("2", Waiting), ("3", Live), ("4", Ended), ("5", Cancelled)];
        let day: Vec<_> = day.into_iter().map(|(id, state)| consultation(id, state)).collect();
        stand.change_agenda(Agenda::Known(day.clone()));
        for key in ["day-created", "day-live", "day-ended", "day-cancelled"] {
            stand.assert_shows(key);
        }
        assert!(stand.shows_text(&stand.text_with("day-waiting", &[("minutes", 3.into())])));
        let names: Vec<_> = stand
            .harness
            .query_all_by_role(egui::Role::Button)
            .filter_map(|button| egui_kittest::kittest::NodeT::accesskit_node(&button).label())
            .filter(|label| label.contains(" 2 ") && label != "2")
            .collect();
        assert_eq!(names.len(), 1, "one way into each: {names:?}");
        stand.harness.get_by_label(&names[0]).click();
        stand.settle();
        assert_eq!(stand.checked(), [JoinTarget::Scheduled { id: Id::new("2").unwrap() }]);
    }
}

#[test]
fn what_keeps_the_day_away_is_told_with_a_way_on() {
    for language in Language::ALL {
        let mut stand = Stand::at_home(language, Role::Doctor);
        let known = vec![consultation("1", ConsultationState::Created)];
        for (agenda, keys) in [
            (Agenda::NoKey, ["day-no-key", "day-no-key-advice"]),
            (Agenda::Refused, ["day-refused", "day-refused-advice"]),
            (Agenda::Unreachable(known), ["day-unreachable", "day-unreachable-advice"]),
            (Agenda::Known(Vec::new()), ["day-empty", "day-empty"]),
        ] {
            stand.change_agenda(agenda);
            keys.iter().for_each(|key| stand.assert_shows(key));
            stand.assert_shows("start-code");
        }
    }
}

fn admission(role: Role) -> Arc<Admission> {
    Arc::new(Admission {
        url: "ws://127.0.0.1:1".into(),
        token: Secret::new("token"),
        role,
        e2ee: false,
        e2ee_key: None,
        e2ee_key_index: 0,
        consultation: Some(ConsultationRef {
            server: "http://localhost:8888".parse().unwrap(),
            id: Id::new("4821").unwrap(),
            room_name: "consultation-4821".into(),
        }),
        direct_as: None,
        planned_end: None,
    })
}

#[test]
fn a_doctors_consultations_are_remembered_entered_again_and_forgotten() {
    let mut state = call(Role::Doctor);
    state.admission = Some(admission(Role::Doctor));
    let mut stand = Stand::in_call(Language::Spanish, state);
    let id = Id::new("4821").unwrap();
    assert_eq!(stand.kept_recent(), Some(vec![id.clone()]));
    stand.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::RoomClosed, lasted: Duration::from_secs(600) };
    });
    stand.click("end-done");
    let name = stand.text_with("day-consultation", &[("id", "4821".into())]);
    stand.harness.get_by_label(&name).click();
    stand.settle();
    assert_eq!(stand.checked(), [target(Role::Doctor)], "without a desk's key, as before");
    stand.click("check-back");
    stand.click("recent-forget");
    assert_eq!(stand.kept_recent(), Some(Vec::new()));
    assert!(!stand.shows_text(&name));
}

#[test]
fn a_patients_consultations_are_not_remembered() {
    let mut state = call(Role::Patient);
    state.admission = Some(admission(Role::Patient));
    let stand = Stand::in_call(Language::Spanish, state);
    assert_eq!(stand.kept_recent(), None);
}

fn ended(language: Language, role: Role) -> Stand {
    let mut state = call(role);
    state.admission = Some(admission(role));
    state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    Stand::in_call(language, state)
}

#[test]
fn a_good_call_takes_two_presses_to_praise() {
    for language in Language::ALL {
        let mut stand = ended(language, Role::Patient);
        stand.assert_shows("end-how");
        assert!(!stand.shows("end-tell"), "nothing to send yet");
        let five = stand.text_with("end-star", &[("count", 5.into())]);
        stand.harness.get_by_label(&five).click();
        stand.settle();
        assert!(!stand.shows("end-why"));
        stand.click("end-tell");
        stand.assert_shows("end-telling");
        stand.answer_feedback(true);
        stand.assert_shows("end-told");
        let told = stand.told();
        assert_eq!((told.len(), told[0].stars, told[0].reasons.len()), (1, 5, 0));
    }
}

#[test]
fn a_bad_call_says_why_and_a_failure_to_send_is_no_trap() {
    let mut stand = ended(Language::Spanish, Role::Doctor);
    let two = stand.text_with("end-star", &[("count", 2.into())]);
    stand.harness.get_by_label(&two).click();
    stand.settle();
    stand.assert_shows("end-why");
    for key in ["reason-echo", "reason-dropped", "reason-echo"] {
        stand.click(key);
    }
    stand.click("end-tell");
    stand.answer_feedback(false);
    stand.assert_shows("end-not-told");
    stand.click("end-tell");
    assert_eq!(stand.told()[1].reasons, [FeedbackReason::Dropped]);
    stand.click("end-done");
    stand.assert_shows("start-title-doctor");
}

#[test]
fn a_room_without_a_backend_is_not_judged() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    assert!(!Stand::in_call(Language::Spanish, state).shows("end-how"));
}
