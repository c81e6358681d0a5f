//! Stage of the call: one large picture, a grid, or a spotlight with a strip; the self-view in a corner.

mod layout;
mod own;
mod tile;

use std::time::Instant;

use autamedica_api::Role;
use autamedica_call::{CallPhase, CallState, ParticipantState, Tile};
use egui::{Align2, Key, Modifiers, Rect, Ui, Vec2, pos2, vec2};
use lucide_icons::Icon;

use super::toasts::is_late;
use super::{Layout, present};
use crate::theme::{DIMMED, Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::video::{Fit, Videos};
use crate::ui::widgets::{Tone, announce, icon_button, words};
use crate::ui::{Cx, wording};
pub(super) use own::OwnView;
pub(crate) use tile::TileRequest;
pub(super) use tile::pixels;

/// Width in points from which there is space between the labels at the left and right.
const ROOMY: f32 = 900.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub identity: String,
    /// Screen share rather than camera.
    pub screen: bool,
}

#[derive(Default)]
pub(super) struct StageView {
    pub pin: Option<Pin>,
    /// Self-view, in the corner or a tile.
    pub own: OwnView,
    page: usize,
    /// Another participant has been in the call.
    met: bool,
    /// Time of the last reconnection.
    away: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Drawn {
    /// Visible pictures of others.
    pub tiles: Vec<Tile>,
    pub requests: Vec<TileRequest>,
}

impl StageView {
    /// Draws all pictures except a self-view in the corner, which [`OwnView::corner`] draws.
    pub fn show(&mut self, ui: &Ui, cx: &Cx, state: &CallState, videos: &mut Videos, layout: &Layout) -> Drawn {
        let brightness = if state.phase == CallPhase::InCall { 1.0 } else { DIMMED };
        let people: Vec<&ParticipantState> = present(state).collect();
        self.forget_who_left(&people);
        self.met |= !people.is_empty();
        if state.phase != CallPhase::InCall {
            self.away = Some(cx.now);
        }
        let who = match self.away {
            Some(away) if !is_late(cx.now, away) => Alone::Unknown,
            _ if self.met => Alone::Left,
            _ => Alone::First,
        };
        let mut stage = Stage { ui, cx, state, videos, brightness, pin: self.pin.clone(), drawn: Drawn::default() };
        // Essential content keeps clear of the labels above and of the bar below.
        let clear = layout.stage.with_min_y(layout.stage.top() + layout.label_height);
        let clear = clear.with_max_y(layout.bar.top() - space::S);
        match (&people[..], self.main(&people)) {
            ([], _) => stage.alone(layout.stage, who),
            (_, Some(main)) => stage.spotlight(clear, &people, main, !self.own.hidden),
            ([only], None) => stage.person(layout.stage, only, Fit::Balanced, corner::VIDEO, false),
            (_, None) => {
                let page = layout::page(clear, people.len(), !self.own.hidden, self.page);
                self.page = page.number;
                stage.grid(&people, &page, !self.own.hidden);
                if page.count > 1 {
                    self.leaf(ui, cx, clear, &page);
                }
            }
        }
        for request in &stage.drawn.requests {
            if let TileRequest::Pin(pin) = request {
                self.pin.clone_from(pin);
            }
        }
        stage.drawn
    }

    /// Returns whether the self-view is in the corner rather than in a tile.
    pub fn own_is_in_corner(&self, state: &CallState) -> bool {
        let people: Vec<_> = present(state).collect();
        people.len() < 2 && self.main(&people).is_none()
    }

