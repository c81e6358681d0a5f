//! The app: its current screen, and the call or check behind it.
//!
//! [`Calls`] is the interface to everything but screens. The real implementation joins rooms; that of tests returns
//! prepared states.

mod calls;
mod kiosk;
mod leaving;
#[cfg(not(feature = "kiosk"))]
mod links;
mod options;
#[cfg(not(feature = "kiosk"))]
mod preferences;
mod shown;
mod trust;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use autamedica_api::{Id, Role};
use eframe::egui_glow;
use egui::{Theme, ViewportCommand};
use parking_lot::Mutex;
use url::Url;

use crate::call::{CallPhase, DeviceChoices, JoinTarget, Wake};
use crate::check::{CheckCommand, NetworkProblem, NetworkState};
use crate::i18n::{Language, Texts};
pub use crate::pin::PinAnswer;
use crate::settings::Settings;
use crate::theme::{self, Sizes};
use crate::ui::call::{CallScreen, Unsaved};
use crate::ui::check::CheckScreen;
use crate::ui::desktop::Desktop;
use crate::ui::end::EndScreen;
use crate::ui::joining::JoiningScreen;
use crate::ui::keypad::KeypadScreen;
use crate::ui::operator::OperatorScreen;
use crate::ui::repaint::RepaintScheduler;
use crate::ui::server::ServerScreen;
use crate::ui::stats::UiStats;
use crate::ui::video::Videos;
use crate::ui::{self, Action, Cx, waiting};
#[cfg(not(feature = "kiosk"))]
use crate::ui::{recordings::RecordingsScreen, start::StartScreen};
pub use calls::{Call, Calls, Check};
#[cfg(not(feature = "kiosk"))]
pub use calls::{DoctorsAgenda, DoctorsRecordings};
pub use options::{AppOptions, OnScreen, ScreenName, Start, UiHandle};

enum Screen {
    #[cfg(not(feature = "kiosk"))]
    Start(StartScreen),
    #[cfg(not(feature = "kiosk"))]
    Recordings(RecordingsScreen),
    Keypad(KeypadScreen),
    Server(ServerScreen),
    Check(Checking),
    Call(Box<Ongoing>),
    End(EndScreen),
}

struct Checking {
    check: Box<dyn Check>,
    target: JoinTarget,
    screen: CheckScreen,
    /// Screen shown while the check closes the devices for the call.
    entering: Option<JoiningScreen>,
}

struct Ongoing {
    call: Box<dyn Call>,
    target: JoinTarget,
    joining: JoiningScreen,
    screen: CallScreen,
}

/// State of the app.
pub struct App {
    title: String,
    role: Role,
    kiosk: bool,
    sizes: Sizes,
    /// Applied in addition to the settings.
    text_scale: f32,
    reduced_motion: bool,
    language: Language,
    float_when_minimised: bool,
    desktop: Arc<dyn Desktop>,
    /// Notes of the last call, until the person has decided about them.
    unsaved: Option<Unsaved>,
    texts: Texts,
    calls: Box<dyn Calls>,
    screen: Screen,
    /// Devices of this run.
    devices: DeviceChoices,
    settings: Settings,
    paired: bool,
    own_servers: Vec<Url>,
    recent: Vec<Id>,
    clinic: Option<String>,
    #[cfg(not(feature = "kiosk"))]
    preferences: preferences::Preferences,
    /// Screen for ending kiosk mode.
    operator: Option<OperatorScreen>,
    kiosk_state: kiosk::Kiosk,
    /// Calls that were hung up and have not ended yet.
    leaving: Vec<Box<dyn Call>>,
    closing_since: Option<Instant>,
    may_close: Arc<AtomicBool>,
    videos: Videos,
    repaints: Arc<RepaintScheduler>,
    stats: Option<Arc<UiStats>>,
    on_screen: Option<OnScreen>,
    shown: Option<ScreenName>,
    /// Actions for the next pass.
    pending_actions: Vec<Action>,
    /// The window has been fitted to the screen.
    fits_screen: bool,
    /// Number of screens shown: each starts scrolled to its top.
    visit: u64,
    /// Links that other starts of this program passed on.
    pending_links: Arc<Mutex<Vec<String>>>,
    /// Link that arrived during a call.
    #[cfg(not(feature = "kiosk"))]
    other_link: Option<JoinTarget>,
}

