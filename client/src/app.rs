//! The app around the screens: which one is shown, and the call behind it.
//!
//! [`Calls`] is the seam to everything that isn't a screen: the real one joins rooms, a test's one hands out
//! hand-made states.

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_api::Role;
use eframe::egui_glow;
use egui::{Theme, ViewportCommand};

use crate::call::{CallCommand, CallPhase, CallState, EndReason, JoinTarget, Wake};
use crate::i18n::{Language, Texts};
use crate::theme::{self, Sizes};
use crate::ui::call::{CallScreen, Unsaved, is_minimised};
use crate::ui::desktop::{self, Desktop};
use crate::ui::end::EndScreen;
use crate::ui::joining::JoiningScreen;
use crate::ui::pace::Pace;
use crate::ui::start::StartScreen;
use crate::ui::stats::UiStats;
use crate::ui::video::{FrameShown, Videos};
use crate::ui::{Action, Cx};

/// How long closing the window may wait for the call to end.
const CLOSE_PATIENCE: Duration = Duration::from_millis(700);

/// Which screen a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScreenName {
    /// Which consultation?
    Start,
    /// Getting in.
    Joining,
    /// In the waiting room.
    Waiting,
    /// The call.
    Call,
    /// The call, with its connection being restored.
    Reconnecting,
    /// Why it is over.
    End,
}

/// Told which screen was drawn.
pub type OnScreen = Box<dyn Fn(ScreenName) + Send>;

/// What the app shows first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The start screen.
    #[default]
    Home,
    /// This consultation, at once.
    Join(JoinTarget),
}

/// How the app is set up.
pub struct AppOptions {
    /// The first language; the person may switch.
    pub language: Language,
    /// Which start screen, and which role a typed code is joined with.
    pub role: Role,
    /// Full screen, larger, nothing to get wrong.
    pub kiosk: bool,
    /// What is shown first.
    pub start: Start,
    /// The window's title: unique where several windows share a screen.
    pub title: String,
    /// Everything this many times as large; 1.0 is normal.
    pub text_scale: f32,
    /// No fades.
    pub reduced_motion: bool,
    /// A small window with the call comes by itself when the main one is minimised; the person may switch.
    pub float_when_minimised: bool,
    /// The machine around the window: file dialogs, screens to share, sounds.
    pub desktop: Arc<dyn Desktop>,
    /// Called on the UI thread each time a new frame has been painted; must return at once.
    pub on_frame_shown: Option<FrameShown>,
    /// Called on the UI thread each time another screen was drawn than before; must return at once.
    pub on_screen: Option<OnScreen>,
    /// Called once, when the window is there.
    pub on_ready: Option<Box<dyn FnOnce(UiHandle) + Send>>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            language: Language::default(),
            role: Role::Patient,
            kiosk: false,
            start: Start::Home,
            title: "AutaMedica".to_owned(),
            text_scale: 1.0,
            reduced_motion: false,
            float_when_minimised: true,
            desktop: desktop::system(),
            on_frame_shown: None,
            on_screen: None,
            on_ready: None,
        }
    }
}

/// Starts calls.
pub trait Calls {
    /// Begins to join, without waiting. `wake` is to be called after each change of the call's state.
    ///
    /// What goes wrong is told by the call itself: it ends, with a reason.
    fn join(&mut self, target: JoinTarget, wake: Wake) -> Box<dyn Call>;
}

/// A call, from the first request to its end.
pub trait Call {
    /// The newest snapshot. Never waits.
    fn state(&self) -> Arc<CallState>;
    /// Asks for something. Never waits.
    fn send(&self, command: CallCommand);
}

/// The running window, from outside the UI thread.
#[derive(Clone)]
pub struct UiHandle {
    ctx: egui::Context,
    stats: Arc<UiStats>,
}

impl UiHandle {
    /// Closes the window as if the person had: hangs up first.
    pub fn close(&self) {
        self.ctx.send_viewport_cmd(ViewportCommand::Close);
        self.ctx.request_repaint();
    }

    /// What was drawn.
    pub fn stats(&self) -> &Arc<UiStats> {
        &self.stats
    }
}

