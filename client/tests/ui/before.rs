//! Screens before and after the call: check, waiting room, a doctor's day, feedback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::{ConsultationDetails, ConsultationState, FeedbackReason, Id, QueuePosition, Role, Timestamp};
use autamedica_call::agenda::{Agenda, AgendaCommand};
use autamedica_call::backend::{Admission, ConsultationRef};
use autamedica_call::check::{
    CheckCommand, CheckState, NetworkProblem, NetworkReport, NetworkState, NetworkStep, TestSound, Voice,
};
use autamedica_call::{CallCommand, CallPhase, CallState, DeviceChoices, EndReason, JoinTarget, Secret};
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::i18n::Language;
use autamedica_media::{DeviceChoice, DeviceProblem, DeviceState};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call};

fn target(role: Role) -> JoinTarget {
    JoinTarget::Consultation { id: Id::new("4821").unwrap(), role }
}

fn checking(language: Language, role: Role) -> TestApp {
    let start = Start::Check(target(role));
    TestApp::with(AppOptions { language, role, start, ..AppOptions::default() }, CallState::joining(role))
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
        (TestSound::Unanswered, keys(&["check-sound-asked", "check-yes", "check-no"])),
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
            let mut app = checking(language, Role::Patient);
            app.change_check(|check| change(check));
            for key in shown {
                app.assert_shows(key);
            }
            // Whatever the problem, the person can enter and go back.
            app.assert_shows("check-enter");
            app.assert_shows("check-back");
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
        let mut app = checking(language, Role::Doctor);
        app.assert_shows("check-title");
        assert!(app.shows_text(figures));
        let on_this_machine =
            NetworkReport { connect_ms: 9, round_trip_ms: 0, loss_percent: 0.0, up_kbps: 2400, down_kbps: 2300 };
        app.change_check(|check| check.network = NetworkState::Done(on_this_machine));
        assert!(app.shows_text(&figures.replace("24 ms", near)));
        assert!(!app.shows("check-network-again"), "a good one needs no second try");
    }
}

#[test]
fn a_device_chosen_in_the_check_is_the_calls_and_is_kept() {
    let mut app = checking(Language::Spanish, Role::Patient);
    app.click("camera-caption");
    app.harness.get_by_label("Integrada").click();
    app.settle();
    let chosen = DeviceChoice::Named("Integrada".into());
    assert_eq!(app.commands(), [CheckCommand::UseCamera(chosen.clone())]);
    app.finish_check();
    assert_eq!(app.joined(), [target(Role::Patient)]);
    let expected = DeviceChoices { camera: chosen.clone(), ..DeviceChoices::default() };
    assert_eq!(app.joined_with(), Some(expected));
    assert_eq!(app.saved().last().map(|settings| settings.camera.clone()), Some(chosen));
}

#[test]
fn the_sound_is_played_and_asked_about() {
    let mut app = checking(Language::English, Role::Patient);
    app.click("check-sound-play");
    assert_eq!(app.commands(), [CheckCommand::PlaySound]);
    app.change_check(|check| check.sound = TestSound::Unanswered);
    app.click("check-no");
    assert_eq!(app.commands(), [CheckCommand::Heard(false)]);
}

#[test]
fn a_network_that_failed_can_be_tried_again() {
    let mut app = checking(Language::Spanish, Role::Patient);
    app.change_check(|check| check.network = NetworkState::Failed(NetworkProblem::TooSlow));
    app.click("check-network-again");
    assert_eq!(app.commands(), [CheckCommand::TestNetwork]);
}

#[test]
fn the_check_can_be_left() {
    let mut app = checking(Language::Spanish, Role::Patient);
    app.click("check-back");
    app.assert_shows("start-title-patient");
    assert_eq!(app.joined(), []);
}

#[test]
fn a_doctor_may_skip_the_check_and_a_patient_may_not() {
    let app = checking(Language::Spanish, Role::Patient);
    assert!(!app.shows("settings-skip-check"));

    let mut app = checking(Language::Spanish, Role::Doctor);
    app.click("settings-skip-check");
    assert!(app.saved().last().is_some_and(|settings| settings.skip_check));
    app.click("check-back");
    let field = app.text("start-code");
    app.harness.get_by_label(&field).type_text("4822");
    app.settle();
    app.click("start-enter");
    assert_eq!(app.joined(), [JoinTarget::Consultation { id: Id::new("4822").unwrap(), role: Role::Doctor }]);
}

