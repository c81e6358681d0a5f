//! What only a doctor has: letting people in, sharing, recording, muting and removing, ending for all, notes.
//!
//! A kiosk is built without this room (see `no_doctor.rs` for what stands in its place).

mod ask;
mod notes;
mod record;
mod share;
mod waiting;

use autamedica_api::Role;
use egui::{Key, Modifiers, Rect, Ui};
use lucide_icons::Icon;

use super::bar::{Form, Row};
use super::menu::menu_item;
use super::panel::{Panel, Tab};
use super::present;
use super::stage::TileAsk;
use crate::call::{CallCommand, CallPhase, CallState, ControlRequest, ShareState};
use crate::ui::widgets::{CallButton, Tone};
use crate::ui::{Action, Cx};
use ask::Question;
use notes::Notes;
pub use notes::Unsaved;
use share::Picker;
use waiting::Waiting;
pub(super) use waiting::waiting_list;

/// The name of the notes' tab.
pub(super) const NOTES: &str = "panel-notes";

/// A doctor's keys, for the sheet.
pub(super) fn keys(state: &CallState, cx: &Cx) -> &'static [(&'static str, &'static str)] {
    if is_here(state, cx) { &[("Ctrl+Shift+S", "keys-share"), ("Ctrl+Shift+A", "keys-admit")] } else { &[] }
}

/// Whether there are notes in this call.
pub(super) fn has_notes(state: &CallState, cx: &Cx) -> bool {
    is_here(state, cx)
}

fn is_here(state: &CallState, cx: &Cx) -> bool {
    state.role == Role::Doctor && !cx.kiosk
}

/// What a doctor's controls remember.
#[derive(Default)]
pub(super) struct Doctor {
    waiting: Waiting,
    question: Option<Question>,
    picker: Option<Picker>,
    notes: Notes,
    /// The last failure that was read and put away.
    failure_read: u64,
}

impl Doctor {
    /// Says what is new, such as somebody before the door.
    pub fn follow(&mut self, cx: &mut Cx, state: &CallState) {
        if is_here(state, cx) {
            self.waiting.follow(cx, state);
        }
    }

