//! Kiosk: a patient types a code and talks. They cannot leave the app, and nothing of theirs stays for the next one.

mod keypad;
mod operator;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use autamedica_call::{CallCommand, CallPhase, CallState, DeviceChoices};
use egui::{OutputCommand, ViewportCommand};

use crate::answer::Answer;
use crate::app::edition::{Edition, Page};
use crate::app::state::{AppState, Screen};
use crate::app::{self, App, AppOptions, Calls, PinAnswer, ScreenName};
use crate::settings::Settings;
use crate::ui::call::doctor::{Controls, NoControls};
use crate::ui::{Action, Cx, OperatorRequest};
use keypad::KeypadScreen;
use operator::OperatorScreen;

/// Time without input after which the first screen is shown again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for the check, which takes reading and listening.
const CHECK_IDLE_TIMEOUT: Duration = Duration::from_secs(180);

/// Opens a kiosk's window and runs until its operator closes it. Must be called on the main thread.
///
/// # Errors
/// There is no display, or no OpenGL (2.1 or ES 2.0, in software at least).
pub fn run(options: AppOptions, calls: Box<dyn Calls>) -> eframe::Result {
    app::run(options, calls, Box::new(Kiosk::new()))
}

/// Creates a kiosk's app in `ctx`.
pub fn app(ctx: &egui::Context, options: AppOptions, calls: Box<dyn Calls>) -> App {
    App::new(ctx, options, calls, Box::new(Kiosk::new()))
}

/// State of a kiosk across screens.
struct Kiosk {
    /// Time of the last input.
    last_input: Instant,
    /// Screen for ending the kiosk.
    operator: Option<OperatorScreen>,
    /// Pending PIN attempt. Kept outside the screen, so that closing the screen does not drop it.
    attempt: Option<Answer<PinAnswer>>,
    locked_until: Option<Instant>,
    /// Settings and devices that each patient starts with.
    settings: Settings,
    devices: DeviceChoices,
}

impl Kiosk {
    fn new() -> Self {
        Self {
            last_input: Instant::now(),
            operator: None,
            attempt: None,
            locked_until: None,
            settings: Settings::default(),
            devices: DeviceChoices::default(),
        }
    }
}

/// Returns whether a patient at a kiosk may send this command: no files, and nothing of a doctor.
fn may_send(command: &CallCommand) -> bool {
    matches!(
        command,
        CallCommand::MuteCamera(_)
            | CallCommand::MuteMicrophone(_)
            | CallCommand::UseCamera(_)
            | CallCommand::UseMicrophone(_)
            | CallCommand::UseSpeaker(_)
            | CallCommand::DismissOffer
            | CallCommand::SendChat(_)
            | CallCommand::SendAgain(_)
            | CallCommand::Show(_)
            | CallCommand::AnswerRecording { .. }
            | CallCommand::HangUp
    )
}

/// Discards output that would leave the window, such as opening a browser.
fn lock_in(ctx: &egui::Context) {
    ctx.output_mut(|output| {
        output.commands.retain(|command| !matches!(command, OutputCommand::OpenUrl(_) | OutputCommand::CopyImage(_)));
    });
}

