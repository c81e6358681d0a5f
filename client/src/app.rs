//! The app around the screens: which one is shown, and the call or check behind it.
//!
//! [`Calls`] is the seam to everything that isn't a screen: the real one joins rooms, a test's one hands out
//! hand-made states.

mod calls;
mod kiosk;
mod leaving;
mod options;
#[cfg(not(feature = "kiosk"))]
mod preferences;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use autamedica_api::{Id, Role};
use eframe::egui_glow;
use egui::{Theme, ViewportCommand};

use crate::call::{CallPhase, DeviceChoices, JoinTarget, Wake};
use crate::check::CheckCommand;
use crate::i18n::{Language, Texts};
use crate::settings::{Settings, ThemeSetting};
use crate::theme::{self, Sizes};
use crate::ui::call::{CallScreen, Unsaved};
use crate::ui::check::CheckScreen;
use crate::ui::desktop::Desktop;
use crate::ui::end::EndScreen;
use crate::ui::joining::JoiningScreen;
use crate::ui::keypad::KeypadScreen;
use crate::ui::operator::OperatorScreen;
use crate::ui::pace::Pace;
use crate::ui::stats::UiStats;
use crate::ui::video::Videos;
use crate::ui::{Action, Cx, waiting};
#[cfg(not(feature = "kiosk"))]
use crate::ui::{recordings::RecordingsScreen, start::StartScreen};
pub use calls::{Call, Calls, Check, PinAnswer};
#[cfg(not(feature = "kiosk"))]
pub use calls::{DoctorsAgenda, DoctorsRecordings};
pub use options::{AppOptions, OnScreen, ScreenName, Start, UiHandle};

enum Screen {
    #[cfg(not(feature = "kiosk"))]
    Start(StartScreen),
    #[cfg(not(feature = "kiosk"))]
    Recordings(RecordingsScreen),
    Keypad(KeypadScreen),
    Check(Checking),
    Call(Box<Ongoing>),
    End(EndScreen),
}

struct Checking {
    check: Box<dyn Check>,
    target: JoinTarget,
    screen: CheckScreen,
    /// The person wants in: the devices are being given back.
    entering: Option<JoiningScreen>,
}

struct Ongoing {
    call: Box<dyn Call>,
    target: JoinTarget,
    joining: JoiningScreen,
    screen: CallScreen,
}

/// The app: screens, and the call that they show.
pub struct App {
    title: String,
    role: Role,
    kiosk: bool,
    sizes: Sizes,
    /// Beside what the settings say.
    text_scale: f32,
    reduced_motion: bool,
    language: Language,
    float_when_minimised: bool,
    desktop: Arc<dyn Desktop>,
    /// Notes of the call that is over, until it is settled what becomes of them.
    unsaved: Option<Unsaved>,
    texts: Texts,
    calls: Box<dyn Calls>,
    screen: Screen,
    /// The devices of this run.
    devices: DeviceChoices,
    settings: Settings,
    paired: bool,
    recent: Vec<Id>,
    #[cfg(not(feature = "kiosk"))]
    preferences: preferences::Preferences,
    /// A kiosk's way out.
    operator: Option<OperatorScreen>,
    idle: kiosk::Idle,
    /// Calls that were hung up and aren't over yet.
    leaving: Vec<Box<dyn Call>>,
    closing_since: Option<Instant>,
    may_close: Arc<AtomicBool>,
    videos: Videos,
    pace: Arc<Pace>,
    stats: Arc<UiStats>,
    on_screen: Option<OnScreen>,
    shown: Option<ScreenName>,
    /// To be done in the next pass.
    asked: Vec<Action>,
}

