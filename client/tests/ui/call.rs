//! Controls of the call: which exist, their texts, and their commands.

use autamedica_api::Role;
use autamedica_client::call::{CallCommand, CallPhase, RecordingState, ShareState};
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call};

#[test]
fn each_button_sends_its_command_in_both_languages() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        for (button, command) in [
            ("microphone-mute", CallCommand::MuteMicrophone(true)),
            ("camera-stop", CallCommand::MuteCamera(true)),
            ("record-start", CallCommand::Record(true)),
        ] {
            stand.click(button);
            assert_eq!(stand.sent(), [command], "{button}");
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
    let mut stand = Stand::in_call(Language::Spanish, state);
    assert!(!stand.is_on("microphone-unmute") && !stand.is_on("camera-start"));
    assert!(stand.is_on("share-stop") && stand.is_on("record-stop"));
    for (button, command) in [
        ("microphone-unmute", CallCommand::MuteMicrophone(false)),
        ("camera-start", CallCommand::MuteCamera(false)),
        ("share-stop", CallCommand::StopSharing),
        ("record-stop", CallCommand::Record(false)),
    ] {
        stand.click(button);
        assert_eq!(stand.sent(), [command], "{button}");
    }
}

#[test]
fn a_patient_has_no_doctors_controls() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Patient));
        for button in ["microphone-mute", "camera-stop", "chat-open", "more-open", "hang-up"] {
            stand.assert_shows(button);
        }
        for button in ["share-start", "share-stop", "record-start", "record-stop"] {
            assert!(!stand.shows(button), "{button}");
        }
        stand.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        assert_eq!(stand.sent(), []);
    }
}

#[test]
fn keys_do_what_the_buttons_do() {
    let mut stand = Stand::in_call(Language::English, call(Role::Doctor));
    stand.press(Modifiers::COMMAND, Key::D);
    stand.press(Modifiers::COMMAND, Key::E);
    assert_eq!(stand.sent(), [CallCommand::MuteMicrophone(true), CallCommand::MuteCamera(true)]);
    // Shortcuts confirm their effect with a toast.
    stand.assert_shows("toast-muted");
    stand.assert_shows("toast-camera-stopped");
}

#[test]
fn the_keyboard_reaches_every_button_in_order() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
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
        stand.press(Modifiers::NONE, Key::Tab);
        let text = stand.text(button);
        assert!(stand.harness.get_by_label(&text).is_focused(), "{button} should have the keyboard");
    }
    stand.press(Modifiers::SHIFT, Key::Tab);
    stand.press(Modifiers::NONE, Key::Enter);
    // A doctor is asked; the answer that doesn't end the call for all has the focus.
    stand.press(Modifiers::NONE, Key::Enter);
    assert_eq!(stand.sent(), [CallCommand::HangUp]);
}

#[test]
fn hanging_up_ends_at_once_whatever_the_call_says() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Patient));
        stand.click("hang-up");
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        // The fake call still reports that it is connected.
        stand.assert_shows("end-hung-up");
        let lasted = stand.text_with("end-lasted", &[("minutes", 12.into())]);
        assert!(stand.shows_text(&lasted));
        stand.click("end-done");
        stand.assert_shows("start-title-patient");
    }
}

#[test]
fn hanging_up_while_reconnecting_returns_to_the_start() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let since = std::time::Instant::now() - std::time::Duration::from_millis(8200);
        state.phase = CallPhase::Reconnecting { since };
        let mut stand = Stand::in_call(language, state);
        let band = stand.text_with("reconnecting", &[("seconds", 8.into())]);
        assert!(stand.shows_text(&band), "{band}");
        stand.assert_shows("reconnecting-lead");
        let label = stand.text("hang-up");
        stand.harness.get_by_label(&label).click();
        // A move, a press and a release of the pointer: the next pass shows the start screen.
        stand.harness.step();
        stand.harness.step();
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        stand.assert_shows("start-title-doctor");
    }
}

#[test]
fn the_bar_goes_after_four_seconds_and_comes_back_at_once() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    // Each step is a quarter of a second.
    stand.harness.run_steps(20);
    let mute = stand.text("microphone-mute");
    let at = stand.harness.get_by_label(&mute).rect().center();
    // Hidden controls can't be pressed: a tap there only shows the bar.
    let button = |pressed| egui::Event::PointerButton {
        pos: at,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    stand.harness.input_mut().events.extend([egui::Event::PointerMoved(at), button(true)]);
    stand.harness.step();
    stand.harness.input_mut().events.push(button(false));
    stand.settle();
    assert_eq!(stand.sent(), []);
    stand.harness.hover_at(at);
    stand.settle();
    stand.click("microphone-mute");
    assert_eq!(stand.sent(), [CallCommand::MuteMicrophone(true)]);
}

#[test]
fn the_bar_stays_while_the_keyboard_is_on_it() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    stand.press(Modifiers::NONE, Key::Tab);
    stand.harness.run_steps(40);
    stand.press(Modifiers::NONE, Key::Space);
    assert_eq!(stand.sent(), [CallCommand::MuteMicrophone(true)]);
}

#[test]
fn the_menu_hides_and_shows_our_own_picture() {
    let mut stand = Stand::in_call(Language::English, call(Role::Patient));
    stand.assert_shows("self-view");
    stand.click("more-open");
    stand.click("more-hide-self");
    assert!(!stand.shows("self-view"));
    stand.click("more-open");
    stand.click("more-show-self");
    stand.assert_shows("self-view");
}

#[test]
fn people_are_listed_with_their_state() {
    let mut state = call(Role::Doctor);
    state.participants[0].microphone_muted = true;
    state.comparison_code = Some("482 193".to_owned());
    let mut stand = Stand::in_call(Language::English, state);
    stand.click("more-open");
    stand.click("more-people");
    assert!(stand.shows_text(&stand.text_with("encryption-code", &[("code", "482 193".into())])));
    stand.assert_shows("encryption-code-advice");
    assert!(stand.shows_text("María Quispe, Patient, Microphone off, Excellent connection"));
    stand.click("panel-close");
    assert!(!stand.shows("panel-close"));
}
