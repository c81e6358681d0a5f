//! Messages that are lost, late or repeated.

use std::collections::VecDeque;

use super::*;

#[tokio::test]
async fn what_is_lost_with_a_signaling_connection_is_sent_again() {
    let (mut ana, mut luis) = call();
    let track = |cid: &str| Request::AddTrack(lk::AddTrackRequest { cid: cid.into(), ..Default::default() });
    ana.request(track("camera"));
    ana.offer("anaP");
    let setting = lk::UpdateTrackSettings { track_sids: vec!["TR_V1".into()], ..Default::default() };
    ana.request(Request::TrackSetting(setting));
    // The connection has broken, but the adapter doesn't know yet.
    assert!(ana.sent().iter().any(|(name, _)| name == "offer"));
    ana.adapter.on_incoming(Incoming::Lost);
    luis.hear("user-left", json!({ "userId": "ana" }));
    ana.join(&["luis"]);
    luis.hear_joined("ana");
    luis.got();
    relay(&mut ana, &mut luis);
    let got = luis.got();
    assert!(got.contains(&"offer anaP".to_owned()), "{got:?}");
    luis.answer("luisS");
    relay(&mut ana, &mut luis);
    assert!(ana.got().contains(&"answer luisS".to_owned()));
    // Nothing began anew.
    assert_eq!((ana.presence().number, luis.presence().number), (1, 1));
}

#[tokio::test]
async fn a_second_answer_to_one_offer_is_dropped() {
    let (mut ana, mut luis) = call();
    ana.offer("anaP");
    let offer = ana.sent();
    deliver(offer.clone(), "ana", &mut luis);
    deliver(offer, "ana", &mut luis);
    luis.answer("luisS");
    let first = luis.sent();
    luis.answer("luisS");
    let second = luis.sent();
    deliver(first, "luis", &mut ana);
    assert!(ana.got().contains(&"answer luisS".to_owned()));
    ana.offer("anaP");
    deliver(second, "luis", &mut ana);
    assert_eq!(ana.got(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_lost_with_a_connection_of_the_engine_is_sent_again() {
    let (mut ana, mut luis) = call();
    let request = lk::AddTrackRequest { cid: "camera".into(), ..Default::default() };
    luis.request(Request::AddTrack(request));
    ana.offer("anaN");
    relay(&mut ana, &mut luis);
    // The engine's connection breaks with what was sent on it.
    luis.engine = None;
    luis.connect(true);
    // The engine reads its descriptions until it has sent its state, so nothing may change them.
    assert_eq!(luis.got(), ["reconnect"]);
    luis.request(Request::SyncState(lk::SyncState::default()));
    let got = luis.got();
    for message in ["published camera", "offer anaN", "candidate for Subscriber"] {
        assert!(got.contains(&message.to_owned()), "{message}: {got:?}");
    }
    luis.answer("luisN");
    relay(&mut ana, &mut luis);
    assert!(ana.got().contains(&"answer luisN".to_owned()));
}

#[tokio::test]
async fn an_answer_to_the_offer_before_a_resumption_is_dropped() {
    let (mut ana, mut luis) = call();
    ana.offer("anaP");
    relay(&mut ana, &mut luis);
    luis.answer("luisS");
    let late = luis.sent();
    ana.connect(true);
    deliver(late.clone(), "luis", &mut ana);
    ana.offer("anaR");
    deliver(late, "luis", &mut ana);
    let got = ana.got();
    assert!(!got.contains(&"answer luisS".to_owned()), "{got:?}");
    relay(&mut ana, &mut luis);
    luis.answer("luisR");
    relay(&mut ana, &mut luis);
    assert!(ana.got().contains(&"answer luisR".to_owned()));
}

#[tokio::test]
async fn a_full_queue_loses_nothing() {
    let (mut ana, _luis) = call();
    let mut candidates = VecDeque::new();
    for port in 1..200 {
        let line = format!("candidate:1 1 udp 1 127.0.0.1 {port} typ host");
        candidates.push_back(line.clone());
        let candidate_init = json!({ "candidate": line, "sdpMid": "0", "sdpMLineIndex": 0 }).to_string();
        ana.request(Request::Trickle(lk::TrickleRequest { candidate_init, ..Default::default() }));
    }
    while !candidates.is_empty() {
        let sent = ana.sent();
        assert!(!sent.is_empty());
        for (_, data) in sent {
            assert_eq!(data["candidate"]["candidate"], candidates.pop_front().unwrap());
        }
        ana.request(Request::PingReq(lk::Ping::default()));
    }
}

#[tokio::test]
async fn joining_is_tried_again_until_there_is_an_answer() {
    let mut ana = Side::new("ana");
    ana.adapter.on_incoming(Incoming::Connected);
    assert!(ana.adapter.deadline().is_some());
    ana.adapter.on_incoming(Incoming::Lost);
    assert_eq!(ana.adapter.deadline(), None);
    ana.join(&[]);
    assert_eq!(ana.adapter.deadline(), None);
}
