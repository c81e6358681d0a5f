//! Refusals of the signaling server.

use super::*;

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
