//! What can't be taken back is asked first.

use egui::{RichText, Ui};

use crate::call::{CallCommand, CallState};
use crate::theme::{Palette, regular_font, space};
use crate::ui::call::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Cx, wording};

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Send somebody out of the room?
    Remove(String),
    /// Send somebody away who waits?
    Refuse(String),
    /// End it for everybody?
    End,
}

impl Question {
    /// Draws it. Says whether it is answered.
    pub fn show(&self, ui: &Ui, cx: &mut Cx, state: &CallState) -> bool {
        let texts = cx.texts;
        let (title, lead, yes, command) = match self {
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
            Self::End => false,
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

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Nothing yet.
    Open,
    Yes,
    No,
}

/// Asks before something that can't be taken back. The safe answer has the keyboard.
fn ask(ui: &Ui, cx: &Cx, name: &str, title: &str, lead: &str, yes: &str) -> Answer {
    let answer = dialog(ui, name, title, 440.0, |ui| {
        let palette = Palette::of(ui);
        ui.label(RichText::new(lead).font(regular_font(cx.sizes.body)).color(palette.muted));
        ui.add_space(space::S);
        ui.horizontal_wrapped(|ui| {
            let no = TextButton::new(cx.texts.t("dialog-cancel"), Tone::Neutral).show(ui, &cx.sizes);
            focus_once(ui, &no);
            let yes = TextButton::new(yes, Tone::Danger).show(ui, &cx.sizes);
            if yes.clicked() {
                Answer::Yes
            } else if no.clicked() {
                Answer::No
            } else {
                Answer::Open
            }
        })
        .inner
    });
    answer.unwrap_or(Answer::No)
}
