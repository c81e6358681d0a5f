//! What is different at a kiosk: nothing leads out, and nothing is left of the last patient.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use egui::{OutputCommand, ViewportCommand};

use super::{App, PinAnswer, Screen};
use crate::call::{CallCommand, CallPhase};
use crate::i18n::Texts;
use crate::ui::OperatorRequest;
use crate::ui::operator::OperatorScreen;

/// A screen that nobody touches goes back to the first one after this long: somebody has left.
const LEFT_AFTER: Duration = Duration::from_secs(60);
/// The check takes reading and listening.
const CHECK_LEFT_AFTER: Duration = Duration::from_secs(180);

/// Since when nobody has touched anything.
pub(super) struct Idle {
    since: Instant,
    /// Wrong PINs in a row, and until when none is taken.
    wrong_pins: u32,
    locked_until: Option<Instant>,
}

impl Default for Idle {
    fn default() -> Self {
        Self { since: Instant::now(), wrong_pins: 0, locked_until: None }
    }
}

/// After so many wrong PINs in a row …
const WRONG_PINS: u32 = 5;
/// … none is taken for so long.
const LOCKED_FOR: Duration = Duration::from_secs(60);

/// Whether a patient at a kiosk may ask this of a call. There are no files here, and no doctor.
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
            | CallCommand::Show(_)
            | CallCommand::AnswerRecording { .. }
            | CallCommand::HangUp
    )
}

/// Lets nothing of this pass out of the window: no browser opens.
pub(super) fn lock_in(ctx: &egui::Context) {
    ctx.output_mut(|output| {
        output.commands.retain(|command| !matches!(command, OutputCommand::OpenUrl(_) | OutputCommand::CopyImage(_)));
    });
}

impl App {
    /// Back to the first screen, with nothing left of who was here.
    pub(super) fn forget(&mut self, ctx: &egui::Context) {
        self.operator = None;
        self.texts = Texts::new(self.language);
        self.go_home();
        // What widgets remember (texts typed, and how to undo them), and both clipboards.
        ctx.memory_mut(|memory| {
            memory.stop_text_input();
            memory.data.clear();
        });
        ctx.copy_text(String::new());
        ctx.send_cmd(OutputCommand::TextSelectionSettled(String::new()));
        self.idle.since = Instant::now();
    }

    pub(super) fn mind_the_kiosk(&mut self, ctx: &egui::Context) {
        let now = Instant::now();
        if ctx.input(|input| !input.events.is_empty()) {
            self.idle.since = now;
        }
        self.read_pin_answer(ctx, now);
        let Some(patience) = self.patience() else {
            self.idle.since = now;
            return;
        };
        match patience.checked_sub(self.idle.since.elapsed()) {
            Some(left) if !left.is_zero() => ctx.request_repaint_after(left),
            _ => self.forget(ctx),
        }
    }

    /// How long the screen may stay untouched; `None` for as long as it likes.
    fn patience(&self) -> Option<Duration> {
        if self.operator.is_some() {
            return Some(LEFT_AFTER);
        }
        match &self.screen {
            Screen::Keypad(keypad) if keypad.is_blank() && self.texts.language() == self.language => None,
            Screen::Check(_) => Some(CHECK_LEFT_AFTER),
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Ended { .. } => Some(LEFT_AFTER),
                _ => None,
            },
            _ => Some(LEFT_AFTER),
        }
    }

    pub(super) fn ask_operator(&mut self, asked: OperatorRequest) {
        if !self.kiosk {
            return;
        }
        match asked {
            OperatorRequest::Open => self.operator = Some(OperatorScreen::new(self.idle.locked_until)),
            OperatorRequest::Close => self.operator = None,
            OperatorRequest::Try(pin) => {
                let locked = self.idle.locked_until.is_some_and(|until| Instant::now() < until);
                let wake = self.waker();
                if let Some(operator) = self.operator.as_mut().filter(|_| !locked) {
                    operator.trying(self.calls.operator_pin(pin, wake));
                }
            }
        }
    }

    fn read_pin_answer(&mut self, ctx: &egui::Context, now: Instant) {
        let Some(answer) = self.operator.as_mut().and_then(OperatorScreen::take_answer) else { return };
        match answer {
            PinAnswer::Right => {
                tracing::info!("the operator ends the kiosk");
                self.may_close.store(true, Ordering::Release);
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            PinAnswer::Wrong => {
                self.idle.wrong_pins += 1;
                tracing::warn!(in_a_row = self.idle.wrong_pins, "a wrong PIN");
                if self.idle.wrong_pins >= WRONG_PINS {
                    self.idle.wrong_pins = 0;
                    self.idle.locked_until = Some(now + LOCKED_FOR);
                }
                if let Some(operator) = &mut self.operator {
                    operator.refused(answer, self.idle.locked_until);
                }
            }
            PinAnswer::NoneSet => {
                if let Some(operator) = &mut self.operator {
                    operator.refused(answer, None);
                }
            }
        }
    }
}
