//! The call: the others large, ourselves small, and everything else only when it is needed.

mod bar;
mod notices;
mod panel;
mod stage;
mod toasts;
mod top;

use std::sync::Arc;

use autamedica_api::Role;
use egui::{Key, Modifiers, Rect, Ui, UiBuilder, Vec2};

use super::video::Videos;
use super::{Action, Cx};
use crate::call::{CallCommand, CallPhase, CallState, ShareState};
use crate::theme::{FADE_SECONDS, space};
use notices::Notices;
use panel::{Panel, Tab};
use toasts::Toasts;

/// Without movement for this long, the bar goes away.
const BAR_STAYS_SECONDS: f64 = 4.0;

/// What the call screen remembers between passes. The call itself it only reads.
pub struct CallScreen {
    panel: Panel,
    notices: Notices,
    toasts: Toasts,
    self_view_hidden: bool,
    /// When the person last moved something, on egui's clock; `None` before the first pass.
    last_movement: Option<f64>,
}

/// The places of one pass.
struct Places {
    /// Where pictures go.
    stage: Rect,
    /// The round buttons.
    bar: Rect,
    /// Chat and people; empty when closed.
    panel: Rect,
    /// How far the labels reach into the stage from above.
    label_height: f32,
}

impl CallScreen {
    /// For a call that stands like this.
    pub fn new(state: &Arc<CallState>) -> Self {
        Self {
            panel: Panel::default(),
            notices: Notices::default(),
            toasts: Toasts::new(state.clone()),
            self_view_hidden: false,
            last_movement: None,
        }
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &Arc<CallState>, videos: &mut Videos) {
        self.shortcuts(ui, cx, state);
        self.toasts.follow(cx, state, self.panel.shows(Tab::Chat));
        self.panel.follow(state);

        let open = fade(ui, cx, "panel fade", self.panel.tab.is_some());
        let places = self.places(ui, cx, state.role == Role::Doctor, open);
        let bar_visible = self.bar_is_visible(ui, state);

        stage::show(ui, cx, state, videos, &places, self.self_view_hidden);
        let below = top::show(ui, cx, state, places.stage);
        self.notices.show(ui, cx, state, below);
        self.toasts.show(ui, cx, &places);
        let bar = fade(ui, cx, "bar fade", bar_visible);
        ui.scope_builder(UiBuilder::new().max_rect(places.bar), |ui| {
            ui.set_opacity(bar);
            self.bar(ui, cx, state, places.bar, !bar_visible);
        });
        if open > 0.0 {
            ui.scope_builder(UiBuilder::new().max_rect(places.panel), |ui| {
                ui.set_opacity(open);
                self.panel.show(ui, cx, state, places.panel);
            });
        }
        tick(ui, state);
    }

    fn places(&self, ui: &Ui, cx: &Cx, doctor: bool, open: f32) -> Places {
        let window = ui.max_rect().shrink(space::S);
        let bar_size = bar::size(cx, doctor);
        let panel_width = if open > 0.0 { panel::WIDTH.min(window.width() * 0.45) } else { 0.0 };
        let gap = if open > 0.0 { space::S } else { 0.0 };
        let stage = window.with_max_x(window.right() - panel_width - gap);
        // In a small window the bar keeps its room, and the panel stops above it.
        let narrow = stage.width() < bar_size.x + 2.0 * space::S;
        let around = if narrow { window } else { stage };
        let center = egui::pos2(around.center().x, around.bottom() - space::S - bar_size.y / 2.0);
        let bar = Rect::from_center_size(center, Vec2::new(bar_size.x, bar_size.y));
        let panel = window.with_min_x(window.right() - panel_width);
        let panel = if narrow { panel.with_max_y(bar.top() - space::S) } else { panel };
        Places { stage, bar, panel, label_height: top::label_height(cx) + space::S + space::XS }
    }

    fn bar_is_visible(&mut self, ui: &Ui, state: &CallState) -> bool {
        let (now, moved) = ui.input(|input| (input.time, input.events.iter().any(is_movement)));
        let last = if moved { now } else { self.last_movement.unwrap_or(now) };
        self.last_movement = Some(last);
        let busy = self.panel.tab.is_some()
            || ui.memory(|memory| memory.focused().is_some())
            || egui::Popup::is_any_open(ui.ctx())
            || state.phase != CallPhase::InCall
            || state.participants.is_empty();
        let left = BAR_STAYS_SECONDS - (now - last);
        if !busy && left > 0.0 {
            ui.ctx().request_repaint_after_secs(left as f32 + 0.01);
        }
        busy || left > 0.0
    }

    fn shortcuts(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        let share = pressed(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
        // A patient's app has no such control: the call's own role decides.
        if share && state.role == Role::Doctor {
            cx.command(bar::share(matches!(state.screen, ShareState::Starting | ShareState::On)));
        }
        if pressed(Modifiers::COMMAND, Key::D) {
            let mute = !state.microphone.muted;
            cx.command(CallCommand::MuteMicrophone(mute));
            self.toasts.say(cx.texts.t(if mute { "toast-muted" } else { "toast-unmuted" }).into_owned(), cx.now);
        }
        if pressed(Modifiers::COMMAND, Key::E) {
            let mute = !state.camera.muted;
            cx.command(CallCommand::MuteCamera(mute));
            let text = cx.texts.t(if mute { "toast-camera-stopped" } else { "toast-camera-started" });
            self.toasts.say(text.into_owned(), cx.now);
        }
        let full_screen = is_full_screen(ui);
        if pressed(Modifiers::NONE, Key::F11) {
            cx.actions.push(Action::FullScreen(!full_screen));
        }
        // An open menu closes itself on Escape.
        if !egui::Popup::is_any_open(ui.ctx())
            && pressed(Modifiers::NONE, Key::Escape)
            && self.panel.tab.take().is_none()
            && full_screen
        {
            cx.actions.push(Action::FullScreen(false));
        }
    }
}

impl Cx<'_> {
    fn command(&mut self, command: CallCommand) {
        self.actions.push(Action::Command(command));
    }
}

/// How far something has come or gone, 0 to 1.
fn fade(ui: &Ui, cx: &Cx, name: &str, shown: bool) -> f32 {
    let seconds = if cx.reduced_motion { 0.0 } else { FADE_SECONDS };
    ui.ctx().animate_bool_with_time(ui.scope_id().with(name), shown, seconds)
}

fn is_full_screen(ui: &Ui) -> bool {
    ui.input(|input| input.viewport().fullscreen.unwrap_or(false))
}

fn is_movement(event: &egui::Event) -> bool {
    use egui::Event;
    matches!(
        event,
        Event::PointerMoved(_)
            | Event::PointerButton { .. }
            | Event::Key { .. }
            | Event::Text(_)
            | Event::Touch { .. }
            | Event::MouseWheel { .. }
    )
}

/// Clocks change once a second, pictures or not.
fn tick(ui: &Ui, state: &CallState) {
    let running = match state.phase {
        CallPhase::Reconnecting { since } => Some(since),
        _ => state.joined_at,
    };
    if let Some(since) = running {
        let into_second = since.elapsed().subsec_millis();
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(u64::from(1001 - into_second)));
    }
}