#[test]
fn whoever_waits_sees_themselves_and_since_when_and_can_leave() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        let doctor = std::mem::take(&mut state.participants);
        state.phase = CallPhase::Waiting { since: Instant::now() - Duration::from_secs(185) };
        let mut app = TestApp::in_call(language, state);
        for key in ["waiting-title-alone", "waiting-lead-alone", "self-view"] {
            app.assert_shows(key);
        }
        assert!(!app.shows("waiting-title"), "nobody is there who could know");
        app.change(|state| state.participants = doctor);
        for key in ["waiting-title", "waiting-lead"] {
            app.assert_shows(key);
        }
        assert!(app.shows_text(&app.text_with("waited-for", &[("minutes", 3.into())])));
        app.change(|state| state.camera.device = DeviceState::Failed(DeviceProblem::Busy));
        app.assert_shows("camera-problem-busy");
        app.assert_shows("camera-advice-busy");
        app.change(|state| state.phase = CallPhase::Waiting { since: Instant::now() });
        app.assert_shows("waiting-since-now");
        app.click("waiting-leave");
        assert_eq!(app.sent(), [CallCommand::HangUp]);
        app.assert_shows("start-title-patient");
    }
}

#[test]
fn whoever_is_sent_away_from_the_waiting_room_is_told_kindly() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Waiting { since: Instant::now() };
    let mut app = TestApp::in_call(Language::Spanish, state);
    app.change(|state| state.phase = CallPhase::Ended { reason: EndReason::Refused, lasted: Duration::ZERO });
    app.assert_shows("end-refused");
    app.assert_shows("end-refused-next");
    assert!(!app.shows("end-how"), "there is nothing to judge");
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
        notice: None,
        recordings: 0,
    }
}

#[test]
fn a_doctors_day_is_shown_and_entered_with_one_click() {
    use ConsultationState::*;
    for language in Language::ALL {
        let mut app = TestApp::at_home(language, Role::Doctor);
        app.assert_shows("day-asking");
        let day = [("1", Created), ("2", Waiting), ("3", Live), ("4", Ended), ("5", Cancelled)];
        let day: Vec<_> = day.into_iter().map(|(id, state)| consultation(id, state)).collect();
        app.change_agenda(Agenda::Known(day.clone()));
        for key in ["day-created", "day-live", "day-ended", "day-cancelled"] {
            app.assert_shows(key);
        }
        assert!(app.shows_text(&app.text_with("day-waiting", &[("minutes", 3.into())])));
        let names: Vec<_> = app
            .harness
            .query_all_by_role(egui::Role::Button)
            .filter_map(|button| egui_kittest::kittest::NodeT::accesskit_node(&button).label())
            .filter(|label| label.contains(" 2 ") && label.starts_with(&app.text("day-enter")))
            .collect();
        assert_eq!(names.len(), 1, "one way into each: {names:?}");
        app.harness.get_by_label(&names[0]).click();
        app.settle();
        assert_eq!(app.checked(), [JoinTarget::Scheduled { id: Id::new("2").unwrap() }]);
    }
}

/// Returns the name of the only button in the day's list that opens a notice.
fn notice_button(app: &TestApp) -> String {
    let start = app.text("notice-title");
    let names: Vec<_> = app
        .harness
        .query_all_by_role(egui::Role::Button)
        .filter_map(|button| egui_kittest::kittest::NodeT::accesskit_node(&button).label())
        .filter(|label| label.starts_with(&start))
        .collect();
    let [name] = &names[..] else { panic!("one notice: {names:?}") };
    name.clone()
}

#[test]
fn a_word_to_a_waiting_patient_is_written_in_the_day() {
    for language in Language::ALL {
        let mut app = TestApp::at_home(language, Role::Doctor);
        let mut day = vec![consultation("1", ConsultationState::Waiting), consultation("2", ConsultationState::Live)];
        app.change_agenda(Agenda::Known(day.clone()));
        // Who is in the consultation already isn't waiting.
        let notice = notice_button(&app);
        app.click_text(&notice);
        app.assert_shows("notice-lead");
        let late = app.text_with("notice-late", &[("minutes", 20.into())]);
        app.click_text(&late);
        app.click("notice-send");
        let command = |text: &str| AgendaCommand::Notice { id: Id::new("1").unwrap(), text: text.into() };
        assert_eq!(app.agenda_commands(), [command(&late)]);
        assert!(!app.shows("notice-lead"));
        day[0].notice = Some("Ten minutes".into());
        app.change_agenda(Agenda::Known(day));
        assert!(app.shows_text(&app.text_with("day-notice-now", &[("notice", "Ten minutes".into())])));
        app.click_text(&notice);
        app.click("notice-remove");
        assert_eq!(app.agenda_commands(), [command("")]);
    }
}

