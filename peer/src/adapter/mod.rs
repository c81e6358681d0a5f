//! State machine between signaling server and engine: who is there, and when a media session begins and ends.

mod engine;
mod signaling;
#[cfg(test)]
mod tests;
mod timers;

use std::sync::Arc;

use autamedica_text::Secret;
use timers::{Backoff, HELLO_TIMEOUT, JOIN_TIMEOUT, NATIVE_HELLO_TIMEOUT, Timer, Timers};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::Access;
use crate::client::Client;
use crate::events::{ClientEvent, User};
use crate::extension::Extension;
use crate::livekit;
use crate::loopback::Link;
use crate::options::PeerOptions;
use crate::outbox::Outbox;
use crate::random;
use crate::session::Session;
use crate::socketio;
use crate::state::{Capabilities, ConnectionStats, Departure, PeerState, Phase, Presence, Refusal, Signaling};

/// What is known of the peer when a session begins.
enum Acquaintance<'a> {
    /// At most what the server told.
    Server,
    /// A session with this instance of a native app has just ended.
    Instance(String),
    /// A message of a native app arrived.
    Message(&'a Extension),
}

/// Adapter of one call.
pub(crate) struct Adapter {
    options: PeerOptions,
    url: String,
    instance: String,
    state: watch::Sender<PeerState>,
    /// Token for the signaling server.
    token: watch::Sender<Secret>,
    access: Arc<Access>,
    /// `None` once the call ended in a final phase.
    socket: Option<socketio::Client>,
    /// The room was joined on the present connection to the signaling server.
    in_room: bool,
    /// The server tells which users are native.
    tells_clients: bool,
    /// Attempts to join again after a room that was joined before; `None` while none is under way.
    rejoins: Option<Backoff>,
    session: Option<Session>,
    /// Number of the last presence.
    presences: u64,
    epoch: u32,
    link: Option<Link>,
    /// The engine has not sent its state since it resumed. It reads its descriptions meanwhile, and crashes if a message
    /// changes them.
    is_resuming: bool,
    outbox: Outbox,
    timers: Timers,
}

impl Adapter {
    pub(crate) fn new(
        options: PeerOptions,
        url: String,
        instance: String,
        state: watch::Sender<PeerState>,
        token: watch::Sender<Secret>,
        access: Arc<Access>,
        socket: socketio::Client,
    ) -> Self {
        Self {
            options,
            url,
            instance,
            state,
            token,
            access,
            socket: Some(socket),
            in_room: false,
            tells_clients: false,
            rejoins: None,
            session: None,
            presences: 0,
            epoch: 0,
            link: None,
            is_resuming: false,
            outbox: Outbox::default(),
            timers: Timers::default(),
        }
    }

    /// Time of the next timer.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// Ends the call.
    pub(crate) fn stop(&mut self) {
        if self.session.is_some() {
            self.emit(&ClientEvent::CallEnd);
        }
        self.end_session(Departure::CallEnded);
        self.emit(&ClientEvent::LeaveRoom);
    }

    /// Sends the local statistics to the peer.
    pub(crate) fn on_local_stats(&self, stats: ConnectionStats) {
        if self.session.is_some() && self.in_room {
            self.emit(&ClientEvent::Stats(stats));
        }
    }

    pub(crate) fn on_timer(&mut self) {
        while let Some(timer) = self.timers.expired() {
            let number = self.session.as_ref().map(|session| session.number);
            match timer {
                Timer::Hello(of) if number == Some(of) => self.on_hello_timeout(),
                Timer::Confirm(of) if number == Some(of) => self.rebuild(false),
                Timer::Absence(of) if number == Some(of) => self.end_session(Departure::Left),
                Timer::Rejoin if !self.in_room => self.join(),
                _ => {}
            }
        }
        self.flush();
    }

    // Sessions

    /// Begins a session with a user.
    fn begin(&mut self, user: User, acquaintance: &Acquaintance<'_>) {
        let Ok(token) = random::hex::<32>() else {
            tracing::error!("no random bytes; session not begun");
            return;
        };
        self.presences += 1;
        let (peer, peer_name, peer_epoch) = match acquaintance {
            Acquaintance::Server => (None, None, 0),
            Acquaintance::Instance(instance) => (Some(instance.clone()), None, 0),
            Acquaintance::Message(from) => (Some(from.instance.clone()), from.name.clone(), from.epoch),
        };
        self.epoch = self.epoch.saturating_add(1).max(peer_epoch);
        let (instance, name, client) = (self.instance.clone(), Some(self.options.display_name.clone()), user.client);
        let local = Extension { instance, epoch: self.epoch, peer, name, ..Extension::default() };
        let metadata = livekit::metadata(&user.role, &self.options.room_id, &user.id);
        let mut session = Session::new(self.presences, Secret::new(token), user, metadata, local);
        session.name = peer_name;
        self.session = Some(session);
        self.say_hello();
        match (acquaintance, client) {
            (Acquaintance::Instance(_) | Acquaintance::Message(_), _) => self.decide(Client::Native),
            (Acquaintance::Server, Some(Client::Browser)) => self.decide(Client::Browser),
            (Acquaintance::Server, _) => self.await_hello(),
        }
    }

