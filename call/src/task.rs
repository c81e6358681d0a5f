//! The call task, the only owner of the room. It awaits nothing but its inboxes, so that hanging up always takes effect
//! at once; everything slow runs in a job that reports with an [`Event`].
//!
//! The modules beside this one handle the commands and events, by topic.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::Role;
use autamedica_engine::{DisconnectReason, Room, RoomEvent};
use autamedica_media::audio::Mixer;
use autamedica_media::{Awake, DeviceState};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::bandwidth_fallback::BandwidthFallback;
use super::chat::MessageIds;
use super::codec::CodecPolicy;
use super::devices::Hotplug;
use super::direct::Direct;
use super::event::{Event, Events};
use super::files::Files;
use super::handle::{CallHandle, Publisher, Wake};
use super::history::HistorySync;
use super::join::{Entered, Entrance, Media, NotEntered};
use super::key::KeyChange;
use super::local::{DeviceChoices, LocalMedia};
use super::queue::QueuePolling;
use super::recording::Recording;
use super::remote::{Remotes, role_of};
use super::sending::Refusals;
use super::statistics::Statistics;
use super::status::StatusSync;
use super::target::comparison_code;
use super::tiles::Tiles;
use super::{
    CallCommand, CallPhase, CallSettings, CallState, ControlRequest, DeviceKind, EncryptionState, EndReason,
    JoinTarget, ShareState,
};
use crate::backend::Admission;
use crate::job::ends_in_event;
use crate::observer::CallObserver;

/// Time after a loss of connection at which the call ends.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time from one attempt to reenter the room to the next.
pub(super) const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Time from one attempt to join to the next. Respects the backend's rate limit.
const JOIN_RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Interval of checks for deadlines and of updates without an event.
const TICK: Duration = Duration::from_millis(250);

/// Options of a call.
pub struct CallOptions {
    /// Consultation or room to join.
    pub target: JoinTarget,
    /// Entrance to the room.
    pub entrance: Entrance,
    /// Selected devices.
    pub devices: DeviceChoices,
    /// Audio and video settings.
    pub settings: CallSettings,
    /// Our role until the token gives another.
    pub role: Role,
    /// Recipient of measurements for a report.
    pub observer: Option<Arc<dyn CallObserver>>,
    /// Chat message sent as soon as another participant is there (for the demo and tests).
    pub initial_message: Option<String>,
}

/// Connection to a room.
pub(super) struct Session {
    pub(super) room: Arc<Room>,
    events: mpsc::Receiver<RoomEvent>,
}

impl Session {
    /// Returns whether the SFU lets us send.
    pub(super) fn sends(&self) -> bool {
        self.room.local_participant().permission().is_none_or(|may| may.can_publish)
    }

    /// Returns whether the SFU lets us send or receive, which it does not in the waiting room.
    pub(super) fn admits(&self) -> bool {
        self.room.local_participant().permission().is_none_or(|may| may.can_publish || may.can_subscribe)
    }
}

/// State of the call task.
pub(super) struct Task {
    pub(super) publisher: Publisher,
    pub(super) target: JoinTarget,
    pub(super) entrance: Entrance,
    pub(super) observer: Option<Arc<dyn CallObserver>>,
    pub(super) initial_message: Option<String>,
    events: Events,
    pub(super) local: LocalMedia,
    pub(super) remotes: Remotes,
    pub(super) session: Option<Session>,
    /// The call from peer to peer, when it is one: it makes the rooms.
    pub(super) direct: Option<Direct>,
    /// Newest admission, used for reconnecting and for requests to the backend.
    pub(super) admission: Option<Admission>,
    /// Start of waiting for admission.
    pub(super) waiting_since: Option<Instant>,
    /// Identities of participants whose media does not decrypt, or is not encrypted although it must be.
    pub(super) unreadable: BTreeSet<String>,
    pub(super) recording: Recording,
    pub(super) key: KeyChange,
    pub(super) message_ids: MessageIds,
    pub(super) history_sync: HistorySync,
    pub(super) status_sync: StatusSync,
    pub(super) queue: QueuePolling,
    pub(super) files: Files,
    pub(super) refusals: Refusals,
    pub(super) codec: CodecPolicy,
    pub(super) tiles: Tiles,
    pub(super) bandwidth_fallback: BandwidthFallback,
    pub(super) statistics: Statistics,
    pub(super) hotplug: Hotplug,
    /// Number of rooms entered so far.
    pub(super) room_count: u64,
    pub(super) jobs: JoinSet<()>,
}

