//! A call from peer to peer. The adapter says who is there, and each presence of the other side has a room of its own.

use std::time::{Duration, Instant, SystemTime};

use autamedica_api::{ConsultationKey, Role};
use autamedica_engine::{ConnectionQuality as Quality, DisconnectReason, Room, RoomEvent};
use autamedica_peer::{
    ConnectionQuality, ConnectionStats, Departure, IceServer, Peer, PeerOptions, PeerState, Phase, Presence, Refusal,
    Signaling, WaitingUser,
};
use tokio::sync::mpsc;

use super::event::Event;
use super::join::{NotEntered, enter_room};
use super::task::{RETRY_PAUSE, Task};
use super::{CallPhase, EncryptionState, EndReason, ParticipantState, Secret, StatisticsSample, backoff};
use crate::backend::{Admission, Backend};

/// Longest pause between attempts to renew the token.
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// A call from peer to peer.
pub(super) struct Direct {
    peer: Peer,
    pub(super) started: Instant,
    /// The newest presence of the other side.
    presence: Option<Presence>,
    /// The patient in the waiting room.
    waiting: Option<Waiting>,
    /// Newest token that the signaling server sent. A renewal may have replaced it since.
    token: Option<Secret>,
    renewal: Renewal,
}

/// The patient in the waiting room of a call from peer to peer.
struct Waiting {
    user: WaitingUser,
    since: SystemTime,
}

/// Renewal of the token that the signaling server refuses.
#[derive(Default)]
struct Renewal {
    busy: bool,
    /// Attempts since the server accepted a token.
    attempts: u32,
}

/// A room that was entered with the other side.
pub(super) struct PeerRoom {
    room: Room,
    events: mpsc::Receiver<RoomEvent>,
    /// The end-to-end key, if it was fetched for this room.
    key: Option<ConsultationKey>,
}

/// Starts the adapter of a call from peer to peer.
pub(super) async fn start(backend: &Backend, admission: &Admission) -> Result<Peer, NotEntered> {
    let (Some(user), Some(consultation)) = (&admission.direct_as, &admission.consultation) else {
        return Err(EndReason::JoinFailed.into());
    };
    let servers = backend.ice_servers(&consultation.server, &admission.token).await;
    let ice_servers =
        servers.inspect_err(|error| tracing::warn!(%error, "no STUN and TURN servers")).unwrap_or_default();
    let options = PeerOptions {
        signaling_url: consultation.server.to_string(),
        token: admission.token.clone(),
        user_id: user.to_string(),
        room_id: consultation.id.to_string(),
        display_name: user.to_string(),
        role: admission.role.to_string(),
        ice_servers: ice_servers.into_iter().map(ice_server).collect(),
    };
    Peer::start(options).await.map_err(|error| {
        tracing::error!(%error, "a call from peer to peer can't be started");
        EndReason::JoinFailed.into()
    })
}

fn ice_server(server: autamedica_api::IceServer) -> IceServer {
    IceServer {
        urls: server.urls,
        username: server.username.unwrap_or_default(),
        credential: Secret::new(server.credential.unwrap_or_default()),
    }
}

impl Task {
    /// Begins a call from peer to peer: the room comes with the other side.
    pub(super) fn on_direct(&mut self, admission: Admission, peer: Peer) {
        let mut changes = peer.state();
        changes.mark_changed();
        let events = self.events();
        self.jobs.spawn(async move {
            while changes.changed().await.is_ok() {
                let state = changes.borrow_and_update().clone();
                events.send(Event::Peer(state));
            }
        });
        let state = self.state();
        state.direct = true;
        state.first_join_failure = None;
        state.encryption = if admission.e2ee { EncryptionState::On } else { EncryptionState::Off };
        state.identity = admission.direct_as.as_ref().map_or_else(String::new, ToString::to_string);
        state.role = admission.role;
        state.planned_end = admission.planned_end.or(state.planned_end);
        state.admission = Some(admission.clone().into());
        self.admission = Some(admission);
        self.direct = Some(Direct {
            peer,
            started: Instant::now(),
            presence: None,
            waiting: None,
            token: None,
            renewal: Renewal::default(),
        });
    }

