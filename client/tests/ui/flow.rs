//! Complete flow from the start screen to the end screen and back.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_api::{Id, JoinLink};
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::call::{CallCommand, CallPhase, EndReason};
use autamedica_client::call::{CallState, JoinTarget, Secret};
use autamedica_client::i18n::Language;
use autamedica_client::settings::Settings;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call};

#[test]
fn a_code_is_joined_as_who_the_app_is_for() {
    for (language, role) in [(Language::Spanish, Role::Doctor), (Language::English, Role::Patient)] {
        let mut stand = Stand::at_home(language, role);
        let field = stand.text("start-code");
        assert!(stand.harness.get_by_label(&field).is_focused(), "one can type at once");
        stand.harness.get_by_label(&field).type_text("31836728");
        stand.settle();
        stand.press(Modifiers::NONE, Key::Enter);
        let target = match role {
            Role::Doctor => JoinTarget::Consultation { id: Id::new("31836728").unwrap(), role },
            Role::Patient | Role::Observer => JoinTarget::Digits(Secret::new("31836728")),
        };
        assert_eq!(stand.checked(), std::slice::from_ref(&target));
        stand.go_in();
        assert_eq!(stand.joined(), [target]);
        stand.assert_shows("joining-title");
        stand.assert_shows("joining-lead");
    }
}

const LINK: &str = "https://clinic.example/join#a-secret-code-of-enough-letters";

fn type_link(stand: &mut Stand, link: &str) {
    let field = stand.text("start-code");
    stand.harness.get_by_label(&field).focus();
    stand.harness.get_by_label(&field).type_text(link);
    stand.settle();
    stand.click("start-enter");
}

#[test]
fn a_link_to_an_own_server_is_followed() {
    let own_servers = vec!["https://clinic.example/".parse().unwrap()];
    let mut stand = Stand::with(AppOptions { own_servers, ..AppOptions::default() }, CallState::joining(Role::Patient));
    type_link(&mut stand, LINK);
    stand.go_in();
    assert_eq!(stand.joined(), [JoinTarget::Link(JoinLink::parse(LINK).unwrap())]);
    assert!(!format!("{:?}", stand.joined()).contains("secret"));
}

#[test]
fn a_link_to_a_new_server_is_asked_about_once() {
    for language in Language::ALL {
        let mut stand = Stand::at_home(language, Role::Patient);
        type_link(&mut stand, LINK);
        stand.assert_shows("server-title");
        stand.assert_shows("server-warning");
        assert!(stand.shows_text("clinic.example"), "whose server it is");
        assert_eq!((stand.checked(), stand.joined()), (vec![], vec![]), "nothing goes there yet");
        let no = stand.text("server-no");
        assert!(stand.harness.get_by_label(&no).is_focused(), "the safe answer has the keyboard");
        stand.press(Modifiers::NONE, Key::Escape);
        stand.assert_shows("start-code");
        type_link(&mut stand, LINK);
        stand.click("server-no");
        assert_eq!(stand.kept(), []);
        type_link(&mut stand, LINK);
        let yes = stand.text_with("server-yes-named", &[("server", "clinic.example".into())]);
        stand.click_text(&yes);
        let target = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
        assert_eq!(stand.checked(), std::slice::from_ref(&target));
        let kept = stand.kept().pop().map(|settings| settings.approved_servers);
        assert_eq!(kept.as_deref(), Some(&["https://clinic.example".to_owned()][..]));
        stand.click("check-back");
        type_link(&mut stand, LINK);
        assert_eq!(stand.checked().len(), 2, "asked once only");
        stand.click("check-back");
        type_link(&mut stand, "https://clinic.example.evil.example:8443/join#a-secret-code-of-enough-letters");
        assert!(stand.shows_text("clinic.example.evil.example:8443"), "another name is another server");
    }
}

#[test]
fn nobody_is_published_to_a_new_server_without_a_yes() {
    let target = JoinTarget::Link(JoinLink::parse(LINK).unwrap());
    let settings = Settings { skip_check: true, ..Settings::default() };
    // A doctor who skips the check: by a link on the command line, and by one that joins at once.
    for start in [Start::Check(target.clone()), Start::Join(target.clone())] {
        let options = AppOptions { role: Role::Doctor, settings: settings.clone(), start, ..AppOptions::default() };
        let mut stand = Stand::with(options, CallState::joining(Role::Doctor));
        stand.assert_shows("server-title");
        assert_eq!(stand.joined(), []);
        let yes = stand.text_with("server-yes-named", &[("server", "clinic.example".into())]);
        stand.click_text(&yes);
        assert_eq!(stand.joined(), std::slice::from_ref(&target));
    }
}

#[test]
fn a_slip_is_explained_and_nothing_is_joined() {
    for language in Language::ALL {
        let mut stand = Stand::at_home(language, Role::Patient);
        stand.click("start-enter");
        stand.assert_shows("start-code-missing");
        let field = stand.text("start-code");
        stand.harness.get_by_label(&field).focus();
        stand.harness.get_by_label(&field).type_text("48 21");
        stand.settle();
        assert!(!stand.shows("start-code-missing"), "typing takes the complaint away");
        stand.click("start-enter");
        stand.assert_shows("start-code-wrong");
        stand.harness.get_by_label(&field).focus();
        stand.harness.get_by_label(&field).type_text("https://clinic.example/elsewhere");
        stand.settle();
        stand.click("start-enter");
        stand.assert_shows("start-link-wrong");
        assert_eq!(stand.joined(), []);
    }
}

#[test]
fn the_language_can_be_switched() {
    let mut stand = Stand::at_home(Language::Spanish, Role::Patient);
    let english = format!("{}: English", stand.text("language-switch"));
    stand.harness.get_by_label(&english).click();
    stand.settle();
    assert!(stand.shows_text("Welcome"));
    assert!(stand.shows_text("Language: Español"));
}

#[test]
fn joining_can_be_cancelled() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, CallState::joining(Role::Doctor));
        stand.assert_shows("joining-title");
        stand.click("joining-cancel");
        assert_eq!(stand.sent(), [CallCommand::HangUp]);
        stand.assert_shows("start-title-doctor");
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
            let mut stand = Stand::in_call(language, state);
            stand.assert_shows(key);
            stand.assert_shows(&format!("{key}-next"));
            stand.assert_shows("end-lasted-less");
            for back in ["end-rejoin", "end-retry"] {
                assert_eq!(stand.shows(back), way_back == Some(back), "{key}: {back}");
            }
            stand.click("end-done");
            stand.assert_shows("start-title-patient");
        }
    }
}

#[test]
fn joining_again_goes_to_the_same_consultation() {
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted: Duration::from_secs(90) };
    let mut stand = Stand::in_call(Language::Spanish, state);
    stand.change(|state| state.phase = CallPhase::Joining);
    stand.assert_shows("end-connection-lost");
    stand.click("end-rejoin");
    let joined = stand.joined();
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0], joined[1]);
    stand.assert_shows("joining-title");
}

#[test]
fn a_call_that_ends_by_itself_shows_its_end() {
    let mut stand = Stand::in_call(Language::English, call(Role::Doctor));
    stand.change(|state| {
        state.phase = CallPhase::Ended { reason: EndReason::RoomClosed, lasted: Duration::from_secs(600) };
    });
    stand.assert_shows("end-room-closed-next");
    assert_eq!(stand.sent(), []);
}