#[test]
fn a_waiting_patient_reads_their_place_and_the_desks_word() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        state.phase = CallPhase::Waiting { since: Instant::now() };
        state.participants.clear();
        let mut app = TestApp::in_call(language, state);
        for ahead in [2_u32, 1, 0] {
            app.change(|state| state.queue = Some(QueuePosition { ahead, notice: None }));
            assert!(app.shows_text(&app.text_with("waiting-place", &[("ahead", u64::from(ahead).into())])));
            assert!(!app.shows("waiting-notice"));
        }
        app.change(|state| state.queue = Some(QueuePosition { ahead: 1, notice: Some("Diez minutos".into()) }));
        app.assert_shows("waiting-notice");
        assert!(app.shows_text("Diez minutos"));
    }
}

#[test]
fn what_keeps_the_day_away_is_told_with_a_way_on() {
    for language in Language::ALL {
        let mut app = TestApp::at_home(language, Role::Doctor);
        let known = vec![consultation("1", ConsultationState::Created)];
        for (agenda, keys) in [
            (Agenda::NoKey, ["day-no-key", "day-no-key-advice"]),
            (Agenda::Refused, ["day-refused", "day-refused-advice"]),
            (Agenda::Unreachable(known), ["day-unreachable", "day-unreachable-advice"]),
            (Agenda::Known(Vec::new()), ["day-empty", "day-empty"]),
        ] {
            app.change_agenda(agenda);
            keys.iter().for_each(|key| app.assert_shows(key));
            app.assert_shows("start-code");
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
    let mut app = TestApp::in_call(Language::Spanish, state);
    let id = Id::new("4821").unwrap();
    assert_eq!(app.saved_recent(), Some(vec![id.clone()]));
    app.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::RoomClosed, lasted: Duration::from_secs(600) };
    });
    app.click("end-done");
    let name = app.text_with("day-consultation", &[("id", "4821".into())]);
    app.harness.get_by_label(&name).click();
    app.settle();
    assert_eq!(app.checked(), [target(Role::Doctor)], "without a desk's key, as before");
    app.click("check-back");
    app.click("recent-forget");
    assert_eq!(app.saved_recent(), Some(Vec::new()));
    assert!(!app.shows_text(&name));
}

#[test]
fn a_patients_consultations_are_not_remembered() {
    let mut state = call(Role::Patient);
    state.admission = Some(admission(Role::Patient));
    let app = TestApp::in_call(Language::Spanish, state);
    assert_eq!(app.saved_recent(), None);
}

fn ended(language: Language, role: Role) -> TestApp {
    let mut state = call(role);
    state.admission = Some(admission(role));
    state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    TestApp::in_call(language, state)
}

#[test]
fn a_good_call_takes_two_presses_to_praise() {
    for language in Language::ALL {
        let mut app = ended(language, Role::Patient);
        app.assert_shows("end-how");
        assert!(!app.shows("end-tell"), "nothing to send yet");
        let five = app.text_with("end-star", &[("count", 5.into())]);
        app.harness.get_by_label(&five).click();
        app.settle();
        assert!(!app.shows("end-why"));
        app.click("end-tell");
        app.assert_shows("end-telling");
        app.answer_feedback(true);
        app.assert_shows("end-told");
        let told = app.feedback();
        assert_eq!((told.len(), told[0].stars, told[0].reasons.len()), (1, 5, 0));
    }
}

#[test]
fn a_bad_call_says_why_and_a_failure_to_send_is_no_trap() {
    let mut app = ended(Language::Spanish, Role::Doctor);
    let two = app.text_with("end-star", &[("count", 2.into())]);
    app.harness.get_by_label(&two).click();
    app.settle();
    app.assert_shows("end-why");
    for key in ["reason-echo", "reason-dropped", "reason-echo"] {
        app.click(key);
    }
    app.click("end-tell");
    app.answer_feedback(false);
    app.assert_shows("end-not-told");
    app.click("end-tell");
    assert_eq!(app.feedback()[1].reasons, [FeedbackReason::Dropped]);
    app.click("end-done");
    app.assert_shows("start-title-doctor");
}

#[test]
fn a_room_without_a_backend_is_not_judged() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    assert!(!TestApp::in_call(Language::Spanish, state).shows("end-how"));
}
