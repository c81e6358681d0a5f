//! Tile of a participant: picture or placeholder, name, and actions.

use autamedica_api::Role;
use autamedica_call::{ParticipantState, Tile};
use egui::{Align2, Id, Popup, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use super::{Pin, Stage};
use crate::theme::{FOCUS_WIDTH, Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::call::menu::{menu_item, menu_width};
use crate::ui::call::top::bars;
use crate::ui::video::{Fit, PictureId, PictureKind, PictureStyle};
use crate::ui::widgets::{announce, announce_picture, focus_ring, initials, words};
use crate::ui::wording;

/// Request made on a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TileRequest {
    /// Pin this picture, or unpin.
    Pin(Option<Pin>),
    /// Mute this participant (doctors only).
    Mute(String),
    /// Allow or forbid this observer to speak (doctors only).
    Permit(String, bool),
    /// Remove this participant (doctors only).
    Remove(String),
}

/// Converts a size in points to pixels.
pub(in crate::ui::call) fn pixels(ui: &Ui, size: Vec2) -> (u32, u32) {
    let pixels = size * ui.pixels_per_point();
    (pixels.x.round().max(1.0) as u32, pixels.y.round().max(1.0) as u32)
}

impl Stage<'_> {
    /// Draws a participant's picture if a frame is available, and records that it is visible.
    pub(super) fn picture(
        &mut self,
        place: Rect,
        person: &ParticipantState,
        screen: bool,
        fit: Fit,
        radius: f32,
    ) -> Option<Rect> {
        let (kind, slot) = if screen {
            (PictureKind::Screen, person.screen.as_ref()?)
        } else {
            (PictureKind::Camera, person.camera.as_ref()?)
        };
        let (width, height) = pixels(self.ui, place.size());
        self.drawn.tiles.push(Tile { identity: person.identity.clone(), screen, width, height });
        let id = PictureId { identity: person.identity.clone(), kind };
        let style = PictureStyle { fit, mirrored: false, corner: radius, brightness: self.brightness, drives: true };
        self.videos.show(self.ui, place, &id, slot, style)
    }

    /// Draws another participant. `labelled` tiles have a name and can be pinned.
    pub(super) fn person(&mut self, place: Rect, person: &ParticipantState, fit: Fit, radius: f32, labelled: bool) {
        let palette = Palette::of(self.ui);
        let name = wording::name(self.cx.texts, person);
        let shown = self.picture(place, person, false, fit, radius);
        let label = self.cx.texts.with("video-of", &[("name", name.as_str().into())]);
        let id = self.ui.scope_id().with(("picture", &person.identity));
        if shown.is_none() {
            let key = match (&person.camera, self.state.video_reduced) {
                (Some(_), true) => "person-held-back",
                (Some(_), false) => "person-waiting-picture",
                (None, _) => "person-camera-off",
            };
            self.placeholder(place, &person.identity, &name, key, radius, person.speaking && !labelled);
        }
        // Elements of a labelled tile keep their place whatever the picture's shape.
        let seen = shown.unwrap_or(place);
        if labelled {
            self.interact(id, seen, &label, person, false);
        } else if shown.is_some() {
            announce_picture(self.ui, id, seen, &label);
        }
        if person.speaking {
            // With one other participant it is clear who speaks, and a flickering ring would distract.
            if labelled {
                let ring = Stroke::new(FOCUS_WIDTH, palette.ok);
                self.ui.painter().rect_stroke(seen, radius, ring, StrokeKind::Inside);
            }
            let id = self.ui.scope_id().with(("speaking", &person.identity));
            announce(self.ui, id, seen, &self.cx.texts.t("person-speaking"));
        }
        if labelled {
            self.person_tag(seen, person, &name);
        }
    }

    /// Handles pinning by double click, Enter or menu; the doctor's menu has further actions.
    pub(super) fn interact(&mut self, id: Id, rect: Rect, label: &str, person: &ParticipantState, screen: bool) {
        let texts = self.cx.texts;
        let response = self.ui.interact(rect, id, Sense::click());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, label));
        focus_ring(self.ui, &response, (corner::THUMB as u8).into());
        let this = Pin { identity: person.identity.clone(), screen };
        let pinned = self.pin.as_ref() == Some(&this);
        let toggled = if pinned { None } else { Some(this) };
        let by_key = response.has_focus() && self.ui.input(|input| input.key_pressed(egui::Key::Enter));
        if response.double_clicked() || by_key {
            self.drawn.requests.push(TileRequest::Pin(toggled));
            return;
        }
        let doctor = self.state.role == Role::Doctor && !self.cx.kiosk;
        let cx = self.cx;
        let requests = &mut self.drawn.requests;
        Popup::context_menu(&response).width(menu_width(cx)).show(|ui| {
            ui.spacing_mut().item_spacing.y = space::XXS;
            let (icon, key) = if pinned { (Icon::PinOff, "tile-unpin") } else { (Icon::Pin, "tile-pin") };
            if menu_item(ui, cx, icon, &texts.t(key)).clicked() {
                requests.push(TileRequest::Pin(toggled));
            }
            if doctor && !person.microphone_muted && menu_item(ui, cx, Icon::MicOff, &texts.t("person-mute")).clicked()
            {
                requests.push(TileRequest::Mute(person.identity.clone()));
            }
            if doctor && menu_item(ui, cx, Icon::UserX, &texts.t("person-remove")).clicked() {
                requests.push(TileRequest::Remove(person.identity.clone()));
            }
        });
    }

    fn placeholder(&self, place: Rect, identity: &str, name: &str, key: &str, radius: f32, speaking: bool) {
        let (palette, sizes) = (Palette::of(self.ui), self.cx.sizes);
        let painter = self.ui.painter();
        painter.rect_filled(place, radius, palette.surface);
        let disc = (place.height() * 0.18).clamp(20.0, 72.0);
        let small = place.height() < 240.0;
        let center = place.center() - vec2(0.0, if small { 0.0 } else { disc * 0.6 });
        painter.circle_filled(center, disc, palette.raised);
        if speaking {
            painter.circle_stroke(center, disc + space::XS, Stroke::new(FOCUS_WIDTH, palette.ok));
        }
        let text = initials(name);
        let font = bold_font(disc * 0.8);
        if text.is_empty() {
            painter.text(center, Align2::CENTER_CENTER, char::from(Icon::User), icon_font(disc), palette.text);
        } else {
            painter.text(center, Align2::CENTER_CENTER, text, font, palette.text);
        }
        let words_of = self.cx.texts.t(key);
        let id = self.ui.scope_id().with(("placeholder", identity));
        if small {
            announce(self.ui, id, place, &words_of);
        } else {
            let at = pos2(center.x, center.y + disc + space::M);
            words(self.ui, id, at, Align2::CENTER_TOP, &words_of, regular_font(sizes.lead), palette.muted);
        }
    }

    /// Draws name, role, connection and mute state.
    fn person_tag(&self, tile: Rect, person: &ParticipantState, name: &str) {
        let role = self.cx.texts.t(wording::role(person.role));
        let role = (name != role).then_some(role.as_ref());
        let rect = self.name_tag(tile, &person.identity, name, role, person.microphone_muted);
        let size = self.cx.sizes.caption * 1.2;
        let place = Rect::from_min_size(
            pos2(tile.right() - space::S - size - 2.0 * space::XS, rect.top()),
            vec2(size + 2.0 * space::XS, rect.height()),
        );
        if place.left() < rect.right() {
            return;
        }
        self.ui.painter().rect_filled(place, corner::CARD, Palette::of(self.ui).overlay());
        bars(self.ui, place.center(), size, person.quality);
        let text = self.cx.texts.t(wording::quality(person.quality));
        announce(self.ui, self.ui.scope_id().with(("quality", &person.identity)), place, &text);
    }

    /// Draws a name with the mute state. Returns its area.
    pub(super) fn name_tag(&self, tile: Rect, identity: &str, name: &str, role: Option<&str>, muted: bool) -> Rect {
        name_tag(self.ui, self.cx, tile, identity, name, role, muted)
    }
}

