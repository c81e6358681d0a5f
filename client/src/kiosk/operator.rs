//! PIN screen, the only way to end a kiosk.

use std::time::Instant;

use autamedica_call::Secret;
use egui::Ui;
use lucide_icons::Icon;

use super::keypad::{Pressed, beside_keys, boxes, lead, typed};
use crate::app::PinAnswer;
use crate::pin;
use crate::theme::{Palette, space};
use crate::ui::controls::remark;
use crate::ui::page::{header, wide};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx, OperatorRequest};

/// State of the PIN screen.
pub struct OperatorScreen {
    digits: String,
    trying: bool,
    refused: Option<PinAnswer>,
    locked_until: Option<Instant>,
}

impl OperatorScreen {
    /// Creates the screen; PINs are refused until `locked_until`.
    pub fn new(locked_until: Option<Instant>) -> Self {
        Self { digits: String::new(), trying: false, refused: None, locked_until }
    }

    /// Marks a PIN as being checked (`true`), during which no other is accepted.
    pub fn set_trying(&mut self, trying: bool) {
        self.trying = trying;
        self.refused = None;
    }

    /// Shows why the PIN was refused.
    pub fn refused(&mut self, answer: PinAnswer, locked_until: Option<Instant>) {
        self.set_trying(false);
        self.refused = Some(answer);
        self.locked_until = locked_until;
    }

    /// Draws the screen.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        wide(ui, cx.sizes, |ui| self.card(ui, cx));
        for pressed in typed(ui, false) {
            self.press(pressed, cx);
        }
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
            cx.actions.push(Action::Operator(OperatorRequest::Close));
        }
    }

    fn card(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        ui.heading(texts.t("operator-title").as_ref());
        lead(ui, &sizes, &texts.t("operator-lead"));
        ui.add_space(space::XS);
        let spoken = texts.with("keypad-typed", &[("count", (self.digits.len() as u64).into())]);
        boxes(ui, &sizes, &self.digits, *pin::LENGTHS.end(), true, &spoken);
        ui.add_space(space::M);
        let (keys, ()) = beside_keys(ui, cx, None, |ui, cx| {
            let go = TextButton::new(texts.t("operator-leave"), Tone::Danger).icon(Icon::LogOut);
            if go.show(ui, &sizes).clicked() {
                self.press(Pressed::Enter, cx);
            }
            if TextButton::new(texts.t("operator-back"), Tone::Neutral).show(ui, &sizes).clicked() {
                cx.actions.push(Action::Operator(OperatorRequest::Close));
            }
            ui.add_space(space::XS);
            let locked = self.locked_until.and_then(|until| until.checked_duration_since(cx.now));
            if let Some(left) = locked.filter(|left| !left.is_zero()) {
                remark(ui, &sizes, Icon::Lock, palette.danger, &texts.t("operator-locked"));
                ui.ctx().request_repaint_after(left);
            } else if self.trying {
                remark(ui, &sizes, Icon::Info, palette.muted, &texts.t("operator-trying"));
            } else if let Some(refused) = self.refused {
                let key = match refused {
                    PinAnswer::NoneSet => Some("operator-none"),
                    PinAnswer::NotCounted => Some("operator-not-counted"),
                    PinAnswer::Wrong => Some("operator-wrong"),
                    // The lock has expired, or the kiosk is about to end.
                    PinAnswer::Locked(_) | PinAnswer::Right => None,
                };
                if let Some(key) = key {
                    remark(ui, &sizes, Icon::CircleAlert, palette.danger, &texts.t(key));
                }
            }
        });
        if let Some(pressed) = keys {
            self.press(pressed, cx);
        }
    }

    fn press(&mut self, pressed: Pressed, cx: &mut Cx) {
        match pressed {
            Pressed::Digit(digit) if self.digits.len() < *pin::LENGTHS.end() => self.digits.push(digit),
            Pressed::Digit(_) | Pressed::Help => {}
            Pressed::Back => drop(self.digits.pop()),
            Pressed::Enter if !self.trying && !self.digits.is_empty() => {
                let pin = Secret::new(std::mem::take(&mut self.digits));
                cx.actions.push(Action::Operator(OperatorRequest::Try(pin)));
            }
            Pressed::Enter => {}
        }
    }
}
