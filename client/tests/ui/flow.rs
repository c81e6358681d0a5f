//! Complete flow from the start screen to the end screen and back.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_api::{Id, JoinLink};
use autamedica_call::{CallCommand, CallPhase, EndReason};
use autamedica_call::{CallState, JoinTarget, Secret};
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::i18n::Language;
use autamedica_client::settings::Settings;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call};

#[test]
fn a_code_is_joined_as_who_the_app_is_for() {
    for (language, role) in [(Language::Spanish, Role::Doctor), (Language::English, Role::Patient)] {
        let mut app = TestApp::at_home(language, role);
        let field = app.text("start-code");
        assert!(app.harness.get_by_label(&field).is_focused(), "one can type at once");
        app.harness.get_by_label(&field).type_text("31836728");
        app.settle();
        app.press(Modifiers::NONE, Key::Enter);
        let target = match role {
            Role::Doctor => JoinTarget::Consultation { id: Id::new("31836728").unwrap(), role },
            Role::Patient | Role::Observer => JoinTarget::Digits(Secret::new("31836728")),
        };
        assert_eq!(app.checked(), std::slice::from_ref(&target));
        app.finish_check();
        assert_eq!(app.joined(), [target]);
        app.assert_shows("joining-title");
        app.assert_shows("joining-lead");
    }
}

const LINK: &str = "https://clinic.example/join#a-secret-code-of-enough-letters";

fn type_link(app: &mut TestApp, link: &str) {
    let field = app.text("start-code");
    app.harness.get_by_label(&field).focus();
    app.harness.get_by_label(&field).type_text(link);
    app.settle();
    app.click("start-enter");
}

#[test]
fn a_link_to_an_own_server_is_followed() {
    let own_servers = vec!["https://clinic.example/".parse().unwrap()];
    let mut app = TestApp::with(AppOptions { own_servers, ..AppOptions::default() }, CallState::joining(Role::Patient));
    type_link(&mut app, LINK);
    app.finish_check();
    assert_eq!(app.joined(), [JoinTarget::Link(JoinLink::parse(LINK).unwrap())]);
    assert!(!format!("{:?}", app.joined()).contains("secret"));
}

#[test]
fn a_link_to_a_new_server_is_asked_about_once() {
    for language in Language::ALL {
        let mut app = TestApp::at_home(language, Role::Patient);
        type_link(&mut app, LINK);
        app.assert_shows("server-title");
        app.assert_shows("server-warning");
        assert!(app.shows_text("clinic.example"), "whose server it is");
        assert_eq!((app.checked(), app.joined()), (vec![], vec![]), "nothing goes there yet");
        let no = app.text("server-no");
        assert!(app.harness.get_by_label(&no).is_focused(), "the safe answer has the keyboard");
        app.press(Modifiers::NONE, Key::Escape);
        app.assert_shows("start-code");
        type_link(&mut app, LINK);
        app.click("server-no");
        assert_eq!(app.saved(), []);
        type_link(&mut app, LINK);
        let yes = app.text_with("server-yes-named", &[("server", "clinic.example".into())]);
        app.click_text(&yes);
        let target = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
        assert_eq!(app.checked(), std::slice::from_ref(&target));
        let kept = app.saved().pop().map(|settings| settings.approved_servers);
        assert_eq!(kept.as_deref(), Some(&["https://clinic.example".to_owned()][..]));
        app.click("check-back");
        type_link(&mut app, LINK);
        assert_eq!(app.checked().len(), 2, "asked once only");
        app.click("check-back");
        type_link(&mut app, "https://clinic.example.evil.example:8443/join#a-secret-code-of-enough-letters");
        assert!(app.shows_text("clinic.example.evil.example:8443"), "another name is another server");
    }
}

#[test]
fn nobody_is_published_to_a_new_server_without_a_yes() {
    let target = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
    let settings = Settings { skip_check: true, ..Settings::default() };
    // A doctor who skips the check: by a link on the command line, and by one that joins at once.
    for start in [Start::Check(target.clone()), Start::Join(target.clone())] {
        let options = AppOptions { role: Role::Doctor, settings: settings.clone(), start, ..AppOptions::default() };
        let mut app = TestApp::with(options, CallState::joining(Role::Doctor));
        app.assert_shows("server-title");
        assert_eq!(app.joined(), []);
        let yes = app.text_with("server-yes-named", &[("server", "clinic.example".into())]);
        app.click_text(&yes);
        assert_eq!(app.joined(), std::slice::from_ref(&target));
    }
}

