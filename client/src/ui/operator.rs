//! A kiosk's only way out: the operator's PIN.

use std::time::Instant;

use egui::Ui;
use lucide_icons::Icon;

use super::controls::remark;
use super::keypad::{Pressed, beside_keys, boxes, lead, typed};
use super::page::{header, wide};
use super::widgets::{TextButton, Tone};
use super::{Action, Cx, OperatorRequest};
use crate::answer::Answer;
use crate::app::PinAnswer;
use crate::call::Secret;
use crate::pin;
use crate::theme::{Palette, space};

/// Asks for the PIN.
pub struct OperatorScreen {
    digits: String,
    answer: Option<Answer<PinAnswer>>,
    refused: Option<PinAnswer>,
    locked_until: Option<Instant>,
}

impl OperatorScreen {
    /// Nothing typed; none is taken until then.
    pub fn new(locked_until: Option<Instant>) -> Self {
        Self { digits: String::new(), answer: None, refused: None, locked_until }
    }

    /// A PIN is being looked at.
    pub fn trying(&mut self, answer: Answer<PinAnswer>) {
        self.answer = Some(answer);
        self.refused = None;
    }

    /// What came of it, once it has.
    pub fn take_answer(&mut self) -> Option<PinAnswer> {
        let answer = *self.answer.as_ref()?.get()?;
        self.answer = None;
        Some(answer)
    }

    /// It wasn't right.
    pub fn refused(&mut self, answer: PinAnswer, locked_until: Option<Instant>) {
        self.refused = Some(answer);
        self.locked_until = locked_until;
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        wide(ui, cx.sizes, |ui| self.card(ui, cx));
        if let Some(pressed) = typed(ui) {
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
            } else if self.answer.is_some() {
                remark(ui, &sizes, Icon::Info, palette.muted, &texts.t("operator-trying"));
            } else if let Some(refused) = self.refused {
                let key = if refused == PinAnswer::NoneSet { "operator-none" } else { "operator-wrong" };
                remark(ui, &sizes, Icon::CircleAlert, palette.danger, &texts.t(key));
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
            Pressed::Enter if self.answer.is_none() && !self.digits.is_empty() => {
                let pin = Secret::new(std::mem::take(&mut self.digits));
                cx.actions.push(Action::Operator(OperatorRequest::Try(pin)));
            }
            Pressed::Enter => {}
        }
    }
}
