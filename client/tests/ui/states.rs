//! Texts about a call in each of its states.

use autamedica_api::Role;
use autamedica_call::{
    CallCommand, CallPhase, CallState, EncryptionState, RecordingProblem, RecordingState, ShareState,
};
use autamedica_client::i18n::Language;
use autamedica_engine::ConnectionQuality;
use autamedica_media::{DeviceProblem, DeviceState};
use egui::{Key, Modifiers};

use super::harness::{TestApp, call, person, picture};

#[test]
fn the_other_person_is_named_with_role_connection_and_time() {
    for (language, role, quality) in
        [(Language::Spanish, "Paciente", "Conexión débil"), (Language::English, "Patient", "Weak connection")]
    {
        let mut state = call(Role::Doctor);
        state.participants[0].quality = ConnectionQuality::Poor;
        let app = TestApp::in_call(language, state);
        for text in ["María Quispe", role, quality] {
            assert!(app.shows_text(text), "{text}");
        }
        let time = app.text_with("call-time", &[("time", "12:04".into())]);
        assert!(app.shows_text(&time), "{time}");
        assert!(app.shows_text(&app.text_with("video-of", &[("name", "María Quispe".into())])));
    }
}

#[test]
fn whoever_is_alone_is_told_whom_they_wait_for() {
    for language in Language::ALL {
        for (role, key) in [(Role::Doctor, "alone-title-doctor"), (Role::Patient, "alone-title-patient")] {
            let mut state = call(role);
            state.participants.clear();
            let mut app = TestApp::in_call(language, state);
            app.assert_shows(key);
            app.change(|state| state.participants.push(person("Ana", None)));
            assert!(!app.shows(key));
            assert!(app.shows_text(&app.text_with("toast-joined", &[("name", "Ana".into())])));
            app.change(|state| state.participants.clear());
            assert!(!app.shows(key), "somebody was there");
            app.assert_shows(&format!("{key}-left"));
            app.assert_shows(&format!("{}-left", key.replace("title", "lead")));
            assert!(app.shows_text(&app.text_with("toast-left", &[("name", "Ana".into())])));
        }
    }
}

#[test]
fn a_picture_that_is_off_or_late_has_words_in_its_place() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        state.participants[0].camera = None;
        state.participants[0].speaking = true;
        let mut app = TestApp::in_call(language, state);
        app.assert_shows("person-camera-off");
        app.assert_shows("person-speaking");
        app.change(|state| state.participants[0].camera = Some(autamedica_engine::LatestFrame::new()));
        app.assert_shows("person-waiting-picture");
    }
}

#[test]
fn silence_is_marked() {
    let mut state = call(Role::Patient);
    state.participants[0].microphone_muted = true;
    let app = TestApp::in_call(Language::Spanish, state);
    app.assert_shows("person-muted");
}

#[test]
fn every_device_problem_says_what_to_do() {
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
    for language in Language::ALL {
        for (problem, name) in problems {
            let mut state = call(Role::Patient);
            state.camera.device = DeviceState::Failed(problem);
            state.microphone.device = DeviceState::Failed(problem);
            let mut app = TestApp::in_call(language, state);
            for source in ["camera", "microphone"] {
                app.assert_shows(&format!("{source}-problem-{name}"));
                app.assert_shows(&format!("{source}-advice-{name}"));
            }
            // A deliberately muted source causes no notice.
            app.change(|state| {
                state.camera.muted = true;
                state.microphone.muted = true;
            });
            assert!(!app.shows(&format!("camera-problem-{name}")));
            assert!(!app.shows(&format!("microphone-problem-{name}")));
        }
    }
}

#[test]
fn a_recording_without_the_clinic_is_told_to_everybody() {
    for (language, role) in [(Language::Spanish, Role::Patient), (Language::English, Role::Doctor)] {
        let mut app = TestApp::in_call(language, call(role));
        assert!(!app.shows("foreign-recording"));
        app.change(|state| state.foreign_recording = true);
        app.assert_shows("foreign-recording");
        app.assert_shows("foreign-recording-advice");
    }
}

#[test]
fn a_notice_can_be_put_away_and_comes_back_if_it_happens_again() {
    let mut state = call(Role::Patient);
    state.speaker = DeviceState::Failed(DeviceProblem::Unplugged);
    let mut app = TestApp::in_call(Language::Spanish, state);
    app.assert_shows("speaker-problem");
    app.click("notice-dismiss");
    assert!(!app.shows("speaker-problem"));
    app.change(|state| state.speaker = DeviceState::On { name: "Speaker".into() });
    app.change(|state| state.speaker = DeviceState::Failed(DeviceProblem::Unplugged));
    app.assert_shows("speaker-problem");
}

