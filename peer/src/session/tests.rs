use livekit_protocol as lk;
use lk::signal_response::Message as Response;

use super::*;
use crate::extension::{Demand, Track};
use crate::outbox::Outbox;

fn track(sid: &str) -> Track {
    Track::from_info(&lk::TrackInfo { sid: sid.into(), r#type: 1, source: 1, ..Default::default() })
}

fn native() -> Session {
    let user = User::of_id("ana".into());
    let mut session = Session::new(1, Secret::new(""), user, String::new(), Extension::default());
    session.client = Some(Client::Native);
    session
}

fn subscribe(session: &mut Session, sid: &str, subscribe: bool) {
    let update = lk::UpdateSubscription { track_sids: vec![sid.into()], subscribe, ..Default::default() };
    session.on_subscription(update, &mut Outbox::default());
}

#[test]
fn tracks_that_are_gone_are_forgotten() {
    let (mut session, mut outbox) = (native(), Outbox::default());
    session.set_tracks(&[track("TR_V1"), track("TR_V2")], &mut outbox);
    for sid in ["TR_V1", "TR_V2", "TR_V9"] {
        subscribe(&mut session, sid, false);
    }
    subscribe(&mut session, "TR_V2", true);
    let settings = lk::UpdateTrackSettings { track_sids: vec!["TR_V2".into()], disabled: true, ..Default::default() };
    session.on_track_settings(settings, &mut outbox);
    assert_eq!(session.hidden, HashSet::from(["TR_V1".to_owned()]));
    assert_eq!(session.revived, HashMap::from([("TR_V2".to_owned(), 1)]));
    session.set_tracks(&[], &mut outbox);
    assert!(session.hidden.is_empty() && session.revived.is_empty() && session.shown.is_empty());
}

#[test]
fn an_engine_that_resumes_gets_its_tracks_and_what_the_peer_shows_of_them() {
    let (mut session, mut outbox) = (native(), Outbox::default());
    for cid in ["camera", "screen"] {
        session.add_track(lk::AddTrackRequest { cid: cid.into(), r#type: 1, ..Default::default() }, &mut outbox);
    }
    session.on_demand(&Demand { sids: vec!["TR_V1".into(), "TR_V7".into()], enabled: false }, &mut outbox);
    outbox.clear_engine();
    session.resend_to_engine(&mut outbox);
    let (mut published, mut paused) = (Vec::new(), Vec::new());
    while let Some(message) = outbox.next_to_engine() {
        match message {
            Response::TrackPublished(response) => published.push(response.cid),
            Response::SubscribedQualityUpdate(update) => paused.push(update.track_sid),
            _ => {}
        }
    }
    assert_eq!((published, paused), (vec!["camera".into(), "screen".into()], vec!["TR_V1".to_owned()]));
}

#[test]
fn candidates_of_an_ice_session_that_has_ended_are_not_kept() {
    let (mut session, mut outbox) = (native(), Outbox::default());
    let trickle = |ufrag: &str, target: lk::SignalTarget| {
        let line = format!("candidate:1 1 udp 1 127.0.0.1 4000 typ host generation 0 ufrag {ufrag}");
        let candidate_init = serde_json::json!({ "candidate": line }).to_string();
        lk::TrickleRequest { candidate_init, target: target.into(), ..Default::default() }
    };
    session.on_engine_candidate(&trickle("one", lk::SignalTarget::Publisher), &mut outbox);
    session.on_engine_candidate(&trickle("sub", lk::SignalTarget::Subscriber), &mut outbox);
    session.on_engine_candidate(&trickle("two", lk::SignalTarget::Publisher), &mut outbox);
    let kept: Vec<_> = session.local_candidates.events().map(|event| event.encode("room").1.to_string()).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].contains("ufrag sub") && kept[1].contains("ufrag two"), "{kept:?}");
}
