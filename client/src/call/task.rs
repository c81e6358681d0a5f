//! The call task: the only place that knows the room. It never waits for anything but its inboxes, so that hanging up
//! always works at once; whatever takes time runs beside it and comes back as an [`Event`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::Role;
use autamedica_engine::{DisconnectReason, LocalTrackPublication, Room, RoomError, RoomEvent};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::event::{Event, Events};
use super::handle::{CallHandle, Publisher, Wake};
use super::join::{Entered, Entrance};
use super::local::{DeviceChoices, LocalMedia, Source, delivers};
use super::remote::{Remotes, role_of};
use super::target::comparison_code;
use super::{
    CallCommand, CallPhase, CallSettings, CallState, ChatMessage, EncryptionState, EndReason, JoinTarget, MediaState,
    RecordingState, ShareState,
};
use crate::backend::Admission;
use crate::device::DeviceState;
use crate::device::audio::Mixer;
use crate::report::Measurements;

/// A lost connection is honestly over after this long.
const RECONNECT_FOR: Duration = Duration::from_secs(30);
/// From one attempt to enter the room again to the next.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
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
    /// Where to count what happens.
    pub measurements: Measurements,
    /// A chat line to send once somebody else is there (for the demo and tests).
    pub say: Option<String>,
}

/// The room that is up.
pub(super) struct Session {
    admission: Admission,
    room: Room,
    events: mpsc::UnboundedReceiver<RoomEvent>,
}

/// The call.
pub(super) struct Task {
    publisher: Publisher,
    target: JoinTarget,
    entrance: Entrance,
    pub(super) measurements: Measurements,
    pub(super) say: Option<String>,
    events: Events,
    pub(super) local: LocalMedia,
    pub(super) remotes: Remotes,
    pub(super) session: Option<Session>,
    /// The newest admission, for coming back.
    pub(super) admission: Option<Admission>,
    /// Who has media here that doesn't decrypt, or isn't encrypted where it must be, by identity.
    pub(super) unreadable: BTreeSet<String>,
    /// Counts the rooms entered.
    room: u64,
    jobs: JoinSet<()>,
}

/// Starts a call. Returns at once; `wake` is called after each change of its state.
pub fn start(runtime: &Handle, options: CallOptions, wake: Wake) -> CallHandle {
    let role = options.target.role().unwrap_or(Role::Patient);
    let (publisher, handle, commands) = Publisher::new(role, wake);
    let (events, inbox) = Events::new();
    let mixer = Mixer::new();
    let self_view = publisher.state.self_view.clone();
    let local = LocalMedia::new(options.devices, options.settings, role, self_view, events.clone());
    let task = Task {
        publisher,
        target: options.target,
        entrance: options.entrance,
        measurements: options.measurements,
        say: options.say,
        events,
        local,
        remotes: Remotes::new(mixer.clone()),
        session: None,
        admission: None,
        unreadable: BTreeSet::new(),
        room: 0,
        jobs: JoinSet::new(),
    };
    runtime.spawn(task.run(mixer, commands, inbox));
    handle
}

impl Task {
    async fn run(
        mut self,
        mixer: Mixer,
        mut commands: mpsc::UnboundedReceiver<CallCommand>,
        mut inbox: mpsc::UnboundedReceiver<Event>,
    ) {
        self.measurements.join_asked();
        self.enter(Duration::ZERO);
        self.local.open(mixer);
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
        self.count_sound();
        self.measurements.ended(&format!("{reason:?}"));
        tracing::info!(?reason, "the call is over");
        let lasted = self.state().joined_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.state().phase = CallPhase::Ended { reason, lasted };
    }

    /// Enters the room beside the task, after a pause.
    pub(super) fn enter(&mut self, pause: Duration) {
        let (entrance, target, known) = (self.entrance.clone(), self.target.clone(), self.admission.clone());
        let events = self.events.clone();
        self.jobs.spawn(async move {
            tokio::time::sleep(pause).await;
            events.send(Event::Entered(entrance.enter(&target, known).await));
        });
    }

