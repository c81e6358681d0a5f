//! Kiosk: eight digits start one call, nothing remains of it, and only the PIN ends the kiosk.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallPhase, CallState, DeviceChoices, EndReason, JoinTarget, Secret};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use autamedica_media::DeviceChoice;
use egui::{Key, Modifiers, OutputCommand};
use egui_kittest::kittest::{NodeT, Queryable};

use super::harness::{PIN, TestApp, call};

fn kiosk(language: Language) -> TestApp {
    let options = AppOptions { language, ..AppOptions::default() };
    TestApp::kiosk(options, CallState::joining(Role::Patient))
}

fn type_digits(app: &mut TestApp, digits: &str) {
    for digit in digits.chars() {
        app.harness.get_by_label(&digit.to_string()).click();
        app.settle();
    }
}

fn typed(app: &TestApp, count: u64) -> bool {
    app.shows_text(&app.text_with("keypad-typed", &[("count", count.into())]))
}

#[test]
fn eight_digits_lead_to_the_check_and_into_the_call() {
    for language in Language::ALL {
        let mut app = kiosk(language);
        app.assert_shows("keypad-title");
        type_digits(&mut app, "4821");
        app.click("keypad-continue");
        app.assert_shows("keypad-incomplete");
        app.click("keypad-back");
        assert!(typed(&app, 3) && !app.shows("keypad-incomplete"));
        type_digits(&mut app, "190000");
        assert!(typed(&app, 8), "a ninth digit isn't taken");
        app.click("keypad-continue");
        let target = JoinTarget::Digits(Secret::new("48219000"));
        assert_eq!(app.checked(), std::slice::from_ref(&target));
        app.finish_check();
        assert_eq!(app.joined(), [target]);
    }
}

#[test]
fn the_first_screen_has_the_clinics_name_and_says_where_the_code_is() {
    for language in Language::ALL {
        let clinic = Some("Clínica San Martín".to_owned());
        let options = AppOptions { language, clinic, ..AppOptions::default() };
        let app = TestApp::kiosk(options, CallState::joining(Role::Patient));
        assert!(app.shows_text("Clínica San Martín"));
        app.assert_shows("keypad-help-text");
        // A word can't be mistaken for a digit.
        app.assert_shows("keypad-help");
        assert!(!app.shows_text("?"));
    }
}

#[test]
fn keys_are_large_enough_for_any_finger() {
    let mut app = kiosk(Language::Spanish);
    app.click("keypad-help");
    for button in app.harness.query_all_by_role(egui::Role::Button) {
        let size = button.rect().size();
        let label = button.accesskit_node().label();
        assert!(size.x >= 64.0 && size.y >= 64.0, "{label:?} is {size:?}");
    }
}

#[test]
fn a_keyboard_may_type_the_code_too() {
    let mut app = kiosk(Language::Spanish);
    for digit in "12345678".chars() {
        app.harness.event(egui::Event::Text(digit.to_string()));
        app.settle();
    }
    assert!(typed(&app, 8));
    app.press(Modifiers::NONE, Key::Enter);
    assert_eq!(app.checked(), [JoinTarget::Digits(Secret::new("12345678"))]);
}

/// All digits arrive in one pass, as from a barcode scanner, whatever control has the focus.
#[test]
fn a_whole_code_may_be_typed_or_pasted_at_once() {
    let enter = |pressed| egui::Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    let digits = |code: &str| code.chars().map(|digit| egui::Event::Text(digit.to_string())).collect::<Vec<_>>();
    let pasted = |text: &str| vec![egui::Event::Paste(text.to_owned())];
    for (what, typed) in [
        ("typed", digits("31836728")),
        ("one text", vec![egui::Event::Text("31836728".to_owned())]),
        ("pasted", pasted("31836728")),
        ("pasted with words", pasted("Su cita es a las 10:30. Código: 3183-6728.")),
    ] {
        for (key_has_keyboard, one_pass) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut app = kiosk(Language::Spanish);
            if key_has_keyboard {
                app.harness.get_by_label("1").focus();
                app.settle();
            }
            let events = typed.iter().cloned().chain([enter(true), enter(false)]);
            if one_pass {
                app.harness.input_mut().events.extend(events);
            } else {
                events.for_each(|event| app.harness.event(event));
            }
            app.settle();
            let case = format!("{what}, a key has the keyboard: {key_has_keyboard}, in one pass: {one_pass}");
            assert_eq!(app.checked(), [JoinTarget::Digits(Secret::new("31836728"))], "{case}");
        }
    }
}

