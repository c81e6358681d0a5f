//! Task of the check. Awaits only its inboxes; devices and the network test report to one of them.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::Role;
use autamedica_engine::LatestFrame;
use autamedica_media::audio::{
    Chunk, Level, LevelMeter, Microphone, MicrophoneOptions, Mixer, MixerInput, SAMPLE_RATE, Speaker,
};
use autamedica_media::{Camera, CameraFormat, CardStyle, DeviceState};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::chime::Chime;
use super::network::{NetworkProblem, NetworkState, NetworkStep, test_network};
use super::voice::{Voice, VoiceDetector};
use super::{CheckCommand, CheckState, TestSound};
use crate::job::ends_in_event;
use crate::{DeviceChoices, DeviceLists, Entrance, JoinTarget, Wake};

/// Interval of listing devices.
const LIST_INTERVAL: Duration = Duration::from_secs(4);
/// Length of the pieces in which the test sound is queued.
const CHUNK_DURATION: Duration = Duration::from_millis(50);
/// Maximum time that a driver may delay the call by not closing its device.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Options of a check.
pub struct CheckOptions {
    /// Join target of the call.
    pub target: JoinTarget,
    /// Entrance to the room.
    pub entrance: Entrance,
    /// Selected devices.
    pub devices: DeviceChoices,
    /// Format to request of the camera.
    pub format: CameraFormat,
}

/// Handle of a running check. Dropping it ends the check.
#[derive(Debug)]
pub struct CheckHandle {
    commands: mpsc::UnboundedSender<CheckCommand>,
    state: watch::Receiver<Arc<CheckState>>,
    meter: LevelMeter,
}

impl CheckHandle {
    /// Returns the newest snapshot. Never blocks.
    pub fn state(&self) -> Arc<CheckState> {
        self.state.borrow().clone()
    }

    /// Returns the microphone's current level. Never blocks.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// Sends a command. Never blocks; the result shows in a later snapshot.
    pub fn send(&self, command: CheckCommand) {
        // The task is gone only after the check has ended, when commands have no effect.
        let _ = self.commands.send(command);
    }

    /// Returns a receiver of snapshots, for asynchronous code.
    pub fn watch(&self) -> watch::Receiver<Arc<CheckState>> {
        self.state.clone()
    }
}

enum Event {
    Camera(DeviceState),
    Microphone(DeviceState),
    Voice(Voice),
    Speaker(DeviceState),
    Devices(DeviceLists),
    /// Listing the devices failed.
    NoDevices,
    Network(NetworkState),
}

struct Task {
    state: CheckState,
    shown: watch::Sender<Arc<CheckState>>,
    wake: Wake,
    target: JoinTarget,
    entrance: Entrance,
    format: CameraFormat,
    meter: LevelMeter,
    events: mpsc::UnboundedSender<Event>,
    /// Cloned into each device: its receiver ends when all devices are closed.
    open: mpsc::Sender<()>,
    camera: Option<Camera>,
    microphone: Option<Microphone>,
    speaker: Option<Speaker>,
    mixer: Mixer,
    playing: Option<(Chime, MixerInput)>,
    jobs: JoinSet<()>,
    listing: bool,
}

/// Starts a check and returns at once. The task calls `wake` after each change of the state.
pub fn start(runtime: &Handle, options: CheckOptions, wake: Wake) -> CheckHandle {
    let CheckOptions { target, entrance, devices, format } = options;
    let network = match target {
        JoinTarget::Room { .. } => NetworkState::NoServer,
        _ => NetworkState::Running(NetworkStep::Connecting),
    };
    let state = CheckState::new(devices, network);
    let (shown, watched) = watch::channel(Arc::new(state.clone()));
    let (commands, inbox) = mpsc::unbounded_channel();
    let (events, reports) = mpsc::unbounded_channel();
    let (open, closed) = mpsc::channel(1);
    let meter = LevelMeter::default();
    let task = Task {
        state,
        shown,
        wake,
        target,
        entrance,
        format,
        meter: meter.clone(),
        events,
        open,
        camera: None,
        microphone: None,
        speaker: None,
        mixer: Mixer::new(),
        playing: None,
        jobs: JoinSet::new(),
        listing: false,
    };
    runtime.spawn(task.run(inbox, reports, closed));
    CheckHandle { commands, state: watched, meter }
}

