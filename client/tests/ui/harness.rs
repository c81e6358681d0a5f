//! App with fake calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::{Feedback, Id, Role};
use autamedica_call::agenda::Agenda;
use autamedica_call::backend::Admission;
use autamedica_call::check::{CheckCommand, CheckState, NetworkReport, NetworkState, Voice};
use autamedica_call::recordings::{Listed, RecordingsCommand, RecordingsState};
use autamedica_call::{
    CallCommand, CallSettings, CallState, DeviceChoices, DeviceLists, JoinTarget, Secret, Tile, Wake,
};
use autamedica_client::answer::{Answer, Reply, pending};
use autamedica_client::app::{App, AppOptions, Call, Calls, Check, PinAnswer, Start};
use autamedica_client::full::{self, Desk, DoctorsAgenda, DoctorsRecordings};
use autamedica_client::i18n::{Language, Texts, Value};
use autamedica_client::kiosk;
use autamedica_client::pin::{LOCKED_FOR, MAX_ATTEMPTS};
use autamedica_client::settings::Settings;
use autamedica_media::DeviceState;
use autamedica_media::audio::Level;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use parking_lot::Mutex;

use super::desktop::FakeDesktop;
pub use super::people::{call, person, picture};

/// Events behind the screens.
#[derive(Default)]
struct Log {
    joined: Vec<JoinTarget>,
    sent: Vec<CallCommand>,
    shown: Option<Vec<Tile>>,
    state: Option<Arc<CallState>>,
    joined_with: Vec<DeviceChoices>,
    checked: Vec<JoinTarget>,
    check_first: Option<CheckState>,
    check: Option<Arc<CheckState>>,
    commands: Vec<CheckCommand>,
    feedback: Vec<Feedback>,
    reply: Option<Reply<bool>>,
    /// PINs since the last right one.
    pins: u32,
    pins_locked: bool,
    holds_pins: bool,
    held_pin: Option<(Reply<PinAnswer>, PinAnswer)>,
    agenda: Option<Arc<Agenda>>,
    saved: Vec<Settings>,
    disk_is_full: bool,
    next_save_panics: bool,
    recent: Option<Vec<Id>>,
    recordings: Option<Arc<RecordingsState>>,
    recording_commands: Vec<RecordingsCommand>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Log>>);

impl Calls for Fake {
    fn join(&mut self, target: JoinTarget, devices: &DeviceChoices, _: CallSettings, _: Wake) -> Box<dyn Call> {
        let mut log = self.0.lock();
        log.joined.push(target);
        log.joined_with.push(devices.clone());
        Box::new(self.clone())
    }

    fn check(&mut self, target: &JoinTarget, devices: &DeviceChoices, _: CallSettings, _: Wake) -> Box<dyn Check> {
        let mut log = self.0.lock();
        log.checked.push(target.clone());
        let mut state = log.check_first.take().unwrap_or_else(|| checked_well(devices.clone()));
        state.chosen = devices.clone();
        log.check = Some(Arc::new(state));
        Box::new(FakeCheck(self.clone()))
    }

    fn send_feedback(&mut self, _: &Admission, feedback: Feedback, wake: Wake) -> Answer<bool> {
        let (answer, reply) = pending(wake, false);
        let mut log = self.0.lock();
        log.feedback.push(feedback);
        log.reply = Some(reply);
        answer
    }

    fn operator_pin(&mut self, pin: Secret, wake: Wake) -> Answer<PinAnswer> {
        let mut log = self.0.lock();
        log.pins += 1;
        let right = pin.expose() == PIN;
        let answer = match log.pins {
            _ if log.pins_locked => PinAnswer::Locked(LOCKED_FOR),
            _ if right => PinAnswer::Right,
            MAX_ATTEMPTS.. => PinAnswer::Locked(LOCKED_FOR),
            _ => PinAnswer::Wrong,
        };
        log.pins_locked = matches!(answer, PinAnswer::Locked(_));
        if right {
            log.pins = 0;
        }
        if !log.holds_pins {
            return Answer::ready(answer);
        }
        let (held, reply) = pending(wake, PinAnswer::NotCounted);
        log.held_pin = Some((reply, answer));
        held
    }
}

