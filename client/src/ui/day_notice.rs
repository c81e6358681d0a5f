//! A desk's word to a waiting patient, from the day's list.

use autamedica_api::{ConsultationDetails, Id, MoveConsultation};
use autamedica_call::agenda::AgendaCommand;
use egui::{RichText, TextEdit, Ui, Vec2};

use super::Cx;
use super::dialog::{dialog, focus_once};
use super::widgets::{TextButton, Tone, focus_ring};
use crate::theme::{Palette, corner, regular_font, space};

/// Delays in minutes that are offered as ready words.
const DELAYS: [u64; 3] = [10, 20, 30];

/// Dialog for the word to one patient, while it is open.
#[derive(Default)]
pub struct NoticeDialog {
    open: Option<(Id, String)>,
}

impl NoticeDialog {
    /// Opens the dialog with the current word.
    pub fn open(&mut self, consultation: &ConsultationDetails) {
        let text = consultation.notice.clone().unwrap_or_default();
        self.open = Some((consultation.consultation_id.clone(), text));
    }

    /// Draws the dialog. Returns the command to send.
    pub fn show(&mut self, ui: &Ui, cx: &Cx) -> Option<AgendaCommand> {
        let (id, text) = self.open.as_mut()?;
        let (texts, sizes) = (cx.texts, cx.sizes);
        let chosen = dialog(ui, "notice", &texts.t("notice-title"), 480.0, |ui| {
            let muted = Palette::of(ui).muted;
            let lead = texts.t("notice-lead");
            ui.label(RichText::new(lead.as_ref()).font(regular_font(sizes.body)).color(muted));
            ui.horizontal_wrapped(|ui| {
                for minutes in DELAYS {
                    let words = texts.with("notice-late", &[("minutes", minutes.into())]);
                    if TextButton::new(words.clone(), Tone::Neutral).show(ui, &sizes).clicked() {
                        *text = words;
                    }
                }
            });
            let hint = RichText::new(texts.t("notice-field").into_owned()).color(muted);
            let edit = TextEdit::multiline(text)
                .hint_text(hint)
                .font(regular_font(sizes.body))
                .char_limit(MoveConsultation::MAX_NOTICE)
                .desired_rows(2)
                .margin(Vec2::splat(space::S))
                .desired_width(f32::INFINITY);
            let field = ui.add(edit).accessible_name(texts.t("notice-field"));
            focus_once(ui, &field);
            focus_ring(ui, &field, corner::CARD.into());
            ui.add_space(space::S);
            let mut chosen = None;
            ui.horizontal_wrapped(|ui| {
                if TextButton::new(texts.t("notice-send"), Tone::Primary).show(ui, &sizes).clicked() {
                    chosen = Some(Some(text.trim().to_owned()));
                }
                if TextButton::new(texts.t("notice-remove"), Tone::Neutral).show(ui, &sizes).clicked() {
                    chosen = Some(Some(String::new()));
                }
                if TextButton::new(texts.t("notice-cancel"), Tone::Plain).show(ui, &sizes).clicked() {
                    chosen = Some(None);
                }
            });
            chosen
        });
        let answer = chosen.unwrap_or(Some(None))?;
        let command = answer.map(|text| AgendaCommand::Notice { id: id.clone(), text });
        self.open = None;
        command
    }
}