    pub fn shortcuts(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        if !is_here(state, cx) {
            return;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::COMMAND | Modifiers::SHIFT, key));
        if pressed(Key::S) {
            self.share(ui.ctx(), cx, state);
        }
        if pressed(Key::A)
            && let Some(first) = waiting::those_who_wait(state).next()
        {
            cx.command(CallCommand::Admit(first.identity.clone()));
        }
    }

    /// Who waits, from the top of `within`; returns what is left below.
    pub fn waiting(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
        if !is_here(state, cx) {
            return within;
        }
        let (left, refused) = waiting::banner(ui, cx, state, within);
        if let Some(person) = refused {
            self.question = Some(Question::Refuse(person));
        }
        left
    }

    /// What the backend didn't do, from the top of `within`; returns what is left below.
    pub fn failure(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
        let Some(failure) = state.control_failure.as_ref().filter(|failure| failure.number != self.failure_read) else {
            return within;
        };
        let title = match failure.asked {
            ControlRequest::Admit => "control-failed-admit",
            ControlRequest::Refuse => "control-failed-refuse",
            ControlRequest::Remove => "control-failed-remove",
            ControlRequest::Mute => "control-failed-mute",
            ControlRequest::Permit | ControlRequest::Forbid => "control-failed-permit",
            ControlRequest::End => "control-failed-end",
            ControlRequest::MoveToSfu => "control-failed-move",
        };
        let (texts, number) = (cx.texts, failure.number);
        let (left, dismissed) = super::notices::warning(
            ui,
            cx,
            within,
            Icon::CircleAlert,
            &texts.t(title),
            &texts.t("control-failed-next"),
        );
        if dismissed {
            self.failure_read = number;
        }
        left
    }

    /// Screen share and recording, on the bar.
    pub fn buttons(&mut self, row: &mut Row, state: &CallState) -> Vec<Action> {
        let texts = row.cx.texts;
        let mut asked = Vec::new();
        let sharing = is_sharing(state);
        let button = CallButton {
            icon: if sharing { Icon::ScreenShareOff } else { Icon::ScreenShare },
            caption: &texts.t(if sharing { "stop-caption" } else { "share-caption" }),
            label: &texts.t(if sharing { "share-stop" } else { "share-start" }),
            shortcut: "Ctrl+Shift+S",
            tone: if sharing { Tone::Primary } else { Tone::Neutral },
            on: Some(sharing),
            badge: 0,
        };
        if row.add("share", button).clicked() {
            if sharing {
                asked.push(Action::Command(CallCommand::StopSharing));
            } else {
                self.picker = Some(Picker::open(row.ui.ctx(), row.cx));
            }
        }
        if !state.direct {
            asked.extend(record::button(row, state));
        }
        asked
    }

    /// A doctor's lines of the menu.
    pub fn menu(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, panel: &mut Panel, form: Form) {
        let texts = cx.texts;
        if !form.has_doctors() {
            let sharing = is_sharing(state);
            let (icon, key) =
                if sharing { (Icon::ScreenShareOff, "share-stop") } else { (Icon::ScreenShare, "share-start") };
            if menu_item(ui, cx, icon, &texts.t(key)).clicked() {
                self.share(ui.ctx(), cx, state);
            }
            let (icon, key, command) = record::what_next(state);
            // Nothing but an SFU's participant could record it.
            if !state.direct && menu_item(ui, cx, icon, &texts.t(key)).clicked() {
                cx.command(command);
            }
        }
        if state.direct && menu_item(ui, cx, Icon::Server, &texts.t("more-move")).clicked() {
            cx.command(CallCommand::MoveToSfu);
        }
        if menu_item(ui, cx, Icon::NotebookPen, &texts.t("more-notes")).clicked() {
            panel.toggle(Tab::Notes);
        }
        if menu_item(ui, cx, Icon::PhoneOff, &texts.t("more-end")).clicked() {
            self.question = Some(Question::End);
        }
    }

    /// What the red button does: leaves, or what the doctor has decided for a call with others in it, or asks.
    pub fn hang_up(&mut self, cx: &Cx, state: &CallState) -> Option<Action> {
        let leaves_others = is_here(state, cx) && present(state).next().is_some();
        // Without the connection the backend may not hear that it is to end for all.
        if !leaves_others || state.phase != CallPhase::InCall {
            return Some(Action::Leave);
        }
        let action = ask::hang_up_action(cx.settings.hang_up);
        if action.is_none() {
            self.question = Some(Question::HangUp);
        }
        action
    }

    /// The notes' tab.
    pub fn notes(&mut self, ui: &mut Ui, cx: &mut Cx, _: &CallState, place: Rect) {
        self.notes.show(ui, cx, place);
    }

    /// What is asked, or chosen from, above everything else.
    pub fn dialogs(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState) {
        if let Some(picker) = &mut self.picker {
            match picker.show(ui, cx) {
                share::Choice::Open => {}
                share::Choice::None => self.picker = None,
                share::Choice::Share(source) => {
                    self.picker = None;
                    cx.command(CallCommand::ShareScreen(source));
                }
            }
        }
        if let Some(question) = &self.question
            && question.show(ui, cx, state)
        {
            self.question = None;
        }
    }

    /// Something was asked of a person.
    pub fn asked(&mut self, cx: &mut Cx, ask: TileAsk) {
        match ask {
            TileAsk::Mute(identity) => cx.command(CallCommand::MuteOther(identity)),
            TileAsk::Permit(identity, publish) => cx.command(CallCommand::PermitOther { identity, publish }),
            TileAsk::Remove(identity) => self.question = Some(Question::Remove(identity)),
            TileAsk::Pin(_) => {}
        }
    }

    /// Notes that would be lost.
    pub fn unsaved(self) -> Option<Unsaved> {
        self.notes.unsaved()
    }

    fn share(&mut self, ctx: &egui::Context, cx: &mut Cx, state: &CallState) {
        if is_sharing(state) {
            cx.command(CallCommand::StopSharing);
        } else {
            self.picker = Some(Picker::open(ctx, cx));
        }
    }
}

fn is_sharing(state: &CallState) -> bool {
    matches!(state.screen, ShareState::Starting | ShareState::On)
}
