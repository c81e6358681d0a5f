//! Being in the room: gets in, stays in, and keeps the scene and the mixer up to date.

mod sync;
mod tracks;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ParticipantMetadata, RecorderEvent, RecorderOrder, RecorderProblem, Role};
use autamedica_engine::{
    DisconnectReason, E2eeOptions, EncryptionKey, EncryptionState, ParticipantKind, RemoteParticipant, Room, RoomError,
    RoomEvent, RoomOptions, TrackSource,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use self::sync::Leads;
use self::tracks::Tracks;
use crate::picture::{Person, Scene};
use crate::sound::Mixer;

/// How often things are looked at that no event tells of: how long media waits, a stream that couldn't be opened. A new
/// track has been looked at before the first of it is recorded.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Pauses between attempts to get back in: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// What the recording takes from the room. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Media {
    scene: Arc<Mutex<Arc<Scene>>>,
    /// What is heard.
    pub mixer: Mixer,
}

impl Media {
    /// What is seen.
    pub(crate) fn scene(&self) -> Arc<Scene> {
        self.scene.lock().clone()
    }

    /// Forgets all that has come and isn't recorded yet.
    pub(crate) fn flush(&self) {
        for person in &self.scene().people {
            person.camera.iter().chain(&person.screen).for_each(crate::picture::Feed::flush);
        }
        self.mixer.flush();
    }

    fn show(&self, scene: Scene) {
        let mut shown = self.scene.lock();
        if **shown != scene {
            *shown = Arc::new(scene);
        }
    }
}

/// How the session tells of something.
pub(crate) type Report = Arc<dyn Fn(RecorderEvent) + Send + Sync>;

/// Being in a room, until dropped.
pub(crate) struct Session {
    leave: watch::Sender<bool>,
    only: watch::Sender<Option<BTreeSet<String>>>,
    /// Says `true` when the room is over: it was closed, or we were removed.
    over: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Joins the room of the order.
    ///
    /// # Errors
    /// When it can't be joined, after a few attempts.
    pub(crate) async fn join(order: &RecorderOrder, media: Media, report: Report) -> Result<Self, RoomError> {
        let entrance = Entrance {
            url: order.url.clone(),
            token: order.token.clone(),
            key: order.e2ee_key.as_ref().map(|key| EncryptionKey::new(key.as_bytes())),
        };
        let joined = entrance.enter().await?;
        let (leave, left) = watch::channel(false);
        let (ended, over) = watch::channel(false);
        let (only, people) = watch::channel(None);
        let stay = Stay {
            entrance,
            names: order.names.clone(),
            only: people,
            media,
            report,
            tracks: Tracks::default(),
            leads: Leads::default(),
            reconnecting: false,
            undecryptable: HashSet::new(),
        };
        let task = tokio::spawn(async move {
            stay.run(joined, left).await;
            // Nobody listens any more when the recording has ended first.
            let _ = ended.send(true);
        });
        Ok(Self { leave, only, over, task })
    }

    /// Takes picture and sound of these people alone.
    pub(crate) fn only(&self, people: BTreeSet<String>) {
        self.only.send_replace(Some(people));
    }

    /// Whether the room is over.
    pub(crate) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Leaves the room; takes two seconds at the most.
    pub(crate) async fn leave(self) {
        // The task may have ended by itself.
        let _ = self.leave.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the session ended badly");
        }
    }
}

/// How to get in. Not `Debug`: it holds secrets.
struct Entrance {
    url: String,
    token: String,
    key: Option<EncryptionKey>,
}

type Joined = (Room, mpsc::UnboundedReceiver<RoomEvent>);

impl Entrance {
    async fn enter(&self) -> Result<Joined, RoomError> {
        let e2ee = self.key.clone().map(E2eeOptions::with_shared_key);
        Room::connect(&self.url, &self.token, RoomOptions { e2ee, ..Default::default() }).await
    }
}

/// The session's task.
struct Stay {
    entrance: Entrance,
    names: BTreeMap<String, String>,
    /// Who may be recorded; everybody, unless it is said.
    only: watch::Receiver<Option<BTreeSet<String>>>,
    media: Media,
    report: Report,
    tracks: Tracks,
    leads: Leads,
    reconnecting: bool,
    /// Whose media was reported as undecryptable.
    undecryptable: HashSet<String>,
}

impl Stay {
    async fn run(mut self, mut joined: Joined, mut left: watch::Receiver<bool>) {
        loop {
            let reason = self.stay(&joined.0, &mut joined.1, &mut left).await;
            self.tracks.clear();
            let Some(reason) = reason else {
                if let Err(error) = joined.0.close().await {
                    tracing::debug!(%error, "the room wasn't told that we leave");
                }
                return;
            };
            tracing::info!(?reason, "out of the room");
            if is_final(reason) {
                return;
            }
            self.connection(true);
            self.media.show(Scene { reconnecting: true, ..Scene::clone(&self.media.scene()) });
            let Some(again) = self.come_back(&mut left).await else { return };
            joined = again;
            self.connection(false);
        }
    }

