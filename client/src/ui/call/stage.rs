//! Where the pictures are: one large, several in a grid, or a screen with faces beside it; ourselves in the corner.

use egui::{Align2, Rect, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use lucide_icons::Icon;

use super::Places;
use crate::call::{CallPhase, CallState, ParticipantState};
use crate::device::DeviceState;
use crate::theme::{DIMMED, FOCUS_WIDTH, Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::video::{Fit, Look, PictureId, PictureKind, Videos};
use crate::ui::widgets::{announce, announce_picture, initials, words};
use crate::ui::{Cx, wording};

const WIDESCREEN: f32 = 16.0 / 9.0;
const SELF_VIEW_WIDTH: std::ops::RangeInclusive<f32> = 176.0..=288.0;

/// Draws all pictures.
pub(super) fn show(ui: &Ui, cx: &Cx, state: &CallState, videos: &mut Videos, places: &Places, self_view_hidden: bool) {
    let brightness = if state.phase == CallPhase::InCall { 1.0 } else { DIMMED };
    let mut stage = Stage { ui, cx, state, videos, brightness };
    let sharing = state.participants.iter().find(|person| person.screen.is_some());
    // What mustn't be covered keeps clear of the labels above and of the bar below.
    let clear =
        places.stage.with_min_y(places.stage.top() + places.label_height).with_max_y(places.bar.top() - space::S);
    match (&state.participants[..], sharing) {
        ([], _) => {
            stage.alone(places.stage);
            stage.own_corner(places, self_view_hidden);
        }
        (_, Some(person)) => stage.screen(clear, person, self_view_hidden),
        ([only], None) => {
            stage.person(places.stage, only, Fit::Balanced, corner::VIDEO, false);
            stage.own_corner(places, self_view_hidden);
        }
        (_, None) => stage.grid(clear, self_view_hidden),
    }
}

struct Stage<'a> {
    ui: &'a Ui,
    cx: &'a Cx<'a>,
    state: &'a CallState,
    videos: &'a mut Videos,
    brightness: f32,
}

impl Stage<'_> {
    /// Nobody else is there yet.
    fn alone(&self, place: Rect) {
        let (texts, sizes, palette) = (self.cx.texts, self.cx.sizes, Palette::of(self.ui));
        let (title, lead) = match self.state.role {
            autamedica_api::Role::Doctor => (texts.t("alone-title-doctor"), texts.t("alone-lead-doctor")),
            autamedica_api::Role::Patient => (texts.t("alone-title-patient"), texts.t("alone-lead-patient")),
        };
        self.ui.painter().rect_filled(place, corner::VIDEO, palette.surface);
        let middle = place.center() - vec2(0.0, space::XXL);
        let icon = icon_font(2.0 * space::XXL);
        self.ui.painter().text(
            middle - vec2(0.0, space::XXL),
            Align2::CENTER_CENTER,
            char::from(Icon::UserRound),
            icon,
            palette.outline,
        );
        let at = middle + vec2(0.0, space::L);
        let id = self.ui.scope_id();
        let font = bold_font(sizes.title);
        let title = words(self.ui, id.with("alone"), at, Align2::CENTER_TOP, &title, font, palette.text);
        let room = (place.width() - 2.0 * space::L).min(560.0);
        let mut job = egui::text::LayoutJob::simple(lead.to_string(), regular_font(sizes.lead), palette.muted, room);
        job.halign = egui::Align::Center;
        let galley = self.ui.painter().layout_job(job);
        let at = pos2(place.center().x, title.bottom() + space::XS);
        let seen = Rect::from_center_size(at + vec2(0.0, galley.size().y / 2.0), galley.size());
        announce(self.ui, id.with("alone lead"), seen, &lead);
        self.ui.painter().galley(at, galley, palette.muted);
    }

    /// One of the others.
    fn person(&mut self, place: Rect, person: &ParticipantState, fit: Fit, radius: f32, labelled: bool) {
        let palette = Palette::of(self.ui);
        let name = wording::name(self.cx.texts, person);
        let id = PictureId { identity: person.identity.clone(), kind: PictureKind::Camera };
        let look = Look { fit, mirrored: false, corner: radius, brightness: self.brightness, drives: true };
        let shown = person.camera.as_ref().and_then(|slot| self.videos.show(self.ui, place, &id, slot, look));
        match shown {
            Some(seen) => {
                let label = self.cx.texts.with("video-of", &[("name", name.as_str().into())]);
                announce_picture(self.ui, self.ui.scope_id().with(("picture", &person.identity)), seen, &label);
            }
            None => {
                let key = if person.camera.is_some() { "person-waiting-picture" } else { "person-camera-off" };
                self.placeholder(place, &person.identity, &name, key, radius, person.speaking && !labelled);
            }
        }
        let seen = shown.unwrap_or(place);
        if person.speaking {
            // Of the only other person one sees that they speak; a frame that comes and goes would only disturb.
            if labelled {
                let ring = Stroke::new(FOCUS_WIDTH, palette.ok);
                self.ui.painter().rect_stroke(seen, radius, ring, StrokeKind::Inside);
            }
            announce(
                self.ui,
                self.ui.scope_id().with(("speaking", &person.identity)),
                seen,
                &self.cx.texts.t("person-speaking"),
            );
        }
        if labelled {
            self.name_tag(seen, &person.identity, &name, person.microphone_muted);
        }
    }

    /// A card in the place of a picture.
    fn placeholder(&self, place: Rect, identity: &str, name: &str, key: &str, radius: f32, speaking: bool) {
        let (palette, sizes) = (Palette::of(self.ui), self.cx.sizes);
        let painter = self.ui.painter();
        painter.rect_filled(place, radius, palette.surface);
        let disc = (place.height() * 0.18).clamp(20.0, 72.0);
        let small = place.height() < 180.0;
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

    /// A name on a tile, with what is off.
    fn name_tag(&self, tile: Rect, identity: &str, name: &str, muted: bool) {
        let (palette, sizes) = (Palette::of(self.ui), self.cx.sizes);
        let painter = self.ui.painter();
        let icon_size = sizes.caption * 1.2;
        let icon_room = if muted { icon_size + space::XXS } else { 0.0 };
        let mut job = egui::text::LayoutJob::simple_singleline(name.to_owned(), bold_font(sizes.caption), palette.text);
        let room = tile.width() - 4.0 * space::S - icon_room;
        job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(sizes.title));
        let galley = painter.layout_job(job);
        let size = galley.size() + vec2(2.0 * space::XS + icon_room, space::XS);
        let rect = Rect::from_min_size(tile.left_bottom() + vec2(space::S, -space::S - size.y), size);
        painter.rect_filled(rect, corner::CARD, palette.overlay());
        let mut x = rect.left() + space::XS;
        if muted {
            let at = pos2(x, rect.center().y);
            painter.text(at, Align2::LEFT_CENTER, char::from(Icon::MicOff), icon_font(icon_size), palette.warning);
            let mark = Rect::from_center_size(at, Vec2::splat(icon_size));
            announce(self.ui, self.ui.scope_id().with(("muted", identity)), mark, &self.cx.texts.t("person-muted"));
            x += icon_room;
        }
        painter.galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, palette.text);
        announce(self.ui, self.ui.scope_id().with(("name", identity)), rect, name);
    }

    /// Ourselves, bottom right: beside the bar where there is room, above it otherwise.
    fn own_corner(&mut self, places: &Places, hidden: bool) {
        if hidden {
            return;
        }
        let width = (places.stage.width() * 0.2).clamp(*SELF_VIEW_WIDTH.start(), *SELF_VIEW_WIDTH.end()).round();
        let size = vec2(width, (width / WIDESCREEN).round());
        let corner_at = places.stage.right_bottom() - Vec2::splat(space::S);
        let beside_bar = corner_at.x - size.x >= places.bar.right() + space::S;
        let bottom = if beside_bar { corner_at.y } else { corner_at.y.min(places.bar.top() - space::S) };
        let place = Rect::from_min_max(pos2(corner_at.x - size.x, bottom - size.y), pos2(corner_at.x, bottom));
        self.own(place);
    }

    fn own(&mut self, place: Rect) {
        let (palette, texts) = (Palette::of(self.ui), self.cx.texts);
        let camera = &self.state.camera;
        let sends = !camera.muted && matches!(camera.device, DeviceState::On { .. } | DeviceState::Starting);
        let id = PictureId { identity: String::new(), kind: PictureKind::SelfView };
        // Our own picture is drawn along with the others'; only without them is it worth a pass of its own.
        let others = self.state.participants.iter().any(|person| person.camera.is_some() || person.screen.is_some());
        let look = Look {
            fit: Fit::Cover,
            mirrored: true,
            corner: corner::THUMB,
            brightness: self.brightness,
            drives: !others,
        };
        let shown = sends.then(|| self.videos.show(self.ui, place, &id, &self.state.self_view, look)).flatten();
        if shown.is_none() {
            let painter = self.ui.painter();
            painter.rect_filled(place, corner::THUMB, palette.raised);
            let icon = if sends { Icon::Video } else { Icon::VideoOff };
            let font = icon_font(space::XL);
            painter.text(place.center(), Align2::CENTER_CENTER, char::from(icon), font, palette.muted);
        }
        announce_picture(self.ui, self.ui.scope_id().with("self view"), place, &texts.t("self-view"));
        self.name_tag(place, "", &texts.t("you"), self.state.microphone.muted);
    }

    /// Three or more people: all alike, ourselves last.
    fn grid(&mut self, place: Rect, self_view_hidden: bool) {
        let people = &self.state.participants;
        let count = people.len() + usize::from(!self_view_hidden);
        let tiles = grid(place, count);
        for (person, tile) in people.iter().zip(&tiles) {
            self.person(*tile, person, Fit::Cover, corner::VIDEO, true);
        }
        if let (false, Some(tile)) = (self_view_hidden, tiles.last()) {
            self.own(*tile);
        }
    }

    /// Somebody shares a screen: it takes the stage, with the faces beside it.
    fn screen(&mut self, place: Rect, sharer: &ParticipantState, self_view_hidden: bool) {
        let palette = Palette::of(self.ui);
        let width = (place.width() * 0.2).clamp(*SELF_VIEW_WIDTH.start(), *SELF_VIEW_WIDTH.end()).round();
        let main = place.with_max_x(place.right() - width - space::S);
        let name = wording::name(self.cx.texts, sharer);
        let id = PictureId { identity: sharer.identity.clone(), kind: PictureKind::Screen };
        let look = Look {
            fit: Fit::Contain,
            mirrored: false,
            corner: corner::THUMB,
            brightness: self.brightness,
            drives: true,
        };
        self.ui.painter().rect_filled(main, corner::VIDEO, palette.surface);
        let inner = main.shrink(space::XS);
        let shown = sharer.screen.as_ref().and_then(|slot| self.videos.show(self.ui, inner, &id, slot, look));
        let label = self.cx.texts.with("screen-of", &[("name", name.as_str().into())]);
        announce_picture(self.ui, self.ui.scope_id().with("screen"), shown.unwrap_or(inner), &label);
        if shown.is_none() {
            let text = self.cx.texts.t("person-waiting-picture");
            let font = regular_font(self.cx.sizes.lead);
            let id = self.ui.scope_id().with("screen waits");
            words(self.ui, id, inner.center(), Align2::CENTER_CENTER, &text, font, palette.muted);
        }
        let size = vec2(width, (width / WIDESCREEN).round());
        let mut at = pos2(main.right() + space::S, place.top());
        let fits = ((place.height() + space::S) / (size.y + space::S)).floor() as usize;
        let people = fits.saturating_sub(usize::from(!self_view_hidden));
        for person in self.state.participants.iter().take(people) {
            self.person(Rect::from_min_size(at, size), person, Fit::Cover, corner::THUMB, true);
            at.y += size.y + space::S;
        }
        if !self_view_hidden {
            self.own(Rect::from_min_size(at, size));
        }
    }
}

