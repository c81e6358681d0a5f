//! Record button.

use autamedica_call::{CallCommand, CallState, RecordingState};
use lucide_icons::Icon;

use crate::ui::Action;
use crate::ui::call::bar::Row;
use crate::ui::widgets::{CallButton, Tone};

/// Returns icon, text key and command of the button or menu entry.
pub(super) fn what_next(state: &CallState) -> (Icon, &'static str, CallCommand) {
    match state.recording {
        RecordingState::Asking | RecordingState::Starting | RecordingState::On(_) | RecordingState::Paused => {
            (Icon::CircleStop, "record-stop", CallCommand::Record(false))
        }
        RecordingState::Off | RecordingState::Failed(_) | RecordingState::Declined => {
            (Icon::CircleDot, "record-start", CallCommand::Record(true))
        }
    }
}

pub(super) fn button(row: &mut Row, state: &CallState) -> Option<Action> {
    let texts = row.cx.texts;
    let (icon, label, command) = what_next(state);
    let recording = command == CallCommand::Record(false);
    let button = CallButton {
        icon,
        caption: &texts.t(if recording { "stop-caption" } else { "record-caption" }),
        label: &texts.t(label),
        shortcut: "",
        tone: if recording { Tone::Live } else { Tone::Neutral },
        on: Some(recording),
        badge: 0,
    };
    row.add("record", button).clicked().then_some(Action::Command(command))
}
