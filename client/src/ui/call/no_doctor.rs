//! Empty stand-in for the doctor's controls in kiosk builds.

use autamedica_call::CallState;
use egui::{Rect, Ui};

use super::bar::{Form, Row};
use super::panel::Panel;
use super::stage::TileRequest;
use crate::ui::{Action, Cx};

/// Text key of the notes' tab, which is never shown.
pub(super) const NOTES: &str = "app-name";

pub(super) fn keys(_: &CallState, _: &Cx) -> &'static [(&'static str, &'static str)] {
    &[]
}

pub(super) fn has_notes(_: &CallState, _: &Cx) -> bool {
    false
}

pub(super) fn waiting_list(_: &mut Ui, _: &mut Cx, _: &CallState) {}

#[derive(Default)]
pub(super) struct Doctor {
    _nothing: (),
}

impl Doctor {
    pub fn follow(&mut self, _: &mut Cx, _: &CallState) {}

    pub fn shortcuts(&mut self, _: &Ui, _: &mut Cx, _: &CallState) {}

    pub fn waiting(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, within: Rect) -> Rect {
        within
    }

    pub fn failure(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, within: Rect) -> Rect {
        within
    }

    pub fn buttons(&mut self, _: &mut Row, _: &CallState) -> Vec<Action> {
        Vec::new()
    }

    pub fn menu(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, _: &mut Panel, _: Form) {}

    pub fn hang_up(&mut self, _: &Cx, _: &CallState) -> Option<Action> {
        Some(Action::Leave)
    }

    pub fn notes(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState, _: Rect) {}

    pub fn dialogs(&mut self, _: &mut Ui, _: &mut Cx, _: &CallState) {}

    pub fn on_tile_request(&mut self, _: &mut Cx, _: TileRequest) {}

    pub fn unsaved(self) -> Option<Unsaved> {
        None
    }
}

/// Uninhabited: there are no notes.
pub enum Unsaved {}

impl Unsaved {
    /// Unreachable.
    pub fn show(&mut self, _: &mut Ui, _: &mut Cx) -> bool {
        match *self {}
    }
}
