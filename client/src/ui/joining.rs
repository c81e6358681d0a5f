//! Joining screen, from the request to join until the room is entered.

use std::time::{Duration, Instant};

use egui::{RichText, Ui};

use super::page::{centered, header};
use super::widgets::{TextButton, Tone};
use super::{Action, Cx};
use crate::theme::{Palette, regular_font, space};

/// Time after which the screen says that joining takes unusually long.
const SLOW_AFTER: Duration = Duration::from_secs(8);

/// State of the joining screen.
pub struct JoiningScreen {
    since: Instant,
}

impl JoiningScreen {
    /// Creates the screen for a join that starts now.
    #[expect(clippy::new_without_default, reason = "it takes the time, which a default shouldn't")]
    pub fn new() -> Self {
        Self::since(Instant::now())
    }

    /// Creates the screen for a join that started at `since`.
    pub fn since(since: Instant) -> Self {
        Self { since }
    }

    /// Draws the screen. `again_since`: since when joining is retried because the clinic's servers aren't ready.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, again_since: Option<Instant>) {
        header(ui, cx);
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        let waited = cx.now.saturating_duration_since(self.since);
        centered(ui, sizes, |ui| {
            ui.heading(texts.t("joining-title").as_ref());
            ui.add_space(space::XS);
            let lead = match again_since {
                Some(_) => texts.t("joining-again"),
                None if waited < SLOW_AFTER => texts.t("joining-lead"),
                None => texts.t("joining-slow"),
            };
            ui.label(RichText::new(lead.as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
            if let Some(since) = again_since {
                let seconds = cx.now.saturating_duration_since(since).as_secs();
                let tried = texts.with("joining-again-for", &[("seconds", seconds.into())]);
                ui.label(RichText::new(tried).font(regular_font(sizes.body)).color(palette.muted));
                ui.ctx().request_repaint_after(Duration::from_millis(500));
            }
            ui.add_space(space::L);
            if TextButton::new(texts.t("joining-cancel"), Tone::Neutral).show(ui, &sizes).clicked() {
                cx.actions.push(Action::Leave);
            }
        });
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
            cx.actions.push(Action::Leave);
        }
        if let Some(left) = SLOW_AFTER.checked_sub(waited) {
            ui.ctx().request_repaint_after(left + Duration::from_millis(1));
        }
    }
}