    fn await_hello(&mut self) {
        let Some(session) = &self.session else { return };
        let is_native = session.user.client == Some(Client::Native);
        let timeout = if is_native { NATIVE_HELLO_TIMEOUT } else { HELLO_TIMEOUT };
        self.timers.start(timeout, Timer::Hello(session.number));
    }

    fn on_hello_timeout(&mut self) {
        let Some(session) = self.session.as_ref().filter(|session| session.client.is_none()) else { return };
        if session.user.client == Some(Client::Native) {
            tracing::warn!("no hello of a native peer; hello repeated");
            self.say_hello();
            self.await_hello();
        } else {
            self.decide(Client::Browser);
        }
    }

    fn say_hello(&mut self) {
        if let Some(session) = &self.session {
            self.outbox.send_to_peer(ClientEvent::Extension(session.local.clone()));
        }
    }

    /// Settles the peer's kind and lets the engine connect.
    fn decide(&mut self, client: Client) {
        let Some(session) = self.session.as_mut().filter(|session| session.client.is_none()) else { return };
        session.client = Some(client);
        let identity = session.identity();
        let presence = Presence {
            number: session.number,
            user_id: identity.id.to_owned(),
            role: session.user.role.clone(),
            name: identity.name.to_owned(),
            capabilities: if client == Client::Native { Capabilities::NATIVE } else { Capabilities::BROWSER },
            url: self.url.clone(),
            token: session.token.clone(),
        };
        self.access.admit(session.token.clone(), session.number, client == Client::Native);
        self.set_phase(Phase::Present(presence));
    }

    /// Ends the present session, if there is one.
    fn end_session(&mut self, departure: Departure) {
        if self.session.take().is_none() {
            return;
        }
        self.access.close();
        self.outbox = Outbox::default();
        if let Some(link) = self.link.take() {
            // An engine that is gone needs no leave.
            let _ = link.send(livekit::leave());
        }
        self.state.send_modify(|state| {
            state.peer_stats = None;
            state.phase = Phase::Waiting { departure: Some(departure) };
        });
    }

    /// Begins anew with the same peer, after its PeerConnection or the engine's is another. A native peer that
    /// `is_there` follows when it hears the new epoch; another one has to say hello.
    fn rebuild(&mut self, is_there: bool) {
        let Some(session) = &self.session else { return };
        let (client, user, instance) = (session.client, session.user.clone(), session.local.peer.clone());
        self.end_session(Departure::Rebuilt);
        match (client, instance) {
            (Some(Client::Native), Some(instance)) if is_there => self.begin(user, &Acquaintance::Instance(instance)),
            (Some(Client::Native) | None, _) => self.begin(user, &Acquaintance::Server),
            (Some(Client::Browser), _) => {
                // A page makes a new PeerConnection only for a user who joins.
                self.in_room = false;
                self.rejoins = Some(Backoff::default());
                self.emit(&ClientEvent::LeaveRoom);
                self.join();
            }
        }
    }

    /// Ends the call because the server refused the user for good.
    fn refuse(&mut self, refusal: Refusal) {
        self.finish(Phase::Refused(refusal));
    }

    /// Ends the call on this side, in a phase that is final.
    fn finish(&mut self, phase: Phase) {
        self.end_session(Departure::Left);
        self.set_phase(phase);
        self.in_room = false;
        self.timers = Timers::default();
        // Dropping the client closes the connection.
        self.socket = None;
    }

    fn set_signaling(&self, signaling: Signaling) {
        self.state.send_modify(|state| state.signaling = signaling);
    }

    fn set_phase(&self, phase: Phase) {
        self.state.send_modify(|state| state.phase = phase);
    }

    // Sending

    /// Joins the room; again until there is an answer, which a server may have lost.
    fn join(&mut self) {
        self.emit(&ClientEvent::JoinRoom);
        self.timers.start(JOIN_TIMEOUT, Timer::Rejoin);
    }

    /// Sends an event. Returns `false` if it was not queued.
    fn emit(&self, event: &ClientEvent) -> bool {
        let (name, data) = event.encode(&self.options.room_id);
        self.socket.as_ref().is_some_and(|socket| socket.emit(name, &data))
    }

    /// Sends what is held for the engine and for the peer, as far as they are there.
    fn flush(&mut self) {
        while self.in_room
            && let Some(event) = self.outbox.next_to_peer()
            && self.emit(event)
        {
            self.outbox.sent_to_peer();
        }
        while let Some(link) = self.link.as_ref().filter(|_| !self.is_resuming)
            && let Some(message) = self.outbox.next_to_engine()
        {
            if let Err(message) = link.send(message) {
                tracing::warn!("engine too slow or gone; its connection is closed");
                self.outbox.return_to_engine(*message);
                self.link = None;
            }
        }
    }
}
