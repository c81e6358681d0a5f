//! Doctor-only controls.

use std::time::{Duration, SystemTime};

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallPhase, CallState, ControlFailure, ControlRequest, EndReason, ShareState};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use autamedica_client::settings::HangUp;
use autamedica_client::sound::Sound;
use autamedica_client::ui::desktop::Picked;
use autamedica_media::ScreenSource;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call, person};

fn with_waiting(names: &[&str]) -> CallState {
    let mut state = call(Role::Doctor);
    for name in names {
        let mut who = person(name, Some(Role::Patient));
        who.waiting_since = Some(SystemTime::now() - Duration::from_secs(190));
        state.participants.push(who);
    }
    state
}

fn named(app: &TestApp, key: &str, name: &str) -> String {
    app.text_with(key, &[("name", name.into())])
}

#[test]
fn a_direct_call_says_so_and_moves_to_the_server_for_a_recording() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        assert!(app.shows("record-start") && !app.shows("direct"));
        app.change(|state| state.direct = true);
        app.assert_shows("direct");
        assert!(!app.shows("record-start"));
        app.click("more-open");
        app.click("more-move");
        assert_eq!(app.sent(), [CallCommand::MoveToSfu]);
    }
}

#[test]
fn who_waits_is_told_with_a_sound_and_let_in() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        assert_eq!(*app.desktop.played.lock(), []);
        let waiting = with_waiting(&["Rosa", "Luis", "Eva"]).participants;
        app.change(|state| state.participants = waiting);
        assert_eq!(*app.desktop.played.lock(), [Sound::Waiting]);
        let more = app.text_with("waiting-more", &[("count", 1.into())]);
        assert!(app.shows_text(&more), "{more}");
        assert!(app.harness.query_all_by_label_contains("(3\u{a0}min)").count() >= 2);
        let label = named(&app, "waiting-admit-named", "Rosa");
        app.click_text(&label);
        assert_eq!(app.sent(), [CallCommand::Admit("id of Rosa".into())]);
        app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::A);
        assert_eq!(app.sent(), [CallCommand::Admit("id of Rosa".into())]);
        // This participant is only in the list of people.
        app.click("more-open");
        app.click("more-people");
        let label = named(&app, "waiting-admit-named", "Eva");
        app.click_text(&label);
        assert_eq!(app.sent(), [CallCommand::Admit("id of Eva".into())]);
    }
}

#[test]
fn turning_away_removing_and_ending_ask_first() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, with_waiting(&["Rosa"]));
        let refuse = named(&app, "waiting-refuse-named", "Rosa");
        app.click_text(&refuse);
        let title = named(&app, "refuse-title", "Rosa");
        assert!(app.shows_text(&title));
        assert!(app.harness.get_by_label(&app.text("dialog-cancel")).is_focused(), "the safe answer is at hand");
        app.press(Modifiers::NONE, Key::Enter);
        assert!(!app.shows_text(&title));
        assert_eq!(app.sent(), []);
        app.click_text(&refuse);
        app.click("refuse-yes");
        assert_eq!(app.sent(), [CallCommand::Refuse("id of Rosa".into())]);

        app.click("more-open");
        app.click("more-people");
        let options = named(&app, "person-options", "María Quispe");
        app.click_text(&options);
        app.click("person-remove");
        assert_eq!(app.sent(), []);
        app.press(Modifiers::NONE, Key::Escape);
        assert!(!app.shows("remove-yes"));
        app.assert_shows("panel-close");
        app.click_text(&options);
        app.click("person-remove");
        app.click("remove-yes");
        assert_eq!(app.sent(), [CallCommand::Remove("id of María Quispe".into())]);

        app.click("more-open");
        app.click("more-end");
        app.assert_shows("end-all-lead");
        app.click("end-all-yes");
        assert_eq!(app.sent(), [CallCommand::EndForAll]);
    }
}

#[test]
fn somebody_is_muted_from_the_list_unless_they_are() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("more-open");
        app.click("more-people");
        let options = named(&app, "person-options", "María Quispe");
        app.click_text(&options);
        app.click("person-mute");
        assert_eq!(app.sent(), [CallCommand::MuteOther("id of María Quispe".into())]);
        app.change(|state| state.participants[0].microphone_muted = true);
        app.click_text(&options);
        assert!(!app.shows("person-mute"));
        app.assert_shows("person-remove");
    }
}

