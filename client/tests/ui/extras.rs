//! Second cameras, original sound, and the reason for a camera that is off.

use std::sync::Arc;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState, CameraAbsence, DeviceLists, OtherVideo, ParticipantState, VideoKind};
use autamedica_client::i18n::Language;
use autamedica_media::{DeviceChoice, DeviceProblem, DeviceState};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call, picture};

const NAME: &str = "María Quispe";

fn with_cameras(role: Role, cameras: &[&str]) -> CallState {
    let cameras = cameras.iter().map(ToString::to_string).collect();
    CallState { devices: Arc::new(DeviceLists { cameras, ..DeviceLists::default() }), ..call(role) }
}

fn with_second(mut person: ParticipantState) -> ParticipantState {
    person.others.push(OtherVideo { sid: "TR_2".into(), frames: picture() });
    person
}

#[test]
fn a_second_camera_is_chosen_in_the_menu_and_stopped_there() {
    for (language, role) in Language::ALL.into_iter().zip([Role::Patient, Role::Doctor]) {
        let mut app = TestApp::in_call(language, with_cameras(role, &["Camera", "DermLite", "C920"]));
        app.click("more-open");
        app.click("second-camera-add");
        app.assert_shows("second-camera-lead");
        assert!(app.shows_text("DermLite") && app.shows_text("C920"));
        app.click_text("C920");
        assert_eq!(app.sent(), [CallCommand::StartSecondCamera(DeviceChoice::Named("C920".into()))]);
        assert!(!app.shows("second-camera-lead"), "the choice has closed");
        app.change(|state| {
            state.second_camera = DeviceState::On { name: "C920".into() };
            state.second_view = picture();
        });
        app.assert_shows("second-camera-on");
        app.click("more-open");
        assert!(!app.shows("second-camera-add"));
        app.click("second-camera-stop");
        assert_eq!(app.sent(), [CallCommand::StopSecondCamera]);
        app.change(|state| state.second_camera = DeviceState::Failed(DeviceProblem::Unplugged));
        app.assert_shows("second-camera-unplugged");
        app.assert_shows("second-camera-again");
        assert!(!app.shows("second-camera-on"));
    }
}

#[test]
fn without_another_camera_the_choice_says_so() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, with_cameras(Role::Patient, &["Camera"]));
        app.click("more-open");
        app.click("second-camera-add");
        app.assert_shows("second-camera-none");
        app.press(Modifiers::NONE, Key::Escape);
        assert!(!app.shows("second-camera-none"));
        assert_eq!(app.sent(), []);
    }
}

#[test]
fn somebodys_second_camera_has_a_tile_of_its_own_and_can_be_large() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let person = with_second(state.participants.remove(0));
        state.participants.push(person);
        let mut app = TestApp::in_call(language, state);
        let [face, second] = ["video-of", "second-video-of"].map(|key| app.text_with(key, &[("name", NAME.into())]));
        let width = |app: &TestApp, label: &str| app.rect(label).width();
        assert!((width(&app, &face) - width(&app, &second)).abs() < 1.0, "equal at first");
        assert!(app.shows_text(&app.text_with("second-camera-of", &[("name", NAME.into())])));
        assert!(app.tiles().iter().any(|tile| tile.video == VideoKind::Other("TR_2".into())));
        app.harness.get_by_label(&second).focus();
        app.settle();
        app.press(Modifiers::NONE, Key::Enter);
        assert!(width(&app, &second) > 2.0 * width(&app, &face), "large when kept so");
        app.change(|state| state.participants[0].others.clear());
        assert!(!app.shows_text(&second));
        assert_eq!(app.tiles().len(), 1);
    }
}

#[test]
fn original_sound_is_switched_by_a_doctor_and_shown_to_both() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("more-open");
        app.click("original-sound-start");
        assert_eq!(app.sent(), [CallCommand::UseOriginalSound(true)]);
        app.change(|state| state.original_sound = true);
        app.assert_shows("original-sound-on");
        app.click("more-open");
        app.click("original-sound-stop");
        assert_eq!(app.sent(), [CallCommand::UseOriginalSound(false)]);
        app.change(|state| state.original_sound = false);

        app.click("more-open");
        app.click("more-people");
        let options = app.text_with("person-options", &[("name", NAME.into())]);
        let ask = |on| CallCommand::AskOriginalSound { identity: format!("id of {NAME}"), on };
        app.click_text(&options);
        app.click("person-original-sound");
        assert_eq!(app.sent(), [ask(true)]);
        app.change(|state| state.participants[0].original_sound = true);
        assert!(app.shows_text(&app.text_with("original-sound-of", &[("name", NAME.into())])));
        app.click_text(&options);
        app.click("person-processed-sound");
        assert_eq!(app.sent(), [ask(false)]);

        let mut app = TestApp::in_call(language, call(Role::Patient));
        app.click("more-open");
        assert!(!app.shows("original-sound-start") && !app.shows("original-sound-stop"), "only the doctor begins");
        app.press(Modifiers::NONE, Key::Escape);
        app.change(|state| state.original_sound = true);
        app.assert_shows("original-sound-on");
        app.click("more-open");
        app.click("original-sound-stop");
        assert_eq!(app.sent(), [CallCommand::UseOriginalSound(false)]);
    }
}

#[test]
fn the_reason_for_a_camera_that_is_off_is_in_its_place() {
    let reasons = [
        (None, "person-camera-off"),
        (Some(CameraAbsence::SwitchedOff), "person-camera-off"),
        (Some(CameraAbsence::NotFound), "person-camera-not-found"),
        (Some(CameraAbsence::Busy), "person-camera-busy"),
        (Some(CameraAbsence::Denied), "person-camera-denied"),
        (Some(CameraAbsence::Unplugged), "person-camera-unplugged"),
        (Some(CameraAbsence::Failed), "person-camera-failed"),
    ];
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        for (absence, key) in reasons {
            app.change(|state| {
                let person = &mut state.participants[0];
                (person.camera, person.camera_absence) = (None, absence);
            });
            app.assert_shows(key);
        }
    }
}
