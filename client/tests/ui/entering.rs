//! Links and codes that people type, paste and click, valid or not.

use std::time::{Duration, Instant};

use autamedica_api::{JoinLink, Role};
use autamedica_call::check::{NetworkProblem, NetworkState};
use autamedica_call::{CallState, EndReason, JoinTarget, Secret};
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::i18n::Language;
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::TestApp;

const LINK: &str = "https://clinic.example/join#abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_01234";

fn at_home(language: Language) -> TestApp {
    let own_servers = vec!["https://clinic.example/".parse().unwrap()];
    let options = AppOptions { language, own_servers, ..AppOptions::default() };
    TestApp::with(options, CallState::joining(Role::Patient))
}

fn enter() -> Event {
    Event::Key { key: Key::Enter, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
}

#[test]
fn a_whole_invitation_may_be_pasted() {
    let link = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
    let (first, second) = LINK.split_at(50);
    for text in [
        format!("Su cita es el 24-11-2026, código 31836728.\nEntre aquí: <{LINK}>.\nGracias"),
        format!("{LINK}."),
        LINK.replace("https://", ""),
        LINK.replace('#', "%23"),
        // A single-line field replaces line ends by spaces.
        format!("{first}\n{second}"),
    ] {
        let mut app = at_home(Language::Spanish);
        app.harness.input_mut().events.extend([Event::Paste(text.clone()), enter()]);
        app.settle();
        assert_eq!(app.checked(), std::slice::from_ref(&link), "{text}");
    }
}

#[test]
fn a_scanner_types_a_code_into_the_field_at_once() {
    let mut app = at_home(Language::English);
    let digits = "31836728".chars().map(|digit| Event::Text(digit.to_string()));
    // All events arrive in one pass, faster than a screen is drawn.
    app.harness.input_mut().events.extend(digits.chain([enter()]));
    app.settle();
    assert_eq!(app.checked(), [JoinTarget::Digits(Secret::new("31836728"))]);
}

#[test]
fn a_link_that_cannot_be_used_opens_the_window_and_says_why() {
    for language in Language::ALL {
        for (text, key) in [("https://elsewhere.example/", "start-link-wrong"), ("hola", "start-code-wrong")] {
            let start = Start::Unusable(text.to_owned());
            let options = AppOptions { language, start, ..AppOptions::default() };
            let mut app = TestApp::with(options, CallState::joining(Role::Patient));
            app.assert_shows("start-title-patient");
            app.assert_shows(key);
            // The field keeps the text for correction.
            assert!(app.harness.query_all_by_value(text).next().is_some(), "{text}");
            assert_eq!(app.checked(), []);
            app.click("start-enter");
            app.assert_shows(key);
        }
    }
}

#[test]
fn a_dead_link_is_told_before_anybody_adjusts_a_camera() {
    for language in Language::ALL {
        for (reason, key) in [
            (EndReason::NotAllowed, "end-not-allowed"),
            (EndReason::NoAppointment, "end-no-appointment"),
            (EndReason::NoClinic, "end-no-clinic"),
            (EndReason::Over, "end-over"),
            (EndReason::Cancelled, "end-cancelled"),
        ] {
            let start = Start::Check(JoinTarget::Digits(Secret::new("31836728")));
            let options = AppOptions { language, start, ..AppOptions::default() };
            let mut app = TestApp::with(options, CallState::joining(Role::Patient));
            app.assert_shows("check-title");
            app.change_check(|check| check.network = NetworkState::Failed(NetworkProblem::DeadEnd(reason)));
            app.assert_shows(key);
            app.assert_shows(&format!("{key}-next"));
            assert!(!app.shows("check-enter"));
            assert_eq!(app.joined(), []);
            app.click("end-done");
            app.assert_shows("start-title-patient");
        }
    }
}

#[test]
fn enter_goes_in_from_the_check_and_is_a_controls_own_where_one_has_the_keyboard() {
    let start = Start::Check(JoinTarget::Digits(Secret::new("31836728")));
    let options = AppOptions { start, ..AppOptions::default() };
    let mut app = TestApp::with(options, CallState::joining(Role::Patient));
    let back = app.text("check-sound-play");
    app.harness.get_by_label(&back).focus();
    app.settle();
    app.press(Modifiers::NONE, Key::Enter);
    app.assert_shows("check-title");
    app.harness.ctx.memory_mut(|memory| memory.focused().map(|id| memory.surrender_focus(id)));
    app.press(Modifiers::NONE, Key::Enter);
    app.assert_shows("joining-title");
}

#[test]
fn a_clinic_that_isnt_ready_is_told_while_joining_is_tried_again() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, CallState::joining(Role::Patient));
        app.assert_shows("joining-lead");
        app.change(|state| state.first_join_failure = Some(Instant::now() - Duration::from_secs(3)));
        app.assert_shows("joining-again");
        assert!(!app.shows("joining-lead"));
        app.assert_shows("joining-cancel");
    }
}

#[test]
fn a_link_clicked_while_the_window_is_open_is_followed_there_and_asked_about_in_a_call() {
    let handle = std::sync::Arc::new(parking_lot::Mutex::new(None));
    let ready = handle.clone();
    let options = AppOptions {
        own_servers: vec!["https://clinic.example/".parse().unwrap()],
        on_ready: Some(Box::new(move |window| *ready.lock() = Some(window))),
        ..AppOptions::default()
    };
    let mut app = TestApp::with(options, CallState::joining(Role::Patient));
    let window = handle.lock().take().expect("the window is there");
    let link = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
    // Opening the same link twice gives one check and one call.
    for _ in 0..2 {
        window.open(LINK.to_owned());
        app.settle();
        app.assert_shows("check-title");
    }
    assert_eq!(app.checked(), std::slice::from_ref(&link));
    app.finish_check();
    let in_call = super::harness::call(Role::Patient);
    app.change(move |state| *state = in_call);
    window.open(LINK.to_owned());
    window.open(String::new());
    app.settle();
    assert!(!app.shows("other-link-title") && app.sent().is_empty(), "it is this call");
    let other = LINK.replace("abc", "xyz");
    for answer in ["dialog-cancel", "other-link-yes"] {
        window.open(other.clone());
        app.settle();
        app.assert_shows("other-link-title");
        assert_eq!((app.sent(), app.checked().len()), (vec![], 1), "nothing happens yet");
        app.click(answer);
        assert!(!app.shows("other-link-title"));
    }
    assert_eq!(app.sent(), [autamedica_call::CallCommand::HangUp]);
    assert_eq!(app.checked()[1..], [JoinTarget::Link(JoinLink::parse(&other).unwrap())]);
}