    /// Tries to get in again until it works. `None` when there is no need any more.
    async fn come_back(&self, left: &mut watch::Receiver<bool>) -> Option<Joined> {
        let mut pause = RETRY.0;
        loop {
            tokio::select! {
                joined = self.entrance.enter() => match joined {
                    Ok(joined) => return Some(joined),
                    Err(error) => tracing::warn!(%error, "not back in the room yet"),
                },
                _ = left.changed() => return None,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (2 * pause).min(RETRY.1),
                _ = left.changed() => return None,
            }
        }
    }

    /// In the room until it ends, for this reason, or until we leave.
    async fn stay(
        &mut self,
        room: &Room,
        events: &mut mpsc::UnboundedReceiver<RoomEvent>,
        left: &mut watch::Receiver<bool>,
    ) -> Option<DisconnectReason> {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (measured, mut measures) = mpsc::channel::<Vec<_>>(1);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => return Some(DisconnectReason::UnknownReason),
                    Some(RoomEvent::Disconnected { reason }) => return Some(reason),
                    Some(event) => self.happened(event),
                },
                Some(waits) = measures.recv() => self.leads.measured(&waits, &self.tracks),
                _ = look.tick() => if let Ok(slot) = measured.clone().try_reserve_owned() {
                    tokio::spawn(sync::measure(self.tracks.all(), slot));
                },
                _ = left.changed() => return None,
                // A closed channel is the end, which the line above hears.
                _ = self.only.changed() => {}
            }
            self.update(room);
        }
    }

    fn happened(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Reconnecting => self.connection(true),
            RoomEvent::Reconnected => self.connection(false),
            RoomEvent::TokenRefreshed { token } => self.entrance.token = token.expose().to_owned(),
            RoomEvent::EngineFailed { message } => tracing::error!(message, "the engine failed"),
            RoomEvent::E2eeStateChanged { participant, state } => {
                let failed = matches!(state, EncryptionState::DecryptionFailed | EncryptionState::MissingKey);
                if failed && self.undecryptable.insert(participant.identity()) {
                    self.problem(RecorderProblem::Undecryptable, "somebody's media can't be decrypted");
                }
            }
            _ => {}
        }
    }

    /// The connection is lost, or back.
    fn connection(&mut self, lost: bool) {
        if lost != self.reconnecting {
            self.reconnecting = lost;
            if lost {
                self.problem(RecorderProblem::ConnectionLost, "the connection to the SFU is lost");
            } else {
                self.problem(RecorderProblem::ConnectionBack, "the connection to the SFU is back");
            }
        }
    }

    fn problem(&self, what: RecorderProblem, message: &str) {
        (self.report)(RecorderEvent::Problem { what, message: message.to_owned() });
    }

    /// Opens what is new, closes what is gone, and shows who is there. Compares instead of following each event, so that
    /// nothing is missed, whatever a reconnection does.
    fn update(&mut self, room: &Room) {
        let mut participants: Vec<_> = room.remote_participants().into_iter().filter(is_person).collect();
        if let Some(only) = &*self.only.borrow() {
            participants.retain(|participant| only.contains(&participant.identity()));
        }
        // The doctor is always on the left.
        participants.sort_by_key(|participant| role_of(participant) != Some(Role::Doctor));
        let unreadable = self.tracks.update(&participants, &self.media.mixer, &self.leads);
        if unreadable.into_iter().any(|identity| self.undecryptable.insert(identity)) {
            self.problem(RecorderProblem::Undecryptable, "somebody's media is encrypted, and there is no key");
        }
        let people = participants.iter().map(|participant| Person {
            name: self.name(participant),
            camera: self.tracks.feed(participant, TrackSource::Camera),
            screen: self.tracks.feed(participant, TrackSource::Screenshare),
        });
        self.media.show(Scene { people: people.collect(), reconnecting: self.reconnecting });
    }

    fn name(&self, participant: &RemoteParticipant) -> String {
        let identity = participant.identity();
        let known = self.names.get(&identity).cloned().filter(|name| !name.trim().is_empty());
        known.unwrap_or_else(|| Some(participant.name()).filter(|name| !name.trim().is_empty()).unwrap_or(identity))
    }
}

/// Whether this is somebody to show: no recorder or helper, and nobody who still waits to be let in.
fn is_person(participant: &RemoteParticipant) -> bool {
    let kind =
        matches!(participant.kind(), ParticipantKind::Standard | ParticipantKind::Sip | ParticipantKind::Ingress);
    kind && participant.permission().is_none_or(|permission| permission.can_publish && !permission.hidden)
}

fn role_of(participant: &RemoteParticipant) -> Option<Role> {
    serde_json::from_str::<ParticipantMetadata>(&participant.metadata()).ok().map(|metadata| metadata.role)
}

/// Whether there is no way back: somebody wants us out, or the room is gone.
fn is_final(reason: DisconnectReason) -> bool {
    matches!(
        reason,
        DisconnectReason::ClientInitiated
            | DisconnectReason::DuplicateIdentity
            | DisconnectReason::ParticipantRemoved
            | DisconnectReason::RoomDeleted
            | DisconnectReason::RoomClosed
    )
}
