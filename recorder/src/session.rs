//! Session in the room: joins, rejoins after a lost connection, and keeps scene and mixer up to date.

mod key;
mod sync;
mod tracks;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ParticipantMetadata, RecorderEvent, RecorderOrder, RecorderProblem, Role};
use autamedica_engine::{
    DisconnectReason, E2eeOptions, EncryptionKey, EncryptionState, ParticipantKind, ReceiveLimits, RemoteParticipant,
    Room, RoomError, RoomEvent, RoomOptions, TrackSource,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use self::key::NewestKey;
use self::sync::AudioDelays;
use self::tracks::Tracks;
use crate::audio::Mixer;
use crate::texts::Texts;
use crate::video::{Person, Scene};

/// Interval for measuring delays and for retrying streams that failed to open. Shorter than the playout delay, so that a new
/// track is measured before it is recorded.
const UPDATE_INTERVAL: Duration = Duration::from_millis(300);
/// Shortest and longest delay between attempts to rejoin.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// Media of the room for the recording. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct Media {
    scene: Arc<Mutex<Arc<Scene>>>,
    /// Mixer of all audio tracks.
    pub mixer: Mixer,
}

impl Media {
    /// Returns the current scene.
    pub(crate) fn scene(&self) -> Arc<Scene> {
        self.scene.lock().clone()
    }

    /// Drops all media that is not recorded yet.
    pub(crate) fn flush(&self) {
        for person in &self.scene().people {
            person.camera.iter().chain(&person.screen).for_each(crate::video::FrameBuffer::flush);
        }
        self.mixer.flush();
    }

    fn set_scene(&self, scene: Scene) {
        let mut current = self.scene.lock();
        if **current != scene {
            *current = Arc::new(scene);
        }
    }
}

/// Callback for events.
pub(crate) type Report = Arc<dyn Fn(RecorderEvent) + Send + Sync>;

static TOLD: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// A running session.
pub(crate) struct Session {
    leave: watch::Sender<bool>,
    people: watch::Sender<BTreeSet<String>>,
    key: watch::Sender<Option<E2eeOptions>>,
    /// `true` once the room was closed or the recorder removed.
    over: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Joins the room of the order.
    ///
    /// # Errors
    /// [`RoomError`] when all attempts of the engine to join have failed.
    pub(crate) async fn join(order: &RecorderOrder, media: Media, report: Report) -> Result<Self, RoomError> {
        let parameters = JoinParameters {
            url: order.url.clone(),
            token: order.token.clone(),
            e2ee: order.e2ee_key.as_ref().map(|key| {
                E2eeOptions::with_shared_key(EncryptionKey::new(key.as_bytes())).at_index(order.e2ee_key_index)
            }),
        };
        let joined = parameters.join().await?;
        let (leave, left) = watch::channel(false);
        let (ended, over) = watch::channel(false);
        let (people, allowed) = watch::channel(order.people.clone());
        let (key, newest_key) = watch::channel(parameters.e2ee.clone());
        let session = SessionTask {
            parameters,
            names: order.names.clone(),
            roles: order.roles.clone(),
            texts: Texts::new(&order.language),
            people: allowed,
            newest_key: NewestKey::new(newest_key),
            media,
            report,
            tracks: Tracks::default(),
            delays: AudioDelays::default(),
            reconnecting: false,
            undecryptable: HashSet::new(),
        };
        let task = tokio::spawn(async move {
            session.run(joined, left).await;
            // Fails when the recording has ended first.
            let _ = ended.send(true);
        });
        Ok(Self { leave, people, key, over, task })
    }

    /// Replaces the identities of the participants who may be recorded.
    pub(crate) fn set_people(&self, people: BTreeSet<String>) {
        TOLD.store(true, std::sync::atomic::Ordering::Release);
        self.people.send_replace(people);
    }

    /// Adds a key for decryption.
    pub(crate) fn add_key(&self, key: &str, index: u32) {
        let key = E2eeOptions::with_shared_key(EncryptionKey::new(key.as_bytes())).at_index(index);
        self.key.send_replace(Some(key));
    }

