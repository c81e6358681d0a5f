//! Doctor-only controls: admission, sharing, recording, muting, removing, ending for all, notes.

mod ask;
mod notes;
mod record;
mod share;
mod waiting;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallPhase, CallState, ControlRequest, ShareState};
use egui::{Key, Modifiers, Rect, Ui};
use lucide_icons::Icon;

use crate::full::recordings::trouble;
use crate::ui::call::bar::{Form, Row};
use crate::ui::call::doctor::{Controls, Unsaved};
use crate::ui::call::menu::menu_item;
use crate::ui::call::panel::{Panel, Tab};
use crate::ui::call::stage::TileRequest;
use crate::ui::call::{notices, present};
use crate::ui::widgets::{CallButton, Tone};
use crate::ui::{Action, Cx};
use ask::Question;
use notes::Notes;
use share::Picker;
use waiting::{Waiting, waiting_list};

fn is_here(state: &CallState, cx: &Cx) -> bool {
    state.role == Role::Doctor && !cx.kiosk
}

#[derive(Default)]
pub(super) struct Doctor {
    waiting: Waiting,
    question: Option<Question>,
    picker: Option<Picker>,
    notes: Notes,
    /// Number of the last dismissed failure.
    failure_read: u64,
}

impl Controls for Doctor {
    fn keys(&self, state: &CallState, cx: &Cx) -> &'static [(&'static str, &'static str)] {
        if is_here(state, cx) { &[("Ctrl+Shift+S", "keys-share"), ("Ctrl+Shift+A", "keys-admit")] } else { &[] }
    }

    fn has_notes(&self, state: &CallState, cx: &Cx) -> bool {
        is_here(state, cx)
    }

    fn waiting_list(&self, ui: &mut Ui, cx: &mut Cx, state: &CallState) {
        if is_here(state, cx) {
            waiting_list(ui, cx, state);
        }
    }

    fn recording_trouble(&self, state: &CallState) -> Option<(&'static str, &'static str)> {
        let name = state.recording_trouble.as_ref().filter(|_| state.role == Role::Doctor)?;
        Some(("recording-trouble", trouble(name)))
    }

    fn follow(&mut self, cx: &mut Cx, state: &CallState) {
        if is_here(state, cx) {
            self.waiting.follow(cx, state);
        }
    }

    fn shortcuts(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        if !is_here(state, cx) {
            return;
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::COMMAND | Modifiers::SHIFT, key));
        if pressed(Key::S) {
            self.share(ui.ctx(), cx, state);
        }
        if pressed(Key::A)
            && let Some(first) = waiting::waiting_participants(state).next()
        {
            cx.command(CallCommand::Admit(first.identity.clone()));
        }
    }

    fn waiting(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
        if !is_here(state, cx) {
            return within;
        }
        let (left, refused) = waiting::banner(ui, cx, state, within);
        if let Some(person) = refused {
            self.question = Some(Question::Refuse(person));
        }
        left
    }

    fn failure(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
        let Some(failure) = state.control_failure.as_ref().filter(|failure| failure.number != self.failure_read) else {
            return within;
        };
        let title = match failure.request {
            ControlRequest::Admit => "control-failed-admit",
            ControlRequest::Refuse => "control-failed-refuse",
            ControlRequest::Remove => "control-failed-remove",
            ControlRequest::Mute => "control-failed-mute",
            ControlRequest::Permit | ControlRequest::Forbid => "control-failed-permit",
            ControlRequest::End => "control-failed-end",
            ControlRequest::MoveToSfu => "control-failed-move",
        };
        let (texts, number) = (cx.texts, failure.number);
        let (left, dismissed) =
            notices::warning(ui, cx, within, Icon::CircleAlert, &texts.t(title), &texts.t("control-failed-next"));
        if dismissed {
            self.failure_read = number;
        }
        left
    }

    fn buttons(&mut self, row: &mut Row, state: &CallState) -> Vec<Action> {
        let texts = row.cx.texts;
        let mut actions = Vec::new();
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
                actions.push(Action::Command(CallCommand::StopSharing));
            } else {
                self.picker = Some(Picker::open(row.ui.ctx(), row.cx));
            }
        }
        if !state.direct {
            actions.extend(record::button(row, state));
        }
        actions
    }

    fn menu(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, panel: &mut Panel, form: Form) {
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

    /// Handles hang-up: leaves, ends the consultation, or asks, as the preference says if others are present.
    fn hang_up(&mut self, cx: &Cx, state: &CallState) -> Option<Action> {
        let leaves_others = is_here(state, cx) && present(state).next().is_some();
        // While disconnected, ending for all might not reach the backend.
        if !leaves_others || state.phase != CallPhase::InCall {
            return Some(Action::Leave);
        }
        let action = ask::hang_up_action(cx.settings.hang_up);
        if action.is_none() {
            self.question = Some(Question::HangUp);
        }
        action
    }

    fn notes(&mut self, ui: &mut Ui, cx: &mut Cx, place: Rect) {
        self.notes.show(ui, cx, place);
    }

    fn dialogs(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState) {
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

    fn on_tile_request(&mut self, cx: &mut Cx, request: TileRequest) {
        match request {
            TileRequest::Mute(identity) => cx.command(CallCommand::MuteOther(identity)),
            TileRequest::Permit(identity, publish) => cx.command(CallCommand::PermitOther { identity, publish }),
            TileRequest::Remove(identity) => self.question = Some(Question::Remove(identity)),
            TileRequest::Pin(_) => {}
        }
    }

    fn unsaved(self: Box<Self>) -> Option<Box<dyn Unsaved>> {
        Some(Box::new(self.notes.unsaved()?))
    }
}

impl Doctor {
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