#[test]
fn recording_is_announced_to_everybody_with_its_time() {
    for (language, role) in [(Language::Spanish, Role::Patient), (Language::English, Role::Doctor)] {
        let mut app = TestApp::in_call(language, call(role));
        app.change(|state| state.recording = RecordingState::Starting);
        app.assert_shows("recording-starting");
        let since = std::time::Instant::now() - std::time::Duration::from_secs(192);
        app.change(|state| state.recording = RecordingState::On(since));
        assert!(app.shows_text(&app.text_with("recording-on", &[("time", "03:12".into())])));
        app.assert_shows("toast-recording-on");
        app.change(|state| state.recording = RecordingState::Off);
        app.assert_shows("toast-recording-off");
    }
}

#[test]
fn nobody_is_recorded_without_being_asked_and_going_away_is_no_answer() {
    for (language, role) in [(Language::Spanish, Role::Patient), (Language::English, Role::Doctor)] {
        let mut app = TestApp::in_call(language, call(role));
        for (answer, accept) in [("consent-yes", true), ("consent-no", false)] {
            app.change(|state| state.recording_question = true);
            for key in ["consent-title", "consent-lead", "consent-choice"] {
                app.assert_shows(key);
            }
            app.press(Modifiers::NONE, Key::Escape);
            app.assert_shows("consent-title");
            assert_eq!(app.sent(), [], "that was no answer");
            app.click(answer);
            assert_eq!(app.sent(), [CallCommand::AnswerRecording { accept, language: language.code() }]);
            app.change(|state| state.recording_question = false);
            assert!(!app.shows("consent-title"));
        }
        app.change(|state| state.recording_question = true);
        app.click("hang-up-caption");
        assert_eq!(app.sent(), [CallCommand::HangUp], "one may leave without an answer");
    }
}

#[test]
fn a_recording_that_waits_or_isnt_wanted_says_so() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    for (recording, said, next) in [
        (RecordingState::Asking, "recording-asking", "record-stop"),
        (RecordingState::Paused, "recording-paused", "record-stop"),
        (RecordingState::Declined, "recording-declined", "record-start"),
    ] {
        app.change(|state| state.recording = recording);
        app.assert_shows(said);
        app.assert_shows(next);
        assert!(!app.shows("toast-recording-on"));
    }
    let mut patient = TestApp::in_call(Language::Spanish, call(Role::Patient));
    patient.change(|state| state.recording = RecordingState::Declined);
    assert!(!patient.shows("recording-declined"), "they know what they said");
}

#[test]
fn a_recording_that_fails_says_why_in_the_doctors_language() {
    let mut state = call(Role::Doctor);
    state.recording = RecordingState::Failed(RecordingProblem::Unavailable);
    let mut app = TestApp::in_call(Language::English, state);
    app.assert_shows("record-problem");
    app.assert_shows("record-unavailable");
    for (problem, said) in [
        (RecordingProblem::Active, "record-active"),
        (RecordingProblem::JustRefused, "record-just-refused"),
        (RecordingProblem::Encrypted, "record-encrypted"),
        (RecordingProblem::Unreachable, "record-unreachable"),
        (RecordingProblem::Denied, "record-denied"),
        (RecordingProblem::Broke, "record-broke-next"),
    ] {
        app.change(|state| state.recording = RecordingState::Failed(problem));
        app.assert_shows(said);
    }
    app.assert_shows("record-start");
}

#[test]
fn what_is_wrong_with_a_recording_is_the_doctors_to_know_and_each_reason_is_told() {
    let wrong = |state: &mut CallState, what: &str| state.recording_trouble = Some(what.to_owned());
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.change(|state| wrong(state, "storage-unreachable"));
        app.assert_shows("recording-trouble");
        app.assert_shows("recording-trouble-storage");
        app.click("notice-dismiss");
        assert!(!app.shows("recording-trouble"));
        app.change(|state| wrong(state, "disk-full"));
        app.assert_shows("recording-trouble-disk");
        app.change(|state| wrong(state, "something-new"));
        app.assert_shows("recording-trouble-other");
        app.change(|state| state.recording_trouble = None);
        assert!(!app.shows("recording-trouble"));
    }
    let mut patient = TestApp::in_call(Language::Spanish, call(Role::Patient));
    patient.change(|state| wrong(state, "disk-full"));
    assert!(!patient.shows("recording-trouble"), "they can do nothing about it");
}

#[test]
fn sharing_is_announced_and_a_failure_explained() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        for (state, key) in [
            (ShareState::Starting, "share-starting"),
            (ShareState::On, "share-on"),
            (ShareState::Failed, "share-problem"),
        ] {
            app.change(|call| call.screen = state.clone());
            app.assert_shows(key);
        }
        app.assert_shows("share-advice");
    }
}

