//! The call task: the only place that knows the room. It never waits for anything but its inboxes, so that hanging up
//! always works at once; whatever takes time runs beside it and comes back as an [`Event`].
//!
//! What it does with each command and event is in the files beside this one, by what they are about.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::Role;
use autamedica_engine::{DisconnectReason, Room, RoomEvent};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::chat::Lines;
use super::codec::CodecPolicy;
use super::devices::Hotplug;
use super::event::{Event, Events};
use super::files::Files;
use super::handle::{CallHandle, Publisher, Wake};
use super::history::Told;
use super::hold::Hold;
use super::join::{Entered, Entrance, NotEntered};
use super::key::KeyChange;
use super::local::{DeviceChoices, LocalMedia};
use super::recording::Recording;
use super::remote::{Remotes, role_of};
use super::sending::Refusals;
use super::statistics::Statistics;
use super::target::comparison_code;
use super::tiles::Tiles;
use super::{
    CallCommand, CallPhase, CallSettings, CallState, ControlRequest, DeviceKind, EncryptionState, EndReason,
    JoinTarget, ShareState,
};
use crate::backend::Admission;
use crate::device::Awake;
use crate::device::audio::Mixer;
use crate::job::ends_in_event;
use crate::report::Measurements;

/// A lost connection is honestly over after this long.
const RECONNECT_FOR: Duration = Duration::from_secs(30);
/// From one attempt to enter the room again to the next.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// From one attempt to join to the next: a backend takes only so many in a row.
const JOIN_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How often deadlines are looked at and sound is counted.
const TICK: Duration = Duration::from_millis(250);

/// What a call needs to begin.
pub struct CallOptions {
    /// Where it leads.
    pub target: JoinTarget,
    /// How to get in.
    pub entrance: Entrance,
    /// With which devices.
    pub devices: DeviceChoices,
    /// How sound and picture are treated.
    pub settings: CallSettings,
    /// Our role until the room's token says another.
    pub role: Role,
    /// Observer of what happens, for a report.
    pub measurements: Option<Measurements>,
    /// A chat line to send once somebody else is there (for the demo and tests).
    pub say: Option<String>,
}

/// The room that is up.
pub(super) struct Session {
    pub(super) room: Arc<Room>,
    events: mpsc::Receiver<RoomEvent>,
}

impl Session {
    /// Whether the SFU lets us send anything.
    pub(super) fn sends(&self) -> bool {
        self.room.local_participant().permission().is_none_or(|may| may.can_publish)
    }

    /// Whether the SFU lets us send or receive anything: in the waiting room it doesn't.
    pub(super) fn admits(&self) -> bool {
        self.room.local_participant().permission().is_none_or(|may| may.can_publish || may.can_subscribe)
    }
}

/// The call.
pub(super) struct Task {
    pub(super) publisher: Publisher,
    target: JoinTarget,
    pub(super) entrance: Entrance,
    pub(super) measurements: Option<Measurements>,
    pub(super) say: Option<String>,
    events: Events,
    pub(super) local: LocalMedia,
    pub(super) remotes: Remotes,
    pub(super) session: Option<Session>,
    /// The newest admission, for coming back and for asking the backend.
    pub(super) admission: Option<Admission>,
    /// Since when the doctor lets us wait.
    pub(super) waiting_since: Option<Instant>,
    /// Who has media here that doesn't decrypt, or isn't encrypted where it must be, by identity.
    pub(super) unreadable: BTreeSet<String>,
    pub(super) recording: Recording,
    pub(super) key: KeyChange,
    pub(super) lines: Lines,
    pub(super) told: Told,
    pub(super) files: Files,
    pub(super) refusals: Refusals,
    pub(super) codec: CodecPolicy,
    pub(super) tiles: Tiles,
    pub(super) hold: Hold,
    pub(super) statistics: Statistics,
    pub(super) hotplug: Hotplug,
    /// Counts the rooms entered.
    pub(super) rooms: u64,
    pub(super) jobs: JoinSet<()>,
}