    /// Returns the main picture of a spotlight: the pinned one, else the first screen share.
    fn main<'a>(&self, people: &[&'a ParticipantState]) -> Option<(&'a ParticipantState, bool)> {
        let pinned = self.pin.as_ref().and_then(|pin| {
            let person = people.iter().find(|person| person.identity == pin.identity)?;
            // Pinning the camera of the only other participant changes nothing.
            (pin.screen || people.len() > 1 || person.screen.is_some()).then_some((*person, pin.screen))
        });
        pinned.or_else(|| people.iter().find(|person| person.screen.is_some()).map(|person| (*person, true)))
    }

    fn forget_who_left(&mut self, people: &[&ParticipantState]) {
        let there = |pin: &Pin| {
            people.iter().any(|person| person.identity == pin.identity && (!pin.screen || person.screen.is_some()))
        };
        if self.pin.as_ref().is_some_and(|pin| !there(pin)) {
            self.pin = None;
        }
    }

    /// Draws the buttons to the other pages of a grid.
    fn leaf(&mut self, ui: &Ui, cx: &Cx, place: Rect, page: &layout::Page) {
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        let side = Vec2::splat(sizes.control);
        let before = Rect::from_center_size(pos2(place.left() + side.x / 2.0, place.center().y), side);
        let after = Rect::from_center_size(pos2(place.right() - side.x / 2.0, place.center().y), side);
        let id = ui.scope_id();
        let mut to = page.number;
        for (rect, icon, key, there) in [
            (before, Icon::ChevronLeft, "page-before", page.number.checked_sub(1)),
            (after, Icon::ChevronRight, "page-after", Some(page.number + 1).filter(|next| *next < page.count)),
        ] {
            let Some(there) = there else { continue };
            ui.painter().rect_filled(rect, corner::CARD, palette.overlay());
            if icon_button(ui, id.with(key), rect, icon, &texts.t(key), Tone::Plain, &sizes).clicked() {
                to = there;
            }
        }
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::PageDown) {
            to = (page.number + 1).min(page.count - 1);
        } else if pressed(Key::PageUp) {
            to = page.number.saturating_sub(1);
        }
        self.page = to;
        let values = [("page", (page.number as u64 + 1).into()), ("pages", (page.count as u64).into())];
        let text = texts.with("page-of", &values);
        // The buttons are between the labels if there is space, else below them.
        let rise = if place.width() > ROOMY { space::XS + 2.0 * sizes.body } else { 0.0 };
        let at = place.center_top() + vec2(0.0, space::XS - rise);
        let galley = ui.painter().layout_no_wrap(text.clone(), bold_font(sizes.caption), palette.text);
        let rect = Rect::from_center_size(at + vec2(0.0, galley.size().y / 2.0), galley.size()).expand(space::XS);
        ui.painter().rect_filled(rect, corner::CARD, palette.overlay());
        ui.painter().galley(rect.min + Vec2::splat(space::XS), galley, palette.text);
        announce(ui, id.with("page"), rect, &text);
    }
}

/// Reason why no other participant is visible.
#[derive(Clone, Copy)]
enum Alone {
    /// Nobody has joined yet.
    First,
    /// All others have left.
    Left,
    /// The connection is lost or just restored: others may still be present.
    Unknown,
}

/// Context of one pass.
struct Stage<'a> {
    ui: &'a Ui,
    cx: &'a Cx<'a>,
    state: &'a CallState,
    videos: &'a mut Videos,
    brightness: f32,
    pin: Option<Pin>,
    drawn: Drawn,
}