    fn on_command(&mut self, command: CallCommand) {
        match command {
            CallCommand::HangUp => self.end(EndReason::HungUp),
            CallCommand::MuteCamera(mute) => {
                self.state().camera.muted = mute;
                self.local.mute(Source::Camera, mute);
                if mute {
                    self.local.close_camera();
                    self.state().camera.device = DeviceState::Off;
                } else {
                    self.local.open_camera();
                }
            }
            CallCommand::MuteMicrophone(mute) => {
                self.state().microphone.muted = mute;
                self.mute_as_is(Source::Microphone);
            }
            CallCommand::ShareScreen(_) => {
                if matches!(self.state().screen, ShareState::Off | ShareState::Failed) {
                    self.state().screen = ShareState::Starting;
                    self.local.open_screen();
                }
            }
            CallCommand::StopSharing => self.stop_sharing(ShareState::Off),
            CallCommand::Record(on) => self.record(on),
            CallCommand::SendChat(text) => self.send_chat(text),
            other => tracing::warn!(?other, "asked for too early"),
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Entered(Ok(entered)) => self.on_entered(entered),
            Event::Entered(Err(reason)) => match self.state().phase {
                CallPhase::Reconnecting { .. } if reason != EndReason::NotAllowed => self.enter(RETRY_AFTER),
                _ => self.end(reason),
            },
            Event::Device(Source::Screen, state) => match state {
                DeviceState::Failed(problem) => {
                    tracing::warn!(?problem, "the screen can't be captured");
                    self.stop_sharing(ShareState::Failed);
                }
                DeviceState::Off | DeviceState::Starting | DeviceState::On { .. } => {}
            },
            Event::Device(source, state) => {
                let there = delivers(&state);
                self.media(source).device = state;
                if there && source == Source::Microphone {
                    self.publish(source);
                }
                self.mute_as_is(source);
            }
            Event::Speaker(state) => self.state().speaker = state,
            // A picture that was under way when the share was stopped.
            Event::Sized(Source::Screen, _) if matches!(self.state().screen, ShareState::Off | ShareState::Failed) => {}
            Event::Sized(source, size) => {
                self.local.sized(source, size);
                self.publish(source);
            }
            Event::Published { room, source, result } if room == self.room => self.on_published(source, result),
            Event::Published { .. } => {}
            Event::ChatSent { line, result } => {
                if let Err(error) = result {
                    tracing::warn!(%error, "a chat line wasn't sent");
                    if let Some(line) = Arc::make_mut(&mut self.state().chat).get_mut(line) {
                        line.failed = true;
                    }
                }
            }
            Event::Recorded { on, result } => {
                match (on, result) {
                    (on, Ok(())) => self.show_recording(on),
                    (true, Err(error)) => self.state().recording = RecordingState::Refused(error.to_string()),
                    // It goes on, and everybody must go on to see that.
                    (false, Err(error)) => tracing::warn!(%error, "the recording wasn't stopped"),
                }
            }
        }
    }

    fn on_entered(&mut self, entered: Entered) {
        let Entered { admission, room, events } = entered;
        let me = room.local_participant();
        let token_role = role_of(&me.metadata());
        let recording = room.is_recording();
        self.room += 1;
        self.local.room_left();
        self.remotes.clear();
        self.unreadable.clear();
        for participant in room.remote_participants() {
            self.remotes.joined(participant);
        }
        let state = self.state();
        state.role = token_role.unwrap_or(admission.role);
        state.identity = me.identity();
        state.joined_at.get_or_insert_with(Instant::now);
        state.phase = CallPhase::InCall;
        state.encryption = if admission.e2ee_key.is_some() { EncryptionState::On } else { EncryptionState::Off };
        state.comparison_code = admission.e2ee_key.as_ref().map(comparison_code);
        self.measurements.entered(admission.e2ee_key.is_some());
        tracing::info!(room = room.name(), "in the room");
        self.admission = Some(admission.clone());
        self.session = Some(Session { admission, room, events });
        self.publish_all();
        self.show_recording(recording);
        self.show_people();
    }

    /// Publishes what delivers and isn't in the room yet.
    pub(super) fn publish_all(&mut self) {
        self.publish(Source::Camera);
        if delivers(&self.publisher.state.microphone.device) {
            self.publish(Source::Microphone);
        }
        self.publish(Source::Screen);
    }

