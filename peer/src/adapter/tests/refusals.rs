//! Refusals of the signaling server.

use super::*;
use crate::state::WaitingUser;

#[tokio::test]
async fn a_user_whom_the_server_puts_out_is_refused() {
    for (reason, refusal) in [
        ("forbidden", Refusal::Room("forbidden".into())),
        ("consultation_ended", Refusal::Over),
        ("replaced", Refusal::Replaced),
    ] {
        let (mut ana, _luis) = call();
        ana.hear("error", json!({ "message": "this consultation has ended", "code": "consultation_ended" }));
        assert_eq!(ana.presence().number, 1);
        ana.hear("room-left", json!({ "roomId": "room", "reason": reason }));
        assert_eq!(ana.state.borrow().phase, Phase::Refused(refusal));
        assert_eq!(ana.got(), ["leave"]);
        ana.sent();
        assert!(ana.sent.is_closed(), "the connection is left");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_during_the_call_is_a_state_and_before_it_the_end() {
    let (mut ana, _luis) = call();
    ana.adapter.on_incoming(Incoming::Lost);
    ana.adapter.on_incoming(Incoming::Refused("too old".into()));
    assert_eq!(ana.state.borrow().signaling, Signaling::TokenRefused);
    assert_eq!(ana.presence().number, 1);
    let mut eva = Side::new("eva");
    eva.adapter.on_incoming(Incoming::Refused("not hers".into()));
    assert_eq!(eva.state.borrow().phase, Phase::Refused(Refusal::Token("not hers".into())));
}

#[tokio::test]
async fn the_server_hands_over_tokens_and_announces_keys() {
    let (mut ana, _luis) = call();
    for (index, newest) in [(2, 2), (1, 2)] {
        ana.hear("key-changed", json!({ "roomId": "room", "e2eeKeyIndex": index }));
        assert_eq!(ana.state.borrow().key_index, newest);
    }
    let mut used = ana.adapter.token.subscribe();
    ana.hear("token-refreshed", json!({ "roomId": "room", "token": "newer" }));
    assert_eq!(ana.state.borrow().token, Some(Secret::new("newer")));
    assert_eq!(*used.borrow_and_update(), Secret::new("newer"));
}

#[tokio::test]
async fn a_patient_waits_until_the_doctor_decides() {
    for (reason, refusal) in [("forbidden", Refusal::Room("forbidden".into())), ("replaced", Refusal::Replaced)] {
        let mut luis = Side::new("luis");
        luis.adapter.on_incoming(Incoming::Connected);
        luis.hear("room-waiting", json!({ "roomId": "room" }));
        assert_eq!(luis.state.borrow().phase, Phase::WaitingRoom);
        luis.hear("error", json!({ "message": "for whatever reason" }));
        assert_eq!(luis.state.borrow().phase, Phase::WaitingRoom, "only `room-left` ends it");
        luis.hear("room-left", json!({ "roomId": "room", "reason": reason }));
        assert_eq!(luis.state.borrow().phase, Phase::Refused(refusal));
    }
    let mut luis = Side::new("luis");
    luis.adapter.on_incoming(Incoming::Connected);
    luis.hear("room-waiting", json!({ "roomId": "room" }));
    luis.hear("room-joined", json!({ "users": [], "client": "native" }));
    assert_eq!(luis.state.borrow().phase, Phase::Waiting { departure: None });

    let mut ana = Side::new("ana");
    ana.join(&[]);
    ana.hear("waiting-room", json!({ "users": [{ "userId": "luis", "role": "patient" }] }));
    let waiting = WaitingUser { user_id: "luis".into(), role: "patient".into() };
    assert_eq!(ana.state.borrow().waiting, Some(waiting));
    ana.hear("waiting-room", json!({ "users": [] }));
    assert_eq!(ana.state.borrow().waiting, None);
}

#[tokio::test]
async fn attempts_to_join_again_end() {
    let (mut ana, _luis) = call();
    ana.adapter.on_incoming(Incoming::Lost);
    ana.adapter.on_incoming(Incoming::Connected);
    let mut attempts = 0;
    while ana.adapter.in_room || !matches!(ana.state.borrow().phase, Phase::Refused(_)) {
        ana.hear("error", json!({ "message": "Failed to join room" }));
        attempts += 1;
        assert!(attempts < 100);
    }
    let refusal = Phase::Refused(Refusal::Room("Failed to join room".into()));
    assert_eq!(ana.state.borrow().phase, refusal);
}

#[tokio::test]
async fn a_refusal_to_join_counts_by_its_code() {
    for (code, is_refused) in [("room_not_found", true), ("internal", false), ("rate_limited", false)] {
        let mut ana = Side::new("ana");
        ana.adapter.on_incoming(Incoming::Connected);
        ana.hear("error", json!({ "message": "no", "code": code }));
        assert_eq!(matches!(ana.state.borrow().phase, Phase::Refused(_)), is_refused, "{code}");
    }
}
