//! After a call: why it is over, and what now.

use std::time::Duration;

use egui::{RichText, Ui};
use lucide_icons::Icon;

use super::page::{centered, header};
use super::widgets::{TextButton, Tone, sign};
use super::{Action, Cx, wording};
use crate::call::{EndReason, JoinTarget};
use crate::theme::{Palette, regular_font, space};

/// A call that is over.
pub struct EndScreen {
    reason: EndReason,
    lasted: Duration,
    target: JoinTarget,
}

impl EndScreen {
    /// Of a call to `target`.
    pub fn new(reason: EndReason, lasted: Duration, target: JoinTarget) -> Self {
        Self { reason, lasted, target }
    }

    /// What going back is called; `None` where it can't work.
    fn way_back(&self) -> Option<&'static str> {
        match self.reason {
            EndReason::HungUp | EndReason::ConnectionLost | EndReason::JoinedElsewhere => Some("end-rejoin"),
            EndReason::ServerUnreachable | EndReason::JoinFailed => Some("end-retry"),
            EndReason::RoomClosed | EndReason::Removed | EndReason::Refused | EndReason::NotAllowed => None,
        }
    }

    fn sign(&self, palette: &Palette) -> (Icon, egui::Color32) {
        match self.reason {
            EndReason::HungUp | EndReason::RoomClosed => (Icon::CircleCheck, palette.ok),
            EndReason::JoinedElsewhere => (Icon::MonitorSmartphone, palette.primary),
            EndReason::Removed | EndReason::Refused | EndReason::NotAllowed => (Icon::CircleAlert, palette.danger),
            EndReason::ConnectionLost | EndReason::ServerUnreachable | EndReason::JoinFailed => {
                (Icon::WifiOff, palette.warning)
            }
        }
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        let (title, next) = wording::end(&self.reason);
        centered(ui, sizes, |ui| {
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
            ui.add_space(space::L);
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::M;
                let back = self.way_back();
                if let Some(back) = back
                    && TextButton::new(texts.t(back), self.back_tone()).show(ui, &sizes).clicked()
                {
                    cx.actions.push(Action::Join(self.target.clone()));
                }
                let done_tone =
                    if back.is_some() && self.back_tone() == Tone::Primary { Tone::Neutral } else { Tone::Primary };
                let done = TextButton::new(texts.t("end-done"), done_tone).min_width(140.0);
                if done.show(ui, &sizes).clicked() {
                    cx.actions.push(Action::Home);
                }
            });
        });
    }

    /// After a fault, going back is what people want; after hanging up it isn't.
    fn back_tone(&self) -> Tone {
        if self.reason == EndReason::HungUp { Tone::Neutral } else { Tone::Primary }
    }
}