impl App {
    /// Sets `ctx` up and shows the first screen.
    pub fn new(ctx: &egui::Context, options: AppOptions, calls: Box<dyn Calls>) -> Self {
        let sizes = if options.kiosk { Sizes::KIOSK } else { Sizes::DESKTOP };
        theme::install(ctx, sizes);
        let stats = Arc::new(UiStats::default());
        let pace = Arc::new(Pace::new(ctx.clone()));
        let settings = options.settings;
        let mut app = Self {
            title: options.title,
            role: options.role,
            kiosk: options.kiosk,
            sizes,
            text_scale: options.text_scale,
            reduced_motion: options.reduced_motion,
            language: options.language,
            float_when_minimised: options.float_when_minimised && !options.kiosk,
            desktop: options.desktop,
            unsaved: None,
            texts: Texts::new(options.language),
            calls,
            screen: Screen::Keypad(KeypadScreen::default()),
            devices: options.devices.unwrap_or_else(|| settings.devices()),
            #[cfg(not(feature = "kiosk"))]
            preferences: preferences::Preferences::new(settings.clone(), options.broken_settings),
            settings,
            paired: options.paired,
            recent: options.recent,
            operator: None,
            idle: kiosk::Idle::default(),
            leaving: Vec::new(),
            closing_since: None,
            may_close: Arc::new(AtomicBool::new(!options.kiosk)),
            videos: Videos::new(pace.clone(), stats.clone(), options.on_frame_shown),
            pace,
            stats: stats.clone(),
            on_screen: options.on_screen,
            shown: None,
            asked: Vec::new(),
        };
        app.apply_look(ctx);
        match options.start {
            Start::Home => app.go_home(),
            Start::Check(target) => app.begin(target),
            Start::Join(target) => app.join(target),
        }
        if let Some(on_ready) = options.on_ready {
            on_ready(UiHandle { ctx: ctx.clone(), stats, may_close: app.may_close.clone() });
        }
        app
    }

    fn waker(&self) -> Wake {
        let pace = self.pace.clone();
        Arc::new(move || pace.wake())
    }

    fn apply_look(&self, ctx: &egui::Context) {
        let scale = self.text_scale * self.settings.text_scale();
        ctx.set_zoom_factor(scale.clamp(0.5, 3.0));
    }

    fn go_home(&mut self) {
        self.screen = self.home();
    }

    fn home(&mut self) -> Screen {
        #[cfg(not(feature = "kiosk"))]
        if !self.kiosk {
            let wake = self.waker();
            let agenda = (self.role == Role::Doctor).then(|| self.calls.agenda(wake));
            return Screen::Start(StartScreen::new(agenda));
        }
        Screen::Keypad(KeypadScreen::default())
    }

    /// Towards a call: by the check, unless a doctor wants none.
    fn begin(&mut self, target: JoinTarget) {
        if self.role == Role::Doctor && self.settings.skip_check {
            return self.join(target);
        }
        let check = self.calls.check(&target, &self.devices, self.settings.call, self.waker());
        self.screen = Screen::Check(Checking { check, target, screen: CheckScreen::default(), entering: None });
    }

    fn join(&mut self, target: JoinTarget) {
        let call = self.calls.join(target.clone(), &self.devices, self.settings.call, self.waker());
        let screen = CallScreen::new(&call.state(), self.float_when_minimised);
        self.screen = Screen::Call(Box::new(Ongoing { call, target, joining: JoiningScreen::new(), screen }));
    }

    /// Asks as a screen would, with the next pass: for what no screen of this build asks for yet, and for tests.
    pub fn ask(&mut self, action: Action) {
        self.asked.push(action);
    }