impl Desk for Fake {
    fn agenda(&mut self, _: Wake) -> Box<dyn DoctorsAgenda> {
        Box::new(self.clone())
    }

    fn recordings(&mut self, consultation: &Id, _: Wake) -> Box<dyn DoctorsRecordings> {
        let state = RecordingsState::new(consultation.clone(), Listed::Asking);
        self.0.lock().recordings = Some(Arc::new(state));
        Box::new(FakeRecordings(self.clone()))
    }

    fn list_devices(&mut self, _: Wake) -> Answer<DeviceLists> {
        Answer::ready(devices())
    }

    fn save_settings(&mut self, settings: &Settings, wake: Wake) -> Answer<bool> {
        let mut log = self.0.lock();
        log.saved.push(settings.clone());
        if std::mem::take(&mut log.next_save_panics) {
            // The worker's stack unwinds without an answer.
            return pending(wake, false).0;
        }
        Answer::ready(!log.disk_is_full)
    }

    fn save_recent(&mut self, ids: &[Id], _: Wake) -> Answer<bool> {
        self.0.lock().recent = Some(ids.to_vec());
        Answer::ready(true)
    }
}

pub const PIN: &str = "704219";

/// Returns the devices to choose from.
pub fn devices() -> DeviceLists {
    DeviceLists {
        cameras: vec!["Logitech".into(), "Integrada".into()],
        microphones: vec!["USB".into()],
        speakers: vec!["Auriculares".into()],
    }
}

/// Returns a check without problems.
pub fn checked_well(chosen: DeviceChoices) -> CheckState {
    let report = NetworkReport { connect_ms: 80, round_trip_ms: 24, loss_percent: 0.0, up_kbps: 2400, down_kbps: 2300 };
    let on = |name: &str| DeviceState::On { name: name.into() };
    CheckState {
        devices: Arc::new(devices()),
        camera: on("Logitech"),
        preview: picture(),
        microphone: on("USB"),
        voice: Voice::Heard,
        speaker: on("Auriculares"),
        ..CheckState::new(chosen, NetworkState::Done(report))
    }
}

struct FakeCheck(Fake);

impl Check for FakeCheck {
    fn state(&self) -> Arc<CheckState> {
        self.0.0.lock().check.clone().expect("a check was begun")
    }

    fn level(&self) -> Level {
        Level { rms: 0.05, peak: 0.1 }
    }

    fn send(&self, command: CheckCommand) {
        self.0.0.lock().commands.push(command);
    }
}

impl DoctorsAgenda for Fake {
    fn now(&self) -> Arc<Agenda> {
        self.0.lock().agenda.clone().unwrap_or_else(|| Arc::new(Agenda::Asking))
    }
}

struct FakeRecordings(Fake);

impl DoctorsRecordings for FakeRecordings {
    fn now(&self) -> Arc<RecordingsState> {
        self.0.0.lock().recordings.clone().expect("recordings were asked for")
    }

    fn send(&self, command: RecordingsCommand) {
        self.0.0.lock().recording_commands.push(command);
    }
}

impl Call for Fake {
    fn state(&self) -> Arc<CallState> {
        self.0.lock().state.clone().expect("a state was set before joining")
    }

    fn send(&self, command: CallCommand) {
        let mut log = self.0.lock();
        match command {
            CallCommand::Show(tiles) => log.shown = Some(tiles),
            command => log.sent.push(command),
        }
    }
}

/// App in front of a fake call.
pub struct TestApp {
    pub harness: Harness<'static, App>,
    pub texts: Texts,
    pub desktop: Arc<FakeDesktop>,
    log: Fake,
}

impl TestApp {
    /// Starts in a call with this state.
    pub fn in_call(language: Language, state: CallState) -> Self {
        Self::with(Self::options(language, state.role), state)
    }

    /// Returns the options of an app that joins at once.
    pub fn options(language: Language, role: Role) -> AppOptions {
        let start = Start::Join(JoinTarget::Consultation { id: Id::new("4821").expect("a valid id"), role });
        AppOptions { language, role, start, ..AppOptions::default() }
    }

    /// Starts at the start screen; a call begins in the joining state.
    pub fn at_home(language: Language, role: Role) -> Self {
        Self::with(AppOptions { language, role, ..AppOptions::default() }, CallState::joining(role))
    }

