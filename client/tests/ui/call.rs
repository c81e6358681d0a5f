//! Controls of the call: which exist, their texts, and their commands.

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallPhase, RecordingState, ShareState};
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call};

#[test]
fn each_button_sends_its_command_in_both_languages() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        for (button, command) in [
            ("microphone-mute", CallCommand::MuteMicrophone(true)),
            ("camera-stop", CallCommand::MuteCamera(true)),
            ("record-start", CallCommand::Record(true)),
        ] {
            app.click(button);
            assert_eq!(app.sent(), [command], "{button}");
        }
    }
}

#[test]
fn what_is_on_can_be_switched_off_again() {
    let mut state = call(Role::Doctor);
    state.microphone.muted = true;
    state.camera.muted = true;
    state.screen = ShareState::On;
    state.recording = RecordingState::On(std::time::Instant::now());
    let mut app = TestApp::in_call(Language::Spanish, state);
    assert!(!app.is_on("microphone-unmute") && !app.is_on("camera-start"));
    assert!(app.is_on("share-stop") && app.is_on("record-stop"));
    for (button, command) in [
        ("microphone-unmute", CallCommand::MuteMicrophone(false)),
        ("camera-start", CallCommand::MuteCamera(false)),
        ("share-stop", CallCommand::StopSharing),
        ("record-stop", CallCommand::Record(false)),
    ] {
        app.click(button);
        assert_eq!(app.sent(), [command], "{button}");
    }
}

#[test]
fn a_patient_has_no_doctors_controls() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        for button in ["microphone-mute", "camera-stop", "chat-open", "more-open", "hang-up"] {
            app.assert_shows(button);
        }
        for button in ["share-start", "share-stop", "record-start", "record-stop"] {
            assert!(!app.shows(button), "{button}");
        }
        app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        assert_eq!(app.sent(), []);
    }
}

#[test]
fn keys_do_what_the_buttons_do() {
    let mut app = TestApp::in_call(Language::English, call(Role::Doctor));
    app.press(Modifiers::COMMAND, Key::D);
    app.press(Modifiers::COMMAND, Key::E);
    assert_eq!(app.sent(), [CallCommand::MuteMicrophone(true), CallCommand::MuteCamera(true)]);
    // Shortcuts confirm their effect with a toast.
    app.assert_shows("toast-muted");
    app.assert_shows("toast-camera-stopped");
}

#[test]
fn the_keyboard_reaches_every_button_in_order() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    let order = [
        "microphone-mute",
        "sound-devices",
        "camera-stop",
        "camera-devices",
        "share-start",
        "record-start",
        "chat-open",
        "more-open",
        "hang-up",
        "self-view",
    ];
    for button in order {
        app.press(Modifiers::NONE, Key::Tab);
        let text = app.text(button);
        assert!(app.harness.get_by_label(&text).is_focused(), "{button} should have the keyboard");
    }
    app.press(Modifiers::SHIFT, Key::Tab);
    app.press(Modifiers::NONE, Key::Enter);
    // A doctor is asked; the answer that doesn't end the call for all has the focus.
    app.press(Modifiers::NONE, Key::Enter);
    assert_eq!(app.sent(), [CallCommand::HangUp]);
}

#[test]
fn hanging_up_ends_at_once_whatever_the_call_says() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        app.click("hang-up");
        assert_eq!(app.sent(), [CallCommand::HangUp]);
        // The fake call still reports that it is connected.
        app.assert_shows("end-hung-up");
        let lasted = app.text_with("end-lasted", &[("minutes", 12.into())]);
        assert!(app.shows_text(&lasted));
        app.click("end-done");
        app.assert_shows("start-title-patient");
    }
}

#[test]
fn hanging_up_while_reconnecting_returns_to_the_start() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let since = std::time::Instant::now() - std::time::Duration::from_millis(8200);
        state.phase = CallPhase::Reconnecting { since };
        let mut app = TestApp::in_call(language, state);
        let band = app.text_with("reconnecting", &[("seconds", 8.into())]);
        assert!(app.shows_text(&band), "{band}");
        app.assert_shows("reconnecting-lead");
        let label = app.text("hang-up");
        app.harness.get_by_label(&label).click();
        // A move, a press and a release of the pointer: the next pass shows the start screen.
        app.harness.step();
        app.harness.step();
        assert_eq!(app.sent(), [CallCommand::HangUp]);
        app.assert_shows("start-title-doctor");
    }
}

#[test]
fn the_bar_goes_after_four_seconds_and_comes_back_at_once() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    // Each step is a quarter of a second.
    app.harness.run_steps(20);
    let mute = app.text("microphone-mute");
    let at = app.harness.get_by_label(&mute).rect().center();
    // Hidden controls can't be pressed: a tap there only shows the bar.
    let button = |pressed| egui::Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    app.harness.input_mut().events.extend([egui::Event::PointerMoved(at), button(true)]);
    app.harness.step();
    app.harness.input_mut().events.push(button(false));
    app.settle();
    assert_eq!(app.sent(), []);
    app.harness.hover_at(at);
    app.settle();
    app.click("microphone-mute");
    assert_eq!(app.sent(), [CallCommand::MuteMicrophone(true)]);
}

#[test]
fn the_bar_stays_while_the_keyboard_is_on_it() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    app.press(Modifiers::NONE, Key::Tab);
    app.harness.run_steps(40);
    app.press(Modifiers::NONE, Key::Space);
    assert_eq!(app.sent(), [CallCommand::MuteMicrophone(true)]);
}

#[test]
fn the_menu_hides_and_shows_our_own_picture() {
    let mut app = TestApp::in_call(Language::English, call(Role::Patient));
    app.assert_shows("self-view");
    app.click("more-open");
    app.click("more-hide-self");
    assert!(!app.shows("self-view"));
    app.click("more-open");
    app.click("more-show-self");
    app.assert_shows("self-view");
}

#[test]
fn people_are_listed_with_their_state() {
    let mut state = call(Role::Doctor);
    state.participants[0].microphone_muted = true;
    state.comparison_code = Some("482 193".to_owned());
    let mut app = TestApp::in_call(Language::English, state);
    app.click("more-open");
    app.click("more-people");
    assert!(app.shows_text(&app.text_with("encryption-code", &[("code", "482 193".into())])));
    app.assert_shows("encryption-code-advice");
    assert!(app.shows_text("María Quispe, Patient, Microphone off, Excellent connection"));
    app.click("panel-close");
    assert!(!app.shows("panel-close"));
}