/// Starts a call. Returns at once; `wake` is called after each change of its state.
pub fn start(runtime: &Handle, options: CallOptions, wake: Wake) -> CallHandle {
    let role = options.target.role().unwrap_or(options.role);
    let (publisher, handle, commands) = Publisher::new(role, wake);
    let (events, inbox) = Events::new();
    let mixer = Mixer::new();
    let self_view = publisher.state.self_view.clone();
    let meter = options.measurements.as_ref().map(|measurements| measurements.playout().clone());
    let local =
        LocalMedia::new(options.devices, options.settings, role, self_view, (mixer.clone(), meter), events.clone());
    let task = Task {
        publisher,
        target: options.target,
        entrance: options.entrance,
        measurements: options.measurements,
        say: options.say,
        events,
        local,
        remotes: Remotes::new(mixer),
        session: None,
        admission: None,
        waiting_since: None,
        unreadable: BTreeSet::new(),
        recording: Recording::default(),
        key: KeyChange::default(),
        lines: Lines::default(),
        told: Told::default(),
        files: Files::default(),
        refusals: Refusals::default(),
        codec: CodecPolicy::new(options.settings.video_codec),
        tiles: Tiles::default(),
        hold: Hold::default(),
        statistics: Statistics::default(),
        hotplug: Hotplug::default(),
        rooms: 0,
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
        self.observe(Measurements::join_asked);
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
        // The person sees the end already; the room is told in our own time.
        self.local.close();
        self.jobs.abort_all();
        if let Some(session) = self.session.take()
            && let Err(error) = session.room.close().await
        {
            tracing::info!(%error, "left without the SFU's answer");
        }
    }

    pub(super) fn state(&mut self) -> &mut CallState {
        &mut self.publisher.state
    }

    fn is_over(&self) -> bool {
        matches!(self.publisher.state.phase, CallPhase::Ended { .. })
    }

    pub(super) fn end(&mut self, reason: EndReason) {
        self.observe(Measurements::find_tone);
        self.observe(|measurements| measurements.ended(&format!("{reason:?}")));
        tracing::info!(?reason, "the call is over");
        let lasted = self.state().joined_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.state().phase = CallPhase::Ended { reason, lasted };
    }

    /// The way of events into the task.
    pub(super) fn events(&self) -> Events {
        self.events.clone()
    }

    /// Does work beside the task, which ends in its event, or in `if_panics`.
    pub(super) fn beside(&mut self, if_panics: Event, work: impl Future<Output = Event> + Send + 'static) {
        let events = self.events.clone();
        self.jobs.spawn(ends_in_event(if_panics, move |event| events.send(event), work));
    }

    /// Enters the room beside the task, after a pause.
    pub(super) fn enter(&mut self, pause: Duration) {
        let (entrance, target, known) = (self.entrance.clone(), self.target.clone(), self.admission.clone());
        self.beside(Event::Entered(Err(EndReason::JoinFailed.into())), async move {
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
            CallCommand::EndForAll => self.end_for_all(),
            CallCommand::SendAgain(line) => self.send_again(line),
            CallCommand::UseCamera(choice) => self.use_device(DeviceKind::Camera, choice),
            CallCommand::UseMicrophone(choice) => self.use_device(DeviceKind::Microphone, choice),
            CallCommand::UseSpeaker(choice) => self.use_device(DeviceKind::Speaker, choice),
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
            Event::Device { source, device, state } => self.on_device(source, device, state),
            Event::Speaker { device, state } => self.on_speaker(device, state),
            Event::Sized { source, device, size } => self.on_sized(source, device, size),
            Event::Published { room, source, asked, result } if room == self.rooms => {
                self.on_published(source, asked, result);
            }
            Event::PublishAgain { room, source } if room == self.rooms => self.publish(source),
            Event::Published { .. } | Event::PublishAgain { .. } => {}
            Event::ChatSent { line, result } => self.on_chat_sent(line, result),
            Event::Recorded { on, result } => self.on_recorded(on, result),
            Event::Answered(result) => self.on_answered(result),
            Event::KeyFetched { room, result } => self.on_key_fetched(room, result),
            Event::KeyInstalled { room, key, installed } => self.on_key_installed(room, key, installed),
            Event::KeyChanged { room, result } => self.on_key_changed(room, result),
            Event::PlaceTaken(result) => self.on_place_taken(result),
            Event::Controlled { asked, result } => self.on_controlled(asked, result),
            Event::Measured { room, result } => self.on_measured(room, result),
            Event::QualitySent(result) => self.on_quality_sent(result),
            Event::Devices(lists) => self.on_devices(lists),
            Event::History { teller, result } => self.on_history(&teller, result),
            Event::HistoryAsked { room, attempt } => self.on_history_asked(room, attempt),
            Event::FileMoved { line, bytes } => self.on_file_moved(line, bytes),
            Event::FileEnded { line, result } => self.on_file_ended(line, result),
            Event::FileSaved { id, saved } => self.on_file_saved(&id, saved),
        }
    }

    /// Tries again for a while what may pass, and ends the call otherwise.
    fn on_not_entered(&mut self, NotEntered { reason, admission, may_pass }: NotEntered) {
        match self.state().phase {
            CallPhase::Reconnecting { .. } if !is_final(reason) => self.enter(RETRY_AFTER),
            CallPhase::Joining if may_pass => {
                let since = *self.state().joining_again_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= RECONNECT_FOR {
                    return self.end(reason);
                }
                // Asking the backend for each attempt would meet its limits.
                self.admission = admission.map(|admission| *admission).or(self.admission.take());
                self.enter(JOIN_AGAIN_AFTER);
            }
            _ => self.end(reason),
        }
    }

    fn on_entered(&mut self, entered: Entered) {
        let Entered { admission, room, events } = entered;
        let me = room.local_participant();
        let token_role = role_of(&me.metadata());
        let (recorded, announcement) = (room.is_recording(), room.metadata());
        self.rooms += 1;
        self.local.room_left();
        self.remotes.clear();
        self.unreadable.clear();
        self.tiles.forget();
        self.codec.room_entered();
        self.told.room_entered();
        self.restart_statistics();
        for participant in room.remote_participants() {
            self.remotes.joined(participant);
        }
        let state = self.state();
        state.joining_again_since = None;
        state.role = token_role.unwrap_or(admission.role);
        state.identity = me.identity();
        state.encryption = if admission.e2ee { EncryptionState::On } else { EncryptionState::Off };
        state.comparison_code = admission.e2ee_key.as_ref().map(comparison_code);
        state.planned_end = admission.planned_end.or(state.planned_end);
        self.observe(|measurements| measurements.entered(admission.e2ee));
        tracing::info!(room = room.name(), "in the room");
        self.state().admission = Some(Arc::new(admission.clone()));
        self.admission = Some(admission);
        self.session = Some(Session { room: Arc::new(room), events });
        self.show_admission();
        self.recording = Recording::default();
        self.on_recorder(recorded);
        self.on_first_announcement(&announcement);
        self.on_announced_key(&announcement);
        self.show_people();
    }

    /// Shows whether we are in the call or the waiting room, and begins to send when it is the call.
    pub(super) fn show_admission(&mut self) {
        let Some(session) = &self.session else { return };
        let (is_admitted, listens) = (session.admits(), !session.sends());
        if is_admitted && !self.lacks_key() {
            let waited = self.waiting_since.take().is_some();
            self.state().joined_at.get_or_insert_with(Instant::now);
            self.state().phase = CallPhase::InCall;
            self.listen(listens);
            self.publish_all();
            if waited && self.is_encrypted() {
                // In the clear the doctor's client tells it by itself.
                self.ask_history(0);
            }
        } else {
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            self.state().phase = CallPhase::Waiting { since };
            if !is_admitted {
                // The SFU has thrown out what was published, if anything was.
                self.local.room_left();
            }
        }
        // Admitted already, there may be only the key to wait for, or a newer one.
        self.follow_key();
    }

    fn on_tick(&mut self) {
        if let CallPhase::Reconnecting { since } = self.state().phase
            && since.elapsed() >= RECONNECT_FOR
        {
            self.end(EndReason::ConnectionLost);
        }
        self.observe(Measurements::find_tone);
        self.follow_mutings();
        self.tend_tiles();
        self.tend_statistics();
        self.tend_codec();
        // Some of what is known of the others changes without an event.
        self.show_people();
    }

    /// Reports something to the observer, if there is one.
    pub(super) fn observe(&self, what: impl FnOnce(&Measurements)) {
        if let Some(measurements) = &self.measurements {
            what(measurements);
        }
    }

    pub(super) fn show_people(&mut self) {
        self.publisher.state.participants = self.remotes.states();
    }
}

/// Whether trying again can't help somebody whose connection was lost.
fn is_final(reason: EndReason) -> bool {
    matches!(reason, EndReason::NotAllowed | EndReason::Over | EndReason::Cancelled)
}

/// The room's next event; waits for ever while there is no room.
async fn next_room_event(session: &mut Option<Session>) -> Option<RoomEvent> {
    match session {
        Some(session) => session.events.recv().await,
        None => std::future::pending().await,
    }
}
