//! Question for consent to being recorded. Nothing is recorded before the answer.

use autamedica_call::{CallCommand, CallState};
use egui::{RichText, Ui};

use crate::theme::{Palette, regular_font, space};
use crate::ui::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx};

/// Draws the question if it is open. Dismissing it isn't an answer: it stays open.
pub(super) fn show(ui: &Ui, cx: &mut Cx, state: &CallState) {
    if !state.recording_question {
        return;
    }
    let (texts, sizes) = (cx.texts, cx.sizes);
    let mut left = false;
    let answer = dialog(ui, "consent", &texts.t("consent-title"), 520.0, |ui| {
        let palette = Palette::of(ui);
        for key in ["consent-lead", "consent-choice"] {
            ui.label(RichText::new(texts.t(key).as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
        }
        ui.add_space(space::S);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            let no = TextButton::new(texts.t("consent-no"), Tone::Neutral).show(ui, &sizes);
            // "No" has the focus: pressing Enter unread must not count as consent.
            focus_once(ui, &no);
            let yes = TextButton::new(texts.t("consent-yes"), Tone::Primary).show(ui, &sizes);
            // The dialog covers the bar, and hanging up must always be possible.
            let leave = TextButton::new(texts.t("hang-up-caption"), Tone::Plain).show(ui, &sizes);
            left = leave.clicked();
            if yes.clicked() { Some(true) } else { no.clicked().then_some(false) }
        })
        .inner
    });
    if left {
        cx.actions.push(Action::Leave);
    }
    if let Some(Some(accept)) = answer {
        cx.command(CallCommand::AnswerRecording { accept, language: texts.language().code() });
    }
}