impl Kiosk {
    /// Returns to the first screen and clears everything of the last patient.
    fn forget(&mut self, app: &mut AppState, ctx: &egui::Context) {
        self.operator = None;
        app.set_language(app.language);
        app.settings = self.settings.clone();
        app.devices = self.devices.clone();
        app.apply_appearance(ctx);
        app.screen = Screen::Page(self.home(app));
        // Widgets keep typed texts and their undo history; both clipboards may have text.
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
        });
        ctx.copy_text(String::new());
        ctx.send_cmd(OutputCommand::TextSelectionSettled(String::new()));
        self.last_input = Instant::now();
    }

    fn check_idle(&mut self, app: &mut AppState, ctx: &egui::Context) {
        let now = Instant::now();
        if ctx.input(|input| !input.events.is_empty()) {
            self.last_input = now;
        }
        self.read_pin_answer(app, ctx, now);
        let Some(idle_timeout) = self.idle_timeout(app) else {
            self.last_input = now;
            return;
        };
        match idle_timeout.checked_sub(self.last_input.elapsed()) {
            Some(left) if !left.is_zero() => ctx.request_repaint_after(left),
            _ => self.forget(app, ctx),
        }
    }

    /// Returns the time without input after which the screen is left; `None` for no limit.
    fn idle_timeout(&self, app: &AppState) -> Option<Duration> {
        if self.operator.is_some() {
            return Some(IDLE_TIMEOUT);
        }
        match &app.screen {
            Screen::Page(page) if page.is_blank() && app.texts.language() == app.language => None,
            Screen::Check(_) => Some(CHECK_IDLE_TIMEOUT),
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Ended { .. } => Some(IDLE_TIMEOUT),
                _ => None,
            },
            _ => Some(IDLE_TIMEOUT),
        }
    }

    fn on_operator_request(&mut self, app: &mut AppState, request: OperatorRequest) {
        match request {
            OperatorRequest::Open => {
                let mut operator = OperatorScreen::new(self.locked_until);
                operator.set_trying(self.attempt.is_some());
                self.operator = Some(operator);
            }
            OperatorRequest::Close => self.operator = None,
            OperatorRequest::Try(pin) => {
                if self.attempt.is_some() {
                    return;
                }
                let wake = app.waker();
                self.attempt = Some(app.calls.operator_pin(pin, wake));
                if let Some(operator) = &mut self.operator {
                    operator.set_trying(true);
                }
            }
        }
    }

    fn read_pin_answer(&mut self, app: &AppState, ctx: &egui::Context, now: Instant) {
        let Some(answer) = self.attempt.as_ref().and_then(|attempt| attempt.get().copied()) else { return };
        self.attempt = None;
        self.locked_until = match answer {
            PinAnswer::Locked(left) => now.checked_add(left),
            _ => None,
        };
        // Ignored if the operator closed the screen meanwhile.
        let Some(operator) = &mut self.operator else { return };
        if answer == PinAnswer::Right {
            tracing::info!("kiosk closed by the operator");
            app.may_close.store(true, Ordering::Release);
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else {
            operator.refused(answer, self.locked_until);
        }
    }
}

impl Edition for Kiosk {
    fn is_kiosk(&self) -> bool {
        true
    }

    fn controls(&self) -> fn() -> Box<dyn Controls> {
        || Box::new(NoControls)
    }

    fn start(&mut self, app: &mut AppState, ctx: &egui::Context) {
        self.settings = app.settings.clone();
        self.devices = app.devices.clone();
        // A zoom would stay for the next patient, and a tiny one could not be undone by anybody.
        ctx.options_mut(|egui| egui.zoom_with_keyboard = false);
    }

    fn home(&mut self, _: &mut AppState) -> Box<dyn Page> {
        Box::new(KeypadScreen::default())
    }

    /// Ignores links.
    fn home_explaining(&mut self, app: &mut AppState, _: String) -> Box<dyn Page> {
        self.home(app)
    }

    fn apply(&mut self, app: &mut AppState, ctx: &egui::Context, action: Action) -> Option<Action> {
        match action {
            Action::Home => self.forget(app, ctx),
            Action::Operator(request) => self.on_operator_request(app, request),
            Action::Command(command) => return may_send(&command).then_some(Action::Command(command)),
            Action::FullScreen(_) | Action::OpenLink(_) => {}
            action => return Some(action),
        }
        None
    }

    fn left(&mut self, app: &mut AppState, ctx: &egui::Context) {
        if matches!(app.screen, Screen::Page(_)) {
            self.forget(app, ctx);
        }
    }

    fn cover(&self) -> Option<ScreenName> {
        self.operator.as_ref().map(|_| ScreenName::Operator)
    }

    fn show_cover(&mut self, ui: &mut egui::Ui, cx: &mut Cx, _: bool) {
        if let Some(operator) = &mut self.operator {
            operator.show(ui, cx);
        }
    }

    fn show_dialogs(&mut self, _: &egui::Ui, _: &mut Cx, _: bool) {}

    fn before_pass(&mut self, app: &mut AppState, ctx: &egui::Context) {
        self.check_idle(app, ctx);
    }

    fn after_pass(&mut self, ctx: &egui::Context) {
        lock_in(ctx);
    }

    fn follow_call(&mut self, _: &mut AppState, _: &CallState) {}
}