    fn on_tick(&mut self) {
        if let CallPhase::Reconnecting { since } = self.state().phase
            && since.elapsed() >= RECONNECT_FOR
        {
            self.end(EndReason::ConnectionLost);
        }
        self.count_sound();
    }

    fn count_sound(&mut self) {
        if let Some(speaker) = &self.local.speaker {
            self.measurements.audio_played(speaker.frames_played(), speaker.tone_hz());
        }
    }

    fn publish(&mut self, source: Source) {
        let Some(session) = &self.session else { return };
        match self.local.publish(source, &session.room.local_participant()) {
            Ok(Some(job)) => {
                let (room, events) = (self.room, self.events.clone());
                self.jobs.spawn(async move {
                    events.send(Event::Published { room, source, result: job.run().await });
                });
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(?source, %error, "can't make a track"),
        }
    }

    fn on_published(&mut self, source: Source, result: Result<LocalTrackPublication, RoomError>) {
        let late = result.as_ref().ok().cloned();
        let taken = self.local.published(source, result);
        if source == Source::Screen {
            if taken {
                self.state().screen = ShareState::On;
            } else if late.is_none() {
                self.stop_sharing(ShareState::Failed);
            }
        }
        match late {
            // The share was stopped while the room was still being asked.
            Some(publication) if !taken => self.unpublish(publication),
            _ => self.mute_as_is(source),
        }
    }

    fn stop_sharing(&mut self, state: ShareState) {
        if let Some(publication) = self.local.close_screen() {
            self.unpublish(publication);
        }
        self.state().screen = state;
    }

    fn unpublish(&mut self, publication: LocalTrackPublication) {
        let Some(session) = &self.session else { return };
        let participant = session.room.local_participant();
        self.jobs.spawn(async move {
            if let Err(error) = participant.unpublish_track(&publication.sid()).await {
                tracing::warn!(%error, "can't take a track out of the room");
            }
        });
    }

    /// The others see a source as muted when the person muted it or the device delivers nothing.
    fn mute_as_is(&mut self, source: Source) {
        if source != Source::Screen {
            let media = self.media(source);
            let mute = media.muted || !delivers(&media.device);
            self.local.mute(source, mute);
        }
    }

    fn media(&mut self, source: Source) -> &mut MediaState {
        let state = self.state();
        if source == Source::Camera { &mut state.camera } else { &mut state.microphone }
    }

    pub(super) fn send_chat(&mut self, text: String) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let state = self.state();
        let line = ChatMessage {
            from: state.identity.clone(),
            role: Some(state.role),
            own: true,
            text: text.to_owned(),
            at: SystemTime::now(),
            failed: self.session.is_none(),
            file: None,
        };
        let chat = Arc::make_mut(&mut self.publisher.state.chat);
        chat.push(line);
        let line = chat.len() - 1;
        let Some(session) = &self.session else { return };
        let (participant, events, text) = (session.room.local_participant(), self.events.clone(), text.to_owned());
        self.jobs.spawn(async move {
            let result = participant.send_chat_message(&text).await.map(drop);
            events.send(Event::ChatSent { line, result });
        });
    }

    fn record(&mut self, on: bool) {
        let Some(session) = &self.session else { return };
        let Some(place) = session.admission.consultation.clone() else {
            self.state().recording = RecordingState::Refused(String::new());
            return;
        };
        let (backend, token) = (self.entrance.backend.clone(), session.admission.token.clone());
        let events = self.events.clone();
        if on {
            self.state().recording = RecordingState::Starting;
        }
        self.jobs.spawn(async move {
            let result = backend.record(&place, &token, on).await;
            events.send(Event::Recorded { on, result });
        });
    }

    pub(super) fn show_people(&mut self) {
        self.publisher.state.participants = self.remotes.states();
    }
}

/// The room's next event; waits for ever while there is no room.
async fn next_room_event(session: &mut Option<Session>) -> Option<RoomEvent> {
    match session {
        Some(session) => session.events.recv().await,
        None => std::future::pending().await,
    }
}
