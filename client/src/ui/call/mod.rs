//! Call screen: the others large, the self-view small, other controls on demand.

pub(crate) mod bar;
mod consent;
pub(crate) mod doctor;
mod keys;
mod layout;
pub(crate) mod menu;
pub(crate) mod notices;
mod offer;
pub(crate) mod panel;
mod pip;
pub(crate) mod stage;
mod toasts;
mod top;
mod visible_tiles;

use std::sync::Arc;

use autamedica_call::{CallCommand, CallPhase, CallState, ParticipantState};
use egui::{Ui, UiBuilder};

use super::video::Videos;
use super::{Action, Cx};
use crate::theme::{FADE_SECONDS, corner, space};
use doctor::{Controls, Unsaved};
use keys::Keys;
use layout::Layout;
use notices::Notices;
use panel::{Panel, Tab};
use pip::Floating;
use stage::{StageView, TileRequest};
use toasts::Toasts;
use visible_tiles::VisibleTiles;

/// Seconds without input after which the bar hides.
const BAR_STAYS_SECONDS: f64 = 4.0;

/// State of the call screen between passes. The call itself is read-only here.
pub struct CallScreen {
    panel: Panel,
    notices: Notices,
    toasts: Toasts,
    stage: StageView,
    visible_tiles: VisibleTiles,
    floating: Floating,
    keys: Keys,
    doctor: Box<dyn Controls>,
    /// Time of the last input on egui's clock; `None` before the first pass.
    last_movement: Option<f64>,
}

impl CallScreen {
    /// Creates the screen for a call in this state. `float_when_minimised`: minimising opens the floating window.
    pub(crate) fn new(state: &Arc<CallState>, float_when_minimised: bool, doctor: Box<dyn Controls>) -> Self {
        Self {
            panel: Panel::default(),
            notices: Notices::default(),
            toasts: Toasts::new(state.clone()),
            stage: StageView::default(),
            visible_tiles: VisibleTiles::default(),
            floating: Floating::new(float_when_minimised),
            keys: Keys::default(),
            doctor,
            last_movement: None,
        }
    }

    /// Draws the screen.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &Arc<CallState>, videos: &mut Videos) {
        self.shortcuts(ui, cx, state);
        self.toasts.follow(cx, state, self.panel.shows(Tab::Chat));
        self.panel.follow(state);
        self.doctor.follow(cx, state);

        let open = fade(ui, cx, "panel fade", self.panel.tab.is_some());
        let panel_width = self.panel.width(cx);
        let layout = Layout::new(ui, cx, state, open, panel_width);
        let bar_visible = self.bar_is_visible(ui, state);

        let drawn = self.stage.show(ui, cx, state, videos, &layout);
        let below = top::show(ui, cx, state, layout.stage, self.keys.talking);
        // Cards end above the bar, which would cover them.
        let below = below.with_max_y(below.bottom().min(layout.bar.top() - space::XS));
        let below = self.doctor.waiting(ui, cx, state, below);
        let below = offer::show(ui, cx, state, below);
        let below = self.doctor.failure(ui, cx, state, below);
        self.notices.show(ui, cx, state, self.doctor.recording_trouble(state), below);
        let own = self.stage.own_is_in_corner(state).then(|| self.stage.own.place(&layout)).flatten();
        self.toasts.show(ui, cx, &layout, own);
        let bar = fade(ui, cx, "bar fade", bar_visible);
        ui.scope_builder(UiBuilder::new().max_rect(layout.bar), |ui| {
            ui.set_opacity(bar);
            videos.controls(ui, layout.bar, corner::VIDEO, || self.bar(ui, cx, state, &layout, !bar_visible));
        });
        if self.stage.own_is_in_corner(state) {
            self.stage.own.corner(ui, cx, state, videos, &layout);
        }
        if open > 0.0 {
            ui.scope_builder(UiBuilder::new().max_rect(layout.panel), |ui| {
                ui.set_opacity(open);
                self.panel.show(ui, cx, state, &mut *self.doctor, layout.panel);
            });
        }
        self.panel.dropped(ui, cx, layout.stage);
        self.doctor.dialogs(ui, cx, state);
        consent::show(ui, cx, state);
        self.sheet(ui, cx, state);