    pub fn with(options: AppOptions, state: CallState) -> Self {
        Self::of(options, state, |ctx, options, fake| full::app(ctx, options, Box::new(fake.clone()), Box::new(fake)))
    }

    /// Starts a kiosk.
    pub fn kiosk(options: AppOptions, state: CallState) -> Self {
        Self::of(options, state, |ctx, options, fake| kiosk::app(ctx, options, Box::new(fake)))
    }

    fn of(mut options: AppOptions, state: CallState, create: fn(&egui::Context, AppOptions, Fake) -> App) -> Self {
        let log = Fake::default();
        let desktop = Arc::new(FakeDesktop::default());
        options.desktop = desktop.clone();
        // Fades would only slow the tests down.
        options.reduced_motion = true;
        log.0.lock().state = Some(Arc::new(state));
        let (texts, fake) = (Texts::with_more(options.language, full::more_texts), log.clone());
        let harness = Harness::builder()
            .with_size([1280.0, 720.0])
            .with_max_steps(8)
            .build_eframe(|cc| create(&cc.egui_ctx, options, fake));
        let mut app = Self { harness, texts, desktop, log };
        app.settle();
        app
    }

    /// Draws a few passes. Waiting for rest is no option: a screen with a meter or a picture never rests.
    pub fn settle(&mut self) {
        self.harness.run_steps(6);
    }

    pub fn change(&mut self, change: impl FnOnce(&mut CallState)) {
        let mut log = self.log.0.lock();
        let mut state = CallState::clone(log.state.as_ref().expect("there is a state"));
        change(&mut state);
        log.state = Some(Arc::new(state));
        drop(log);
        self.settle();
    }

    pub fn text(&self, key: &str) -> String {
        self.texts.t(key).into_owned()
    }

    pub fn text_with(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        self.texts.with(key, values)
    }

    /// Returns whether an element with the text of `key` as its name exists.
    pub fn shows(&self, key: &str) -> bool {
        self.shows_text(&self.text(key))
    }

    pub fn shows_text(&self, text: &str) -> bool {
        self.harness.query_all_by_label(text).next().is_some()
    }

    #[track_caller]
    pub fn assert_shows(&self, key: &str) {
        assert!(self.shows(key), "{key} ({:?}) isn't there:\n{:#?}", self.text(key), self.harness.root());
    }

    /// Clicks the element with the text of `key` as its name.
    #[track_caller]
    pub fn click(&mut self, key: &str) {
        let text = self.text(key);
        self.click_text(&text);
    }

    /// Clicks the element with this name, scrolling to it if necessary.
    #[track_caller]
    pub fn click_text(&mut self, text: &str) {
        self.harness.get_by_label(text).scroll_to_me();
        self.settle();
        self.harness.get_by_label(text).click();
        self.settle();
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    /// Returns whether the switch with the text of `key` as its name is on.
    #[track_caller]
    pub fn is_on(&self, key: &str) -> bool {
        use egui::accesskit::Toggled;
        let text = self.text(key);
        let toggled = self.harness.get_by_label(&text).accesskit_node().toggled();
        toggled.expect("it is a switch") == Toggled::True
    }

    /// Returns the commands sent since the last call of this function.
    pub fn sent(&self) -> Vec<CallCommand> {
        std::mem::take(&mut self.log.0.lock().sent)
    }

    /// Returns the tiles last reported as visible.
    #[track_caller]
    pub fn tiles(&self) -> Vec<Tile> {
        self.log.0.lock().shown.clone().expect("the call was told what is shown")
    }

    pub fn forget_tiles(&self) {
        self.log.0.lock().shown = None;
    }

    /// Draws until an element with the text of `key` exists, for results of other threads.
    #[track_caller]
    pub fn wait_for(&mut self, key: &str) {
        let text = self.text(key);
        self.wait_for_text(&text);
    }

    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.shows_text(text) {
            assert!(Instant::now() < deadline, "{text:?} doesn't come:\n{:#?}", self.harness.root());
            std::thread::yield_now();
            self.harness.step();
        }
        self.settle();
    }