enum Screen {
    Start(StartScreen),
    Call(Box<Ongoing>),
    End(EndScreen),
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
    reduced_motion: bool,
    float_when_minimised: bool,
    desktop: Arc<dyn Desktop>,
    /// Notes of the call that is over, until it is settled what becomes of them.
    unsaved: Option<Unsaved>,
    texts: Texts,
    calls: Box<dyn Calls>,
    screen: Screen,
    /// Calls that were told to hang up and aren't quite gone.
    leaving: Vec<Box<dyn Call>>,
    closing_since: Option<Instant>,
    videos: Videos,
    pace: Arc<Pace>,
    stats: Arc<UiStats>,
    on_screen: Option<OnScreen>,
    shown: Option<ScreenName>,
}

impl App {
    /// Sets `ctx` up and shows the first screen.
    pub fn new(ctx: &egui::Context, options: AppOptions, calls: Box<dyn Calls>) -> Self {
        let sizes = if options.kiosk { Sizes::KIOSK } else { Sizes::DESKTOP };
        theme::install(ctx, sizes);
        ctx.set_zoom_factor(options.text_scale.clamp(0.5, 3.0));
        let stats = Arc::new(UiStats::default());
        let pace = Arc::new(Pace::new(ctx.clone()));
        let mut app = Self {
            title: options.title,
            role: options.role,
            kiosk: options.kiosk,
            sizes,
            reduced_motion: options.reduced_motion,
            float_when_minimised: options.float_when_minimised && !options.kiosk,
            desktop: options.desktop,
            unsaved: None,
            texts: Texts::new(options.language),
            calls,
            screen: Screen::Start(StartScreen::default()),
            leaving: Vec::new(),
            closing_since: None,
            videos: Videos::new(pace.clone(), stats.clone(), options.on_frame_shown),
            pace,
            stats: stats.clone(),
            on_screen: options.on_screen,
            shown: None,
        };
        if let Start::Join(target) = options.start {
            app.join(target);
        }
        if let Some(on_ready) = options.on_ready {
            on_ready(UiHandle { ctx: ctx.clone(), stats });
        }
        app
    }

    fn join(&mut self, target: JoinTarget) {
        let pace = self.pace.clone();
        let call = self.calls.join(target.clone(), Arc::new(move || pace.wake()));
        let screen = CallScreen::new(&call.state(), self.float_when_minimised);
        self.screen = Screen::Call(Box::new(Ongoing { call, target, joining: JoiningScreen::new(), screen }));
    }

    /// Hangs up, and shows what comes after it without waiting for anybody.
    fn leave(&mut self) {
        let home = Screen::Start(StartScreen::default());
        let (call, target) = match std::mem::replace(&mut self.screen, home) {
            Screen::Call(ongoing) => {
                let Ongoing { call, target, screen, .. } = *ongoing;
                self.unsaved = screen.unsaved().or(self.unsaved.take());
                (call, target)
            }
            other => {
                self.screen = other;
                return;
            }
        };
        let state = call.state();
        call.send(CallCommand::HangUp);
        self.leaving.push(call);
        // Somebody who gives up on a connection wants to go back, not to read about it.
        if state.phase == CallPhase::InCall {
            let lasted = state.joined_at.map(|since| since.elapsed()).unwrap_or_default();
            self.screen = Screen::End(EndScreen::new(EndReason::HungUp, lasted, target));
        }
    }

    fn apply(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Join(target) => self.join(target),
            Action::Command(command) => {
                if let Screen::Call(ongoing) = &self.screen {
                    ongoing.call.send(command);
                }
            }
            Action::Leave => self.leave(),
            Action::Home => self.screen = Screen::Start(StartScreen::default()),
            Action::Speak(language) => self.texts = Texts::new(language),
            Action::FullScreen(on) if !self.kiosk => ctx.send_viewport_cmd(ViewportCommand::Fullscreen(on)),
            Action::FullScreen(_) => {}
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

    /// A close button hangs up first, and waits for that a little, still drawing.
    fn close_politely(&mut self, ctx: &egui::Context) {
        if ctx.input(|input| input.viewport().close_requested()) && self.closing_since.is_none() {
            self.leave();
            self.closing_since = Some(Instant::now());
        }
        self.leaving.retain(|call| !matches!(call.state().phase, CallPhase::Ended { .. }));
        let Some(since) = self.closing_since else { return };
        if self.unsaved.is_some() {
            // The window stays until it is settled what becomes of the notes.
            self.closing_since = None;
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            return;
        }
        let patience_left = CLOSE_PATIENCE.saturating_sub(since.elapsed());
        if self.leaving.is_empty() || patience_left.is_zero() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            ctx.request_repaint_after(patience_left);
        }
    }