#[test]
fn nothing_of_the_last_patient_is_left() {
    let mut app = in_a_call();
    app.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    });
    app.assert_shows("end-kiosk-next");
    let english = format!("{}: English", app.text("language-switch"));
    app.harness.get_by_label(&english).click();
    app.settle();
    app.harness.get_by_label("Done").click();
    let mut copied = Vec::new();
    for _ in 0..6 {
        app.harness.step();
        copied.extend(app.harness.output().platform_output.commands.clone());
    }
    app.assert_shows("keypad-title");
    assert!(typed(&app, 0), "in the clinic's own language again");
    assert!(copied.contains(&OutputCommand::CopyText(String::new())), "the clipboard is empty: {copied:?}");
    assert!(copied.contains(&OutputCommand::TextSelectionSettled(String::new())));
}

#[test]
fn the_next_patient_finds_devices_and_sizes_as_the_operator_set_them() {
    let mut app = kiosk(Language::Spanish);
    let zoom = app.harness.ctx.zoom_factor();
    for key in [Key::Minus, Key::Plus, Key::Equals, Key::Num0] {
        app.press(Modifiers::COMMAND, key);
        assert_eq!(app.harness.ctx.zoom_factor(), zoom, "{key:?}");
    }
    // One person leaves from the check screen, one while joining.
    for leaves in ["check-back", "joining-cancel"] {
        type_digits(&mut app, "48219000");
        app.click("keypad-continue");
        app.click("camera-caption");
        app.click("camera-none");
        app.click("microphone-caption");
        app.click_text("USB");
        if leaves == "joining-cancel" {
            app.finish_check();
            assert_eq!(app.joined_with().map(|chosen| chosen.camera), Some(DeviceChoice::None));
        }
        app.click(leaves);
        app.assert_shows("keypad-title");
        type_digits(&mut app, "48219000");
        app.click("keypad-continue");
        app.finish_check();
        assert_eq!(app.joined_with(), Some(DeviceChoices::default()), "after {leaves}");
        app.click("joining-cancel");
    }
}

fn in_a_call() -> TestApp {
    let mut app = kiosk(Language::Spanish);
    type_digits(&mut app, "48219000");
    app.click("keypad-continue");
    app.finish_check();
    let in_call = call(Role::Patient);
    app.change(move |state| *state = in_call);
    app
}

#[test]
fn no_key_and_no_link_leads_out_or_to_a_doctors_function() {
    let mut stands = [kiosk(Language::Spanish), in_a_call()];
    for app in &mut stands {
        for modifiers in [Modifiers::NONE, Modifiers::COMMAND, Modifiers::ALT, Modifiers::COMMAND | Modifiers::SHIFT] {
            for key in Key::ALL {
                // These keys belong to the page and move between controls.
                if matches!(key, Key::Enter | Key::Space | Key::Tab) {
                    continue;
                }
                app.harness.key_press_modifiers(modifiers, *key);
                app.harness.step();
                let output = app.harness.output();
                let commands = &output.viewport_output.values().next().expect("a window").commands;
                let leads_out = commands.iter().any(|command| {
                    use egui::ViewportCommand::{Close, Decorations, Fullscreen, Minimized};
                    matches!(command, Close | Decorations(true) | Fullscreen(false) | Minimized(true))
                });
                assert!(!leads_out, "{modifiers:?} {key:?}: {commands:?}");
                let opened = output.platform_output.commands.iter().any(|it| matches!(it, OutputCommand::OpenUrl(_)));
                assert!(!opened, "{modifiers:?} {key:?}");
            }
        }
        let asked = app.sent();
        let harmless = |command: &CallCommand| {
            matches!(
                command,
                CallCommand::MuteCamera(_)
                    | CallCommand::MuteMicrophone(_)
                    | CallCommand::Show(_)
                    | CallCommand::HangUp
            )
        };
        assert!(asked.iter().all(harmless), "{asked:?}");
        for key in ["settings-open", "start-paste", "start-title-doctor", "share-start", "record-start"] {
            assert!(!app.shows(key), "{key}");
        }
    }
}