    fn apply(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Begin(target) => self.begin(target),
            Action::Join(target) => self.join(target),
            Action::Command(command) => {
                if let Screen::Call(ongoing) = &self.screen
                    && (!self.kiosk || kiosk::may_send(&command))
                {
                    ongoing.call.send(command);
                }
            }
            Action::Check(command) => self.send_to_check(command),
            Action::Enter => {
                if let Screen::Check(checking) = &mut self.screen {
                    checking.check.send(CheckCommand::Finish);
                    checking.entering = Some(JoiningScreen::new());
                }
            }
            Action::Leave => self.leave(),
            Action::Home if self.kiosk => self.forget(ctx),
            Action::Home => self.go_home(),
            Action::Speak(language) => {
                self.texts = Texts::new(language);
                self.settings.language = Some(language);
            }
            Action::Tell(feedback) => {
                let wake = self.waker();
                if let Screen::End(end) = &mut self.screen
                    && let Some(admission) = end.admission()
                {
                    end.telling(self.calls.tell(admission, feedback, wake));
                }
            }
            Action::FullScreen(on) if !self.kiosk => ctx.send_viewport_cmd(ViewportCommand::Fullscreen(on)),
            Action::FullScreen(_) => {}
            Action::Operator(asked) => self.ask_operator(asked),
            #[cfg(not(feature = "kiosk"))]
            Action::Settings | Action::CloseSettings | Action::Change(_) | Action::ForgetRecent => {
                self.apply_preference(ctx, action);
            }
            #[cfg(not(feature = "kiosk"))]
            Action::Recordings(id) => {
                let recordings = self.calls.recordings(&id, self.waker());
                self.screen = Screen::Recordings(RecordingsScreen::new(recordings));
            }
            #[cfg(feature = "kiosk")]
            Action::Settings | Action::CloseSettings | Action::Change(_) | Action::ForgetRecent => {}
            Action::Focus => {
                ctx.send_viewport_cmd_to(egui::ViewportId::ROOT, ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd_to(egui::ViewportId::ROOT, ViewportCommand::Focus);
            }
            Action::DrawHidden => ctx.send_viewport_cmd(ViewportCommand::RequestPaintWhileHidden),
            Action::OpenLink(address) if !self.kiosk => ctx.open_url(egui::OpenUrl::new_tab(address)),
            Action::OpenLink(_) => {}
            Action::Play(sound) => self.desktop.play(sound),
        }
    }

    /// A device that is chosen in the check is the call's, and the next one's.
    fn send_to_check(&mut self, command: CheckCommand) {
        let Screen::Check(checking) = &self.screen else { return };
        match &command {
            CheckCommand::UseCamera(choice) => {
                self.devices.camera = choice.clone();
                self.settings.camera = choice.clone();
            }
            CheckCommand::UseMicrophone(choice) => {
                self.devices.microphone = choice.clone();
                self.settings.microphone = choice.clone();
            }
            CheckCommand::UseSpeaker(choice) => {
                self.devices.speaker = choice.clone();
                self.settings.speaker = choice.clone();
            }
            CheckCommand::PlaySound | CheckCommand::Heard(_) | CheckCommand::TestNetwork | CheckCommand::Finish => {}
        }
        checking.check.send(command);
    }

    /// The theme of the screen about to be drawn: dark in the call, elsewhere as it was set.
    fn theme(&self, ctx: &egui::Context) -> Theme {
        let in_call = match &self.screen {
            Screen::Call(ongoing) => {
                !matches!(ongoing.call.state().phase, CallPhase::Joining | CallPhase::Waiting { .. })
            }
            _ => false,
        };
        match self.settings.theme {
            _ if in_call && !self.is_covered() => Theme::Dark,
            ThemeSetting::Light => Theme::Light,
            ThemeSetting::Dark => Theme::Dark,
            ThemeSetting::System => ctx.system_theme().unwrap_or(Theme::Light),
        }
    }

    /// Something lies over the screen.
    fn is_covered(&self) -> bool {
        #[cfg(not(feature = "kiosk"))]
        if self.preferences.are_open() {
            return true;
        }
        self.operator.is_some()
    }