    /// The other side came or left, or signaling was lost or restored.
    pub(super) fn on_peer(&mut self, peer: PeerState) {
        let Some(direct) = &mut self.direct else { return };
        direct.waiting = peer.waiting.map(|user| {
            let known = direct.waiting.take().filter(|known| known.user == user);
            known.unwrap_or_else(|| Waiting { user, since: SystemTime::now() })
        });
        if direct.token != peer.token
            && let (Some(token), Some(admission)) = (&peer.token, &mut self.admission)
        {
            admission.token = token.clone();
            direct.token.clone_from(&peer.token);
        }
        self.key_announced(peer.key_index);
        let Some(direct) = &mut self.direct else { return };
        match peer.phase {
            Phase::Refused(refusal) => {
                let reason = self.end_reason(&refusal);
                return self.end(reason);
            }
            Phase::WaitingRoom => {
                if peer.signaling == Signaling::Connected {
                    self.wait_for_admission();
                }
            }
            Phase::Present(presence) => {
                let is_new = direct.presence.as_ref().is_none_or(|known| known.number != presence.number);
                let no_chat = !presence.capabilities.chat;
                direct.presence = Some(presence);
                self.state().no_chat = no_chat;
                if is_new {
                    self.enter_peer_room(Duration::ZERO);
                }
            }
            Phase::Waiting { departure } => {
                direct.presence = None;
                self.leave_peer();
                if departure == Some(Departure::Rebuilt) {
                    self.on_connection_lost();
                } else if peer.signaling == Signaling::Connected {
                    self.wait_for_peer();
                }
            }
            Phase::Moved => return self.follow_to_sfu(),
            Phase::Joining => {}
        }
        // With the other side media goes on without signaling; alone, nobody could come.
        let is_alone = self.direct.as_ref().is_some_and(|direct| direct.presence.is_none());
        let is_lost = matches!(peer.signaling, Signaling::Lost | Signaling::TokenRefused);
        if is_alone && is_lost && matches!(self.state().phase, CallPhase::InCall | CallPhase::Waiting { .. }) {
            self.on_connection_lost();
        }
        if peer.signaling == Signaling::TokenRefused {
            self.renew_token();
        } else if peer.signaling == Signaling::Connected
            && let Some(direct) = &mut self.direct
        {
            direct.renewal.attempts = 0;
        }
        let quality = peer.peer_stats.map(|stats| shown_quality(stats.quality));
        self.remotes.set_quality(quality);
    }

    /// Joins anew for a token that the signaling server accepts, as after an expiry. Media goes on meanwhile.
    fn renew_token(&mut self) {
        let (entrance, target) = (self.entrance.clone(), self.target.clone());
        let Some(direct) = self.direct.as_mut().filter(|direct| !direct.renewal.busy) else { return };
        let renewal = &mut direct.renewal;
        renewal.busy = true;
        let pause = match renewal.attempts {
            0 => Duration::ZERO,
            attempts => backoff::pause(RETRY_PAUSE, attempts - 1, MAX_RENEWAL_PAUSE),
        };
        renewal.attempts += 1;
        self.spawn_job(Event::Readmitted(Err(EndReason::JoinFailed)), async move {
            tokio::time::sleep(pause).await;
            Event::Readmitted(entrance.admission(&target, false).await)
        });
    }

