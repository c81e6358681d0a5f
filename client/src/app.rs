//! The app: its current screen, and the call or check behind it.
//!
//! [`Calls`] is the interface to everything but screens. The real implementation joins rooms; that of tests returns
//! prepared states. An `Edition` adds the screens around a call: those of a kiosk, or those of the full app.

mod calls;
pub(crate) mod edition;
mod leaving;
mod options;
mod shown;
pub(crate) mod state;
mod trust;
mod window;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use autamedica_call::CallPhase;
use autamedica_call::check::{CheckCommand, NetworkProblem, NetworkState};
use eframe::egui_glow;
use egui::{Theme, ViewportCommand};

use crate::i18n::Texts;
pub use crate::pin::PinAnswer;
use crate::theme::{self, Sizes};
use crate::ui::call::doctor::Unsaved;
use crate::ui::end::EndScreen;
use crate::ui::joining::JoiningScreen;
use crate::ui::repaint::RepaintScheduler;
use crate::ui::stats::UiStats;
use crate::ui::video::Videos;
use crate::ui::{Action, Cx, waiting};
pub use calls::{Call, Calls, Check};
use edition::{Edition, Page};
pub use options::{AppOptions, OnScreen, ScreenName, Start, UiHandle};
use state::{AppState, Checking, Screen};
pub(crate) use window::run;

/// State of the app.
pub struct App {
    state: AppState,
    edition: Box<dyn Edition>,
    title: String,
    /// Notes of the last call, until the person has decided about them.
    unsaved: Option<Box<dyn Unsaved>>,
    /// Calls that were hung up and have not ended yet.
    leaving: Vec<Box<dyn Call>>,
    closing_since: Option<Instant>,
    videos: Videos,
    stats: Option<Arc<UiStats>>,
    on_screen: Option<OnScreen>,
    shown: Option<ScreenName>,
    /// Actions for the next pass.
    pending_actions: Vec<Action>,
    /// The window has been fitted to the screen.
    fits_screen: bool,
    /// Number of screens shown: each starts scrolled to its top.
    visit: u64,
}

impl App {
    /// Configures `ctx` and shows the first screen.
    pub(crate) fn new(
        ctx: &egui::Context,
        options: AppOptions,
        calls: Box<dyn Calls>,
        mut edition: Box<dyn Edition>,
    ) -> Self {
        let kiosk = edition.is_kiosk();
        let sizes = if kiosk { Sizes::KIOSK } else { Sizes::DESKTOP };
        theme::install(ctx, sizes);
        let repaints = Arc::new(RepaintScheduler::new(ctx.clone()));
        let settings = options.settings;
        let mut state = AppState {
            role: options.role,
            kiosk,
            sizes,
            text_scale: options.text_scale,
            reduced_motion: options.reduced_motion,
            language: options.language,
            float_when_minimised: options.float_when_minimised && !kiosk,
            desktop: options.desktop,
            texts: Texts::with_more(options.language, options.more_texts),
            calls,
            screen: Screen::Page(Box::new(Blank)),
            controls: edition.controls(),
            devices: options.devices.unwrap_or_else(|| settings.devices()),
            settings,
            paired: options.paired,
            own_servers: options.own_servers,
            recent: options.recent,
            clinic: options.clinic,
            may_close: Arc::new(AtomicBool::new(!kiosk)),
            repaints: repaints.clone(),
            pending_links: Arc::default(),
        };
        state.apply_appearance(ctx);
        edition.start(&mut state, ctx);
        match options.start {
            Start::Home => state.screen = Screen::Page(edition.home(&mut state)),
            Start::Unusable(text) => state.screen = Screen::Page(edition.home_explaining(&mut state, text)),
            Start::Check(target) => state.begin(target),
            Start::Join(target) => state.join(target),
        }
        if let Some(on_ready) = options.on_ready {
            let (may_close, pending_links) = (state.may_close.clone(), state.pending_links.clone());
            on_ready(UiHandle { ctx: ctx.clone(), may_close, pending_links });
        }
        Self {
            state,
            edition,
            title: options.title,
            unsaved: None,
            leaving: Vec::new(),
            closing_since: None,
            videos: Videos::new(
                repaints,
                options.video_on_cpu == Some(true),
                options.stats.clone(),
                options.on_frame_shown,
            ),
            stats: options.stats,
            on_screen: options.on_screen,
            shown: None,
            pending_actions: Vec::new(),
            fits_screen: kiosk,
            visit: 0,
        }
    }

    fn go_home(&mut self) {
        self.state.screen = Screen::Page(self.edition.home(&mut self.state));
    }

