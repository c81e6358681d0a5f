//! What can't be taken back is asked first.

use egui::{RichText, Ui};

use crate::call::{CallCommand, CallState};
use crate::settings::{HangUp, Settings};
use crate::theme::{Palette, regular_font, space};
use crate::ui::dialog::{Answer, ask, dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx, wording};

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Send somebody out of the room?
    Remove(String),
    /// Send somebody away who waits?
    Refuse(String),
    /// End it for everybody?
    End,
    /// The red button: leave, or end it for everybody?
    HangUp,
}

impl Question {
    /// Draws it. Says whether it is answered.
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
        // Somebody who left by themselves needs no answer.
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

/// What the red button asks for, where the person has decided.
pub(super) fn hang_up_action(choice: HangUp) -> Option<Action> {
    match choice {
        HangUp::Ask => None,
        HangUp::Leave => Some(Action::Leave),
        HangUp::EndForAll => Some(Action::Command(CallCommand::EndForAll)),
    }
}

/// Asks what the red button is to do, now and from now on. Says whether it is answered.
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
        cx.actions.extend([Action::Change(Box::new(settings)), action]);
    }
    true
}