    pub(super) fn on_readmitted(&mut self, result: Result<Admission, EndReason>) {
        let Some(direct) = &mut self.direct else { return };
        direct.renewal.busy = false;
        match result {
            Ok(fresh) if fresh.direct_as.is_none() => {
                self.admission = Some(fresh);
                self.follow_to_sfu();
            }
            Ok(fresh) => {
                direct.peer.set_token(fresh.token.clone());
                // A newer key takes effect when it is announced.
                if let Some(admission) = &mut self.admission {
                    (admission.token, admission.url) = (fresh.token, fresh.url);
                }
            }
            Err(EndReason::NotAllowed) => {
                let reason = self.end_reason(&Refusal::Room(String::new()));
                self.end(reason);
            }
            Err(reason @ (EndReason::Over | EndReason::Cancelled)) => self.end(reason),
            Err(_) => self.renew_token(),
        }
    }

    /// Waits in the waiting room.
    fn wait_for_admission(&mut self) {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.state().phase = CallPhase::Waiting { since };
    }

    /// Returns the patient in the waiting room.
    pub(super) fn waiting_participant(&self) -> Option<ParticipantState> {
        let Waiting { user, since } = self.direct.as_ref()?.waiting.as_ref()?;
        Some(ParticipantState {
            identity: user.user_id.clone(),
            name: user.user_id.clone(),
            role: user.role.parse().ok(),
            camera: None,
            screen: None,
            others: Vec::new(),
            camera_absence: None,
            original_sound: false,
            microphone_muted: true,
            speaking: false,
            may_send: false,
            waiting_since: Some(*since),
            joined_at: Some(*since),
            quality: Quality::Excellent,
        })
    }

    /// Enters the consultation's room at the SFU, with the same token.
    fn follow_to_sfu(&mut self) {
        tracing::info!("the call moves over to the SFU");
        self.direct = None;
        self.state().direct = false;
        self.leave_peer();
        self.remotes.set_quality(None);
        if let Some(admission) = &mut self.admission {
            admission.direct_as = None;
        }
        self.on_connection_lost();
        self.enter(Duration::ZERO);
    }

    /// Nobody else is in the call.
    fn wait_for_peer(&mut self) {
        self.waiting_since = None;
        let state = self.state();
        state.joined_at.get_or_insert_with(Instant::now);
        state.phase = CallPhase::InCall;
    }

    /// The room with the other side is gone; the devices go on.
    fn leave_peer(&mut self) {
        self.session = None;
        self.state().no_chat = false;
        self.local.room_left();
        self.remotes.clear();
        self.unreadable.clear();
    }