    /// Requests an action for the next pass, like a screen does; for features without a screen in this build, and for
    /// tests.
    pub fn ask(&mut self, action: Action) {
        self.pending_actions.push(action);
    }

    fn apply(&mut self, ctx: &egui::Context, action: Action) {
        let Some(action) = self.edition.apply(&mut self.state, ctx, action) else { return };
        match action {
            Action::Begin(target) => self.state.begin(target),
            Action::Join(target) => self.state.join(target),
            Action::TrustServer(target) => self.state.trust_server(target),
            Action::Command(command) => {
                if let Screen::Call(ongoing) = &self.state.screen {
                    ongoing.call.send(command);
                }
            }
            Action::Check(command) => self.state.send_to_check(command),
            Action::Enter => {
                if let Screen::Check(checking) = &mut self.state.screen {
                    checking.check.send(CheckCommand::Finish);
                    checking.entering = Some(JoiningScreen::new());
                }
            }
            Action::Leave => {
                self.leave();
                self.edition.left(&mut self.state, ctx);
            }
            Action::Home => self.go_home(),
            Action::SetLanguage(language) => {
                self.state.set_language(language);
                self.state.settings.language = Some(language);
            }
            Action::SendFeedback(feedback) => {
                let wake = self.state.waker();
                if let Screen::End(end) = &mut self.state.screen
                    && let Some(admission) = end.admission()
                {
                    end.feedback_sent(self.state.calls.send_feedback(admission, feedback, wake));
                }
            }
            Action::FullScreen(on) => ctx.send_viewport_cmd(ViewportCommand::Fullscreen(on)),
            Action::Focus => {
                ctx.send_viewport_cmd_to(egui::ViewportId::ROOT, ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd_to(egui::ViewportId::ROOT, ViewportCommand::Focus);
            }
            Action::DrawHidden => ctx.send_viewport_cmd(ViewportCommand::RequestPaintWhileHidden),
            Action::OpenLink(address) => ctx.open_url(egui::OpenUrl::new_tab(address)),
            Action::Play(sound) => self.state.desktop.play(sound),
            // Applied by the edition that has them.
            Action::Recordings(_)
            | Action::Settings
            | Action::CloseSettings
            | Action::ApplySettings(_)
            | Action::ForgetRecent
            | Action::Operator(_) => {}
        }
    }

    /// Continues after a check or call that has ended.
    fn advance(&mut self) {
        match &self.state.screen {
            Screen::Check(checking) if checking.entering.is_some() && checking.check.state().finished => {
                let target = checking.target.clone();
                self.state.join(target);
            }
            Screen::Check(checking) => {
                // An invalid link is reported before the person adjusts the devices.
                if let NetworkState::Failed(NetworkProblem::DeadEnd(reason)) = checking.check.state().network {
                    let target = checking.target.clone();
                    self.state.screen = Screen::End(EndScreen::new(reason, Duration::ZERO, target, None));
                }
            }
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                if let CallPhase::Ended { reason, lasted } = &state.phase {
                    let target = ongoing.target.clone();
                    let end = EndScreen::new(*reason, *lasted, target, state.admission.clone());
                    if let Screen::Call(ongoing) = std::mem::replace(&mut self.state.screen, Screen::End(end)) {
                        self.unsaved = ongoing.screen.unsaved().or(self.unsaved.take());
                    }
                }
                self.edition.follow_call(&mut self.state, &state);
            }
            _ => {}
        }
    }

    fn show(&mut self, ui: &mut egui::Ui) -> Vec<Action> {
        let in_call = matches!(self.state.screen, Screen::Call(_));
        let (screen, mut cx) = self.state.split();
        if self.edition.cover().is_some() {
            self.edition.show_cover(ui, &mut cx, in_call);
            return cx.actions;
        }
        match screen {
            Screen::Page(page) => page.show(ui, &mut cx),
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
        self.edition.show_dialogs(ui, &mut cx, in_call);
        if let Some(unsaved) = &mut self.unsaved
            && unsaved.show(ui, &mut cx)
        {
            self.unsaved = None;
        }
        cx.actions
    }
}

/// Screen before the first one.
struct Blank;

impl Page for Blank {
    fn name(&self) -> ScreenName {
        ScreenName::Start
    }

    fn show(&mut self, _: &mut egui::Ui, _: &mut Cx) {}
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.fits_screen = self.fits_screen || window::fit_to_screen(ctx);
        self.close_politely(ctx);
        self.advance();
        self.pause_hidden_videos(ctx);
        self.edition.before_pass(&mut self.state, ctx);
        ctx.set_theme(self.theme(ctx));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.state.repaints.painting();
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
        self.edition.after_pass(&ctx);
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