    /// The theme of the screen about to be drawn: dark in the call, light elsewhere.
    fn theme(&self) -> Theme {
        match &self.screen {
            Screen::Call(ongoing) if ongoing.call.state().phase != CallPhase::Joining => Theme::Dark,
            _ => Theme::Light,
        }
    }

    fn note_screen(&mut self) {
        let name = match &self.screen {
            Screen::Start(_) => ScreenName::Start,
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Joining => ScreenName::Joining,
                CallPhase::Waiting { .. } => ScreenName::Waiting,
                CallPhase::Reconnecting { .. } => ScreenName::Reconnecting,
                CallPhase::InCall | CallPhase::Ended { .. } => ScreenName::Call,
            },
            Screen::End(_) => ScreenName::End,
        };
        if self.shown.replace(name) == Some(name) {
            return;
        }
        tracing::info!(screen = ?name, "shown");
        if let Some(on_screen) = &self.on_screen {
            on_screen(name);
        }
    }

    fn end_if_over(&mut self) {
        let Screen::Call(ongoing) = &self.screen else { return };
        let CallPhase::Ended { reason, lasted } = ongoing.call.state().phase.clone() else { return };
        let end = Screen::End(EndScreen::new(reason, lasted, ongoing.target.clone()));
        if let Screen::Call(ongoing) = std::mem::replace(&mut self.screen, end) {
            self.unsaved = ongoing.screen.unsaved().or(self.unsaved.take());
        }
    }
}

impl App {
    /// A minimised window isn't drawn: its call's pictures are paused, or move to a window of their own.
    fn tell_unseen(&mut self, ctx: &egui::Context) {
        let Screen::Call(ongoing) = &mut self.screen else { return };
        if !is_minimised(ctx) {
            return;
        }
        let mut cx = Cx {
            texts: &self.texts,
            sizes: self.sizes,
            role: self.role,
            kiosk: self.kiosk,
            reduced_motion: self.reduced_motion,
            desktop: &self.desktop,
            now: Instant::now(),
            actions: Vec::new(),
        };
        ongoing.screen.unseen(&mut cx, &ongoing.call.state());
        for action in cx.actions {
            self.apply(ctx, action);
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.close_politely(ctx);
        self.end_if_over();
        self.tell_unseen(ctx);
        ctx.set_theme(self.theme());
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.pace.painting();
        self.stats.count_drawn();
        self.videos.begin_pass();
        // `logic` chose the theme for the next pass; the screen may have changed since this one's style was taken.
        let theme = self.theme();
        if ui.visuals().dark_mode != (theme == Theme::Dark) {
            ui.set_style(ui.ctx().style_of(theme));
        }
        ui.ctx().accesskit_node_builder(egui::accesskit_root_id(), |window| window.set_label(self.title.as_str()));
        let mut cx = Cx {
            texts: &self.texts,
            sizes: self.sizes,
            role: self.role,
            kiosk: self.kiosk,
            reduced_motion: self.reduced_motion,
            desktop: &self.desktop,
            now: Instant::now(),
            actions: Vec::new(),
        };
        match &mut self.screen {
            Screen::Start(screen) => screen.show(ui, &mut cx),
            Screen::Call(ongoing) => {
                let state = ongoing.call.state();
                if state.phase == CallPhase::Joining {
                    ongoing.joining.show(ui, &mut cx);
                } else {
                    ongoing.screen.show(ui, &mut cx, &state, &mut self.videos);
                }
            }
            Screen::End(screen) => screen.show(ui, &mut cx),
        }
        if let Some(unsaved) = &mut self.unsaved
            && unsaved.show(ui, &mut cx)
        {
            self.unsaved = None;
        }
        let actions = cx.actions;
        self.videos.end_pass();
        self.note_screen();
        let ctx = ui.ctx().clone();
        for action in actions {
            self.apply(&ctx, action);
            ctx.request_repaint();
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