    /// Draws until a command is sent, and returns it.
    #[track_caller]
    pub fn wait_for_command(&mut self) -> CallCommand {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(command) = self.sent().into_iter().next() {
                return command;
            }
            assert!(Instant::now() < deadline, "nothing is sent");
            std::thread::yield_now();
            self.harness.step();
        }
    }

    /// Returns the area of the element with this name.
    #[track_caller]
    pub fn rect(&self, text: &str) -> egui::Rect {
        self.harness.get_by_label(text).rect()
    }

    pub fn joined(&self) -> Vec<JoinTarget> {
        self.log.0.lock().joined.clone()
    }

    /// Returns the devices with which the last call began.
    pub fn joined_with(&self) -> Option<DeviceChoices> {
        self.log.0.lock().joined_with.last().cloned()
    }

    /// Returns the targets of all checks.
    pub fn checked(&self) -> Vec<JoinTarget> {
        self.log.0.lock().checked.clone()
    }

    /// Opens the settings during a call, as its menu does.
    pub fn open_settings_in_call(&mut self) {
        self.harness.state_mut().ask(autamedica_client::ui::Action::Settings);
        self.settle();
    }

    /// Enters the call from the check screen.
    #[track_caller]
    pub fn finish_check(&mut self) {
        self.click("check-enter");
        assert_eq!(self.commands().last(), Some(&CheckCommand::Finish));
        self.assert_shows("joining-title");
        self.change_check(|check| check.finished = true);
    }

    /// Returns the commands sent to the check since the last call of this function.
    pub fn commands(&self) -> Vec<CheckCommand> {
        std::mem::take(&mut self.log.0.lock().commands)
    }

    pub fn change_check(&mut self, change: impl FnOnce(&mut CheckState)) {
        let mut log = self.log.0.lock();
        let mut state = CheckState::clone(log.check.as_ref().expect("a check was begun"));
        change(&mut state);
        log.check = Some(Arc::new(state));
        drop(log);
        self.settle();
    }

    pub fn change_agenda(&mut self, agenda: Agenda) {
        self.log.0.lock().agenda = Some(Arc::new(agenda));
        self.settle();
    }

    pub fn change_recordings(&mut self, change: impl FnOnce(&mut RecordingsState)) {
        let mut log = self.log.0.lock();
        let mut state = RecordingsState::clone(log.recordings.as_ref().expect("recordings were asked for"));
        change(&mut state);
        log.recordings = Some(Arc::new(state));
        drop(log);
        self.settle();
    }

    /// Returns the commands about recordings since the last call of this function.
    pub fn recording_commands(&self) -> Vec<RecordingsCommand> {
        std::mem::take(&mut self.log.0.lock().recording_commands)
    }

    pub fn feedback(&self) -> Vec<Feedback> {
        self.log.0.lock().feedback.clone()
    }

    /// Accepts or rejects the feedback as the backend.
    pub fn answer_feedback(&mut self, taken: bool) {
        self.log.0.lock().reply.take().expect("it was asked").give(taken);
        self.settle();
    }

    /// Delays PIN checks: each waits for [`answer_pin`](Self::answer_pin).
    pub fn defer_pin_answers(&mut self) {
        self.log.0.lock().holds_pins = true;
    }

    /// Completes the pending PIN check.
    #[track_caller]
    pub fn answer_pin(&mut self) {
        let (reply, answer) = self.log.0.lock().held_pin.take().expect("a PIN was given");
        reply.give(answer);
        self.settle();
    }

    /// Returns the number of PINs since the last right one.
    pub fn pins(&self) -> u32 {
        self.log.0.lock().pins
    }

    /// Returns all stored settings, the newest last.
    pub fn saved(&self) -> Vec<Settings> {
        self.log.0.lock().saved.clone()
    }

    /// Makes writes to the disk fail from now on.
    pub fn fail_saving(&mut self) {
        self.log.0.lock().disk_is_full = true;
    }

    /// Makes the next write of settings panic.
    pub fn panic_next_save(&mut self) {
        self.log.0.lock().next_save_panics = true;
    }

    /// Returns the recent consultations as last stored.
    pub fn saved_recent(&self) -> Option<Vec<Id>> {
        self.log.0.lock().recent.clone()
    }
}
