//! A doctor's controls of a call, which the full app adds.

use autamedica_call::CallState;
use egui::{Rect, Ui};

use super::bar::{Form, Row};
use super::panel::Panel;
use super::stage::TileRequest;
use crate::ui::{Action, Cx};

/// A doctor's controls. Without any, nothing is drawn, and hanging up leaves.
pub(crate) trait Controls {
    /// Reacts to changes of the snapshot.
    fn follow(&mut self, _: &mut Cx, _: &CallState) {}

    /// Handles keyboard shortcuts.
    fn shortcuts(&mut self, _: &Ui, _: &mut Cx, _: &CallState) {}

    /// Returns the keyboard shortcuts for the sheet.
    fn keys(&self, _: &CallState, _: &Cx) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Returns whether there are notes.
    fn has_notes(&self, _: &CallState, _: &Cx) -> bool {
        false
    }

    /// Draws all waiting participants at the top of the list of people.
    fn waiting_list(&self, _: &mut Ui, _: &mut Cx, _: &CallState) {}

    /// Returns the text keys of a problem of the recording and of its advice.
    fn recording_trouble(&self, _: &CallState) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Draws the waiting room's cards from the top of `within`. Returns the area below them.
    fn waiting(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, within: Rect) -> Rect {
        within
    }

    /// Draws the last failed request to the backend from the top of `within`. Returns the area below it.
    fn failure(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, within: Rect) -> Rect {
        within
    }

    /// Draws buttons on the bar.
    fn buttons(&mut self, _: &mut Row, _: &CallState) -> Vec<Action> {
        Vec::new()
    }

    /// Draws entries of the menu.
    fn menu(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, _: &mut Panel, _: Form) {}

    /// Handles hang-up.
    fn hang_up(&mut self, _: &Cx, _: &CallState) -> Option<Action> {
        Some(Action::Leave)
    }

    /// Draws the notes.
    fn notes(&mut self, _: &mut Ui, _: &mut Cx, _: Rect) {}

    /// Draws open dialogs.
    fn dialogs(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState) {}

    /// Handles a request made on a tile.
    fn on_tile_request(&mut self, _: &mut Cx, _: TileRequest) {}

    /// Returns data that closing the call screen would lose.
    fn unsaved(self: Box<Self>) -> Option<Box<dyn Unsaved>> {
        None
    }
}

/// Data of a call that is over, until the person has decided about it.
pub(crate) trait Unsaved {
    /// Asks whether to save or discard the data. Returns whether that is decided.
    fn show(&mut self, ui: &mut Ui, cx: &mut Cx) -> bool;
}

/// No controls.
pub(crate) struct NoControls;

impl Controls for NoControls {}
