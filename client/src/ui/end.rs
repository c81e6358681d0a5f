//! End screen: why the call is over, feedback, and the next step.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{Feedback, FeedbackReason};
use autamedica_call::backend::Admission;
use autamedica_call::{EndReason, JoinTarget};
use egui::{RichText, Ui, Vec2};
use lucide_icons::Icon;

use super::controls::{chip, note, remark, stars};
use super::page::{centered, header};
use super::widgets::{TextButton, Tone, sign};
use super::{Action, Cx, wording};
use crate::answer::Answer;
use crate::theme::{Palette, bold_font, regular_font, space};

/// Highest rating that asks for reasons.
const MAX_STARS_WITH_REASONS: u32 = 3;

/// State of the end screen.
pub struct EndScreen {
    reason: EndReason,
    lasted: Duration,
    target: JoinTarget,
    admission: Option<Arc<Admission>>,
    stars: u32,
    reasons: Vec<FeedbackReason>,
    feedback_answer: Option<Answer<bool>>,
}

impl EndScreen {
    /// Creates the screen for a call to `target`; `admission` is `None` if the call was never entered.
    pub fn new(reason: EndReason, lasted: Duration, target: JoinTarget, admission: Option<Arc<Admission>>) -> Self {
        Self { reason, lasted, target, admission, stars: 0, reasons: Vec::new(), feedback_answer: None }
    }

    /// Returns the admission with which the call was entered.
    pub fn admission(&self) -> Option<&Admission> {
        self.admission.as_deref()
    }

    /// Sets the pending answer of the backend to the feedback.
    pub fn feedback_sent(&mut self, answer: Answer<bool>) {
        self.feedback_answer = Some(answer);
    }

    /// Returns the label of the button that leads back; `None` where returning can't work.
    fn return_label(&self) -> Option<&'static str> {
        match self.reason {
            EndReason::HungUp | EndReason::ConnectionLost | EndReason::JoinedElsewhere => Some("end-rejoin"),
            EndReason::ServerUnreachable
            | EndReason::ClinicTrouble
            | EndReason::JoinFailed
            | EndReason::TooEarly
            // The doctor may have opened the consultation again.
            | EndReason::Over => Some("end-retry"),
            EndReason::RoomClosed
            | EndReason::Removed
            | EndReason::Refused
            | EndReason::NotAllowed
            | EndReason::NoAppointment
            | EndReason::NoClinic
            | EndReason::Cancelled => None,
        }
    }

    fn sign(&self, palette: &Palette) -> (Icon, egui::Color32) {
        match self.reason {
            EndReason::HungUp | EndReason::RoomClosed | EndReason::Over => (Icon::CircleCheck, palette.ok),
            EndReason::TooEarly => (Icon::Clock, palette.primary),
            EndReason::JoinedElsewhere => (Icon::MonitorSmartphone, palette.primary),
            EndReason::Removed
            | EndReason::Refused
            | EndReason::NotAllowed
            | EndReason::NoAppointment
            | EndReason::NoClinic
            | EndReason::Cancelled => (Icon::CircleAlert, palette.danger),
            // A network icon would blame the person's own network.
            EndReason::ClinicTrouble | EndReason::JoinFailed => (Icon::TriangleAlert, palette.warning),
            EndReason::ConnectionLost | EndReason::ServerUnreachable => (Icon::WifiOff, palette.warning),
        }
    }

    /// Returns whether feedback makes sense: the call took place and the backend knows it.
    fn can_be_judged(&self) -> bool {
        !self.lasted.is_zero() && self.admission().is_some_and(|admission| admission.consultation.is_some())
    }

    /// Draws the screen.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        centered(ui, cx.sizes, |ui| self.card(ui, cx));
    }

    fn card(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        let (title, next) = wording::end(&self.reason);
        // A kiosk's text doesn't suggest closing the window.
        let next = if cx.kiosk && self.reason == EndReason::HungUp { "end-kiosk-next" } else { next };
        let (icon, color) = self.sign(palette);
        sign(ui, icon, space::XXL, color);
        ui.add_space(space::XS);
        ui.heading(texts.t(title).as_ref());
        ui.add_space(space::XXS);
        ui.label(RichText::new(texts.t(next).as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
        if !self.lasted.is_zero() {
            let minutes = (self.lasted.as_secs_f32() / 60.0).round() as u64;
            let lasted = if self.lasted < Duration::from_secs(60) {
                texts.t("end-lasted-less").into_owned()
            } else {
                texts.with("end-lasted", &[("minutes", minutes.into())])
            };
            ui.label(RichText::new(lasted).color(palette.muted));
        }
        if self.can_be_judged() {
            ui.add_space(space::M);
            self.feedback(ui, cx);
        }
        ui.add_space(space::L);
        self.buttons(ui, cx);
    }

    fn feedback(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        match self.feedback_answer.as_ref().map(Answer::get) {
            Some(None) => return remark(ui, &sizes, Icon::Info, palette.muted, &texts.t("end-telling")),
            Some(Some(true)) => return remark(ui, &sizes, Icon::CircleCheck, palette.ok, &texts.t("end-told")),
            Some(Some(false)) => {
                remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t("end-not-told"));
                ui.add_space(space::XS);
            }
            None => {}
        }
        ui.label(RichText::new(texts.t("end-how").as_ref()).font(bold_font(sizes.body)));
        let name = |star: u32| texts.with("end-star", &[("count", u64::from(star).into())]);
        if let Some(star) = stars(ui, &sizes, self.stars, name) {
            self.stars = star;
        }
        if self.stars == 0 {
            return;
        }
        if self.stars <= MAX_STARS_WITH_REASONS {
            ui.add_space(space::XS);
            note(ui, &sizes, &texts.t("end-why"), palette.muted);
            self.ask_why(ui, cx);
        } else {
            self.reasons.clear();
        }
        ui.add_space(space::S);
        if TextButton::new(texts.t("end-tell"), Tone::Primary).show(ui, &sizes).clicked() {
            cx.actions.push(Action::SendFeedback(Feedback { stars: self.stars, reasons: self.reasons.clone() }));
        }
    }

    fn ask_why(&mut self, ui: &mut Ui, cx: &Cx) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
            for reason in wording::FEEDBACK_REASONS {
                let text = cx.texts.t(wording::feedback_reason(reason));
                let chosen = self.reasons.contains(&reason);
                if chip(ui, &cx.sizes, &text, &text, egui::Role::CheckBox, chosen) {
                    if chosen {
                        self.reasons.retain(|it| *it != reason);
                    } else {
                        self.reasons.push(reason);
                    }
                }
            }
        });
    }

    fn buttons(&self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, sizes) = (cx.texts, cx.sizes);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::M);
            let back = self.return_label();
            if let Some(back) = back
                && TextButton::new(texts.t(back), self.back_tone()).show(ui, &sizes).clicked()
            {
                cx.actions.push(Action::Join(self.target.clone()));
            }
            let is_answering = self.stars > 0 && self.feedback_answer.is_none();
            let done_tone = if is_answering || back.is_some() && self.back_tone() == Tone::Primary {
                Tone::Neutral
            } else {
                Tone::Primary
            };
            let done = TextButton::new(texts.t("end-done"), done_tone).min_width(140.0);
            if done.show(ui, &sizes).clicked() {
                cx.actions.push(Action::Home);
            }
        });
    }

    /// Returns the emphasis of the button that leads back: primary unless the person hung up.
    fn back_tone(&self) -> Tone {
        if self.reason == EndReason::HungUp { Tone::Neutral } else { Tone::Primary }
    }
}
