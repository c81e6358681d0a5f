//! Connections and requests of the engine.

use livekit_protocol as lk;
use lk::signal_request::Message as EngineRequest;

use super::Adapter;
use crate::livekit::{self, Identity};
use crate::loopback::{EngineInput, Link, Start, now};
use crate::options::PeerOptions;

impl Adapter {
    pub(crate) fn on_engine(&mut self, input: EngineInput) {
        let is_current = |id: u64| self.link.as_ref().is_some_and(|link| link.id == id);
        match input {
            EngineInput::Connected(link, start) => self.on_connected(link, start),
            EngineInput::Request(id, request) if is_current(id) => self.on_request(*request),
            EngineInput::Disconnected(id) if is_current(id) => self.link = None,
            EngineInput::Request(..) | EngineInput::Disconnected(_) => {}
        }
        self.flush();
    }

    fn on_connected(&mut self, link: Link, start: Start) {
        // The link of an earlier presence is closed by dropping it.
        let Some(session) = self.session.as_mut().filter(|session| session.number == start.presence) else { return };
        if start.reconnect && session.joined {
            if link.send(livekit::reconnect(&self.options.ice_servers)).is_ok() {
                session.forget_offer();
                self.link = Some(link);
                self.is_resuming = true;
            }
            return;
        }
        if session.joined {
            // A new PeerConnection can't continue the peer's old one.
            tracing::info!("engine reconnects fully; session rebuilt");
            self.link = Some(link);
            self.is_resuming = false;
            self.rebuild(true);
            return;
        }
        let PeerOptions { room_id, user_id, display_name, role, .. } = &self.options;
        let metadata = livekit::metadata(role, room_id, user_id);
        let local = Identity { id: user_id, name: display_name, metadata: &metadata };
        let (peer, tracks) = (session.identity(), session.tracks());
        if link.send(livekit::join(room_id, local, peer, tracks, &self.options.ice_servers)).is_err() {
            // The engine closed the connection already.
            return;
        }
        session.joined = true;
        self.link = Some(link);
        self.is_resuming = false;
        if let Some(offer) = start.offer {
            session.on_engine_offer(&offer, &mut self.outbox);
        }
    }

    fn on_request(&mut self, request: EngineRequest) {
        let (Some(session), outbox) = (&mut self.session, &mut self.outbox) else { return };
        // An engine without remote description sends no state before its offer.
        if self.is_resuming && matches!(request, EngineRequest::SyncState(_) | EngineRequest::Offer(_)) {
            self.is_resuming = false;
            session.resend_to_engine(outbox);
        }
        match request {
            EngineRequest::PingReq(ping) => {
                let pong = lk::Pong { last_ping_timestamp: ping.timestamp, timestamp: now() };
                outbox.send_to_engine(lk::signal_response::Message::PongResp(pong));
            }
            EngineRequest::Offer(offer) => session.on_engine_offer(&offer.sdp, outbox),
            EngineRequest::Answer(answer) => session.on_engine_answer(answer.sdp, outbox),
            EngineRequest::Trickle(trickle) => session.on_engine_candidate(&trickle, outbox),
            EngineRequest::AddTrack(request) => session.add_track(request, outbox),
            EngineRequest::Mute(mute) => session.on_mute(&mute, outbox),
            EngineRequest::Subscription(update) => session.on_subscription(update, outbox),
            EngineRequest::TrackSetting(settings) => session.on_track_settings(settings, outbox),
            _ => {}
        }
    }
}