#[test]
fn a_link_in_the_chat_opens_nothing() {
    let mut app = in_a_call();
    app.harness.ctx.open_url(egui::OpenUrl::new_tab("https://elsewhere.example/"));
    app.harness.step();
    let commands = &app.harness.output().platform_output.commands;
    assert!(!commands.iter().any(|command| matches!(command, OutputCommand::OpenUrl(_))), "{commands:?}");
}

fn asks_to_close(app: &TestApp) -> bool {
    let output = app.harness.output();
    let commands = output.viewport_output.values().flat_map(|viewport| &viewport.commands);
    commands.into_iter().any(|command| matches!(command, egui::ViewportCommand::Close))
}

fn give_pin(app: &mut TestApp, pin: &str) -> bool {
    type_digits(app, pin);
    let leave = app.text("operator-leave");
    app.harness.get_by_label(&leave).click();
    let mut closes = false;
    for _ in 0..4 {
        app.harness.step();
        closes |= asks_to_close(app);
    }
    closes
}

#[test]
fn only_the_operators_pin_ends_it() {
    for language in Language::ALL {
        let mut app = kiosk(language);
        app.click("keypad-help");
        app.assert_shows("keypad-help-text");
        app.click("keypad-staff");
        app.assert_shows("operator-title");
        assert!(!give_pin(&mut app, "111111"));
        app.assert_shows("operator-wrong");
        app.click("operator-back");
        app.assert_shows("keypad-title");
        app.click("keypad-staff");
        assert!(give_pin(&mut app, PIN));
    }
}

#[test]
fn escape_drops_no_attempt() {
    let mut app = kiosk(Language::Spanish);
    app.defer_pin_answers();
    app.click("keypad-help");
    app.click("keypad-staff");
    assert!(!give_pin(&mut app, "222222"));
    for _ in 0..3 {
        app.press(Modifiers::NONE, Key::Escape);
        app.assert_shows("keypad-title");
        app.click("keypad-staff");
        app.assert_shows("operator-trying");
        assert!(!give_pin(&mut app, PIN), "none is taken while the first is compared");
    }
    assert_eq!(app.pins(), 1);
    app.answer_pin();
    app.assert_shows("operator-wrong");
    // A right PIN whose screen has been closed doesn't end the kiosk.
    app.click("operator-back");
    app.click("keypad-staff");
    give_pin(&mut app, PIN);
    app.press(Modifiers::NONE, Key::Escape);
    app.answer_pin();
    app.harness.step();
    assert!(!asks_to_close(&app));
    app.assert_shows("keypad-title");
}

#[test]
fn guessing_is_stopped() {
    let mut app = kiosk(Language::Spanish);
    app.click("keypad-help");
    app.click("keypad-staff");
    for _ in 0..5 {
        assert!(!give_pin(&mut app, "222222"));
    }
    app.assert_shows("operator-locked");
    assert!(!give_pin(&mut app, PIN), "not even the right one, for a minute");
    app.click("operator-back");
    app.click("keypad-staff");
    app.assert_shows("operator-locked");
}
