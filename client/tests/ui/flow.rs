//! From the start to the end and back.

use std::time::Duration;

use autamedica_api::Role;
use autamedica_api::{Id, JoinLink};
use autamedica_client::call::JoinTarget;
use autamedica_client::call::{CallCommand, CallPhase, EndReason};
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call};

#[test]
fn a_code_is_joined_as_who_the_app_is_for() {
    for (language, role) in [(Language::Spanish, Role::Doctor), (Language::English, Role::Patient)] {
        let mut stand = Stand::at_home(language, role);
        let field = stand.text("start-code");
        assert!(stand.harness.get_by_label(&field).is_focused(), "one can type at once");
        stand.harness.get_by_label(&field).type_text("4821");
        stand.settle();
        stand.press(Modifiers::NONE, Key::Enter);
        let target = JoinTarget::Consultation { id: Id::new("4821").unwrap(), role };
        assert_eq!(stand.checked(), std::slice::from_ref(&target));
        stand.go_in();
        assert_eq!(stand.joined(), [target]);
        stand.assert_shows("joining-title");
        stand.assert_shows("joining-lead");
    }
}

const LINK: &str = "https://clinic.example/join#a-secret-code-of-enough-letters";

#[test]
fn a_link_is_followed() {
    let mut stand = Stand::at_home(Language::Spanish, Role::Patient);
    let field = stand.text("start-code");
    stand.harness.get_by_label(&field).type_text(LINK);
    stand.settle();
    stand.click("start-enter");
    stand.go_in();
    assert_eq!(stand.joined(), [JoinTarget::Link(JoinLink::parse(LINK).unwrap())]);
    assert!(!format!("{:?}", stand.joined()).contains("secret"));
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
        let mut stand = Stand::in_call(language, autamedica_client::call::CallState::joining(Role::Doctor));
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
