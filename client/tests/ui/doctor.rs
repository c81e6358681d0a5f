//! Doctor-only controls.
#![cfg(not(feature = "kiosk"))]

use std::time::{Duration, SystemTime};

use autamedica_api::Role;
use autamedica_client::app::AppOptions;
use autamedica_client::call::{
    CallCommand, CallPhase, CallState, ControlFailure, ControlRequest, EndReason, ShareState,
};
use autamedica_client::device::ScreenSource;
use autamedica_client::i18n::Language;
use autamedica_client::settings::HangUp;
use autamedica_client::sound::Sound;
use autamedica_client::ui::desktop::Picked;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call, person};

fn with_waiting(names: &[&str]) -> CallState {
    let mut state = call(Role::Doctor);
    for name in names {
        let mut who = person(name, Some(Role::Patient));
        who.waiting_since = Some(SystemTime::now() - Duration::from_secs(190));
        state.participants.push(who);
    }
    state
}

fn named(stand: &Stand, key: &str, name: &str) -> String {
    stand.text_with(key, &[("name", name.into())])
}

#[test]
fn a_direct_call_says_so_and_moves_to_the_server_for_a_recording() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        assert!(stand.shows("record-start") && !stand.shows("direct"));
        stand.change(|state| state.direct = true);
        stand.assert_shows("direct");
        assert!(!stand.shows("record-start"));
        stand.click("more-open");
        stand.click("more-move");
        assert_eq!(stand.sent(), [CallCommand::MoveToSfu]);
    }
}

#[test]
fn who_waits_is_told_with_a_sound_and_let_in() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        assert_eq!(*stand.desktop.played.lock(), []);
        let waiting = with_waiting(&["Rosa", "Luis", "Eva"]).participants;
        stand.change(|state| state.participants = waiting);
        assert_eq!(*stand.desktop.played.lock(), [Sound::Waiting]);
        let more = stand.text_with("waiting-more", &[("count", 1.into())]);
        assert!(stand.shows_text(&more), "{more}");
        assert!(stand.harness.query_all_by_label_contains("(3\u{a0}min)").count() >= 2);
        let label = named(&stand, "waiting-admit-named", "Rosa");
        stand.click_text(&label);
        assert_eq!(stand.sent(), [CallCommand::Admit("id of Rosa".into())]);
        stand.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::A);
        assert_eq!(stand.sent(), [CallCommand::Admit("id of Rosa".into())]);
        // This participant is only in the list of people.
        stand.click("more-open");
        stand.click("more-people");
        let label = named(&stand, "waiting-admit-named", "Eva");
        stand.click_text(&label);
        assert_eq!(stand.sent(), [CallCommand::Admit("id of Eva".into())]);
    }
}

#[test]
fn turning_away_removing_and_ending_ask_first() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, with_waiting(&["Rosa"]));
        let refuse = named(&stand, "waiting-refuse-named", "Rosa");
        stand.click_text(&refuse);
        let title = named(&stand, "refuse-title", "Rosa");
        assert!(stand.shows_text(&title));
        assert!(stand.harness.get_by_label(&stand.text("dialog-cancel")).is_focused(), "the safe answer is at hand");
        stand.press(Modifiers::NONE, Key::Enter);
        assert!(!stand.shows_text(&title));
        assert_eq!(stand.sent(), []);
        stand.click_text(&refuse);
        stand.click("refuse-yes");
        assert_eq!(stand.sent(), [CallCommand::Refuse("id of Rosa".into())]);

        stand.click("more-open");
        stand.click("more-people");
        let options = named(&stand, "person-options", "María Quispe");
        stand.click_text(&options);
        stand.click("person-remove");
        assert_eq!(stand.sent(), []);
        stand.press(Modifiers::NONE, Key::Escape);
        assert!(!stand.shows("remove-yes"));
        stand.assert_shows("panel-close");
        stand.click_text(&options);
        stand.click("person-remove");
        stand.click("remove-yes");
        assert_eq!(stand.sent(), [CallCommand::Remove("id of María Quispe".into())]);

        stand.click("more-open");
        stand.click("more-end");
        stand.assert_shows("end-all-lead");
        stand.click("end-all-yes");
        assert_eq!(stand.sent(), [CallCommand::EndForAll]);
    }
}

#[test]
fn somebody_is_muted_from_the_list_unless_they_are() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        stand.click("more-open");
        stand.click("more-people");
        let options = named(&stand, "person-options", "María Quispe");
        stand.click_text(&options);
        stand.click("person-mute");
        assert_eq!(stand.sent(), [CallCommand::MuteOther("id of María Quispe".into())]);
        stand.change(|state| state.participants[0].microphone_muted = true);
        stand.click_text(&options);
        assert!(!stand.shows("person-mute"));
        stand.assert_shows("person-remove");
    }
}

