//! Self-view: a picture in a corner or in a tile; can be moved and hidden.

use autamedica_call::{CallPhase, CallState};
use autamedica_media::DeviceState;
use egui::{Align2, Event, EventFilter, Key, Rect, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use super::Stage;
use super::layout::WIDESCREEN;
use super::tile::name_tag;
use crate::theme::{DIMMED, FADE_SECONDS, Palette, corner, icon_font, space};
use crate::ui::Cx;
use crate::ui::call::{Layout, present};
use crate::ui::video::{Fit, PictureId, PictureKind, PictureStyle, Videos};
use crate::ui::widgets::{Tone, announce_picture, focus_ring, icon_button};

const WIDTH: std::ops::RangeInclusive<f32> = 128.0..=288.0;

#[derive(Default)]
pub(in crate::ui::call) struct OwnView {
    /// The person has hidden it.
    pub hidden: bool,
    right_half: Option<bool>,
    lower_half: Option<bool>,
    /// Offset from its corner during a drag.
    dragged: Vec2,
}

impl OwnView {
    fn is_right(&self) -> bool {
        self.right_half.unwrap_or(true)
    }

    fn is_low(&self) -> bool {
        self.lower_half.unwrap_or(true)
    }

    /// Returns its area in the corner; `None` while hidden.
    pub fn place(&self, layout: &Layout) -> Option<Rect> {
        (!self.hidden).then(|| self.home(layout))
    }

    /// Returns its area in the corner: below the labels, and beside the bar if there is space, else above it.
    fn home(&self, layout: &Layout) -> Rect {
        let width = (layout.stage.width() * 0.2).clamp(*WIDTH.start(), *WIDTH.end()).round();
        let size = vec2(width, (width / WIDESCREEN).round());
        let within = layout.stage.shrink(space::S);
        let left = if self.is_right() { within.right() - size.x } else { within.left() };
        let beside_bar = if self.is_right() {
            left >= layout.bar.right() + space::S
        } else {
            left + size.x + space::S <= layout.bar.left()
        };
        let lowest = if beside_bar { within.bottom() } else { within.bottom().min(layout.bar.top() - space::S) };
        let top = if self.is_low() { lowest - size.y } else { layout.stage.top() + layout.label_height };
        Rect::from_min_size(pos2(left, top), size)
    }

    /// Draws it in its corner. It can be dragged or moved with the arrow keys, and snaps to the nearest corner.
    pub fn corner(&mut self, ui: &Ui, cx: &Cx, state: &CallState, videos: &mut Videos, layout: &Layout) {
        if self.hidden {
            return;
        }
        let texts = cx.texts;
        let home = self.home(layout);
        let id = ui.scope_id().with("self view");
        let seconds = if cx.reduced_motion || self.dragged != Vec2::ZERO { 0.0 } else { FADE_SECONDS };
        let target = home.min + self.dragged;
        let animate = |name: &str, value| ui.ctx().animate_value_with_time(id.with(name), value, seconds);
        let at = pos2(animate("x", target.x), animate("y", target.y));
        let place = Rect::from_min_size(at, home.size());

        let response = ui.interact(place, id, Sense::click_and_drag());
        let label = texts.t("self-view");
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, label.as_ref()));
        draw(ui, cx, state, videos, place);
        focus_ring(ui, &response, (corner::THUMB as u8).into());
        if response.dragged() {
            self.dragged += response.drag_delta();
            ui.ctx().set_cursor_icon(egui::CursorIcon::Grabbing);
        }
        if response.drag_stopped() {
            let center = (home.min + self.dragged + home.size() / 2.0) - layout.stage.center();
            (self.right_half, self.lower_half) = (Some(center.x > 0.0), Some(center.y > 0.0));
            self.dragged = Vec2::ZERO;
            ui.ctx().request_repaint();
        }
        if response.has_focus() {
            self.arrows(ui, id);
        }
        let hide = Rect::from_min_size(
            pos2(place.right() - cx.sizes.control - space::XXS, place.top() + space::XXS),
            Vec2::splat(cx.sizes.control),
        );
        let hide_id = id.with("hide");
        let wanted =
            response.contains_pointer() || response.has_focus() || ui.memory(|memory| memory.has_focus(hide_id));
        if wanted && self.dragged == Vec2::ZERO {
            ui.painter().rect_filled(hide, corner::CARD, Palette::of(ui).overlay());
            let button =
                icon_button(ui, hide_id, hide, Icon::EyeOff, &texts.t("more-hide-self"), Tone::Plain, &cx.sizes);
            self.hidden = button.clicked();
        }
        response.on_hover_text(texts.t("self-view-move"));
    }

    fn arrows(&mut self, ui: &Ui, id: egui::Id) {
        let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, arrows));
        ui.input(|input| {
            for event in &input.events {
                let Event::Key { key, pressed: true, .. } = event else { continue };
                match key {
                    Key::ArrowLeft => self.right_half = Some(false),
                    Key::ArrowRight => self.right_half = Some(true),
                    Key::ArrowUp => self.lower_half = Some(false),
                    Key::ArrowDown => self.lower_half = Some(true),
                    _ => {}
                }
            }
        });
    }
}

impl Stage<'_> {
    /// Draws the self-view in a tile.
    pub(super) fn own(&mut self, place: Rect) {
        draw(self.ui, self.cx, self.state, self.videos, place);
        let label = self.cx.texts.t("self-view");
        announce_picture(self.ui, self.ui.scope_id().with("self view"), place, &label);
    }
}

/// Returns the area of the face beside a second camera.
fn inset(place: Rect) -> Rect {
    let size = place.size() * 0.36;
    Rect::from_min_size(place.right_bottom() - size - Vec2::splat(space::XS), size)
}

fn draw(ui: &Ui, cx: &Cx, state: &CallState, videos: &mut Videos, place: Rect) {
    let palette = Palette::of(ui);
    let camera = &state.camera;
    let sends = !camera.muted && matches!(camera.device, DeviceState::On { .. } | DeviceState::Starting);
    let id = PictureId { identity: String::new(), kind: PictureKind::SelfView };
    // The self-view is redrawn together with other pictures; it requests repaints only without them.
    let others =
        present(state).any(|person| person.camera.is_some() || person.screen.is_some() || !person.others.is_empty());
    let style = PictureStyle {
        fit: Fit::Cover,
        mirrored: true,
        corner: corner::THUMB,
        brightness: if state.phase == CallPhase::InCall { 1.0 } else { DIMMED },
        drives: !others,
    };
    let has_second = matches!(state.second_camera, DeviceState::On { .. } | DeviceState::Starting);
    // Who holds a second camera looks where it points.
    let second = PictureId { identity: String::new(), kind: PictureKind::SecondView };
    let second_style = PictureStyle { mirrored: false, ..style };
    let second = has_second.then(|| videos.show(ui, place, &second, &state.second_view, second_style)).flatten();
    let face = if second.is_some() { inset(place) } else { place };
    let shown = sends.then(|| videos.show(ui, face, &id, &state.self_view, style)).flatten().or(second);
    if shown.is_none() {
        let painter = ui.painter();
        painter.rect_filled(place, corner::THUMB, palette.raised);
        let icon = if sends { Icon::Video } else { Icon::VideoOff };
        let font = icon_font(space::XL);
        painter.text(place.center(), Align2::CENTER_CENTER, char::from(icon), font, palette.muted);
    }
    name_tag(ui, cx, place, "", &cx.texts.t("you"), None, state.microphone.muted);
}
