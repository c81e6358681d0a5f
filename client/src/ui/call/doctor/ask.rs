//! What can't be taken back is asked first.

use egui::Ui;

use crate::call::{CallCommand, CallState};
use crate::ui::dialog::{Answer, ask};
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