/// `count` tiles that fill `place` as well as tiles near 16:9 can; a last row that isn't full is centred.
fn grid(place: Rect, count: usize) -> Vec<Rect> {
    let count = count.max(1);
    let area = |columns: usize| {
        let size = tile(place, count, columns);
        let width = size.x.min(size.y * WIDESCREEN);
        width * width
    };
    let columns = (1..=count).max_by(|a, b| area(*a).total_cmp(&area(*b))).unwrap_or(1);
    let size = tile(place, count, columns);
    (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = columns.min(count - row * columns);
            let missing = (columns - in_row) as f32 * (size.x + space::S);
            let x = place.left() + missing / 2.0 + column as f32 * (size.x + space::S);
            let y = place.top() + row as f32 * (size.y + space::S);
            Rect::from_min_size(pos2(x, y), size)
        })
        .collect()
}

fn tile(place: Rect, count: usize, columns: usize) -> Vec2 {
    let rows = count.div_ceil(columns);
    let gaps = vec2((columns - 1) as f32, (rows - 1) as f32) * space::S;
    (place.size() - gaps) / vec2(columns as f32, rows as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stay_inside_and_apart() {
        let place = Rect::from_min_size(pos2(12.0, 12.0), vec2(1256.0, 696.0));
        for count in 1..=9 {
            let tiles = grid(place, count);
            assert_eq!(tiles.len(), count);
            for (index, tile) in tiles.iter().enumerate() {
                assert!(place.expand(0.1).contains_rect(*tile), "{count}: {tile:?}");
                for other in &tiles[index + 1..] {
                    assert!(!tile.shrink(0.1).intersects(*other), "{count}: {tile:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn three_people_make_two_rows_and_four_a_square() {
        let place = Rect::from_min_size(pos2(0.0, 0.0), vec2(1256.0, 696.0));
        let rows = |count| grid(place, count).iter().filter(|tile| tile.left() < 400.0).count();
        assert_eq!(rows(4), 2);
        assert_eq!(grid(place, 3)[2].center().x.round(), place.center().x.round());
    }
}