#[test]
fn a_slip_is_explained_and_nothing_is_joined() {
    for language in Language::ALL {
        let mut app = TestApp::at_home(language, Role::Patient);
        app.click("start-enter");
        app.assert_shows("start-code-missing");
        let field = app.text("start-code");
        app.harness.get_by_label(&field).focus();
        app.harness.get_by_label(&field).type_text("48 21");
        app.settle();
        assert!(!app.shows("start-code-missing"), "typing takes the complaint away");
        app.click("start-enter");
        app.assert_shows("start-code-wrong");
        app.harness.get_by_label(&field).focus();
        app.harness.get_by_label(&field).type_text("https://clinic.example/elsewhere");
        app.settle();
        app.click("start-enter");
        app.assert_shows("start-link-wrong");
        assert_eq!(app.joined(), []);
    }
}

#[test]
fn the_language_can_be_switched() {
    let mut app = TestApp::at_home(Language::Spanish, Role::Patient);
    let english = format!("{}: English", app.text("language-switch"));
    app.harness.get_by_label(&english).click();
    app.settle();
    assert!(app.shows_text("Welcome"));
    assert!(app.shows_text("Language: Español"));
}

#[test]
fn joining_can_be_cancelled() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, CallState::joining(Role::Doctor));
        app.assert_shows("joining-title");
        app.click("joining-cancel");
        assert_eq!(app.sent(), [CallCommand::HangUp]);
        app.assert_shows("start-title-doctor");
    }
}

#[test]
fn every_end_says_why_and_what_next() {
    use EndReason::*;
    for language in Language::ALL {
        for (reason, key, way_back) in [
            (HungUp, "end-hung-up", Some("end-rejoin")),
            (RoomClosed, "end-room-closed", None),
            (Removed, "end-removed", None),
            (JoinedElsewhere, "end-joined-elsewhere", Some("end-rejoin")),
            (ConnectionLost, "end-connection-lost", Some("end-rejoin")),
            (ServerUnreachable, "end-server-unreachable", Some("end-retry")),
            (NotAllowed, "end-not-allowed", None),
            (NoAppointment, "end-no-appointment", None),
            (NoClinic, "end-no-clinic", None),
            (TooEarly, "end-too-early", Some("end-retry")),
            (Over, "end-over", Some("end-retry")),
            (Cancelled, "end-cancelled", None),
            (ClinicTrouble, "end-clinic-trouble", Some("end-retry")),
            (JoinFailed, "end-join-failed", Some("end-retry")),
        ] {
            let mut state = call(Role::Patient);
            state.phase = CallPhase::Ended { reason, lasted: Duration::from_secs(30) };
            let mut app = TestApp::in_call(language, state);
            app.assert_shows(key);
            app.assert_shows(&format!("{key}-next"));
            app.assert_shows("end-lasted-less");
            for back in ["end-rejoin", "end-retry"] {
                assert_eq!(app.shows(back), way_back == Some(back), "{key}: {back}");
            }
            app.click("end-done");
            app.assert_shows("start-title-patient");
        }
    }
}

#[test]
fn joining_again_goes_to_the_same_consultation() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted: Duration::from_secs(90) };
    let mut app = TestApp::in_call(Language::Spanish, state);
    app.change(|state| state.phase = CallPhase::Joining);
    app.assert_shows("end-connection-lost");
    app.click("end-rejoin");
    let joined = app.joined();
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0], joined[1]);
    app.assert_shows("joining-title");
}

#[test]
fn a_call_that_ends_by_itself_shows_its_end() {
    let mut app = TestApp::in_call(Language::English, call(Role::Doctor));
    app.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::RoomClosed, lasted: Duration::from_secs(600) };
    });
    app.assert_shows("end-room-closed-next");
    assert_eq!(app.sent(), []);
}