impl Task {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<CheckCommand>,
        mut reports: mpsc::UnboundedReceiver<Event>,
        mut closed: mpsc::Receiver<()>,
    ) {
        self.open_camera();
        self.open_microphone();
        self.open_speaker();
        self.test_network();
        let mut list = interval(LIST_INTERVAL);
        list.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut chunk = interval(CHUNK_DURATION);
        chunk.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return,
                    Some(CheckCommand::Finish) => break,
                    Some(command) => self.on_command(command),
                },
                Some(event) = reports.recv() => self.on_event(event),
                Some(_) = self.jobs.join_next() => {}
                _ = chunk.tick(), if self.playing.is_some() => self.play_on(),
                _ = list.tick() => self.list_devices(),
            }
            self.publish();
        }
        self.jobs.abort_all();
        (self.camera, self.microphone, self.speaker) = (None, None, None);
        // Drops our own sender, so that only the devices' are waited for.
        self.open = mpsc::channel(1).0;
        if timeout(CLOSE_TIMEOUT, closed.recv()).await.is_err() {
            tracing::warn!("device not closed in time");
        }
        self.state.finished = true;
        self.publish();
    }

    fn publish(&self) {
        let changed = self.shown.send_if_modified(|shown| {
            let changed = **shown != self.state;
            if changed {
                *shown = Arc::new(self.state.clone());
            }
            changed
        });
        if changed {
            (self.wake)();
        }
    }

    fn on_command(&mut self, command: CheckCommand) {
        match command {
            CheckCommand::UseCamera(choice) => {
                self.state.chosen.camera = choice;
                self.open_camera();
            }
            CheckCommand::UseMicrophone(choice) => {
                self.state.chosen.microphone = choice;
                self.open_microphone();
            }
            CheckCommand::UseSpeaker(choice) => {
                self.state.chosen.speaker = choice;
                self.open_speaker();
            }
            CheckCommand::PlaySound => {
                self.playing = Some((Chime::default(), self.mixer.add_stream()));
                self.state.sound = TestSound::Playing;
            }
            CheckCommand::Heard(heard) => {
                self.state.sound = if heard { TestSound::Heard } else { TestSound::NotHeard };
            }
            CheckCommand::TestNetwork => self.test_network(),
            CheckCommand::Finish => {}
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Camera(state) => self.state.camera = state,
            Event::Microphone(state) => {
                if !matches!(state, DeviceState::On { .. }) {
                    self.meter.clear();
                }
                self.state.microphone = state;
            }
            Event::Voice(voice) => self.state.voice = voice,
            Event::Speaker(state) => self.state.speaker = state,
            Event::Devices(devices) => {
                self.listing = false;
                if *self.state.devices != devices {
                    self.state.devices = Arc::new(devices);
                }
            }
            Event::NoDevices => self.listing = false,
            Event::Network(network) => self.state.network = network,
        }
    }

    fn open_camera(&mut self) {
        // Closed first, because the new one may be the same device.
        self.camera = None;
        self.state.preview = LatestFrame::new();
        let (preview, events, open) = (self.state.preview.clone(), self.events.clone(), self.open.clone());
        // The role of a join link is not known yet: the test card has no label then.
        let style = match self.target.role() {
            Some(role) => CardStyle::new(role.as_str(), u8::from(role == Role::Patient)),
            None => CardStyle::default(),
        };
        let on_frame = move |frame| {
            let _keeps = &open;
            preview.put(frame);
        };
        let on_state = move |state| report(&events, Event::Camera(state));
        let (choice, format) = (self.state.chosen.camera.clone(), self.format);
        self.camera = Some(Camera::open(choice, format, style, on_frame, on_state));
    }

    fn open_microphone(&mut self) {
        self.microphone = None;
        self.state.voice = Voice::Listening;
        self.meter.clear();
        // Without processing, which could hide problems of the microphone.
        let options =
            MicrophoneOptions { choice: self.state.chosen.microphone.clone(), tone_hz: 440.0, processing: None };
        let (meter, events, open) = (self.meter.clone(), self.events.clone(), self.open.clone());
        let (mut detector, mut last) = (VoiceDetector::default(), Voice::Listening);
        let sink = move |chunk: &Chunk| {
            let _keeps = &open;
            meter.measure(chunk);
            let voice = detector.observe(chunk);
            if voice != last {
                last = voice;
                report(&events, Event::Voice(voice));
            }
        };
        let events = self.events.clone();
        let on_state = move |state| report(&events, Event::Microphone(state));
        self.microphone = Some(Microphone::open(options, sink, on_state));
    }

    fn open_speaker(&mut self) {
        self.speaker = None;
        self.playing = None;
        self.state.sound = TestSound::Silent;
        let (events, open) = (self.events.clone(), self.open.clone());
        let on_state = move |state| {
            let _keeps = &open;
            report(&events, Event::Speaker(state));
        };
        let choice = self.state.chosen.speaker.clone();
        if choice == autamedica_media::DeviceChoice::None {
            self.state.speaker = DeviceState::Off;
        }
        self.speaker = Some(Speaker::open(choice, self.mixer.clone(), None, on_state));
    }

    fn play_on(&mut self) {
        let Some((chime, input)) = &mut self.playing else { return };
        let chunk = chime.next(SAMPLE_RATE as usize * CHUNK_DURATION.as_millis() as usize / 1000);
        if chunk.is_empty() {
            self.playing = None;
            self.state.sound = TestSound::Unanswered;
        } else {
            input.push(&chunk);
        }
    }

    fn test_network(&mut self) {
        if matches!(self.target, JoinTarget::Room { .. }) {
            return;
        }
        self.state.network = NetworkState::Running(NetworkStep::Connecting);
        let (entrance, target, events) = (self.entrance.clone(), self.target.clone(), self.events.clone());
        let (steps, if_panics) = (events.clone(), Event::Network(NetworkState::Failed(NetworkProblem::Failed)));
        self.jobs.spawn(ends_in_event(if_panics, move |event| report(&events, event), async move {
            let step = |step| report(&steps, Event::Network(NetworkState::Running(step)));
            Event::Network(test_network(&entrance, &target, step).await)
        }));
    }

    fn list_devices(&mut self) {
        if std::mem::replace(&mut self.listing, true) {
            return;
        }
        let events = self.events.clone();
        // Drivers may be slow.
        let listing = tokio::task::spawn_blocking(DeviceLists::now);
        self.jobs.spawn(async move {
            // Listing is retried at the next interval.
            report(&events, listing.await.map_or(Event::NoDevices, Event::Devices));
        });
    }
}

impl Drop for Task {
    /// Closes the devices even after a panic, so that the call is not delayed.
    fn drop(&mut self) {
        (self.camera, self.microphone, self.speaker) = (None, None, None);
        self.state.finished = true;
        self.publish();
    }
}

fn report(events: &mpsc::UnboundedSender<Event>, event: Event) {
    // Fails only after the check has ended.
    let _ = events.send(event);
}