#[test]
fn what_the_backend_didnt_do_is_told_each_time() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        for (number, request, key) in [
            (1, ControlRequest::Admit, "control-failed-admit"),
            (2, ControlRequest::Refuse, "control-failed-refuse"),
            (3, ControlRequest::Remove, "control-failed-remove"),
            (4, ControlRequest::Mute, "control-failed-mute"),
            (5, ControlRequest::End, "control-failed-end"),
        ] {
            stand.change(|state| state.control_failure = Some(ControlFailure { request, number }));
            stand.assert_shows(key);
            stand.assert_shows("control-failed-next");
        }
        stand.click("notice-dismiss");
        assert!(!stand.shows("control-failed-end"));
        stand.change(|state| state.control_failure = Some(ControlFailure { request: ControlRequest::End, number: 6 }));
        stand.assert_shows("control-failed-end");
    }
}

#[test]
fn what_to_share_is_picked_from_pictures() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        stand.click("share-start");
        stand.assert_shows("share-title");
        let second = named(&stand, "share-monitor", "DP-2");
        stand.wait_for_text(&second);
        assert!(stand.shows_text(&named(&stand, "share-monitor", "HDMI-1")));
        stand.click("dialog-cancel");
        assert_eq!(stand.sent(), []);
        stand.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        stand.wait_for_text(&second);
        stand.click_text(&second);
        stand.click("share-go");
        assert_eq!(stand.sent(), [CallCommand::ShareScreen(ScreenSource::Monitor("DP-2".into()))]);
        stand.change(|state| state.screen = ShareState::On);
        stand.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        assert_eq!(stand.sent(), [CallCommand::StopSharing]);
    }
}

#[test]
fn what_is_gone_can_no_longer_be_picked_and_nothing_is_picked_in_its_place() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    stand.click("share-start");
    let (first, second) = (named(&stand, "share-monitor", "HDMI-1"), named(&stand, "share-monitor", "DP-2"));
    stand.wait_for_text(&second);
    stand.click_text(&second);
    stand.desktop.unplugged.store(true, std::sync::atomic::Ordering::Release);
    stand.settle();
    assert!(!stand.shows_text(&second) && stand.shows_text(&first));
    assert!(!stand.shows("share-go"), "what would be shared?");
    stand.click_text(&first);
    stand.click("share-go");
    assert_eq!(stand.sent(), [CallCommand::ShareScreen(ScreenSource::Monitor("HDMI-1".into()))]);
}

#[test]
fn the_button_that_shares_is_in_view_in_a_small_window_with_much_to_share() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    let window = egui::vec2(780.0, 600.0);
    stand.harness.set_size(window);
    *stand.desktop.windows.lock() = 10;
    stand.settle();
    stand.click("share-start");
    stand.wait_for_text(&named(&stand, "share-monitor", "DP-2"));
    for key in ["share-go", "dialog-cancel"] {
        let rect = stand.rect(&stand.text(key));
        assert!(egui::Rect::from_min_size(egui::Pos2::ZERO, window).contains_rect(rect), "{key}: {rect:?}");
    }
}

fn write_notes(stand: &mut Stand, text: &str) {
    stand.click("more-open");
    stand.click("more-notes");
    stand.assert_shows("notes-lead");
    let field = stand.text("notes-field");
    stand.harness.get_by_label(&field).focus();
    stand.harness.get_by_label(&field).type_text(text);
    stand.settle();
}

#[test]
fn notes_are_saved_where_the_doctor_says_and_sent_to_nobody() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notas.txt");
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        *stand.desktop.picks.lock() = Some(Picked::File(path.clone()));
        write_notes(&mut stand, "Tos seca desde el lunes.");
        stand.click("notes-save");
        let shown = path.to_string_lossy().into_owned();
        let saved = stand.text_with("notes-saved", &[("path", shown.as_str().into())]);
        stand.wait_for_text(&saved);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "Tos seca desde el lunes.");
        assert_eq!(stand.sent(), []);
        // Saved notes need no question.
        stand.click("hang-up");
        stand.click("hang-up-leave");
        stand.assert_shows("end-hung-up");
        assert!(!stand.shows("notes-left-title"));
    }
}

#[test]
fn without_a_dialog_the_notes_path_is_typed_and_a_wrong_one_explained() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    write_notes(&mut stand, "Nota");
    stand.click("notes-save");
    stand.wait_for("notes-path");
    let field = stand.text("notes-path");
    stand.harness.get_by_label(&field).focus();
    stand.harness.get_by_label(&field).type_text("/no/such/folder/notas.txt");
    stand.settle();
    stand.click("notes-save");
    stand.wait_for("notes-failed");
}

