//! Cards of participants in the waiting room, with admit and refuse.

use std::collections::HashSet;
use std::time::SystemTime;

use autamedica_call::{CallCommand, CallState, ParticipantState};
use egui::{Align, Align2, Layout, Rect, Ui, UiBuilder, Vec2, pos2};
use lucide_icons::Icon;

use crate::sound::Sound;
use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::widgets::{TextButton, Tone, announce};
use crate::ui::{Action, Cx, wording};

const WIDTH: f32 = 440.0;
/// Maximum number of cards; the list of people has the rest.
const MAX_CARDS: usize = 2;

/// Returns the participants in the waiting room, in order of arrival.
pub(super) fn waiting_participants(state: &CallState) -> impl Iterator<Item = &ParticipantState> {
    state.participants.iter().filter(|person| person.waiting_since.is_some())
}

/// Participants already announced.
#[derive(Default)]
pub(super) struct Waiting {
    known: HashSet<String>,
}

impl Waiting {
    /// Plays a soft sound for each new participant.
    pub fn follow(&mut self, cx: &mut Cx, state: &CallState) {
        self.known.retain(|identity| waiting_participants(state).any(|person| person.identity == *identity));
        let before = self.known.len();
        self.known.extend(waiting_participants(state).map(|person| person.identity.clone()));
        if self.known.len() > before {
            cx.actions.push(Action::Play(Sound::Waiting));
        }
    }
}

/// Draws cards over the stage. Returns the area below them and the participant to refuse.
pub(super) fn banner(ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> (Rect, Option<String>) {
    let (mut left, mut refused) = (within, None);
    let mut shown = 0;
    for person in waiting_participants(state).take(MAX_CARDS) {
        let size = Vec2::new(WIDTH.min(left.width()), left.height());
        if shown > 0 && size.y < 2.0 * cx.sizes.control + space::XXL {
            break;
        }
        shown += 1;
        let (bottom, no) = card(ui, cx, person, Rect::from_min_size(left.min, size));
        refused = no.then(|| person.identity.clone()).or(refused);
        left.min.y = bottom + space::XS;
    }
    let more = waiting_participants(state).count() - shown;
    if more > 0 && left.height() > cx.sizes.body * 1.4 + space::M {
        let palette = Palette::of(ui);
        let text = cx.texts.with("waiting-more", &[("count", (more as u64).into())]);
        let galley = ui.painter().layout(text.clone(), regular_font(cx.sizes.body), palette.text, left.width());
        let rect = Rect::from_min_size(left.min, galley.size() + 2.0 * Vec2::new(space::M, space::XS));
        ui.painter().rect_filled(rect, corner::CARD, palette.overlay());
        announce(ui, ui.scope_id().with("more wait"), rect, &text);
        ui.painter().galley(rect.min + Vec2::new(space::M, space::XS), galley, palette.text);
        left.min.y = rect.bottom() + space::XS;
    }
    (left, refused)
}

/// Draws all waiting participants at the top of the list of people.
pub(super) fn waiting_list(ui: &mut Ui, cx: &mut Cx, state: &CallState) {
    for person in waiting_participants(state) {
        let name = wording::name(cx.texts, person);
        let palette = Palette::of(ui);
        let text = since(cx, &name, person);
        ui.label(egui::RichText::new(text).font(regular_font(cx.sizes.body)).color(palette.text));
        let label = cx.texts.with("waiting-admit-named", &[("name", name.as_str().into())]);
        let button = TextButton::new(cx.texts.t("waiting-admit"), Tone::Primary).label(label);
        if button.show(ui, &cx.sizes).clicked() {
            cx.command(CallCommand::Admit(person.identity.clone()));
        }
        ui.add_space(space::S);
    }
}

/// Draws one card. Returns its lower edge and whether to refuse; admitting needs no confirmation.
fn card(ui: &mut Ui, cx: &mut Cx, person: &ParticipantState, within: Rect) -> (f32, bool) {
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let name = wording::name(texts, person);
    let text = since(cx, &name, person);
    let left = space::M + sizes.title + space::S;
    let galley =
        ui.painter().layout(text.clone(), bold_font(sizes.body), palette.text, within.width() - left - space::M);
    let height = galley.size().y + space::XS + sizes.control + 2.0 * space::S;
    let rect = Rect::from_min_size(within.min, Vec2::new(within.width(), height));
    ui.painter().rect_filled(rect, corner::CARD, palette.tinted(palette.primary));
    let edge = egui::Stroke::new(1.0, palette.primary);
    ui.painter().rect_stroke(rect, corner::CARD, edge, egui::StrokeKind::Inside);
    let icon_at = rect.min + Vec2::new(space::M, space::S);
    let icon = char::from(Icon::DoorOpen);
    ui.painter().text(icon_at, Align2::LEFT_TOP, icon, icon_font(sizes.title), palette.primary);
    let at = rect.min + Vec2::new(left, space::S);
    let id = ui.scope_id().with(("waiting", &person.identity));
    announce(ui, id, Rect::from_min_size(at, galley.size()), &text);
    let bottom = at.y + galley.size().y;
    ui.painter().galley(at, galley, palette.text);
    let buttons = Rect::from_min_max(pos2(at.x, bottom + space::XS), rect.right_bottom() - Vec2::splat(space::S));
    let mut refused = false;
    let builder = UiBuilder::new().max_rect(buttons).layout(Layout::left_to_right(Align::Center)).id_salt(id);
    ui.scope_builder(builder, |ui| {
        let label = texts.with("waiting-admit-named", &[("name", name.as_str().into())]);
        let admit = TextButton::new(texts.t("waiting-admit"), Tone::Primary).icon(Icon::UserCheck).label(label);
        if admit.show(ui, &sizes).clicked() {
            cx.command(CallCommand::Admit(person.identity.clone()));
        }
        let label = texts.with("waiting-refuse-named", &[("name", name.as_str().into())]);
        refused = TextButton::new(texts.t("waiting-refuse"), Tone::Plain).label(label).show(ui, &sizes).clicked();
    });
    (rect.bottom(), refused)
}

/// Formats "María Quispe waits since 09:31 (3 min)".
fn since(cx: &Cx, name: &str, person: &ParticipantState) -> String {
    let at = person.waiting_since.unwrap_or_else(SystemTime::now);
    let minutes = SystemTime::now().duration_since(at).map(|waited| waited.as_secs() / 60).unwrap_or_default();
    let time = wording::clock_time(cx.texts, at);
    let values = [("name", name.into()), ("time", time.as_str().into()), ("minutes", minutes.into())];
    cx.texts.with("waiting-since", &values)
}