        let minimised = is_minimised(ui.ctx());
        self.floating.follow_window(minimised);
        let floating = self.floating.show(ui, cx, state, videos, self.stage.pin.as_ref());
        let on_screen = drawn.tiles.into_iter().filter(|_| !minimised);
        self.report_visible_tiles(ui.ctx(), cx, state, on_screen.chain(floating).collect());
        let requests = drawn.requests.into_iter().chain(self.panel.requests.drain(..));
        for request in requests {
            match request {
                TileRequest::Pin(pin) => self.stage.pin = pin,
                request => self.doctor.on_tile_request(cx, request),
            }
        }
        tick(ui, state);
    }

    /// Replaces [`show`](Self::show) while the window is minimised and nothing is drawn.
    pub fn update_hidden(&mut self, cx: &mut Cx, state: &CallState) {
        self.floating.follow_window(true);
        if self.floating.open {
            // The floating window is drawn in a pass of the main window, so one is needed for it to appear.
            cx.actions.push(Action::DrawHidden);
        } else if let (Some(command), _) = self.visible_tiles.follow(state, Vec::new(), cx.now) {
            cx.command(command);
        }
    }

    /// Returns data that closing the screen would lose, such as unsaved notes.
    pub(crate) fn unsaved(self) -> Option<Box<dyn Unsaved>> {
        self.doctor.unsaved()
    }

    fn report_visible_tiles(
        &mut self,
        ctx: &egui::Context,
        cx: &mut Cx,
        state: &CallState,
        mut tiles: Vec<autamedica_call::Tile>,
    ) {
        // A picture on both the stage and the floating window is reported once, with the larger size.
        tiles.sort_by(|a, b| (&a.identity, a.screen, b.width).cmp(&(&b.identity, b.screen, a.width)));
        tiles.dedup_by(|a, b| (&a.identity, a.screen) == (&b.identity, b.screen));
        let (command, next_check) = self.visible_tiles.follow(state, tiles, cx.now);
        if let Some(command) = command {
            cx.command(command);
        }
        if let Some(after) = next_check {
            ctx.request_repaint_after(after);
        }
    }

    fn bar_is_visible(&mut self, ui: &Ui, state: &CallState) -> bool {
        let (now, moved) = ui.input(|input| (input.time, input.events.iter().any(is_movement)));
        let last = if moved { now } else { self.last_movement.unwrap_or(now) };
        self.last_movement = Some(last);
        let busy = self.panel.tab.is_some()
            || ui.memory(|memory| memory.focused().is_some())
            || egui::Popup::is_any_open(ui.ctx())
            || state.phase != CallPhase::InCall
            || present(state).next().is_none();
        let left = BAR_STAYS_SECONDS - (now - last);
        if !busy && left > 0.0 {
            ui.ctx().request_repaint_after_secs(left as f32 + 0.01);
        }
        busy || left > 0.0
    }
}

impl Cx<'_> {
    pub(crate) fn command(&mut self, command: CallCommand) {
        self.actions.push(Action::Command(command));
    }
}

/// Returns the participants in the call, without those in the waiting room.
pub(crate) fn present(state: &CallState) -> impl Iterator<Item = &ParticipantState> {
    state.participants.iter().filter(|person| person.waiting_since.is_none())
}

/// Animates between hidden (0) and shown (1).
fn fade(ui: &Ui, cx: &Cx, name: &str, shown: bool) -> f32 {
    let seconds = if cx.reduced_motion { 0.0 } else { FADE_SECONDS };
    ui.ctx().animate_bool_with_time(ui.scope_id().with(name), shown, seconds)
}

fn is_full_screen(ui: &Ui) -> bool {
    ui.input(|input| input.viewport().fullscreen.unwrap_or(false))
}

/// Returns whether the window is minimised.
pub fn is_minimised(ctx: &egui::Context) -> bool {
    ctx.input(|input| input.viewport().minimized.unwrap_or(false))
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

/// Requests a repaint each second for the clocks.
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