#[test]
fn a_shared_screen_takes_the_stage_with_the_face_beside_it() {
    let mut state = call(Role::Patient);
    state.participants[0].screen = Some(picture());
    let app = TestApp::in_call(Language::Spanish, state);
    let width = |key: &str| {
        let label = app.text_with(key, &[("name", "María Quispe".into())]);
        egui_kittest::kittest::Queryable::get_by_label(&app.harness, &label).rect().width()
    };
    assert!(width("screen-of") > 2.0 * width("video-of"));
    app.assert_shows("self-view");
}

#[test]
fn three_people_share_the_stage() {
    let mut state = call(Role::Doctor);
    state.participants.push(person("Álvaro Núñez", None));
    let app = TestApp::in_call(Language::English, state);
    for name in ["María Quispe", "Álvaro Núñez"] {
        assert!(app.shows_text(name));
        assert!(app.shows_text(&app.text_with("video-of", &[("name", name.into())])));
    }
    app.assert_shows("self-view");
}

#[test]
fn encryption_is_shown_and_a_wrong_key_explained() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        assert!(!app.shows("encrypted"));
        app.change(|state| state.encryption = EncryptionState::On);
        app.assert_shows("encrypted");
        app.change(|state| state.encryption = EncryptionState::KeyMismatch);
        assert!(!app.shows("encrypted"));
        app.assert_shows("encryption-problem");
        app.assert_shows("encryption-advice");
    }
}

#[test]
fn our_own_weak_connection_is_told_with_advice() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Patient));
    app.change(|state| state.quality = ConnectionQuality::Poor);
    app.assert_shows("quality-problem");
    app.assert_shows("quality-advice");
}

#[test]
fn coming_back_is_told() {
    let mut app = TestApp::in_call(Language::English, call(Role::Patient));
    app.change(|state| state.phase = CallPhase::Reconnecting { since: std::time::Instant::now() });
    app.assert_shows("reconnecting-lead");
    app.assert_shows("quality-lost");
    app.change(|state| state.phase = CallPhase::InCall);
    assert!(!app.shows("reconnecting-lead"));
    app.assert_shows("toast-back");
}

#[test]
fn nobody_has_left_whom_a_lost_connection_hides() {
    for language in Language::ALL {
        for role in [Role::Doctor, Role::Patient] {
            let state = call(role);
            let name = state.participants[0].name.clone();
            let mut app = TestApp::in_call(language, state);
            let (left, joined) =
                ["toast-left", "toast-joined"].map(|key| app.text_with(key, &[("name", name.as_str().into())])).into();
            let others = std::cell::RefCell::new(Vec::new());
            app.change(|state| {
                state.phase = CallPhase::Reconnecting { since: std::time::Instant::now() };
                others.borrow_mut().append(&mut state.participants);
            });
            app.assert_shows("alone-title-reconnecting");
            // The connection is restored; the others return a moment later.
            app.change(|state| state.phase = CallPhase::InCall);
            app.assert_shows("alone-title-reconnecting");
            assert!(!app.shows_text(&left), "{role}");
            app.change(|state| state.participants.append(&mut others.borrow_mut()));
            assert!(!app.shows_text(&left) && !app.shows_text(&joined), "{role}");
            assert!(!app.shows("alone-title-reconnecting"));
        }
    }
}

#[test]
fn it_fits_the_smallest_window_with_everything_open() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        state.camera.device = DeviceState::Failed(DeviceProblem::Busy);
        state.recording = RecordingState::On(std::time::Instant::now());
        let mut app = TestApp::in_call(language, state);
        app.harness.set_size(egui::vec2(800.0, 600.0));
        app.settle();
        app.click("chat-open");
        let window = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(800.0, 600.0));
        for key in ["microphone-mute", "hang-up", "chat-send", "panel-close", "camera-problem-busy"] {
            let text = app.text(key);
            let rect = egui_kittest::kittest::Queryable::get_by_label(&app.harness, &text).rect();
            assert!(window.contains_rect(rect), "{key} at {rect:?}");
        }
    }
}

#[test]
fn a_message_keeps_clear_of_our_own_picture() {
    const LONG: &str = "Tome medio comprimido de 25 mg por la mañana y uno por la noche, 12 días";
    for size in [egui::vec2(1280.0, 680.0), egui::vec2(800.0, 600.0), egui::vec2(640.0, 360.0)] {
        let mut app = TestApp::in_call(Language::Spanish, call(Role::Patient));
        app.harness.set_size(size);
        app.settle();
        app.change(|state| {
            let line = autamedica_call::ChatMessage::written("doctor", false, LONG, std::time::SystemTime::now());
            let number = state.chat.newest() + 1;
            state.chat.push(autamedica_call::ChatMessage { number, ..line });
        });
        let own = app.rect(&app.text("self-view"));
        let name = app.text("role-guest");
        let text = app.text_with("toast-message", &[("name", name.as_str().into()), ("text", LONG.into())]);
        let toast = app.rect(&text);
        assert!(!toast.intersects(own), "{size}: {toast:?} and {own:?}");
    }
}
