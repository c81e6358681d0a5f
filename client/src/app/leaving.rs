//! Leaving a call and closing the window, and calls in a minimised window.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use autamedica_call::{CallCommand, CallPhase, EndReason};
use egui::ViewportCommand;

use super::App;
use super::state::{Ongoing, Screen};
use crate::ui::call::is_minimised;
use crate::ui::end::EndScreen;

/// Maximum time that closing the window waits for the call to end.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(700);

impl App {
    /// Hangs up and shows the next screen without waiting for the call to end.
    pub(super) fn leave(&mut self) {
        if !matches!(self.state.screen, Screen::Call(_) | Screen::Check(_)) {
            return;
        }
        let home = Screen::Page(self.edition.home(&mut self.state));
        let (call, target) = match std::mem::replace(&mut self.state.screen, home) {
            Screen::Call(ongoing) => {
                let Ongoing { call, target, screen, .. } = *ongoing;
                self.unsaved = screen.unsaved().or(self.unsaved.take());
                (call, target)
            }
            // Dropping a check ends it.
            _ => return,
        };
        let state = call.state();
        call.send(CallCommand::HangUp);
        self.leaving.push(call);
        // The end screen would only delay somebody who gave up joining or waiting.
        if state.phase == CallPhase::InCall {
            let lasted = state.joined_at.map(|since| since.elapsed()).unwrap_or_default();
            self.state.screen = Screen::End(EndScreen::new(EndReason::HungUp, lasted, target, state.admission.clone()));
        }
    }

    /// Handles a close request: hangs up first and waits briefly, still drawing. A kiosk has no close button.
    pub(super) fn close_politely(&mut self, ctx: &egui::Context) {
        self.leaving.retain(|call| !matches!(call.state().phase, CallPhase::Ended { .. }));
        let requested = ctx.input(|input| input.viewport().close_requested());
        if requested && !self.state.may_close.load(Ordering::Acquire) {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            return;
        }
        if requested && self.closing_since.is_none() {
            self.leave();
            self.closing_since = Some(Instant::now());
        }
        let Some(since) = self.closing_since else { return };
        if self.unsaved.is_some() {
            // The window stays open until the person decides about the notes.
            self.closing_since = None;
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            return;
        }
        let time_left = CLOSE_TIMEOUT.saturating_sub(since.elapsed());
        if self.leaving.is_empty() || time_left.is_zero() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            ctx.request_repaint_after(time_left);
        }
    }

    /// Handles a minimised window, which is not drawn: pauses the call's videos or moves them to a floating window.
    pub(super) fn pause_hidden_videos(&mut self, ctx: &egui::Context) {
        if !is_minimised(ctx) {
            return;
        }
        let (Screen::Call(ongoing), mut cx) = self.state.split() else { return };
        ongoing.screen.update_hidden(&mut cx, &ongoing.call.state());
        let actions = cx.actions;
        for action in actions {
            self.apply(ctx, action);
        }
    }
}
