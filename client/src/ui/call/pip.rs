//! Floating window that stays above other programs: the other side, mute and hang-up.

use autamedica_call::{CallCommand, CallState, ParticipantState, Tile, VideoKind};
use egui::{Rect, Ui, Vec2, ViewportBuilder, ViewportClass, ViewportId, pos2, vec2};
use lucide_icons::Icon;

use super::present;
use super::stage::{Pin, pixels};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::video::{Fit, PictureId, PictureStyle, Videos};
use crate::ui::widgets::{Tone, announce_picture, icon_button, words};
use crate::ui::{Action, Cx, wording};

const SIZE: Vec2 = vec2(336.0, 256.0);
const MIN_SIZE: Vec2 = vec2(240.0, 180.0);

pub(super) struct Floating {
    pub open: bool,
    /// Minimising the main window opens it.
    pub when_minimised: bool,
    /// Opened by minimising; closes when the main window is restored.
    by_itself: bool,
    /// Last speaker. The picture doesn't follow every word, which would distract.
    last_speaker: Option<String>,
}

impl Floating {
    pub fn new(when_minimised: bool) -> Self {
        Self { open: false, when_minimised, by_itself: false, last_speaker: None }
    }

    /// Reacts to minimising or restoring the main window.
    pub fn follow_window(&mut self, minimised: bool) {
        if minimised && self.when_minimised && !self.open {
            (self.open, self.by_itself) = (true, true);
        } else if !minimised && self.by_itself {
            (self.open, self.by_itself) = (false, false);
        }
    }

    /// Draws the window if it is open. Returns the picture on it.
    pub fn show(
        &mut self,
        ui: &Ui,
        cx: &mut Cx,
        state: &CallState,
        videos: &mut Videos,
        pin: Option<&Pin>,
    ) -> Option<Tile> {
        if !self.open {
            return None;
        }
        let who = self.who(state, pin).cloned();
        let pinned = pin.filter(|pin| who.as_ref().is_some_and(|who| who.identity == pin.identity));
        let video = pinned.map_or(VideoKind::Camera, |pin| pin.video.clone());
        let title = cx.texts.t("float-title").into_owned();
        let builder = ViewportBuilder::default()
            .with_title(title)
            .with_inner_size(SIZE)
            .with_min_inner_size(MIN_SIZE)
            .with_always_on_top()
            .with_minimize_button(false);
        let id = ViewportId::from_hash_of("floating call");
        let visuals = ui.style().clone();
        let (tile, stays) = ui.ctx().show_viewport_immediate(id, builder, |ui, class| {
            ui.set_style(visuals.clone());
            let place = if class == ViewportClass::EmbeddedWindow {
                ui.allocate_exact_size(SIZE, egui::Sense::hover()).0
            } else {
                ui.painter().rect_filled(ui.max_rect(), 0.0, Palette::of(ui).background);
                ui.max_rect()
            };
            let (tile, back) = content(ui, cx, state, videos, who.as_ref(), &video, place);
            let closed = ui.input(|input| input.viewport().close_requested());
            if back {
                cx.actions.push(Action::Focus);
            }
            (tile, !back && !closed)
        });
        if !stays {
            (self.open, self.by_itself) = (false, false);
        }
        tile
    }

    fn who<'a>(&mut self, state: &'a CallState, pin: Option<&Pin>) -> Option<&'a ParticipantState> {
        if let Some(speaker) = present(state).find(|person| person.speaking) {
            self.last_speaker = Some(speaker.identity.clone());
        }
        let named = |identity: &str| present(state).find(|person| person.identity == identity);
        pin.and_then(|pin| named(&pin.identity))
            .or_else(|| self.last_speaker.as_deref().and_then(named))
            .or_else(|| present(state).find(|person| person.camera.is_some()))
            .or_else(|| present(state).next())
    }
}

/// Draws the content. Returns the picture on it and whether the person wants the main window.
fn content(
    ui: &Ui,
    cx: &mut Cx,
    state: &CallState,
    videos: &mut Videos,
    who: Option<&ParticipantState>,
    video: &VideoKind,
    place: Rect,
) -> (Option<Tile>, bool) {
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let inner = place.shrink(space::XS);
    let row = inner.with_min_y(inner.bottom() - sizes.control);
    let picture = inner.with_max_y(row.top() - space::XS);
    let id = ui.scope_id().with("floating");
    let mut tile = None;
    ui.painter().rect_filled(picture, corner::THUMB, palette.surface);
    let name = who.map(|who| wording::name(texts, who)).unwrap_or_else(|| texts.t("app-name").into_owned());
    let slot = who.and_then(|who| who.frames(video));
    let shown = who.zip(slot).and_then(|(who, slot)| {
        let kind = video.clone().into();
        let (width, height) = pixels(ui, picture.size());
        tile = Some(Tile { identity: who.identity.clone(), video: video.clone(), width, height });
        let fit = if *video == VideoKind::Screen { Fit::Contain } else { Fit::Balanced };
        let style = PictureStyle { fit, mirrored: false, corner: corner::THUMB, brightness: 1.0, drives: true };
        videos.show(ui, picture, &PictureId { identity: who.identity.clone(), kind }, slot, style)
    });
    match shown {
        Some(seen) => {
            let label = texts.with("video-of", &[("name", name.as_str().into())]);
            announce_picture(ui, id.with("picture"), seen, &label);
        }
        None => {
            let font = regular_font(sizes.lead);
            words(ui, id.with("name"), picture.center(), egui::Align2::CENTER_CENTER, &name, font, palette.text);
        }
    }
    let button = |index: f32, count: f32| {
        let width = (row.width() - (count - 1.0) * space::XS) / count;
        Rect::from_min_size(pos2(row.left() + index * (width + space::XS), row.top()), vec2(width, row.height()))
    };
    let muted = state.microphone.muted;
    let (icon, key, tone) = if muted {
        (Icon::MicOff, "microphone-unmute", Tone::Inverted)
    } else {
        (Icon::Mic, "microphone-mute", Tone::Neutral)
    };
    if icon_button(ui, id.with("mute"), button(0.0, 3.0), icon, &texts.t(key), tone, &sizes).clicked() {
        cx.actions.push(Action::Command(CallCommand::MuteMicrophone(!muted)));
    }
    let label = texts.t("float-back");
    let back = icon_button(ui, id.with("back"), button(1.0, 3.0), Icon::Maximize2, &label, Tone::Neutral, &sizes);
    let label = texts.t("hang-up");
    if icon_button(ui, id.with("hang up"), button(2.0, 3.0), Icon::PhoneOff, &label, Tone::Danger, &sizes).clicked() {
        cx.actions.push(Action::Leave);
    }
    (tile, back.clicked())
}