#[test]
fn unsaved_notes_are_asked_about_and_hanging_up_doesnt_wait_for_it() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        write_notes(&mut stand, "Nota");
        stand.click("hang-up");
        stand.click("hang-up-leave");
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        stand.assert_shows("notes-left-title");
        stand.press(Modifiers::NONE, Key::Escape);
        stand.assert_shows("notes-left-lead");
        stand.click("notes-drop");
        assert!(!stand.shows("notes-left-title"));
        stand.assert_shows("end-hung-up");
    }
    // The question also appears when the call ends by itself.
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    write_notes(&mut stand, "Nota");
    stand.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted: Duration::from_secs(60) };
    });
    stand.assert_shows("notes-left-title");
    stand.assert_shows("end-connection-lost");
}

#[test]
fn a_patient_sees_nobody_waiting_and_can_mute_and_remove_nobody() {
    for language in Language::ALL {
        let mut state = with_waiting(&["Rosa"]);
        state.role = Role::Patient;
        state.participants.push(person("Ana", None));
        let mut stand = Stand::in_call(language, state);
        assert!(!stand.shows_text(&named(&stand, "waiting-admit-named", "Rosa")));
        assert_eq!(*stand.desktop.played.lock(), []);
        stand.click("more-open");
        for key in ["more-end", "more-notes"] {
            assert!(!stand.shows(key), "{key}");
        }
        stand.click("more-people");
        let options = named(&stand, "person-options", "María Quispe");
        stand.click_text(&options);
        stand.assert_shows("tile-pin");
        for key in ["person-mute", "person-remove"] {
            assert!(!stand.shows(key), "{key}");
        }
        stand.press(Modifiers::NONE, Key::Escape);
        stand.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::A);
        assert_eq!(stand.sent(), []);
    }
}

#[test]
fn the_red_button_asks_the_first_time_and_remembers() {
    for language in Language::ALL {
        for (answer, choice, command) in [
            ("hang-up-leave", HangUp::Leave, CallCommand::HangUp),
            ("hang-up-end", HangUp::EndForAll, CallCommand::EndForAll),
        ] {
            let mut stand = Stand::in_call(language, call(Role::Doctor));
            stand.click("hang-up");
            stand.assert_shows("hang-up-title");
            stand.press(Modifiers::NONE, Key::Escape);
            assert!(!stand.shows("hang-up-title") && stand.sent().is_empty(), "nothing happened");
            stand.click("hang-up");
            let leave = stand.text("hang-up-leave");
            assert!(stand.harness.get_by_label(&leave).is_focused(), "the safe answer has the keyboard");
            stand.click(answer);
            assert_eq!(stand.sent(), std::slice::from_ref(&command));
            let kept = stand.kept().pop().expect("it is remembered");
            assert_eq!(kept.hang_up, choice);
            // The next call doesn't ask.
            let options = AppOptions { settings: kept, ..Stand::options(language, Role::Doctor) };
            let mut stand = Stand::with(options, call(Role::Doctor));
            stand.click("hang-up");
            assert_eq!(stand.sent(), [command]);
        }
        // There is no question when alone, or for a patient.
        let mut alone = call(Role::Doctor);
        alone.participants.clear();
        for state in [alone, call(Role::Patient)] {
            let mut stand = Stand::in_call(language, state);
            stand.click("hang-up");
            assert_eq!(stand.sent(), [CallCommand::HangUp]);
        }
    }
}

#[test]
fn an_observer_is_let_speak_and_no_longer() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let mut observer = person("Intérprete", Some(Role::Observer));
        observer.may_send = false;
        state.participants.push(observer);
        let mut stand = Stand::in_call(language, state);
        stand.click("more-open");
        stand.click("more-people");
        let options = named(&stand, "person-options", "Intérprete");
        stand.click_text(&options);
        stand.click("person-permit");
        let identity = "id of Intérprete".to_owned();
        assert_eq!(stand.sent(), [CallCommand::PermitOther { identity: identity.clone(), publish: true }]);
        stand.change(|state| state.participants[1].may_send = true);
        stand.click_text(&options);
        stand.click("person-forbid");
        assert_eq!(stand.sent(), [CallCommand::PermitOther { identity, publish: false }]);
        // Only observers can be allowed or forbidden to speak.
        let options = named(&stand, "person-options", "María Quispe");
        stand.click_text(&options);
        assert!(!stand.shows("person-permit") && !stand.shows("person-forbid"));
    }
}

#[test]
fn who_listens_has_nothing_to_send_with() {
    for language in Language::ALL {
        let mut state = call(Role::Observer);
        state.listening = true;
        let mut stand = Stand::in_call(language, state);
        stand.assert_shows("listening");
        for button in ["microphone-mute", "microphone-unmute", "camera-stop", "camera-start"] {
            assert!(!stand.shows(button), "{button}");
        }
        stand.assert_shows("hang-up");
        stand.click("chat-open");
        stand.assert_shows("chat-listening");
        assert!(!stand.shows("chat-input"));
        stand.change(|state| state.listening = false);
        stand.assert_shows("chat-input");
        assert!(!stand.shows("listening"));
    }
}
