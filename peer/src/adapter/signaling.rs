//! Events of the signaling server.

use super::timers::{ABSENCE_TIMEOUT, Backoff, CONFIRM_TIMEOUT, Timer};
use super::{Acquaintance, Adapter};
use crate::client::Client;
use crate::events::{EventError, ServerEvent, User};
use crate::extension::Extension;
use crate::reason::Reason;
use crate::session::{Connection, Session};
use crate::socketio::Incoming;
use crate::state::{Departure, Phase, Refusal, Signaling, WaitingUser};

impl Adapter {
    pub(crate) fn on_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Connected => {
                self.set_signaling(Signaling::Connected);
                self.join();
            }
            Incoming::Lost => {
                tracing::warn!("signaling connection lost");
                self.in_room = false;
                self.timers.stop(Timer::Rejoin);
                self.set_signaling(Signaling::Lost);
            }
            // A token can expire during the call, and media needs none.
            Incoming::Refused(message) if self.state.borrow().phase != Phase::Joining => {
                tracing::warn!(reason = %message, "signaling server refuses the token");
                self.set_signaling(Signaling::TokenRefused);
            }
            Incoming::Refused(message) => self.refuse(Refusal::Token(message)),
            Incoming::Event(..) if self.socket.is_none() => {}
            Incoming::Event(name, data) => match ServerEvent::parse(&name, &data) {
                Ok(event) => self.on_event(event),
                // A browser marks the end of its candidates so.
                Err(EventError::Candidate | EventError::Unknown) => {}
                Err(error) => tracing::warn!(%error, "event of the signaling server dropped"),
            },
        }
        self.flush();
    }

    fn on_event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::RoomJoined { users, tells_clients } => {
                self.tells_clients = tells_clients;
                self.on_room_joined(users);
            }
            ServerEvent::RoomWaiting => self.on_room_waiting(),
            ServerEvent::WaitingRoom(user) => {
                let waiting = user.map(|User { id, role, .. }| WaitingUser { user_id: id, role });
                self.state.send_modify(|state| state.waiting = waiting);
            }
            ServerEvent::TokenRefreshed(token) => {
                self.token.send_replace(token.clone());
                self.state.send_modify(|state| state.token = Some(token));
            }
            ServerEvent::KeyChanged(index) => {
                self.state.send_modify(|state| state.key_index = state.key_index.max(index));
            }
            ServerEvent::RoomLeft(reason) => self.refuse(reason.into_refusal()),
            ServerEvent::UserJoined(user) => self.on_user(user),
            ServerEvent::Error(reason) => self.on_error(reason),
            ServerEvent::Moved => self.finish(Phase::Moved),
            ServerEvent::UserLeft { from } => {
                if let Some(session) = self.session.as_ref().filter(|session| session.user.id == from) {
                    match session.client {
                        // A native app says that it ends the call. So this one may only have lost its signaling.
                        Some(Client::Native) => self.timers.start(ABSENCE_TIMEOUT, Timer::Absence(session.number)),
                        _ => self.end_session(Departure::Left),
                    }
                }
            }
            ServerEvent::CallEnd { from } if self.is_peer(&from) => self.end_session(Departure::CallEnded),
            ServerEvent::CallInit { from } if self.session.is_none() => self.on_user(User::of_id(from)),
            ServerEvent::Offer { from, description, extension } => {
                let is_native = extension.is_some();
                if self.session.is_none() && !is_native {
                    self.on_user(User::of_id(from.clone()));
                }
                if !self.is_current(&from, extension.as_ref()) {
                    return;
                }
                let Some(session) = &mut self.session else { return };
                if let Some(extension) = extension {
                    let (number, tracks) = (extension.offer, extension.tracks.as_deref());
                    session.on_native_offer(*description, number, tracks, &mut self.outbox);
                } else if session.client.is_none() {
                    self.decide(Client::Browser);
                } else if session.on_browser_offer(&description, &mut self.outbox) == Connection::New {
                    self.rebuild(true);
                }
            }
            ServerEvent::Answer { from, description, extension } => {
                let number = extension.as_ref().and_then(|extension| extension.offer);
                if self.is_current(&from, extension.as_ref())
                    && let Some(session) = &mut self.session
                    && session.joined
                    && session.on_answer(*description, number, &mut self.outbox) == Connection::New
                {
                    self.rebuild(true);
                }
            }
            ServerEvent::Candidate { from, candidate } if self.is_peer(&from) => {
                if let Some(session) = &mut self.session {
                    session.on_candidate(candidate, &mut self.outbox);
                }
            }
            ServerEvent::Extension { from, extension } => {
                if self.is_current(&from, Some(&extension))
                    && let Some(session) = &mut self.session
                {
                    if let Some(tracks) = &extension.tracks {
                        session.set_tracks(tracks, &mut self.outbox);
                    }
                    if let Some(demand) = &extension.demand {
                        session.on_demand(demand, &mut self.outbox);
                    }
                }
            }
            ServerEvent::Stats { from, stats } if self.is_peer(&from) => {
                self.state.send_modify(|state| state.peer_stats = Some(stats));
            }
            ServerEvent::CallEnd { .. }
            | ServerEvent::CallInit { .. }
            | ServerEvent::Candidate { .. }
            | ServerEvent::Stats { .. } => {}
        }
    }

    fn on_room_joined(&mut self, users: Vec<User>) {
        self.in_room = true;
        self.rejoins = None;
        self.timers.stop(Timer::Rejoin);
        self.state.send_modify(|state| state.waiting = None);
        let peer = users.into_iter().find(|user| user.id != self.options.user_id);
        match (peer, &self.session) {
            (Some(user), _) => self.on_user(user),
            (None, None) => {
                let departure = match &self.state.borrow().phase {
                    Phase::Waiting { departure } => *departure,
                    _ => None,
                };
                self.set_phase(Phase::Waiting { departure });
            }
            // A server that was restarted counts the peer again when it returns.
            (None, Some(session)) => self.timers.start(ABSENCE_TIMEOUT, Timer::Absence(session.number)),
        }
    }

    /// Waits for the doctor's decision, which arrives as `room-joined` or `room-left`.
    fn on_room_waiting(&mut self) {
        self.rejoins = None;
        self.timers.stop(Timer::Rejoin);
        self.end_session(Departure::Left);
        self.set_phase(Phase::WaitingRoom);
    }

    fn on_error(&mut self, reason: Reason) {
        if self.in_room || !self.timers.runs(Timer::Rejoin) {
            tracing::warn!(reason.message, "signaling server reports an error");
            return;
        }
        // A server without codes may still count the connection that was lost. Media goes on meanwhile.
        let is_passing = !reason.is_final() && (reason.has_code() || self.session.is_some() || self.rejoins.is_some());
        let next = is_passing.then(|| self.rejoins.get_or_insert_with(Backoff::default).next()).flatten();
        match next {
            Some(wait) => self.timers.start(wait, Timer::Rejoin),
            None => self.refuse(reason.into_refusal()),
        }
    }

    /// Handles a user that is in the room, new or again.
    fn on_user(&mut self, mut user: User) {
        if user.id == self.options.user_id {
            return;
        }
        if self.tells_clients {
            user.client.get_or_insert(Client::Browser);
        }
        // A user with another kind of client shares nothing with the one before.
        let is_same = |session: &&mut Session| {
            let is_other_kind = user.client.is_some() && session.client.is_some() && user.client != session.client;
            session.user.id == user.id && !is_other_kind
        };
        let Some(session) = self.session.as_mut().filter(is_same) else {
            self.end_session(Departure::Left);
            return self.begin(user, &Acquaintance::Server);
        };
        session.user.client = user.client.or(session.user.client);
        // The peer returned, or this side did. Whether the media session goes on is the peer's to say.
        let (number, client) = (session.number, session.client);
        self.timers.stop(Timer::Absence(number));
        self.say_hello();
        match client {
            Some(Client::Native) => self.timers.start(CONFIRM_TIMEOUT, Timer::Confirm(number)),
            // The answer to a new offer shows whether it is the same PeerConnection.
            Some(Client::Browser) => {
                if let Some(session) = &self.session {
                    session.offer_again(&mut self.outbox);
                }
            }
            None => self.await_hello(),
        }
    }

    fn is_peer(&self, user_id: &str) -> bool {
        self.session.as_ref().is_some_and(|session| session.user.id == user_id)
    }

    /// Returns `true` if a message belongs to the present session. The extension of a native peer may begin another one.
    fn is_current(&mut self, from: &str, extension: Option<&Extension>) -> bool {
        let Some(extension) = extension else { return self.is_peer(from) };
        let is_mine = extension.peer.as_ref().is_none_or(|peer| *peer == self.instance);
        let Some(session) = &mut self.session else {
            if from == self.options.user_id || !is_mine {
                return false;
            }
            self.begin(User::of_id(from.to_owned()), &Acquaintance::Message(extension));
            return extension.epoch == self.epoch;
        };
        if session.user.id != from {
            return false;
        }
        if !is_mine {
            // For an earlier adapter of this user. A hello for this one follows.
            session.user.client = Some(Client::Native);
            return false;
        }
        if extension.name.is_some() {
            session.name.clone_from(&extension.name);
        }
        let is_same_instance = session.local.peer.as_ref().is_none_or(|known| *known == extension.instance);
        let (epoch, number, user) = (session.local.epoch, session.number, session.user.clone());
        match session.client {
            None => {
                session.local.peer = Some(extension.instance.clone());
                // Nothing has been exchanged yet, so the session can be counted anew.
                session.local.epoch = epoch.max(extension.epoch);
                self.epoch = session.local.epoch;
                self.decide(Client::Native);
                // A lower epoch is that of a hello, or of a session that has ended.
                extension.epoch >= epoch
            }
            Some(Client::Native) if is_same_instance && extension.epoch <= epoch => {
                if extension.epoch == epoch
                    && self.timers.stop(Timer::Confirm(number))
                    && let Some(session) = &self.session
                {
                    session.resend_to_peer(&mut self.outbox);
                }
                extension.epoch == epoch
            }
            // The peer began anew, or its hello was late and this side took it for a browser.
            Some(_) => {
                self.end_session(Departure::Rebuilt);
                self.begin(user, &Acquaintance::Message(extension));
                extension.epoch == self.epoch
            }
        }
    }
}