#[test]
fn what_the_backend_didnt_do_is_told_each_time() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        for (number, request, key) in [
            (1, ControlRequest::Admit, "control-failed-admit"),
            (2, ControlRequest::Refuse, "control-failed-refuse"),
            (3, ControlRequest::Remove, "control-failed-remove"),
            (4, ControlRequest::Mute, "control-failed-mute"),
            (5, ControlRequest::End, "control-failed-end"),
        ] {
            app.change(|state| state.control_failure = Some(ControlFailure { request, number }));
            app.assert_shows(key);
            app.assert_shows("control-failed-next");
        }
        app.click("notice-dismiss");
        assert!(!app.shows("control-failed-end"));
        app.change(|state| state.control_failure = Some(ControlFailure { request: ControlRequest::End, number: 6 }));
        app.assert_shows("control-failed-end");
    }
}

#[test]
fn what_to_share_is_picked_from_pictures() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("share-start");
        app.assert_shows("share-title");
        let second = named(&app, "share-monitor", "DP-2");
        app.wait_for_text(&second);
        assert!(app.shows_text(&named(&app, "share-monitor", "HDMI-1")));
        app.click("dialog-cancel");
        assert_eq!(app.sent(), []);
        app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        app.wait_for_text(&second);
        app.click_text(&second);
        app.click("share-go");
        assert_eq!(app.sent(), [CallCommand::ShareScreen(ScreenSource::Monitor("DP-2".into()))]);
        app.change(|state| state.screen = ShareState::On);
        app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        assert_eq!(app.sent(), [CallCommand::StopSharing]);
    }
}

#[test]
fn what_is_gone_can_no_longer_be_picked_and_nothing_is_picked_in_its_place() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    app.click("share-start");
    let (first, second) = (named(&app, "share-monitor", "HDMI-1"), named(&app, "share-monitor", "DP-2"));
    app.wait_for_text(&second);
    app.click_text(&second);
    app.desktop.unplugged.store(true, std::sync::atomic::Ordering::Release);
    app.settle();
    assert!(!app.shows_text(&second) && app.shows_text(&first));
    assert!(!app.shows("share-go"), "what would be shared?");
    app.click_text(&first);
    app.click("share-go");
    assert_eq!(app.sent(), [CallCommand::ShareScreen(ScreenSource::Monitor("HDMI-1".into()))]);
}

#[test]
fn the_button_that_shares_is_in_view_in_a_small_window_with_much_to_share() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    let window = egui::vec2(780.0, 600.0);
    app.harness.set_size(window);
    *app.desktop.windows.lock() = 10;
    app.settle();
    app.click("share-start");
    app.wait_for_text(&named(&app, "share-monitor", "DP-2"));
    for key in ["share-go", "dialog-cancel"] {
        let rect = app.rect(&app.text(key));
        assert!(egui::Rect::from_min_size(egui::Pos2::ZERO, window).contains_rect(rect), "{key}: {rect:?}");
    }
}

fn write_notes(app: &mut TestApp, text: &str) {
    app.click("more-open");
    app.click("more-notes");
    app.assert_shows("notes-lead");
    let field = app.text("notes-field");
    app.harness.get_by_label(&field).focus();
    app.harness.get_by_label(&field).type_text(text);
    app.settle();
}

#[test]
fn notes_are_saved_where_the_doctor_says_and_sent_to_nobody() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notas.txt");
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        *app.desktop.picks.lock() = Some(Picked::File(path.clone()));
        write_notes(&mut app, "Tos seca desde el lunes.");
        app.click("notes-save");
        let shown = path.to_string_lossy().into_owned();
        let saved = app.text_with("notes-saved", &[("path", shown.as_str().into())]);
        app.wait_for_text(&saved);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "Tos seca desde el lunes.");
        assert_eq!(app.sent(), []);
        // Saved notes need no question.
        app.click("hang-up");
        app.click("hang-up-leave");
        app.assert_shows("end-hung-up");
        assert!(!app.shows("notes-left-title"));
    }
}

#[test]
fn without_a_dialog_the_notes_path_is_typed_and_a_wrong_one_explained() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    write_notes(&mut app, "Nota");
    app.click("notes-save");
    app.wait_for("notes-path");
    let field = app.text("notes-path");
    app.harness.get_by_label(&field).focus();
    app.harness.get_by_label(&field).type_text("/no/such/folder/notas.txt");
    app.settle();
    app.click("notes-save");
    app.wait_for("notes-failed");
}

