//! What only a doctor has.
#![cfg(not(feature = "kiosk"))]

use std::time::{Duration, SystemTime};

use autamedica_api::Role;
use autamedica_client::call::{
    CallCommand, CallPhase, CallState, ControlFailure, ControlRequest, EndReason, ShareState,
};
use autamedica_client::device::ScreenSource;
use autamedica_client::i18n::Language;
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
        // The one that is only in the list of people.
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
        for (number, asked, key) in [
            (1, ControlRequest::Admit, "control-failed-admit"),
            (2, ControlRequest::Refuse, "control-failed-refuse"),
            (3, ControlRequest::Remove, "control-failed-remove"),
            (4, ControlRequest::Mute, "control-failed-mute"),
            (5, ControlRequest::End, "control-failed-end"),
        ] {
            stand.change(|state| state.control_failure = Some(ControlFailure { asked, number }));
            stand.assert_shows(key);
            stand.assert_shows("control-failed-next");
        }
        stand.click("notice-dismiss");
        assert!(!stand.shows("control-failed-end"));
        stand.change(|state| state.control_failure = Some(ControlFailure { asked: ControlRequest::End, number: 6 }));
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
        // Saved notes aren't asked about.
        stand.click("hang-up");
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
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        stand.assert_shows("notes-left-title");
        stand.press(Modifiers::NONE, Key::Escape);
        stand.assert_shows("notes-left-lead");
        stand.click("notes-drop");
        assert!(!stand.shows("notes-left-title"));
        stand.assert_shows("end-hung-up");
    }
    // The same when the call ends by itself.
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