    /// Returns `true` once the room was closed or the recorder removed.
    pub(crate) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Leaves the room, within two seconds.
    pub(crate) async fn leave(self) {
        // Fails when the task has ended.
        let _ = self.leave.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "session task failed");
        }
    }
}

/// Parameters for joining and rejoining. Not `Debug`, because they contain secrets.
struct JoinParameters {
    url: String,
    token: String,
    e2ee: Option<E2eeOptions>,
}

type Joined = (Room, mpsc::Receiver<RoomEvent>);

impl JoinParameters {
    async fn join(&self) -> Result<Joined, RoomError> {
        Room::connect(&self.url, &self.token, self.options()).await
    }

    fn options(&self) -> RoomOptions {
        // A recorder reads neither chat nor files.
        let receive_limits = ReceiveLimits::default();
        RoomOptions { e2ee: self.e2ee.clone(), receive_limits, ..Default::default() }
    }
}

/// State of the session's task.
struct SessionTask {
    parameters: JoinParameters,
    names: BTreeMap<String, String>,
    roles: BTreeMap<String, Role>,
    texts: Texts,
    /// Identities of the participants who may be recorded.
    people: watch::Receiver<BTreeSet<String>>,
    newest_key: NewestKey,
    media: Media,
    report: Report,
    tracks: Tracks,
    delays: AudioDelays,
    reconnecting: bool,
    /// Identities whose media was reported as undecryptable.
    undecryptable: HashSet<String>,
}

impl SessionTask {
    async fn run(mut self, mut joined: Joined, mut left: watch::Receiver<bool>) {
        loop {
            let reason = self.run_connected(&joined.0, &mut joined.1, &mut left).await;
            self.tracks.clear();
            let Some(reason) = reason else {
                if let Err(error) = joined.0.close().await {
                    tracing::debug!(%error, "room not left in time");
                }
                return;
            };
            tracing::info!(?reason, "disconnected from the room");
            if is_final(reason) {
                return;
            }
            self.set_connection_lost(true);
            self.media.set_scene(Scene { reconnecting: true, ..Scene::clone(&self.media.scene()) });
            let Some(again) = self.rejoin(&mut left).await else { return };
            joined = again;
            self.set_connection_lost(false);
        }
    }

    /// Retries to join until it succeeds. Returns `None` when the session is to end.
    async fn rejoin(&self, left: &mut watch::Receiver<bool>) -> Option<Joined> {
        let mut pause = RETRY_DELAY.0;
        loop {
            tokio::select! {
                joined = self.parameters.join() => match joined {
                    Ok(joined) => return Some(joined),
                    Err(error) => tracing::warn!(%error, "attempt to rejoin failed"),
                },
                _ = left.changed() => return None,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (2 * pause).min(RETRY_DELAY.1),
                _ = left.changed() => return None,
            }
        }
    }