#[test]
fn unsaved_notes_are_asked_about_and_hanging_up_doesnt_wait_for_it() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        write_notes(&mut app, "Nota");
        app.click("hang-up");
        app.click("hang-up-leave");
        assert_eq!(app.sent(), [CallCommand::HangUp]);
        app.assert_shows("notes-left-title");
        app.press(Modifiers::NONE, Key::Escape);
        app.assert_shows("notes-left-lead");
        app.click("notes-drop");
        assert!(!app.shows("notes-left-title"));
        app.assert_shows("end-hung-up");
    }
    // The question also appears when the call ends by itself.
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    write_notes(&mut app, "Nota");
    app.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted: Duration::from_secs(60) };
    });
    app.assert_shows("notes-left-title");
    app.assert_shows("end-connection-lost");
}

#[test]
fn a_patient_sees_nobody_waiting_and_can_mute_and_remove_nobody() {
    for language in Language::ALL {
        let mut state = with_waiting(&["Rosa"]);
        state.role = Role::Patient;
        state.participants.push(person("Ana", None));
        let mut app = TestApp::in_call(language, state);
        assert!(!app.shows_text(&named(&app, "waiting-admit-named", "Rosa")));
        assert_eq!(*app.desktop.played.lock(), []);
        app.click("more-open");
        for key in ["more-end", "more-notes"] {
            assert!(!app.shows(key), "{key}");
        }
        app.click("more-people");
        let options = named(&app, "person-options", "María Quispe");
        app.click_text(&options);
        app.assert_shows("tile-pin");
        for key in ["person-mute", "person-remove"] {
            assert!(!app.shows(key), "{key}");
        }
        app.press(Modifiers::NONE, Key::Escape);
        app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::A);
        assert_eq!(app.sent(), []);
    }
}

#[test]
fn the_red_button_asks_the_first_time_and_remembers() {
    for language in Language::ALL {
        for (answer, choice, command) in [
            ("hang-up-leave", HangUp::Leave, CallCommand::HangUp),
            ("hang-up-end", HangUp::EndForAll, CallCommand::EndForAll),
        ] {
            let mut app = TestApp::in_call(language, call(Role::Doctor));
            app.click("hang-up");
            app.assert_shows("hang-up-title");
            app.press(Modifiers::NONE, Key::Escape);
            assert!(!app.shows("hang-up-title") && app.sent().is_empty(), "nothing happened");
            app.click("hang-up");
            let leave = app.text("hang-up-leave");
            assert!(app.harness.get_by_label(&leave).is_focused(), "the safe answer has the keyboard");
            app.click(answer);
            assert_eq!(app.sent(), std::slice::from_ref(&command));
            let kept = app.saved().pop().expect("it is remembered");
            assert_eq!(kept.hang_up, choice);
            // The next call doesn't ask.
            let options = AppOptions { settings: kept, ..TestApp::options(language, Role::Doctor) };
            let mut app = TestApp::with(options, call(Role::Doctor));
            app.click("hang-up");
            assert_eq!(app.sent(), [command]);
        }
        // There is no question when alone, or for a patient.
        let mut alone = call(Role::Doctor);
        alone.participants.clear();
        for state in [alone, call(Role::Patient)] {
            let mut app = TestApp::in_call(language, state);
            app.click("hang-up");
            assert_eq!(app.sent(), [CallCommand::HangUp]);
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
        let mut app = TestApp::in_call(language, state);
        app.click("more-open");
        app.click("more-people");
        let options = named(&app, "person-options", "Intérprete");
        app.click_text(&options);
        app.click("person-permit");
        let identity = "id of Intérprete".to_owned();
        assert_eq!(app.sent(), [CallCommand::PermitOther { identity: identity.clone(), publish: true }]);
        app.change(|state| state.participants[1].may_send = true);
        app.click_text(&options);
        app.click("person-forbid");
        assert_eq!(app.sent(), [CallCommand::PermitOther { identity, publish: false }]);
        // Only observers can be allowed or forbidden to speak.
        let options = named(&app, "person-options", "María Quispe");
        app.click_text(&options);
        assert!(!app.shows("person-permit") && !app.shows("person-forbid"));
    }
}

#[test]
fn who_listens_has_nothing_to_send_with() {
    for language in Language::ALL {
        let mut state = call(Role::Observer);
        state.listening = true;
        let mut app = TestApp::in_call(language, state);
        app.assert_shows("listening");
        for button in ["microphone-mute", "microphone-unmute", "camera-stop", "camera-start"] {
            assert!(!app.shows(button), "{button}");
        }
        app.assert_shows("hang-up");
        app.click("chat-open");
        app.assert_shows("chat-listening");
        assert!(!app.shows("chat-input"));
        app.change(|state| state.listening = false);
        app.assert_shows("chat-input");
        assert!(!app.shows("listening"));
    }
}