    /// Enters the room of the other side's newest presence, after a pause, with the newest key.
    fn enter_peer_room(&mut self, pause: Duration) {
        let (Some(direct), Some(admission)) = (&self.direct, &self.admission) else { return };
        let Some(presence) = direct.presence.clone() else { return };
        let (number, mut admission) = (presence.number, admission.clone());
        let (backend, is_outdated) = (self.entrance.backend.clone(), self.is_key_outdated());
        let if_panics = Event::PeerRoomEntered { presence: number, result: Err(EndReason::JoinFailed.into()) };
        self.spawn_job(if_panics, async move {
            tokio::time::sleep(pause).await;
            let mut key = None;
            if let Some(consultation) = admission.consultation.as_ref().filter(|_| is_outdated) {
                match backend.key(consultation, &admission.token).await {
                    Ok(fetched) => {
                        admission.e2ee_key = Some(Secret::new(&fetched.key));
                        admission.e2ee_key_index = fetched.index;
                        key = Some(fetched);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "end-to-end key not fetched; retrying");
                        let result = Err(EndReason::JoinFailed.into());
                        return Event::PeerRoomEntered { presence: number, result };
                    }
                }
            }
            let entered = enter_room(&presence.url, presence.token.expose(), &admission).await;
            let result = entered.map(|(room, events)| PeerRoom { room, events, key });
            Event::PeerRoomEntered { presence: number, result }
        });
    }

    pub(super) fn on_peer_room_entered(&mut self, presence: u64, result: Result<PeerRoom, NotEntered>) {
        let current = self.direct.as_ref().and_then(|direct| direct.presence.as_ref());
        if current.is_none_or(|current| current.number != presence) {
            return;
        }
        if let Ok(PeerRoom { key: Some(key), .. }) = &result {
            self.store_key(key.clone());
        }
        match (result, self.admission.clone()) {
            (Ok(PeerRoom { room, events, .. }), Some(admission)) => {
                self.waiting_since = None;
                self.on_room(admission, room, events);
                // Each side finds the other in the room, so no arrival makes the doctor offer it.
                if self.state().role != Role::Doctor && !self.state().no_chat {
                    self.request_history(0);
                }
            }
            _ => {
                self.on_connection_lost();
                self.enter_peer_room(RETRY_PAUSE);
            }
        }
    }

    /// The room of one presence has ended.
    pub(super) fn on_peer_disconnected(&mut self, reason: DisconnectReason) {
        self.leave_peer();
        // The adapter closes a room when the other side has left, and says so by itself.
        if !matches!(reason, DisconnectReason::RoomClosed | DisconnectReason::ClientInitiated) {
            self.on_connection_lost();
            self.enter_peer_room(RETRY_PAUSE);
        }
    }

    fn end_reason(&mut self, refusal: &Refusal) -> EndReason {
        tracing::info!(?refusal, "signaling refuses us");
        let (was_in, waits) = (self.state().joined_at.is_some(), self.waiting_since.is_some());
        match refusal {
            Refusal::Replaced => EndReason::JoinedElsewhere,
            Refusal::Over if was_in || waits => EndReason::RoomClosed,
            Refusal::Over => EndReason::Over,
            _ if waits => EndReason::Refused,
            _ if was_in => EndReason::Removed,
            Refusal::Token(_) | Refusal::Room(_) => EndReason::NotAllowed,
        }
    }

    /// Tells the other side how well we receive.
    pub(super) fn send_peer_stats(&mut self, sample: &StatisticsSample) {
        let Some(direct) = &self.direct else { return };
        let quality = quality(sample);
        direct.peer.send_stats(ConnectionStats {
            bitrate: sample.received_kbps * 1000.0,
            latency: sample.round_trip_ms.unwrap_or_default(),
            packet_loss: sample.loss_percent,
            quality,
        });
        self.state().quality = shown_quality(quality);
    }
}

/// Converts the protocol's four grades into the engine's three.
fn shown_quality(quality: ConnectionQuality) -> Quality {
    match quality {
        ConnectionQuality::Excellent => Quality::Excellent,
        ConnectionQuality::Good => Quality::Good,
        ConnectionQuality::Fair | ConnectionQuality::Poor => Quality::Poor,
    }
}

/// The quality of a connection, by loss in percent and round-trip time in milliseconds.
fn quality(sample: &StatisticsSample) -> ConnectionQuality {
    let round_trip_ms = sample.round_trip_ms.unwrap_or_default();
    match sample.loss_percent {
        loss if loss < 1.0 && round_trip_ms < 150.0 => ConnectionQuality::Excellent,
        loss if loss < 3.0 && round_trip_ms < 300.0 => ConnectionQuality::Good,
        loss if loss < 8.0 && round_trip_ms < 600.0 => ConnectionQuality::Fair,
        _ => ConnectionQuality::Poor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(loss_percent: f64, round_trip_ms: f64) -> StatisticsSample {
        StatisticsSample {
            at: Instant::now(),
            round_trip_ms: Some(round_trip_ms),
            loss_percent,
            jitter_ms: 0.0,
            sent_kbps: 0.0,
            received_kbps: 0.0,
            tracks: Vec::new(),
        }
    }

    #[test]
    fn quality_falls_with_loss_and_with_delay() {
        assert_eq!(quality(&sample(0.0, 40.0)), ConnectionQuality::Excellent);
        assert_eq!(quality(&sample(2.0, 40.0)), ConnectionQuality::Good);
        assert_eq!(quality(&sample(0.0, 400.0)), ConnectionQuality::Fair);
        assert_eq!(quality(&sample(20.0, 40.0)), ConnectionQuality::Poor);
    }
}
