//! The adapter without sockets and engine: a test hands it what they would, and reads what they get.

mod lost;
mod refusals;
mod sessions;

use livekit_protocol as lk;
use lk::signal_request::Message as Request;
use lk::signal_response::Message as Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::loopback::{EngineInput, Start};
use crate::socketio::Incoming;

/// Description with one data section.
fn sdp(ufrag: &str) -> String {
    let fingerprint = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:0\r\n\
         a=sctp-port:5000\r\n"
    )
}

fn candidate(ufrag: &str) -> Value {
    let line = format!("candidate:1 1 udp 1 127.0.0.1 4000 typ host generation 0 ufrag {ufrag}");
    json!({ "candidate": line, "sdpMid": "0", "sdpMLineIndex": 0 })
}

/// An adapter with both of its neighbours played by the test.
struct Side {
    user: &'static str,
    adapter: Adapter,
    state: watch::Receiver<PeerState>,
    sent: mpsc::Receiver<String>,
    engine: Option<mpsc::Receiver<Response>>,
    links: u64,
}

impl Side {
    fn new(user: &'static str) -> Self {
        let options = PeerOptions {
            signaling_url: String::new(),
            token: Secret::new(""),
            user_id: user.into(),
            room_id: "room".into(),
            display_name: format!("{user}'s name"),
            role: String::new(),
            ice_servers: Vec::new(),
        };
        let (sender, state) = watch::channel(PeerState::INITIAL);
        let (socket, sent) = socketio::Client::for_tests(64);
        let instance = random::hex::<4>().unwrap();
        let (token, _) = watch::channel(Secret::new(""));
        let adapter = Adapter::new(options, "ws://localhost".into(), instance, sender, token, Arc::default(), socket);
        Self { user, adapter, state, sent, engine: None, links: 0 }
    }

    fn hear(&mut self, name: &str, data: Value) {
        self.adapter.on_incoming(Incoming::Event(name.into(), data));
    }

    /// Joins on a server that tells clients.
    fn join(&mut self, others: &[&str]) {
        self.adapter.on_incoming(Incoming::Connected);
        let users: Vec<_> = others.iter().map(|id| json!({ "userId": id, "client": "native" })).collect();
        self.hear("room-joined", json!({ "users": users, "client": "native" }));
    }

    fn hear_joined(&mut self, id: &str) {
        self.hear("user-joined", json!({ "userId": id, "client": "native" }));
    }

    /// Events that were sent since the last call.
    fn sent(&mut self) -> Vec<(String, Value)> {
        let texts = std::iter::from_fn(|| self.sent.try_recv().ok());
        texts.map(|text| serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap()).collect()
    }

    fn presence(&self) -> Presence {
        match &self.state.borrow().phase {
            Phase::Present(presence) => presence.clone(),
            phase => panic!("{}: {phase:?}", self.user),
        }
    }

    /// Connects the engine.
    fn connect(&mut self, reconnect: bool) {
        self.links += 1;
        let (link, responses) = Link::for_tests(self.links, 64);
        self.engine = Some(responses);
        let start = Start { presence: self.presence().number, reconnect, offer: None };
        self.adapter.on_engine(EngineInput::Connected(link, start));
    }

    fn request(&mut self, request: Request) {
        self.adapter.on_engine(EngineInput::Request(self.links, Box::new(request)));
    }

    fn offer(&mut self, ufrag: &str) {
        self.request(Request::Offer(lk::SessionDescription { sdp: sdp(ufrag), ..Default::default() }));
        let candidate_init = candidate(ufrag).to_string();
        self.request(Request::Trickle(lk::TrickleRequest { candidate_init, ..Default::default() }));
    }

    fn answer(&mut self, ufrag: &str) {
        self.request(Request::Answer(lk::SessionDescription { sdp: sdp(ufrag), ..Default::default() }));
    }

    /// Kinds of the messages that the engine got since the last call, with the user fragment of descriptions.
    fn got(&mut self) -> Vec<String> {
        let Some(engine) = &mut self.engine else { return Vec::new() };
        let kind = |response| match response {
            Response::Join(_) => "join".to_owned(),
            Response::Reconnect(_) => "reconnect".to_owned(),
            Response::Update(_) => "update".to_owned(),
            Response::Leave(_) => "leave".to_owned(),
            Response::TrackPublished(published) => format!("published {}", published.cid),
            Response::Offer(offer) => format!("offer {}", ufrag_of(&offer.sdp)),
            Response::Answer(answer) => format!("answer {}", ufrag_of(&answer.sdp)),
            Response::Trickle(trickle) => format!("candidate for {:?}", trickle.target()),
            Response::SubscribedQualityUpdate(update) => format!("demand {}", update.track_sid),
            other => format!("{other:?}"),
        };
        std::iter::from_fn(|| engine.try_recv().ok()).map(kind).collect()
    }
}

fn ufrag_of(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap()
}

/// Relays events as the server does, until both are silent.
fn relay(ana: &mut Side, luis: &mut Side) {
    loop {
        let (from_ana, from_luis) = (ana.sent(), luis.sent());
        if from_ana.is_empty() && from_luis.is_empty() {
            return;
        }
        deliver(from_ana, "ana", luis);
        deliver(from_luis, "luis", ana);
    }
}

fn deliver(events: Vec<(String, Value)>, from: &str, to: &mut Side) {
    for (name, mut data) in events.into_iter().filter(|(name, _)| !name.ends_with("-room")) {
        data["userId"] = json!(from);
        to.hear(&name, data);
    }
}

/// Two native apps in one room.
fn both() -> (Side, Side) {
    let (mut ana, mut luis) = (Side::new("ana"), Side::new("luis"));
    ana.join(&[]);
    luis.join(&["ana"]);
    ana.hear_joined("luis");
    relay(&mut ana, &mut luis);
    (ana, luis)
}

/// Two native apps whose engines are connected and have negotiated.
fn call() -> (Side, Side) {
    let (mut ana, mut luis) = both();
    for side in [&mut ana, &mut luis] {
        side.connect(false);
    }
    ana.offer("anaP");
    relay(&mut ana, &mut luis);
    luis.answer("luisS");
    luis.offer("luisP");
    relay(&mut ana, &mut luis);
    ana.answer("anaS");
    relay(&mut ana, &mut luis);
    assert_eq!(ana.got().last().unwrap(), "candidate for Subscriber");
    assert_eq!(luis.got().last().unwrap(), "answer anaS");
    (ana, luis)
}