    /// Handles events until the connection ends, and returns the reason; `None` when the session is to end.
    async fn run_connected(
        &mut self,
        room: &Room,
        events: &mut mpsc::Receiver<RoomEvent>,
        left: &mut watch::Receiver<bool>,
    ) -> Option<DisconnectReason> {
        let mut interval = tokio::time::interval(UPDATE_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (measured, mut measures) = mpsc::channel::<Vec<_>>(1);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => return Some(DisconnectReason::UnknownReason),
                    Some(RoomEvent::Disconnected { reason }) => return Some(reason),
                    Some(event) => self.handle_event(event),
                },
                Some(counters) = measures.recv() => self.delays.update(&counters, &self.tracks),
                _ = interval.tick() => if let Ok(slot) = measured.clone().try_reserve_owned() {
                    tokio::spawn(sync::measure(self.tracks.all(), slot));
                },
                _ = left.changed() => return None,
                // Closed only together with `left`, which ends the loop.
                _ = self.people.changed() => {}
                () = self.newest_key.changed() => {}
            }
            // After a failure it is tried again with the next event or tick.
            self.install_key(room).await;
            self.update(room);
        }
    }

    /// Installs a key that the engine doesn't have yet, and uses it for rejoining.
    async fn install_key(&mut self, room: &Room) {
        let Some(key) = self.newest_key.pending() else { return };
        self.parameters.e2ee = Some(key.clone());
        let manager = room.e2ee_manager();
        // Deriving the key blocks for about 100 ms.
        let installed = tokio::task::spawn_blocking(move || manager.add_key(&key.key, key.index)).await;
        match installed {
            Ok(result) => self.newest_key.on_installed(&result),
            Err(error) => tracing::error!(%error, "room key not added; retrying"),
        }
    }

    fn handle_event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Reconnecting => self.set_connection_lost(true),
            RoomEvent::Reconnected => self.set_connection_lost(false),
            RoomEvent::TokenRefreshed { token } => self.parameters.token = token.expose().to_owned(),
            RoomEvent::EngineFailed { message } => tracing::error!(message, "the engine failed"),
            RoomEvent::E2eeStateChanged { participant, state } => {
                let failed = matches!(state, EncryptionState::DecryptionFailed | EncryptionState::MissingKey);
                if failed && self.undecryptable.insert(participant.identity()) {
                    self.problem(RecorderProblem::Undecryptable, "a participant's media can't be decrypted");
                }
            }
            _ => {}
        }
    }

    /// Records and reports a change of the connection.
    fn set_connection_lost(&mut self, lost: bool) {
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

    /// Opens and closes streams and sets the scene, to match the current participants. It compares states instead of
    /// following events, so that it is correct after any reconnection.
    fn update(&mut self, room: &Room) {
        let mut participants: Vec<_> = room.remote_participants().into_iter().filter(is_person).collect();
        let told = TOLD.load(std::sync::atomic::Ordering::Acquire);
        participants.retain(|participant| !told || self.people.borrow().contains(&participant.identity()));
        // Doctors first, who are shown on the left.
        participants.sort_by_key(|participant| role_of(participant) != Some(Role::Doctor));
        let undecryptable = self.tracks.update(&participants, &self.media.mixer, &self.delays);
        if undecryptable.into_iter().any(|identity| self.undecryptable.insert(identity)) {
            self.problem(RecorderProblem::Undecryptable, "a participant's media is encrypted and no key is set");
        }
        let people = participants.iter().map(|participant| Person {
            name: self.name(participant),
            camera: self.tracks.frames(participant, TrackSource::Camera),
            screen: self.tracks.frames(participant, TrackSource::Screenshare),
        });
        self.media.set_scene(Scene { people: people.collect(), reconnecting: self.reconnecting });
    }

    fn name(&self, participant: &RemoteParticipant) -> String {
        let identity = participant.identity();
        let known = self.names.get(&identity).cloned().filter(|name| !name.trim().is_empty());
        let role = || self.roles.get(&identity).map(|role| self.texts.role(*role));
        known
            .or_else(role)
            .unwrap_or_else(|| Some(participant.name()).filter(|name| !name.trim().is_empty()).unwrap_or(identity))
    }
}

/// Returns `true` for a person who is admitted: not for recorders, agents and those in the waiting room.
fn is_person(participant: &RemoteParticipant) -> bool {
    let kind =
        matches!(participant.kind(), ParticipantKind::Standard | ParticipantKind::Sip | ParticipantKind::Ingress);
    kind && participant.permission().is_none_or(|permission| permission.can_publish && !permission.hidden)
}

fn role_of(participant: &RemoteParticipant) -> Option<Role> {
    serde_json::from_str::<ParticipantMetadata>(&participant.metadata()).ok().map(|metadata| metadata.role)
}

/// Returns `true` for reasons after which the session must not rejoin.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_receives_no_messages() {
        let parameters = JoinParameters { url: String::new(), token: String::new(), e2ee: None };
        assert_eq!(parameters.options().receive_limits, ReceiveLimits::MEDIA_ONLY);
    }
}
