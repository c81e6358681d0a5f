//! State machine between signaling server and engine: who is there, and when a media session begins and ends.

mod engine;
mod signaling;
mod timers;

use std::sync::Arc;

use timers::{HELLO_TIMEOUT, Timer, Timers};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::Access;
use crate::events::{ClientEvent, User};
use crate::extension::Extension;
use crate::livekit;
use crate::loopback::Link;
use crate::options::{PeerOptions, Secret};
use crate::outbox::Outbox;
use crate::random;
use crate::session::{Client, Session};
use crate::socketio;
use crate::state::{Capabilities, ConnectionStats, Departure, PeerState, Phase, Presence, Signaling};

/// Maximum number of attempts to join again.
const REJOINS: u32 = 120;

/// Adapter of one call.
pub(crate) struct Adapter {
    options: PeerOptions,
    url: String,
    instance: String,
    state: watch::Sender<PeerState>,
    access: Arc<Access>,
    socket: socketio::Client,
    /// The room was joined on the present connection to the signaling server.
    in_room: bool,
    /// Attempts to join again that are left.
    rejoins: u32,
    session: Option<Session>,
    /// Number of the last presence.
    presences: u64,
    epoch: u32,
    link: Option<Link>,
    outbox: Outbox,
    timers: Timers,
}

impl Adapter {
    pub(crate) fn new(
        options: PeerOptions,
        url: String,
        instance: String,
        state: watch::Sender<PeerState>,
        access: Arc<Access>,
        socket: socketio::Client,
    ) -> Self {
        Self {
            options,
            url,
            instance,
            state,
            access,
            socket,
            in_room: false,
            rejoins: 0,
            session: None,
            presences: 0,
            epoch: 0,
            link: None,
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
                Timer::Hello(of) if number == Some(of) => self.decide(Client::Browser),
                Timer::Confirm(of) if number == Some(of) => self.rebuild(),
                Timer::Absence(of) if number == Some(of) => self.end_session(Departure::Left),
                Timer::Rejoin if !self.in_room => self.emit(&ClientEvent::JoinRoom),
                _ => {}
            }
        }
        self.flush();
    }

    // Sessions

    /// Begins a session with a user. With the extension of a native peer its kind is known.
    fn begin(&mut self, user: User, extension: Option<&Extension>) {
        let Ok(token) = random::hex::<32>() else {
            tracing::error!("no random bytes; session not begun");
            return;
        };
        self.presences += 1;
        self.epoch = self.epoch.saturating_add(1).max(extension.map_or(0, |extension| extension.epoch));
        let (instance, name) = (self.instance.clone(), Some(self.options.display_name.clone()));
        let local = Extension { instance, epoch: self.epoch, name, ..Extension::default() };
        let metadata = livekit::metadata(&user.role, &self.options.room_id, &user.id);
        let mut session = Session::new(self.presences, Secret::new(token), user, metadata, local);
        if let Some(extension) = extension {
            session.peer_instance = Some(extension.instance.clone());
            session.name.clone_from(&extension.name);
        }
        self.session = Some(session);
        self.say_hello();
        match extension {
            Some(_) => self.decide(Client::Native),
            None => self.timers.start(HELLO_TIMEOUT, Timer::Hello(self.presences)),
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
            link.send(livekit::leave());
        }
        self.state.send_modify(|state| {
            state.peer_stats = None;
            state.phase = Phase::Waiting { departure: Some(departure) };
        });
    }

    /// Begins anew with the same peer, after its PeerConnection or the engine's is another.
    fn rebuild(&mut self) {
        let Some(session) = &self.session else { return };
        let (client, user) = (session.client, session.user.clone());
        self.end_session(Departure::Rebuilt);
        match client {
            Some(Client::Native) | None => {
                self.begin(user, None);
            }
            Some(Client::Browser) => {
                // A page makes a new PeerConnection only for a user who joins.
                self.in_room = false;
                self.rejoins = REJOINS;
                self.emit(&ClientEvent::LeaveRoom);
                self.emit(&ClientEvent::JoinRoom);
            }
        }
    }

    fn set_signaling(&self, signaling: Signaling) {
        self.state.send_modify(|state| state.signaling = signaling);
    }

    fn set_phase(&self, phase: Phase) {
        self.state.send_modify(|state| state.phase = phase);
    }

    // Sending

    fn emit(&self, event: &ClientEvent) {
        let (name, data) = event.encode(&self.options.room_id);
        self.socket.emit(name, &data);
    }

    /// Sends what is held for the engine and for the peer, as far as they are there.
    fn flush(&mut self) {
        while self.in_room
            && let Some(event) = self.outbox.next_to_peer()
        {
            self.emit(&event);
        }
        while let Some(link) = &self.link
            && let Some(message) = self.outbox.next_to_engine()
        {
            if !link.send(message) {
                tracing::warn!("engine too slow; its connection is closed");
                self.link = None;
            }
        }
    }
}