impl App {
    /// Configures `ctx` and shows the first screen.
    pub fn new(ctx: &egui::Context, options: AppOptions, calls: Box<dyn Calls>) -> Self {
        let sizes = if options.kiosk { Sizes::KIOSK } else { Sizes::DESKTOP };
        theme::install(ctx, sizes);
        if options.kiosk {
            // A zoom would stay for the next patient, and a tiny one could not be undone by anybody.
            
        }
        let repaints = Arc::new(RepaintScheduler::new(ctx.clone()));
        let settings = options.settings;
        let devices = options.devices.unwrap_or_else(|| settings.devices());
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
            kiosk_state: kiosk::Kiosk::new(settings.clone(), devices.clone()),
            devices,
            #[cfg(not(feature = "kiosk"))]
            preferences: preferences::Preferences::new(settings.clone(), options.broken_settings),
            settings,
            paired: options.paired,
            own_servers: options.own_servers,
            recent: options.recent,
            clinic: options.clinic,
            operator: None,
            leaving: Vec::new(),
            closing_since: None,
            may_close: Arc::new(AtomicBool::new(!options.kiosk)),
            videos: Videos::new(
                repaints.clone(),
                options.video_on_cpu == Some(true),
                options.stats.clone(),
                options.on_frame_shown,
            ),
            repaints,
            stats: options.stats,
            on_screen: options.on_screen,
            shown: None,
            pending_actions: Vec::new(),
            fits_screen: options.kiosk,
            visit: 0,
            pending_links: Arc::default(),
            #[cfg(not(feature = "kiosk"))]
            other_link: None,
        };
        app.apply_appearance(ctx);
        match options.start {
            Start::Home => app.go_home(),
            Start::Unusable(text) => app.explain_unusable(text),
            Start::Check(target) => app.begin(target),
            Start::Join(target) => app.join(target),
        }
        if let Some(on_ready) = options.on_ready {
            let (may_close, pending_links) = (app.may_close.clone(), app.pending_links.clone());
            on_ready(UiHandle { ctx: ctx.clone(), may_close, pending_links });
        }
        app
    }

    fn waker(&self) -> Wake {
        let repaints = self.repaints.clone();
        Arc::new(move || repaints.wake())
    }

    fn apply_appearance(&self, ctx: &egui::Context) {
        let scale = self.text_scale * self.settings.text_scale();
        ctx.set_zoom_factor(scale.clamp(0.5, 3.0));
    }

    fn go_home(&mut self) {
        self.screen = self.home();
    }

    /// Shows the start screen with an unusable link and the reason.
    #[cfg(not(feature = "kiosk"))]
    fn explain_unusable(&mut self, text: String) {
        self.screen = match self.home() {
            Screen::Start(start) => Screen::Start(start.explaining(text, self.role)),
            other => other,
        };
    }

    /// Ignores links at a kiosk.
    #[cfg(feature = "kiosk")]
    fn explain_unusable(&mut self, _: String) {
        self.go_home();
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

    /// Starts the check, or for a doctor without the check the call.
    fn begin(&mut self, target: JoinTarget) {
        if self.asks_about_server(&target) {
            return;
        }
        if self.role == Role::Doctor && self.settings.skip_check {
            return self.join(target);
        }
        let check = self.calls.check(&target, &self.devices, self.settings.call, self.waker());
        self.screen = Screen::Check(Checking { check, target, screen: CheckScreen::default(), entering: None });
    }

    fn join(&mut self, target: JoinTarget) {
        if self.asks_about_server(&target) {
            return;
        }
        let call = self.calls.join(target.clone(), &self.devices, self.settings.call, self.waker());
        let screen = CallScreen::new(&call.state(), self.float_when_minimised);
        self.screen = Screen::Call(Box::new(Ongoing { call, target, joining: JoiningScreen::new(), screen }));
    }

    /// Requests an action for the next pass, like a screen does; for features without a screen in this build, and for
    /// tests.
    pub fn ask(&mut self, action: Action) {
        self.pending_actions.push(action);
    }

    fn apply(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Begin(target) => self.begin(target),
            Action::Join(target) => self.join(target),
            Action::TrustServer(target) => self.trust_server(target),
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
            Action::Leave => {
                self.leave();
                if self.kiosk && matches!(self.screen, Screen::Keypad(_)) {
                    self.forget(ctx);
                }
            }
            Action::Home if self.kiosk => self.forget(ctx),
            Action::Home => self.go_home(),
            Action::SetLanguage(language) => {
                self.texts = Texts::new(language);
                self.settings.language = Some(language);
            }
            Action::SendFeedback(feedback) => {
                let wake = self.waker();
                if let Screen::End(end) = &mut self.screen
                    && let Some(admission) = end.admission()
                {
                    end.feedback_sent(self.calls.send_feedback(admission, feedback, wake));
                }
            }
            Action::FullScreen(on) if !self.kiosk => ctx.send_viewport_cmd(ViewportCommand::Fullscreen(on)),
            Action::FullScreen(_) => {}
            Action::Operator(request) => self.on_operator_request(request),
            #[cfg(not(feature = "kiosk"))]
            Action::Settings | Action::CloseSettings | Action::ApplySettings(_) | Action::ForgetRecent => {
                self.apply_preference(ctx, action);
            }
            #[cfg(not(feature = "kiosk"))]
            Action::Recordings(id) => {
                let recordings = self.calls.recordings(&id, self.waker());
                self.screen = Screen::Recordings(RecordingsScreen::new(recordings));
            }
            #[cfg(feature = "kiosk")]
            Action::Settings | Action::CloseSettings | Action::ApplySettings(_) | Action::ForgetRecent => {}
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

    /// Forwards a command to the check. Selected devices apply to the call and later ones too.
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

    /// Continues after a check or call that has ended.
    fn advance(&mut self) {
        match &self.screen {
            Screen::Check(checking) if checking.entering.is_some() && checking.check.state().finished => {
                self.join(checking.target.clone());
            }
            Screen::Check(checking) => {
                // An invalid link is reported before the person adjusts the devices.
                if let NetworkState::Failed(NetworkProblem::DeadEnd(reason)) = checking.check.state().network {
                    let target = checking.target.clone();
                    self.screen = Screen::End(EndScreen::new(reason, Duration::ZERO, target, None));
                }
            }
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                if let CallPhase::Ended { reason, lasted } = &state.phase {
                    let target = ongoing.target.clone();
                    let end = EndScreen::new(*reason, *lasted, target, state.admission.clone());
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
            clinic: self.clinic.as_deref(),
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
            Screen::Server(screen) => screen.show(ui, &mut cx),
            Screen::Check(Checking { entering: Some(joining), .. }) => joining.show(ui, &mut cx, None),
            Screen::Check(Checking { check, screen, .. }) => {
                screen.show(ui, &mut cx, &check.state(), check.level(), &mut self.videos);
            }
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                match state.phase {
                    CallPhase::Joining => ongoing.joining.show(ui, &mut cx, state.first_join_failure),
                    CallPhase::Waiting { since } => waiting::show(ui, &mut cx, &state, since, &mut self.videos),
                    _ => ongoing.screen.show(ui, &mut cx, &state, &mut self.videos),
                }
            }
            Screen::End(screen) => screen.show(ui, &mut cx),
        }
        #[cfg(not(feature = "kiosk"))]
        if !matches!(self.screen, Screen::Call(_)) {
            self.other_link = None;
        } else if let Some(target) = Self::ask_about_link(ui, &cx, &mut self.other_link) {
            cx.actions.extend([Action::Leave, Action::Begin(target)]);
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
        self.fits_screen = self.fits_screen || ui::fit_to_screen(ctx);
        self.close_politely(ctx);
        self.advance();
        self.pause_hidden_videos(ctx);
        if self.kiosk {
            self.check_idle(ctx);
        }
        #[cfg(not(feature = "kiosk"))]
        {
            self.take_links(ctx);
            self.save_changed_settings();
        }
        ctx.set_theme(self.theme(ctx));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.repaints.painting();
        if let Some(stats) = &self.stats {
            stats.count_drawn();
        }
        self.videos.begin_pass();
        let ctx = ui.ctx().clone();
        // `logic` selects the theme for the next pass; the screen may have changed since this pass got its style.
        let theme = self.theme(&ctx);
        if ui.visuals().dark_mode != (theme == Theme::Dark) {
            ui.set_style(ctx.style_of(theme));
        }
        ctx.accesskit_node_builder(egui::accesskit_root_id(), |window| window.set_label(self.title.as_str()));
        let mut actions = std::mem::take(&mut self.pending_actions);
        if self.shown != Some(self.screen_name()) {
            self.visit += 1;
        }
        actions.extend(ui.push_id(self.visit, |ui| self.show(ui)).inner);
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
