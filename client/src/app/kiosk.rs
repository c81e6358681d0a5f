//! Kiosk mode: a patient cannot leave the app, and nothing of theirs stays for the next one.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use egui::{OutputCommand, ViewportCommand};

use super::{App, PinAnswer, Screen};
use crate::answer::Answer;
use crate::call::{CallCommand, CallPhase, DeviceChoices};
use crate::i18n::Texts;
use crate::settings::Settings;
use crate::ui::OperatorRequest;
use crate::ui::operator::OperatorScreen;

/// Time without input after which the first screen is shown again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for the check, which takes reading and listening.
const CHECK_IDLE_TIMEOUT: Duration = Duration::from_secs(180);

/// State of kiosk mode across screens.
pub(super) struct Kiosk {
    /// Time of the last input.
    last_input: Instant,
    /// Pending PIN attempt. Kept outside the screen, so that closing the screen does not drop it.
    attempt: Option<Answer<PinAnswer>>,
    locked_until: Option<Instant>,
    /// Settings and devices that each patient starts with.
    settings: Settings,
    devices: DeviceChoices,
}

impl Kiosk {
    pub(super) fn new(settings: Settings, devices: DeviceChoices) -> Self {
        Self { last_input: Instant::now(), attempt: None, locked_until: None, settings, devices }
    }
}

/// Returns whether a patient at a kiosk may send this command: no files, and nothing of a doctor.
pub(super) fn may_send(command: &CallCommand) -> bool {
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
pub(super) fn lock_in(ctx: &egui::Context) {
    ctx.output_mut(|output| {
        output.commands.retain(|command| !matches!(command, OutputCommand::OpenUrl(_) | OutputCommand::CopyImage(_)));
    });
}

impl App {
    /// Returns to the first screen and clears everything of the last patient.
    pub(super) fn forget(&mut self, ctx: &egui::Context) {
        self.operator = None;
        self.texts = Texts::new(self.language);
        self.settings = self.kiosk_state.settings.clone();
        self.devices = self.kiosk_state.devices.clone();
        self.apply_appearance(ctx);
        self.go_home();
        // Widgets keep typed texts and their undo history; both clipboards may have text.
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
        });
        ctx.copy_text(String::new());
        ctx.send_cmd(OutputCommand::TextSelectionSettled(String::new()));
        self.kiosk_state.last_input = Instant::now();
    }

    pub(super) fn check_idle(&mut self, ctx: &egui::Context) {
        let now = Instant::now();
        if ctx.input(|input| !input.events.is_empty()) {
            self.kiosk_state.last_input = now;
        }
        self.read_pin_answer(ctx, now);
        let Some(idle_timeout) = self.idle_timeout() else {
            self.kiosk_state.last_input = now;
            return;
        };
        match idle_timeout.checked_sub(self.kiosk_state.last_input.elapsed()) {
            Some(left) if !left.is_zero() => ctx.request_repaint_after(left),
            _ => self.forget(ctx),
        }
    }

    /// Returns the time without input after which the screen is left; `None` for no limit.
    fn idle_timeout(&self) -> Option<Duration> {
        if self.operator.is_some() {
            return Some(IDLE_TIMEOUT);
        }
        match &self.screen {
            Screen::Keypad(keypad) if keypad.is_blank() && self.texts.language() == self.language => None,
            Screen::Check(_) => Some(CHECK_IDLE_TIMEOUT),
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Ended { .. } => Some(IDLE_TIMEOUT),
                _ => None,
            },
            _ => Some(IDLE_TIMEOUT),
        }
    }

    pub(super) fn on_operator_request(&mut self, request: OperatorRequest) {
        if !self.kiosk {
            return;
        }
        match request {
            OperatorRequest::Open => {
                let mut operator = OperatorScreen::new(self.kiosk_state.locked_until);
                operator.set_trying(self.kiosk_state.attempt.is_some());
                self.operator = Some(operator);
            }
            OperatorRequest::Close => {
                self.operator = None;
                self.kiosk_state.attempt = None;
            }
            OperatorRequest::Try(pin) => {
                if self.kiosk_state.attempt.is_some() {
                    return;
                }
                let wake = self.waker();
                self.kiosk_state.attempt = Some(self.calls.operator_pin(pin, wake));
                if let Some(operator) = &mut self.operator {
                    operator.set_trying(true);
                }
            }
        }
    }

    fn read_pin_answer(&mut self, ctx: &egui::Context, now: Instant) {
        let Some(answer) = self.kiosk_state.attempt.as_ref().and_then(|attempt| attempt.get().copied()) else { return };
        self.kiosk_state.attempt = None;
        self.kiosk_state.locked_until = match answer {
            PinAnswer::Locked(left) => now.checked_add(left),
            _ => None,
        };
        // Ignored if the operator closed the screen meanwhile.
        let Some(operator) = &mut self.operator else { return };
        if answer == PinAnswer::Right {
            tracing::info!("kiosk closed by the operator");
            self.may_close.store(true, Ordering::Release);
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else {
            operator.refused(answer, self.kiosk_state.locked_until);
        }
    }
}