/// Starts a call and returns at once. The task calls `wake` after each change of the state.
pub fn start(runtime: &Handle, options: CallOptions, wake: Wake) -> CallHandle {
    let role = options.target.role().unwrap_or(options.role);
    let (publisher, handle, commands) = Publisher::new(role, wake);
    let (events, inbox) = Events::new();
    let mixer = Mixer::new();
    let self_view = publisher.state.self_view.clone();
    let meter = options.observer.as_ref().map(|observer| observer.playout().clone());
    let local =
        LocalMedia::new(options.devices, options.settings, role, self_view, (mixer.clone(), meter), events.clone());
    let task = Task {
        publisher,
        target: options.target,
        entrance: options.entrance,
        observer: options.observer,
        initial_message: options.initial_message,
        events,
        local,
        remotes: Remotes::new(mixer),
        session: None,
        direct: None,
        admission: None,
        waiting_since: None,
        unreadable: BTreeSet::new(),
        recording: Recording::default(),
        key: KeyChange::default(),
        message_ids: MessageIds::default(),
        history_sync: HistorySync::default(),
        status_sync: StatusSync::default(),
        queue: QueuePolling::default(),
        files: Files::default(),
        refusals: Refusals::default(),
        codec: CodecPolicy::new(options.settings.video_codec),
        tiles: Tiles::default(),
        bandwidth_fallback: BandwidthFallback::default(),
        statistics: Statistics::default(),
        hotplug: Hotplug::default(),
        room_count: 0,
        jobs: JoinSet::new(),
    };
    runtime.spawn(task.run(commands, inbox));
    handle
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<CallCommand>,
        mut inbox: mpsc::UnboundedReceiver<Event>,
    ) {
        let awake = Awake::hold();
        self.observe(|observer| observer.join_asked());
        self.enter(Duration::ZERO);
        self.local.open();
        self.watch_devices();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_over() {
            tokio::select! {
                biased;
                command = commands.recv() => self.on_command(command.unwrap_or(CallCommand::HangUp)),
                Some(event) = inbox.recv() => self.on_event(event),
                event = next_room_event(&mut self.session) => match event {
                    Some(event) => self.on_room_event(event),
                    None => self.on_disconnected(DisconnectReason::UnknownReason),
                },
                Some(_) = self.jobs.join_next() => {}
                _ = tick.tick() => self.on_tick(),
            }
            self.publisher.publish();
        }
        drop(awake);
        // The end shows already; leaving the room may take longer.
        self.local.close();
        self.jobs.abort_all();
        self.direct = None;
        if let Some(session) = self.session.take()
            && let Err(error) = session.room.close().await
        {
            tracing::info!(%error, "room not left cleanly");
        }
    }

    pub(super) fn state(&mut self) -> &mut CallState {
        &mut self.publisher.state
    }

    fn is_over(&self) -> bool {
        matches!(self.publisher.state.phase, CallPhase::Ended { .. })
    }

    pub(super) fn end(&mut self, reason: EndReason) {
        self.observe(|observer| observer.find_tone());
        self.observe(|observer| observer.ended(&format!("{reason:?}")));
        tracing::info!(?reason, "call ended");
        let lasted = self.state().joined_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.state().phase = CallPhase::Ended { reason, lasted };
    }

    /// Returns a sender of events to this task.
    pub(super) fn events(&self) -> Events {
        self.events.clone()
    }

    /// Runs `work` in a job and sends its event, or `if_panics`.
    pub(super) fn spawn_job(&mut self, if_panics: Event, work: impl Future<Output = Event> + Send + 'static) {
        let events = self.events.clone();
        self.jobs.spawn(ends_in_event(if_panics, move |event| events.send(event), work));
    }

    /// Enters the room in a job after `pause`.
    pub(super) fn enter(&mut self, pause: Duration) {
        let (entrance, target, known) = (self.entrance.clone(), self.target.clone(), self.admission.clone());
        self.spawn_job(Event::Entered(Err(EndReason::JoinFailed.into())), async move {
            tokio::time::sleep(pause).await;
            Event::Entered(entrance.enter(&target, known).await)
        });
    }

    fn on_command(&mut self, command: CallCommand) {
        match command {
            CallCommand::HangUp => self.end(EndReason::HungUp),
            CallCommand::MuteCamera(mute) => self.mute_camera(mute),
            CallCommand::MuteMicrophone(mute) => self.mute_microphone(mute),
            CallCommand::ShareScreen(screen) => self.share(screen),
            CallCommand::StopSharing => self.stop_sharing(ShareState::Off),
            CallCommand::Record(on) => self.record(on),
            CallCommand::AnswerRecording { accept, language } => self.answer_recording(accept, language),
            CallCommand::SendChat(text) => self.send_chat(text),
            CallCommand::Admit(identity) => self.control(ControlRequest::Admit, &identity),
            CallCommand::Refuse(identity) => self.control(ControlRequest::Refuse, &identity),
            CallCommand::Remove(identity) => self.control(ControlRequest::Remove, &identity),
            CallCommand::MuteOther(identity) => self.control(ControlRequest::Mute, &identity),
            CallCommand::PermitOther { identity, publish: true } => self.control(ControlRequest::Permit, &identity),
            CallCommand::PermitOther { identity, publish: false } => self.control(ControlRequest::Forbid, &identity),
            CallCommand::Invite(label) => self.invite(&label),
            CallCommand::EndForAll => self.control_call(ControlRequest::End),
            CallCommand::MoveToSfu => self.control_call(ControlRequest::MoveToSfu),
            CallCommand::SendAgain(number) => self.send_again(number),
            CallCommand::UseCamera(choice) => self.use_device(DeviceKind::Camera, choice),
            CallCommand::UseMicrophone(choice) => self.use_device(DeviceKind::Microphone, choice),
            CallCommand::UseSpeaker(choice) => self.use_device(DeviceKind::Speaker, choice),
            CallCommand::StartSecondCamera(choice) => self.start_second_camera(choice),
            CallCommand::StopSecondCamera => self.stop_second_camera(DeviceState::Off),
            CallCommand::UseOriginalSound(on) => self.use_original_sound(on),
            CallCommand::AskOriginalSound { identity, on } => self.ask_original_sound(&identity, on),
            CallCommand::UseSettings(settings) => self.use_settings(settings),
            CallCommand::DismissOffer => self.dismiss_offer(),
            CallCommand::SendFile(path) => self.send_file(path),
            CallCommand::SaveFile { id, to } => self.save_file(&id, to),
            CallCommand::Show(tiles) => self.show_tiles(tiles),
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Entered(Ok(entered)) => self.on_entered(entered),
            Event::Entered(Err(failure)) => self.on_not_entered(failure),
            Event::Peer(peer) => self.on_peer(peer),
            Event::PeerRoomEntered { presence, result } => self.on_peer_room_entered(presence, result),
            Event::Readmitted(result) => self.on_readmitted(result),
            Event::Device { source, device, state } => self.on_device(source, device, state),
            Event::Speaker { device, state } => self.on_speaker(device, state),
            Event::Sized { source, device, size } => self.on_sized(source, device, size),
            Event::Published { room, source, request, result } if room == self.room_count => {
                self.on_published(source, request, result);
            }
            Event::PublishAgain { room, source } if room == self.room_count => self.publish(source),
            Event::Published { .. } | Event::PublishAgain { .. } => {}
            Event::ChatSent { number, result } => self.on_chat_sent(number, result),
            Event::Recorded { on, result } => self.on_recorded(on, result),
            Event::Answered(result) => self.on_answered(result),
            Event::KeyFetched { room, result } => self.on_key_fetched(room, result),
            Event::KeyInstalled { room, key, installed } => self.on_key_installed(room, key, installed),
            Event::KeyChanged { room, result } => self.on_key_changed(room, result),
            Event::PresenceChecked(result) => self.on_presence_checked(result),
            Event::Controlled { request, result } => self.on_controlled(request, result),
            Event::Invited { label, result } => self.on_invited(label, result),
            Event::Measured { room, result } => self.on_measured(room, result),
            Event::QualitySent(result) => self.on_quality_sent(result),
            Event::Queue(result) => self.on_queue(result),
            Event::Devices(lists) => self.on_devices(lists),
            Event::StatusReceived { sender, result } => self.on_status(&sender, result),
            Event::History { sender, result } => self.on_history(&sender, result),
            Event::HistoryTimeout { room, attempt } => self.on_history_timeout(room, attempt),
            Event::FileProgressed { number, bytes } => self.on_file_progress(number, bytes),
            Event::FileEnded { number, result } => self.on_file_ended(number, result),
            Event::FileSaved { id, saved } => self.on_file_saved(&id, saved),
        }
    }

    /// Retries after a failure that may be temporary, else ends the call.
    fn on_not_entered(&mut self, NotEntered { reason, admission, may_pass }: NotEntered) {
        match self.state().phase {
            CallPhase::Reconnecting { .. } if !is_final(reason) => self.enter(RETRY_PAUSE),
            CallPhase::Joining if may_pass => {
                let since = *self.state().first_join_failure.get_or_insert_with(Instant::now);
                if since.elapsed() >= RECONNECT_TIMEOUT {
                    return self.end(reason);
                }
                // Keeps the admission: asking the backend at each attempt would exceed its rate limit.
                self.admission = admission.map(|admission| *admission).or(self.admission.take());
                self.enter(JOIN_RETRY_PAUSE);
            }
            _ => self.end(reason),
        }
    }

    fn on_entered(&mut self, entered: Entered) {
        let Entered { admission, media } = entered;
        match media {
            Media::Room(room, events) => self.on_room(admission, room, events),
            Media::Direct(peer) => self.on_direct(admission, peer),
        }
    }

    pub(super) fn on_room(&mut self, admission: Admission, room: Room, events: mpsc::Receiver<RoomEvent>) {
        let me = room.local_participant();
        let token_role = role_of(&me.metadata());
        let (recorded, announcement) = (room.active_recording(), room.metadata());
        self.room_count += 1;
        self.local.room_left();
        self.remotes.clear();
        self.unreadable.clear();
        self.tiles.reset();
        self.codec.room_entered();
        self.history_sync.room_entered();
        self.status_sync.room_entered();
        self.restart_statistics();
        let mut present: Vec<_> = room.remote_participants().into_values().collect();
        present.sort_by_cached_key(|participant| (participant.joined_at(), participant.identity()));
        for participant in present {
            self.remotes.joined(participant);
        }
        let state = self.state();
        state.first_join_failure = None;
        state.role = token_role.unwrap_or(admission.role);
        state.identity = me.identity();
        state.encryption = if admission.e2ee { EncryptionState::On } else { EncryptionState::Off };
        state.comparison_code = admission.e2ee_key.as_ref().map(comparison_code);
        state.planned_end = admission.planned_end.or(state.planned_end);
        self.observe(|observer| observer.entered(admission.e2ee));
        tracing::info!(room = room.name(), "room entered");
        self.state().admission = Some(Arc::new(admission.clone()));
        self.admission = Some(admission);
        self.session = Some(Session { room: Arc::new(room), events });
        self.show_admission();
        self.recording = Recording::default();
        self.on_recorder(recorded);
        self.on_first_announcement(&announcement);
        self.on_announced_key(&announcement);
        self.show_participants();
    }

    /// Shows the call or the waiting room, and starts to publish in the call.
    pub(super) fn show_admission(&mut self) {
        let Some(session) = &self.session else { return };
        let (is_admitted, listens) = (session.admits(), !session.sends());
        if is_admitted && !self.lacks_key() {
            let waited = self.waiting_since.take().is_some();
            self.state().joined_at.get_or_insert_with(Instant::now);
            self.state().phase = CallPhase::InCall;
            self.set_listening(listens);
            self.publish_all();
            if waited && self.is_encrypted() {
                // Without encryption the doctor's client sends the history unasked.
                self.request_history(0);
            }
        } else {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            self.state().phase = CallPhase::Waiting { since };
            if !is_admitted {
                // The SFU removes publications when it revokes the permission.
                self.local.room_left();
            }
        }
        // Even when admitted, the key may be missing or outdated.
        self.fetch_key_if_outdated();
    }

    fn on_tick(&mut self) {
        if let CallPhase::Reconnecting { since } = self.state().phase
            && since.elapsed() >= RECONNECT_TIMEOUT
        {
            self.end(EndReason::ConnectionLost);
        }
        if self.state().phase == CallPhase::Joining
            && self.direct.as_ref().is_some_and(|direct| direct.started.elapsed() >= RECONNECT_TIMEOUT)
        {
            self.end(EndReason::ServerUnreachable);
        }
        self.observe(|observer| observer.find_tone());
        self.detect_remote_mutes();
        self.update_tiles();
        self.update_statistics();
        self.update_codec();
        self.update_status();
        self.update_queue();
        // Some properties of participants change without an event.
        self.show_participants();
    }

    /// Reports to the recipient of measurements, if there is one.
    pub(super) fn observe(&self, what: impl FnOnce(&dyn CallObserver)) {
        if let Some(observer) = &self.observer {
            what(&**observer);
        }
    }

    pub(super) fn show_participants(&mut self) {
        let mut participants = self.remotes.states();
        participants.extend(self.waiting_participant());
        self.publisher.state.participants = participants;
        self.show_status();
    }
}

/// Returns whether reconnecting is pointless.
fn is_final(reason: EndReason) -> bool {
    matches!(reason, EndReason::NotAllowed | EndReason::Over | EndReason::Cancelled)
}

/// Waits for the room's next event, forever without a room.
async fn next_room_event(session: &mut Option<Session>) -> Option<RoomEvent> {
    match session {
        Some(session) => session.events.recv().await,
        None => std::future::pending().await,
    }
}