    fn note_screen(&mut self) {
        let mut name = match &self.screen {
            #[cfg(not(feature = "kiosk"))]
            Screen::Start(_) => ScreenName::Start,
            #[cfg(not(feature = "kiosk"))]
            Screen::Recordings(_) => ScreenName::Recordings,
            Screen::Keypad(_) => ScreenName::Start,
            Screen::Check(checking) if checking.entering.is_some() => ScreenName::Joining,
            Screen::Check(_) => ScreenName::Check,
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Joining => ScreenName::Joining,
                CallPhase::Waiting { .. } => ScreenName::Waiting,
                CallPhase::Reconnecting { .. } => ScreenName::Reconnecting,
                CallPhase::InCall | CallPhase::Ended { .. } => ScreenName::Call,
            },
            Screen::End(_) => ScreenName::End,
        };
        if self.is_covered() {
            name = if self.operator.is_some() { ScreenName::Operator } else { ScreenName::Settings };
        }
        if self.shown.replace(name) == Some(name) {
            return;
        }
        tracing::info!(screen = ?name, "shown");
        if let Some(on_screen) = &self.on_screen {
            on_screen(name);
        }
    }

    /// Goes on from what has come to its end by itself.
    fn advance(&mut self) {
        match &self.screen {
            Screen::Check(checking) if checking.entering.is_some() && checking.check.state().finished => {
                self.join(checking.target.clone());
            }
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                if let CallPhase::Ended { reason, lasted } = &state.phase {
                    let target = ongoing.target.clone();
                    let end = EndScreen::new(reason.clone(), *lasted, target, state.admission.clone());
                    if let Screen::Call(ongoing) = std::mem::replace(&mut self.screen, Screen::End(end)) {
                        self.unsaved = ongoing.screen.unsaved().or(self.unsaved.take());
                    }
                }
                #[cfg(not(feature = "kiosk"))]
                self.remember(&state);
            }
            _ => {}
        }
    }

    fn show(&mut self, ui: &mut egui::Ui) -> Vec<Action> {
        let mut cx = Cx {
            texts: &self.texts,
            sizes: self.sizes,
            role: self.role,
            kiosk: self.kiosk,
            reduced_motion: self.reduced_motion || self.settings.reduced_motion,
            now: Instant::now(),
            settings: &self.settings,
            recent: &self.recent,
            paired: self.paired,
            desktop: &self.desktop,
            actions: Vec::new(),
        };
        if let Some(operator) = &mut self.operator {
            operator.show(ui, &mut cx);
            return cx.actions;
        }
        #[cfg(not(feature = "kiosk"))]
        if self.preferences.show(ui, &mut cx, matches!(self.screen, Screen::Call(_))) {
            return cx.actions;
        }
        match &mut self.screen {
            #[cfg(not(feature = "kiosk"))]
            Screen::Start(screen) => screen.show(ui, &mut cx),
            #[cfg(not(feature = "kiosk"))]
            Screen::Recordings(screen) => screen.show(ui, &mut cx),
            Screen::Keypad(screen) => screen.show(ui, &mut cx),
            Screen::Check(Checking { entering: Some(joining), .. }) => joining.show(ui, &mut cx),
            Screen::Check(Checking { check, screen, .. }) => {
                screen.show(ui, &mut cx, &check.state(), check.level(), &mut self.videos);
            }
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                match state.phase {
                    CallPhase::Joining => ongoing.joining.show(ui, &mut cx),
                    CallPhase::Waiting { since } => waiting::show(ui, &mut cx, &state, since, &mut self.videos),
                    _ => ongoing.screen.show(ui, &mut cx, &state, &mut self.videos),
                }
            }
            Screen::End(screen) => screen.show(ui, &mut cx),
        }
        if let Some(unsaved) = &mut self.unsaved
            && unsaved.show(ui, &mut cx)
        {
            self.unsaved = None;
        }
        cx.actions
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.close_politely(ctx);
        self.advance();
        self.tell_unseen(ctx);
        if self.kiosk {
            self.mind_the_kiosk(ctx);
        }
        #[cfg(not(feature = "kiosk"))]
        self.keep_settings();
        ctx.set_theme(self.theme(ctx));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.pace.painting();
        self.stats.count_drawn();
        self.videos.begin_pass();
        let ctx = ui.ctx().clone();
        // `logic` chose the theme for the next pass; the screen may have changed since this one's style was taken.
        let theme = self.theme(&ctx);
        if ui.visuals().dark_mode != (theme == Theme::Dark) {
            ui.set_style(ctx.style_of(theme));
        }
        ctx.accesskit_node_builder(egui::accesskit_root_id(), |window| window.set_label(self.title.as_str()));
        let mut actions = std::mem::take(&mut self.asked);
        actions.extend(self.show(ui));
        self.videos.end_pass();
        self.note_screen();
        for action in actions {
            self.apply(&ctx, action);
            ctx.request_repaint();
        }
        if self.kiosk {
            kiosk::lock_in(&ctx);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, gl: Option<&egui_glow::glow::Context>) {
        self.leave();
        if let Some(gl) = gl {
            self.videos.destroy(gl);
        }
    }
}
