//! Beginnings and ends of media sessions.

use super::*;

#[tokio::test]
async fn both_sides_count_the_same_session() {
    let (ana, luis) = call();
    let epoch = |side: &Side| side.adapter.session.as_ref().unwrap().local.epoch;
    assert_eq!(epoch(&ana), epoch(&luis));
    assert_eq!((ana.presence().name.as_str(), ana.presence().number), ("luis's name", 1));
    assert_eq!((luis.presence().capabilities, luis.presence().number), (Capabilities::NATIVE, 1));
}

#[tokio::test]
async fn a_slow_hello_makes_no_browser_of_a_native_peer() {
    let mut luis = Side::new("luis");
    luis.join(&["ana"]);
    assert_eq!(luis.state.borrow().phase, Phase::Joining);
    // Only a server that doesn't tell clients makes the time of the hello matter.
    let left = luis.adapter.deadline().unwrap() - Instant::now();
    assert!(left > HELLO_TIMEOUT, "{left:?}");
    luis.adapter.on_hello_timeout();
    assert_eq!(luis.state.borrow().phase, Phase::Joining);
}

#[tokio::test]
async fn a_browser_is_known_at_once_where_the_server_tells_clients() {
    let mut app = Side::new("app");
    app.join(&[]);
    app.hear("user-joined", json!({ "userId": "web" }));
    assert_eq!(app.presence().capabilities, Capabilities::BROWSER);
    // The same user returns with the app.
    app.hear("user-joined", json!({ "userId": "web", "client": "native" }));
    assert!(matches!(app.state.borrow().phase, Phase::Waiting { .. }));
}

#[tokio::test]
async fn a_native_peer_follows_a_full_reconnection() {
    let (mut ana, mut luis) = call();
    // These are under way when the engine of the other side reconnects.
    luis.offer("luisO");
    let late = luis.sent();
    ana.connect(false);
    assert_eq!(ana.got(), ["leave"]);
    assert_eq!((ana.presence().number, ana.presence().capabilities), (2, Capabilities::NATIVE));
    ana.connect(false);
    ana.offer("anaN");
    deliver(late, "luis", &mut ana);
    let got = ana.got();
    assert!(!got.iter().any(|message| message.starts_with("offer")), "of the session before: {got:?}");
    relay(&mut ana, &mut luis);
    assert_eq!((ana.presence().number, luis.presence().number), (2, 2));
    luis.connect(false);
    assert!(luis.got().contains(&"offer anaN".to_owned()));
}

#[tokio::test]
async fn an_offer_of_the_session_before_is_dropped_before_the_hello() {
    let (mut ana, mut luis) = call();
    luis.offer("luisO");
    ana.adapter.rebuild(false);
    relay(&mut ana, &mut luis);
    assert_eq!((ana.presence().number, luis.presence().number), (2, 2));
    ana.connect(false);
    let got = ana.got();
    assert!(!got.iter().any(|message| message.starts_with("offer")), "{got:?}");
}

#[tokio::test]
async fn an_app_that_was_started_again_begins_one_session() {
    let (mut ana, _luis) = call();
    let mut luis = Side::new("luis");
    ana.hear("user-left", json!({ "userId": "luis" }));
    luis.join(&["ana"]);
    ana.hear_joined("luis");
    relay(&mut ana, &mut luis);
    assert_eq!((ana.presence().number, luis.presence().number), (2, 1));
    luis.connect(false);
    luis.offer("luisN");
    ana.connect(false);
    relay(&mut ana, &mut luis);
    assert!(ana.got().contains(&"offer luisN".to_owned()));
}
