//! State of a joined room, and its queue of events.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

use crate::backend;
use crate::chat::RecentMessages;
use crate::e2ee::{E2eeManager, E2eeState};
use crate::event::RoomEvent;
use crate::info::RoomInfo;
use crate::limits::{MAX_QUEUED_EVENTS, MAX_QUEUED_MESSAGES, ReceiveQuota};
use crate::options::E2eeOptions;
use crate::participant::{LocalParticipant, Participant, RemoteParticipant};
use crate::publication::RemoteTrackPublication;
use crate::types::{ConnectionState, DisconnectReason};

pub(crate) struct RoomInner {
    pub object: backend::Room,
    pub info: RwLock<RoomInfo>,
    pub local: LocalParticipant,
    /// Remote participants by identity.
    pub remotes: RwLock<HashMap<String, RemoteParticipant>>,
    pub e2ee: Arc<E2eeState>,
    pub e2ee_manager: E2eeManager,
    /// `None` after the queue of events overflowed.
    events: Mutex<Option<mpsc::Sender<RoomEvent>>>,
    pub quota: Arc<ReceiveQuota>,
    pub chat: Mutex<RecentMessages>,
    this: Weak<RoomInner>,
}

impl RoomInner {
    /// Creates and registers a joined room. Runs on the events thread, so that the room's first event finds it registered.
    pub(crate) fn new(
        joined: backend::Joined,
        encryption: Option<E2eeOptions>,
        quota: Arc<ReceiveQuota>,
    ) -> (Arc<Self>, mpsc::Receiver<RoomEvent>) {
        let (events, receiver) = mpsc::channel(MAX_QUEUED_EVENTS);
        let backend::Joined { room: object, info, local, remotes } = joined;
        let e2ee = Arc::new(E2eeState::new(encryption));
        let remotes = remotes.into_iter().map(|joined| {
            let (participant, info) = joined.participant;
            let participant = RemoteParticipant::new(participant, info);
            for (publication, info) in joined.publications {
                participant.add_publication(RemoteTrackPublication::new(publication, info, e2ee.clone()));
            }
            (participant.identity(), participant)
        });
        let local = LocalParticipant::new(local.0, local.1, object.clone(), e2ee.clone());
        let inner = Arc::new_cyclic(|this| Self {
            e2ee_manager: E2eeManager::new(object.clone(), e2ee.clone(), local.core.clone()),
            object,
            info: RwLock::new(info),
            local,
            remotes: RwLock::new(remotes.collect()),
            e2ee: e2ee.clone(),
            events: Mutex::new(Some(events)),
            quota,
            chat: Mutex::default(),
            this: this.clone(),
        });
        let listener: Arc<dyn backend::RoomListener> = inner.clone();
        inner.object.listen(Arc::downgrade(&listener));
        (inner, receiver)
    }

    pub(crate) fn emit(&self, event: RoomEvent) {
        let overflow = {
            let mut events = self.events.lock();
            let Some(sender) = &*events else { return };
            let waiting = sender.max_capacity() - sender.capacity();
            if waiting >= MAX_QUEUED_MESSAGES && event.is_droppable() {
                return tracing::debug!(waiting, "event dropped, because too many are queued");
            }
            // A closed channel is no error: the owner may have dropped the receiver.
            let overflow = matches!(sender.try_send(event), Err(mpsc::error::TrySendError::Full(_)));
            if overflow {
                // The receiver still gets the queued events, then the end.
                *events = None;
            }
            overflow
        };
        if overflow {
            self.leave_after_overflow();
        }
    }

    /// Leaves the room, because its owner doesn't read the events.
    fn leave_after_overflow(&self) {
        tracing::error!(limit = MAX_QUEUED_EVENTS, "room left, because its queue of events overflowed");
        self.on_disconnected(DisconnectReason::ClientInitiated);
        if let Err(error) = self.object.leave() {
            tracing::warn!(%error, "room not left");
        }
    }

    pub(crate) fn participant(&self, identity: &str) -> Option<Participant> {
        if self.local.core.state.read().identity == identity {
            return Some(Participant::Local(self.local.clone()));
        }
        self.remotes.read().get(identity).cloned().map(Participant::Remote)
    }

    pub(crate) fn remote(&self, identity: &str) -> Option<RemoteParticipant> {
        self.remotes.read().get(identity).cloned()
    }

    /// Ends all tracks and readers and emits [`RoomEvent::Disconnected`], once.
    pub(crate) fn on_disconnected(&self, reason: DisconnectReason) {
        let before = {
            let mut info = self.info.write();
            std::mem::replace(&mut info.state, ConnectionState::Disconnected)
        };
        // The engine gives no reason when it gives up reconnecting.
        let reason = match (before, reason) {
            (ConnectionState::Reconnecting, DisconnectReason::UnknownReason) => DisconnectReason::ReconnectFailed,
            (_, reason) => reason,
        };
        if before != ConnectionState::Disconnected {
            let remotes: Vec<_> = self.remotes.read().values().cloned().collect();
            remotes.iter().for_each(RemoteParticipant::end);
            self.object.end_readers();
            self.emit(RoomEvent::Disconnected { reason });
        }
    }

    pub(crate) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }
}
