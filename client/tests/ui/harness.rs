//! An app whose calls are made by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::{Id, Role};
use autamedica_client::app::{App, AppOptions, Call, Calls, Start};
use autamedica_client::call::{CallCommand, CallPhase, CallState, JoinTarget, ParticipantState, Tile, Wake};
use autamedica_client::device::{DeviceState, ScreenSource};
use autamedica_client::i18n::{Language, Texts, Value};
use autamedica_client::sound::Sound;
use autamedica_client::ui::desktop::{Desktop, Picked, Shareable};
use autamedica_engine::{ConnectionQuality, LatestFrame, VideoFrame};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use parking_lot::Mutex;

/// What happened behind the screens.
#[derive(Default)]
struct Log {
    joined: Vec<JoinTarget>,
    sent: Vec<CallCommand>,
    shown: Option<Vec<Tile>>,
    state: Option<Arc<CallState>>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Log>>);

impl Calls for Fake {
    fn join(&mut self, target: JoinTarget, _: Wake) -> Box<dyn Call> {
        self.0.lock().joined.push(target);
        Box::new(self.clone())
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

/// A desktop whose dialogs answer by themselves, and which plays nothing.
#[derive(Default)]
pub struct FakeDesktop {
    /// What each file dialog says; `None` means that there are no dialogs.
    pub picks: Mutex<Option<Picked>>,
    pub played: Mutex<Vec<Sound>>,
}

impl FakeDesktop {
    fn pick(&self) -> Picked {
        self.picks.lock().clone().unwrap_or(Picked::Unavailable)
    }
}

impl Desktop for FakeDesktop {
    fn pick_file(&self, _: &str) -> Picked {
        self.pick()
    }

    fn pick_place(&self, _: &str, _: &str) -> Picked {
        self.pick()
    }

    fn shareables(&self) -> Vec<Shareable> {
        let monitor =
            |name: &str| Shareable::new(ScreenSource::Monitor(name.into()), name.into(), (1920, 1080), picture());
        vec![monitor("HDMI-1"), monitor("DP-2")]
    }

    fn play(&self, sound: Sound) {
        self.played.lock().push(sound);
    }
}

/// An app in front of a fake call.
pub struct Stand {
    pub harness: Harness<'static, App>,
    pub texts: Texts,
    pub desktop: Arc<FakeDesktop>,
    log: Fake,
}

impl Stand {
    /// In a call that stands like this.
    pub fn in_call(language: Language, state: CallState) -> Self {
        Self::with(Self::options(language, state.role), state)
    }

    /// For an app that joins at once.
    pub fn options(language: Language, role: Role) -> AppOptions {
        let start = Start::Join(JoinTarget::Consultation { id: Id::new("4821").expect("a valid id"), role });
        AppOptions { language, role, start, ..AppOptions::default() }
    }

    /// On the start screen; a call would begin by joining.
    pub fn at_home(language: Language, role: Role) -> Self {
        Self::with(AppOptions { language, role, ..AppOptions::default() }, CallState::joining(role))
    }

    pub fn with(mut options: AppOptions, state: CallState) -> Self {
        let log = Fake::default();
        let desktop = Arc::new(FakeDesktop::default());
        options.desktop = desktop.clone();
        // Fades would only be waited for.
        options.reduced_motion = true;
        log.0.lock().state = Some(Arc::new(state));
        let (texts, calls) = (Texts::new(options.language), log.clone());
        let harness = Harness::builder()
            .with_size([1280.0, 720.0])
            .with_max_steps(8)
            .build_eframe(|cc| App::new(&cc.egui_ctx, options, Box::new(calls)));
        let mut stand = Self { harness, texts, desktop, log };
        stand.settle();
        stand
    }

    pub fn settle(&mut self) {
        self.harness.run();
    }

    /// The call changes.
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

    /// Something with the text of `key` as its accessible name is there.
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

    /// Clicks what `key` names.
    #[track_caller]
    pub fn click(&mut self, key: &str) {
        let text = self.text(key);
        self.harness.get_by_label(&text).click();
        self.settle();
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    /// Whether the switch that `key` names is on.
    #[track_caller]
    pub fn is_on(&self, key: &str) -> bool {
        use egui::accesskit::Toggled;
        let text = self.text(key);
        let toggled = self.harness.get_by_label(&text).accesskit_node().toggled();
        toggled.expect("it is a switch") == Toggled::True
    }

    /// The commands sent since the last look.
    pub fn sent(&self) -> Vec<CallCommand> {
        std::mem::take(&mut self.log.0.lock().sent)
    }

    /// What the call was last told is on screen.
    #[track_caller]
    pub fn tiles(&self) -> Vec<Tile> {
        self.log.0.lock().shown.clone().expect("the call was told what is shown")
    }

    pub fn forget_tiles(&self) {
        self.log.0.lock().shown = None;
    }

    /// Draws until something with the text of `key` is there: for what is done on another thread.
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

    /// Draws until a command was sent, and returns it.
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

    /// Where what `text` names is.
    #[track_caller]
    pub fn rect(&self, text: &str) -> egui::Rect {
        self.harness.get_by_label(text).rect()
    }

    #[track_caller]
    pub fn click_text(&mut self, text: &str) {
        self.harness.get_by_label(text).click();
        self.settle();
    }

    pub fn joined(&self) -> Vec<JoinTarget> {
        self.log.0.lock().joined.clone()
    }
}

/// A call of `role` with one other person, both with pictures.
pub fn call(role: Role) -> CallState {
    let other = if role == Role::Doctor { Role::Patient } else { Role::Doctor };
    let mut state = CallState::joining(role);
    state.phase = CallPhase::InCall;
    state.identity = "me".into();
    state.joined_at = Some(Instant::now() - Duration::from_secs(724));
    state.camera.device = DeviceState::On { name: "Camera".into() };
    state.microphone.device = DeviceState::On { name: "Microphone".into() };
    state.self_view = picture();
    state.participants.push(person("María Quispe", Some(other)));
    state
}

pub fn person(name: &str, role: Option<Role>) -> ParticipantState {
    ParticipantState {
        identity: format!("id of {name}"),
        name: name.into(),
        role,
        camera: Some(picture()),
        screen: None,
        microphone_muted: false,
        speaking: false,
        waiting_since: None,
        joined_at: None,
        quality: ConnectionQuality::Excellent,
    }
}

/// A slot with a grey picture in it.
pub fn picture() -> LatestFrame {
    let slot = LatestFrame::new();
    let bytes = vec![128; VideoFrame::packed_len(64, 36)];
    slot.put(Arc::new(VideoFrame::from_packed(64, 36, bytes, 0).expect("the length fits")));
    slot
}
