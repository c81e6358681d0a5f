//! Doctor-only controls: admission, sharing, recording, muting, removing, ending for all, notes.
//!
//! Kiosk builds use `no_doctor.rs` instead.

mod ask;
mod invite;
mod notes;
mod record;
mod share;
mod waiting;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallPhase, CallState, ControlRequest, ShareState};
use egui::{Key, Modifiers, Rect, Ui};
use lucide_icons::Icon;

use super::bar::{Form, Row};
use super::menu::menu_item;
use super::panel::{Panel, Tab};
use super::present;
use super::stage::TileRequest;
use crate::ui::widgets::{CallButton, Tone};
use crate::ui::{Action, Cx};
use ask::Question;
use invite::Invite;
use notes::Notes;
pub use notes::Unsaved;
use share::Picker;
use waiting::Waiting;
pub(super) use waiting::waiting_list;

/// Text key of the notes' tab.
pub(super) const NOTES: &str = "panel-notes";

/// Returns a doctor's keyboard shortcuts for the sheet.
pub(super) fn keys(state: &CallState, cx: &Cx) -> &'static [(&'static str, &'static str)] {
    if is_here(state, cx) { &[("Ctrl+Shift+S", "keys-share"), ("Ctrl+Shift+A", "keys-admit")] } else { &[] }
}

pub(super) fn has_notes(state: &CallState, cx: &Cx) -> bool {
    is_here(state, cx)
}

fn is_here(state: &CallState, cx: &Cx) -> bool {
    state.role == Role::Doctor && !cx.kiosk
}

#[derive(Default)]
pub(super) struct Doctor {
    waiting: Waiting,
    question: Option<Question>,
    picker: Option<Picker>,
    invite: Option<Invite>,
    notes: Notes,
    /// Number of the last dismissed failure.
    failure_read: u64,
}

impl Doctor {
    /// Reacts to changes of the snapshot, such as a new participant in the waiting room.
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
            && let Some(first) = waiting::waiting_participants(state).next()
        {
            cx.command(CallCommand::Admit(first.identity.clone()));
        }
    }

    /// Draws the waiting room's cards from the top of `within`. Returns the area below them.
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

    /// Draws the last failed request to the backend from the top of `within`. Returns the area below it.
    pub fn failure(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
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

    /// Draws share and record on the bar.
    pub fn buttons(&mut self, row: &mut Row, state: &CallState) -> Vec<Action> {
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
        // A call from peer to peer has two people.
        if !state.direct && menu_item(ui, cx, Icon::UserPlus, &texts.t("more-invite")).clicked() {
            self.invite = Some(Invite::default());
        }
        if !state.original_sound && menu_item(ui, cx, Icon::AudioLines, &texts.t("original-sound-start")).clicked() {
            cx.command(CallCommand::UseOriginalSound(true));
        }
        if menu_item(ui, cx, Icon::NotebookPen, &texts.t("more-notes")).clicked() {
            panel.toggle(Tab::Notes);
        }
        if menu_item(ui, cx, Icon::PhoneOff, &texts.t("more-end")).clicked() {
            self.question = Some(Question::End);
        }
    }

    /// Handles hang-up: leaves, ends the consultation, or asks, as the preference says if others are present.
    pub fn hang_up(&mut self, cx: &Cx, state: &CallState) -> Option<Action> {
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

    pub fn notes(&mut self, ui: &mut Ui, cx: &mut Cx, _: &CallState, place: Rect) {
        self.notes.show(ui, cx, place);
    }

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
        if let Some(invite) = &mut self.invite
            && invite.show(ui, cx, state)
        {
            self.invite = None;
        }
        if let Some(question) = &self.question
            && question.show(ui, cx, state)
        {
            self.question = None;
        }
    }

    /// Handles a request made on a tile.
    pub fn on_tile_request(&mut self, cx: &mut Cx, request: TileRequest) {
        match request {
            TileRequest::Mute(identity) => cx.command(CallCommand::MuteOther(identity)),
            TileRequest::OriginalSound(identity, on) => cx.command(CallCommand::AskOriginalSound { identity, on }),
            TileRequest::Permit(identity, publish) => cx.command(CallCommand::PermitOther { identity, publish }),
            TileRequest::Remove(identity) => self.question = Some(Question::Remove(identity)),
            TileRequest::Pin(_) => {}
        }
    }

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
