//! Kiosk: eight digits start one call, nothing remains of it, and only the PIN ends the kiosk.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_client::app::AppOptions;
use autamedica_client::call::{CallCommand, CallPhase, CallState, DeviceChoices, EndReason, JoinTarget, Secret};
use autamedica_client::device::DeviceChoice;
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers, OutputCommand};
use egui_kittest::kittest::{NodeT, Queryable};

use super::harness::{PIN, Stand, call};

fn kiosk(language: Language) -> Stand {
    let options = AppOptions { language, kiosk: true, ..AppOptions::default() };
    Stand::with(options, CallState::joining(Role::Patient))
}

fn type_digits(stand: &mut Stand, digits: &str) {
    for digit in digits.chars() {
        stand.harness.get_by_label(&digit.to_string()).click();
        stand.settle();
    }
}

fn typed(stand: &Stand, count: u64) -> bool {
    stand.shows_text(&stand.text_with("keypad-typed", &[("count", count.into())]))
}

#[test]
fn eight_digits_lead_to_the_check_and_into_the_call() {
    for language in Language::ALL {
        let mut stand = kiosk(language);
        stand.assert_shows("keypad-title");
        type_digits(&mut stand, "4821");
        stand.click("keypad-continue");
        stand.assert_shows("keypad-incomplete");
        stand.click("keypad-back");
        assert!(typed(&stand, 3) && !stand.shows("keypad-incomplete"));
        type_digits(&mut stand, "190000");
        assert!(typed(&stand, 8), "a ninth digit isn't taken");
        stand.click("keypad-continue");
        let target = JoinTarget::Digits(Secret::new("48219000"));
        assert_eq!(stand.checked(), std::slice::from_ref(&target));
        stand.go_in();
        assert_eq!(stand.joined(), [target]);
    }
}

#[test]
fn the_first_screen_has_the_clinics_name_and_says_where_the_code_is() {
    for language in Language::ALL {
        let clinic = Some("Clínica San Martín".to_owned());
        let options = AppOptions { language, kiosk: true, clinic, ..AppOptions::default() };
        let stand = Stand::with(options, CallState::joining(Role::Patient));
        assert!(stand.shows_text("Clínica San Martín"));
        stand.assert_shows("keypad-help-text");
        // A word can't be mistaken for a digit.
        stand.assert_shows("keypad-help");
        assert!(!stand.shows_text("?"));
    }
}

#[test]
fn keys_are_large_enough_for_any_finger() {
    let mut stand = kiosk(Language::Spanish);
    stand.click("keypad-help");
    for button in stand.harness.query_all_by_role(egui::Role::Button) {
        let size = button.rect().size();
        let label = button.accesskit_node().label();
        assert!(size.x >= 64.0 && size.y >= 64.0, "{label:?} is {size:?}");
    }
}

#[test]
fn a_keyboard_may_type_the_code_too() {
    let mut stand = kiosk(Language::Spanish);
    for digit in "12345678".chars() {
        stand.harness.event(egui::Event::Text(digit.to_string()));
        stand.settle();
    }
    assert!(typed(&stand, 8));
    stand.press(Modifiers::NONE, Key::Enter);
    assert_eq!(stand.checked(), [JoinTarget::Digits(Secret::new("12345678"))]);
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
            let mut stand = kiosk(Language::Spanish);
            if key_has_keyboard {
                stand.harness.get_by_label("1").focus();
                stand.settle();
            }
            let events = typed.iter().cloned().chain([enter(true), enter(false)]);
            if one_pass {
                stand.harness.input_mut().events.extend(events);
            } else {
                events.for_each(|event| stand.harness.event(event));
            }
            stand.settle();
            let case = format!("{what}, a key has the keyboard: {key_has_keyboard}, in one pass: {one_pass}");
            assert_eq!(stand.checked(), [JoinTarget::Digits(Secret::new("31836728"))], "{case}");
        }
    }
}

#[test]
fn nothing_of_the_last_patient_is_left() {
    let mut stand = in_a_call();
    stand.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::HungUp, lasted: Duration::from_secs(600) };
    });
    stand.assert_shows("end-kiosk-next");
    let english = format!("{}: English", stand.text("language-switch"));
    stand.harness.get_by_label(&english).click();
    stand.settle();
    stand.harness.get_by_label("Done").click();
    let mut copied = Vec::new();
    for _ in 0..6 {
        stand.harness.step();
        copied.extend(stand.harness.output().platform_output.commands.clone());
    }
    stand.assert_shows("keypad-title");
    assert!(typed(&stand, 0), "in the clinic's own language again");
    assert!(copied.contains(&OutputCommand::CopyText(String::new())), "the clipboard is empty: {copied:?}");
    assert!(copied.contains(&OutputCommand::TextSelectionSettled(String::new())));
}