/// Draws a name with the mute state. Returns its area.
pub(super) fn name_tag(
    ui: &Ui,
    cx: &crate::ui::Cx,
    tile: Rect,
    identity: &str,
    name: &str,
    role: Option<&str>,
    muted: bool,
) -> Rect {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let painter = ui.painter();
    let icon_size = sizes.caption * 1.2;
    let icon_room = if muted { icon_size + space::XXS } else { 0.0 };
    let room = tile.width() - 2.0 * space::S - 2.0 * space::XS - icon_room;
    // The connection's bars take the right side if the name leaves space.
    let role_room = room - icon_size - 4.0 * space::XS;
    let mut job = egui::text::LayoutJob::simple_singleline(name.to_owned(), bold_font(sizes.caption), palette.text);
    job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(sizes.title));
    let galley = painter.layout_job(job);
    let role = role
        .map(|role| painter.layout_no_wrap(role.to_owned(), regular_font(sizes.caption), palette.muted))
        .filter(|role| galley.size().x + space::XS + role.size().x <= role_room);
    let role_room = role.as_ref().map_or(0.0, |role| role.size().x + space::XS);
    let size = galley.size() + vec2(2.0 * space::XS + icon_room + role_room, space::XS);
    let rect = Rect::from_min_size(tile.left_bottom() + vec2(space::S, -space::S - size.y), size);
    painter.rect_filled(rect, corner::CARD, palette.overlay());
    let mut x = rect.left() + space::XS;
    if muted {
        let at = pos2(x, rect.center().y);
        painter.text(at, Align2::LEFT_CENTER, char::from(Icon::MicOff), icon_font(icon_size), palette.warning);
        let mark = Rect::from_center_size(at, Vec2::splat(icon_size));
        announce(ui, ui.scope_id().with(("muted", identity)), mark, &cx.texts.t("person-muted"));
        x += icon_room;
    }
    let top = rect.center().y - galley.size().y / 2.0;
    let name_rect = Rect::from_min_size(pos2(x, rect.top()), vec2(galley.size().x, rect.height()));
    x += galley.size().x + space::XS;
    painter.galley(name_rect.left_top() + vec2(0.0, top - rect.top()), galley, palette.text);
    announce(ui, ui.scope_id().with(("name", identity)), name_rect, name);
    if let Some(role) = role {
        let place = Rect::from_min_size(pos2(x, rect.top()), vec2(role.size().x, rect.height()));
        announce(ui, ui.scope_id().with(("role", identity)), place, role.text());
        painter.galley(pos2(x, top), role.clone(), palette.muted);
    }
    rect
}
