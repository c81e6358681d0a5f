//! Confirmation dialogs of a doctor's irreversible actions.

use autamedica_call::{CallCommand, CallState};
use egui::{RichText, Ui};

use crate::settings::{HangUp, Settings};
use crate::theme::{Palette, regular_font, space};
use crate::ui::dialog::{Answer, ask, dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx, wording};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Remove this participant.
    Remove(String),
    /// Refuse this waiting participant.
    Refuse(String),
    End,
    /// Hang up: leave, or end the consultation for all.
    HangUp,
}

impl Question {
    /// Draws the dialog. Returns whether it is closed.
    pub fn show(&self, ui: &Ui, cx: &mut Cx, state: &CallState) -> bool {
        let texts = cx.texts;
        let (title, lead, yes, command) = match self {
            Self::HangUp => return hang_up(ui, cx),
            Self::Remove(identity) => {
                let title = texts.with("remove-title", &[("name", self.name(cx, state, identity).as_str().into())]);
                (title, "remove-lead", "remove-yes", CallCommand::Remove(identity.clone()))
            }
            Self::Refuse(identity) => {
                let title = texts.with("refuse-title", &[("name", self.name(cx, state, identity).as_str().into())]);
                (title, "refuse-lead", "refuse-yes", CallCommand::Refuse(identity.clone()))
            }
            Self::End => (texts.t("end-all-title").into_owned(), "end-all-lead", "end-all-yes", CallCommand::EndForAll),
        };
        // The dialog closes when its participant leaves.
        let gone = match self {
            Self::Remove(identity) | Self::Refuse(identity) => {
                !state.participants.iter().any(|person| person.identity == *identity)
            }
            Self::End | Self::HangUp => false,
        };
        match ask(ui, cx, "question", &title, &texts.t(lead), &texts.t(yes)) {
            _ if gone => true,
            Answer::Yes => {
                cx.command(command);
                true
            }
            Answer::No => true,
            Answer::Open => false,
        }
    }

    fn name(&self, cx: &Cx, state: &CallState, identity: &str) -> String {
        wording::name_of(cx.texts, state, identity, None)
    }
}

/// Returns the action of a hang-up preference, unless it is to ask.
pub(super) fn hang_up_action(choice: HangUp) -> Option<Action> {
    match choice {
        HangUp::Ask => None,
        HangUp::Leave => Some(Action::Leave),
        HangUp::EndForAll => Some(Action::Command(CallCommand::EndForAll)),
    }
}

/// Asks whether hang-up leaves or ends the consultation, now and in future. Returns whether the dialog is closed.
fn hang_up(ui: &Ui, cx: &mut Cx) -> bool {
    let (texts, sizes) = (cx.texts, cx.sizes);
    let chosen = dialog(ui, "hang up", &texts.t("hang-up-title"), 480.0, |ui| {
        let lead = |ui: &mut Ui, key| {
            let color = Palette::of(ui).muted;
            ui.label(RichText::new(texts.t(key).as_ref()).font(regular_font(sizes.body)).color(color));
        };
        lead(ui, "hang-up-lead");
        ui.add_space(space::S);
        let mut chosen = None;
        ui.horizontal_wrapped(|ui| {
            let leave = TextButton::new(texts.t("hang-up-leave"), Tone::Neutral).show(ui, &sizes);
            focus_once(ui, &leave);
            if leave.clicked() {
                chosen = Some(HangUp::Leave);
            }
            if TextButton::new(texts.t("hang-up-end"), Tone::Danger).show(ui, &sizes).clicked() {
                chosen = Some(HangUp::EndForAll);
            }
            if TextButton::new(texts.t("dialog-cancel"), Tone::Plain).show(ui, &sizes).clicked() {
                chosen = Some(HangUp::Ask);
            }
        });
        lead(ui, "hang-up-remembered");
        chosen
    });
    let Some(choice) = chosen.unwrap_or(Some(HangUp::Ask)) else { return false };
    if let Some(action) = hang_up_action(choice) {
        let settings = Settings { hang_up: choice, ..cx.settings.clone() };
        cx.actions.extend([Action::ApplySettings(Box::new(settings)), action]);
    }
    true
}