#[test]
fn the_next_patient_finds_devices_and_sizes_as_the_operator_set_them() {
    let mut stand = kiosk(Language::Spanish);
    let zoom = stand.harness.ctx.zoom_factor();
    for key in [Key::Minus, Key::Plus, Key::Equals, Key::Num0] {
        stand.press(Modifiers::COMMAND, key);
        assert_eq!(stand.harness.ctx.zoom_factor(), zoom, "{key:?}");
    }
    // One person leaves from the check screen, one while joining.
    for leaves in ["check-back", "joining-cancel"] {
        type_digits(&mut stand, "48219000");
        stand.click("keypad-continue");
        stand.click("camera-caption");
        stand.click("camera-none");
        stand.click("microphone-caption");
        stand.click_text("USB");
        if leaves == "joining-cancel" {
            stand.go_in();
            assert_eq!(stand.joined_with().map(|chosen| chosen.camera), Some(DeviceChoice::None));
        }
        stand.click(leaves);
        stand.assert_shows("keypad-title");
        type_digits(&mut stand, "48219000");
        stand.click("keypad-continue");
        stand.go_in();
        assert_eq!(stand.joined_with(), Some(DeviceChoices::default()), "after {leaves}");
        stand.click("joining-cancel");
    }
}

fn in_a_call() -> Stand {
    let mut stand = kiosk(Language::Spanish);
    type_digits(&mut stand, "48219000");
    stand.click("keypad-continue");
    stand.go_in();
    let in_call = call(Role::Patient);
    stand.change(move |state| *state = in_call);
    stand
}

#[test]
fn no_key_and_no_link_leads_out_or_to_a_doctors_function() {
    let mut stands = [kiosk(Language::Spanish), in_a_call()];
    for stand in &mut stands {
        for modifiers in [Modifiers::NONE, Modifiers::COMMAND, Modifiers::ALT, Modifiers::COMMAND | Modifiers::SHIFT] {
            for key in Key::ALL {
                // These keys belong to the page and move between controls.
                if matches!(key, Key::Enter | Key::Space | Key::Tab) {
                    continue;
                }
                stand.harness.key_press_modifiers(modifiers, *key);
                stand.harness.step();
                let output = stand.harness.output();
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
        let asked = stand.sent();
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
            assert!(!stand.shows(key), "{key}");
        }
    }
}

#[test]
fn a_link_in_the_chat_opens_nothing() {
    let mut stand = in_a_call();
    stand.harness.ctx.open_url(egui::OpenUrl::new_tab("https://elsewhere.example/"));
    stand.harness.step();
    let commands = &stand.harness.output().platform_output.commands;
    assert!(!commands.iter().any(|command| matches!(command, OutputCommand::OpenUrl(_))), "{commands:?}");
}

fn asks_to_close(stand: &Stand) -> bool {
    let output = stand.harness.output();
    let commands = output.viewport_output.values().flat_map(|viewport| &viewport.commands);
    commands.into_iter().any(|command| matches!(command, egui::ViewportCommand::Close))
}

fn give_pin(stand: &mut Stand, pin: &str) -> bool {
    type_digits(stand, pin);
    let leave = stand.text("operator-leave");
    stand.harness.get_by_label(&leave).click();
    let mut closes = false;
    for _ in 0..4 {
        stand.harness.step();
        closes |= asks_to_close(stand);
    }
    closes
}

#[test]
fn only_the_operators_pin_ends_it() {
    for language in Language::ALL {
        let mut stand = kiosk(language);
        stand.click("keypad-help");
        stand.assert_shows("keypad-help-text");
        stand.click("keypad-staff");
        stand.assert_shows("operator-title");
        assert!(!give_pin(&mut stand, "111111"));
        stand.assert_shows("operator-wrong");
        stand.click("operator-back");
        stand.assert_shows("keypad-title");
        stand.click("keypad-staff");
        assert!(give_pin(&mut stand, PIN));
    }
}

#[test]
fn escape_drops_no_attempt() {
    let mut stand = kiosk(Language::Spanish);
    stand.hold_pins();
    stand.click("keypad-help");
    stand.click("keypad-staff");
    assert!(!give_pin(&mut stand, "222222"));
    for _ in 0..3 {
        stand.press(Modifiers::NONE, Key::Escape);
        stand.assert_shows("keypad-title");
        stand.click("keypad-staff");
        stand.assert_shows("operator-trying");
        assert!(!give_pin(&mut stand, PIN), "none is taken while the first is compared");
    }
    assert_eq!(stand.pins(), 1);
    stand.answer_pin();
    stand.assert_shows("operator-wrong");
    // A right PIN whose screen has been closed doesn't end the kiosk.
    stand.click("operator-back");
    stand.click("keypad-staff");
    give_pin(&mut stand, PIN);
    stand.press(Modifiers::NONE, Key::Escape);
    stand.answer_pin();
    stand.harness.step();
    assert!(!asks_to_close(&stand));
    stand.assert_shows("keypad-title");
}

#[test]
fn guessing_is_stopped() {
    let mut stand = kiosk(Language::Spanish);
    stand.click("keypad-help");
    stand.click("keypad-staff");
    for _ in 0..5 {
        assert!(!give_pin(&mut stand, "222222"));
    }
    stand.assert_shows("operator-locked");
    assert!(!give_pin(&mut stand, PIN), "not even the right one, for a minute");
    stand.click("operator-back");
    stand.click("keypad-staff");
    stand.assert_shows("operator-locked");
}