impl Stage<'_> {
    /// Draws the text shown while no other participant is visible.
    fn alone(&self, place: Rect, who: Alone) {
        let (texts, sizes, palette) = (self.cx.texts, self.cx.sizes, Palette::of(self.ui));
        let waits = self.state.participants.iter().any(|person| person.waiting_since.is_some());
        let (title, lead) = match (self.state.role, who) {
            (_, Alone::Unknown) => ("alone-title-reconnecting", "alone-lead-reconnecting"),
            (Role::Doctor, _) if waits => ("alone-title-waited", "alone-lead-waited"),
            (Role::Doctor, Alone::Left) => ("alone-title-doctor-left", "alone-lead-doctor-left"),
            (Role::Doctor, Alone::First) => ("alone-title-doctor", "alone-lead-doctor"),
            (Role::Patient, Alone::Left) => ("alone-title-patient-left", "alone-lead-patient-left"),
            (Role::Patient, Alone::First) => ("alone-title-patient", "alone-lead-patient"),
            (Role::Observer, Alone::Left) => ("alone-title-observer-left", "alone-lead-observer-left"),
            (Role::Observer, Alone::First) => ("alone-title-observer", "alone-lead-observer"),
        };
        let (title, lead) = (texts.t(title), texts.t(lead));
        let painter = self.ui.painter();
        painter.rect_filled(place, corner::VIDEO, palette.surface);
        let icon_size = (place.height() * 0.16).clamp(space::XL, 2.0 * space::XXL);
        let middle = place.center() - vec2(0.0, place.height() * 0.1);
        let icon_at = middle - vec2(0.0, icon_size * 0.5);
        let icon = char::from(Icon::UserRound);
        painter.text(icon_at, Align2::CENTER_CENTER, icon, icon_font(icon_size), palette.outline);
        let id = self.ui.scope_id();
        let at = middle + vec2(0.0, space::M);
        let font = bold_font(sizes.title);
        let title = words(self.ui, id.with("alone"), at, Align2::CENTER_TOP, &title, font, palette.text);
        let room = (place.width() - 2.0 * space::L).min(560.0);
        let mut job = egui::text::LayoutJob::simple(lead.to_string(), regular_font(sizes.lead), palette.muted, room);
        job.halign = egui::Align::Center;
        let galley = painter.layout_job(job);
        let at = pos2(place.center().x, title.bottom() + space::XS);
        let seen = Rect::from_center_size(at + vec2(0.0, galley.size().y / 2.0), galley.size());
        announce(self.ui, id.with("alone lead"), seen, &lead);
        painter.galley(at, galley, palette.muted);
    }

    /// Draws three or more participants in equal tiles, the self-view last.
    fn grid(&mut self, people: &[&ParticipantState], page: &layout::Page, own: bool) {
        let radius = if page.tiles.len() > 6 { corner::THUMB } else { corner::VIDEO };
        for (person, tile) in people[page.people.clone()].iter().zip(&page.tiles) {
            self.person(*tile, person, Fit::Cover, radius, true);
        }
        if let (true, Some(tile)) = (own, page.tiles.last()) {
            self.own(*tile);
        }
    }

    /// Draws a screen share or pinned participant large, with a strip of tiles.
    fn spotlight(
        &mut self,
        place: Rect,
        people: &[&ParticipantState],
        (main, screen): (&ParticipantState, bool),
        own: bool,
    ) {
        // A sharer's camera is in the strip too; a large camera isn't repeated there.
        let beside = || people.iter().filter(|person| screen || person.identity != main.identity);
        let places = layout::spotlight(place, beside().count(), own);
        if screen {
            self.screen(places.main, main);
        } else {
            self.person(places.main, main, Fit::Balanced, corner::VIDEO, true);
        }
        for (person, tile) in beside().take(places.people).zip(&places.strip) {
            self.person(*tile, person, Fit::Cover, corner::THUMB, true);
        }
        if let (true, Some(tile)) = (own && places.strip.len() > places.people, places.strip.last()) {
            self.own(*tile);
        }
        if let Some(rest) = places.rest {
            self.rest(rest, beside().count() - places.people);
        }
    }

    /// Draws a screen share as the main picture.
    fn screen(&mut self, place: Rect, sharer: &ParticipantState) {
        let palette = Palette::of(self.ui);
        let name = wording::name(self.cx.texts, sharer);
        self.ui.painter().rect_filled(place, corner::VIDEO, palette.surface);
        let inner = place.shrink(space::XS);
        let shown = self.picture(inner, sharer, true, Fit::Contain, corner::THUMB);
        let label = self.cx.texts.with("screen-of", &[("name", name.as_str().into())]);
        let id = self.ui.scope_id().with("screen");
        self.interact(id, shown.unwrap_or(inner), &label, sharer, true);
        if shown.is_none() {
            let text = self.cx.texts.t("person-waiting-picture");
            let font = regular_font(self.cx.sizes.lead);
            let id = self.ui.scope_id().with("screen waits");
            words(self.ui, id, inner.center(), Align2::CENTER_CENTER, &text, font, palette.muted);
        }
    }

    /// Draws the number of participants that the strip has no space for.
    fn rest(&self, place: Rect, count: usize) {
        let palette = Palette::of(self.ui);
        self.ui.painter().rect_filled(place, corner::THUMB, palette.surface);
        let text = self.cx.texts.with("people-more", &[("count", (count as u64).into())]);
        let font = bold_font(self.cx.sizes.body);
        let id = self.ui.scope_id().with("more people");
        words(self.ui, id, place.center(), Align2::CENTER_CENTER, &text, font, palette.text);
    }
}
