//! Bar of round buttons, with hang-up apart from the rest.

mod devices;
mod more;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState};
use egui::{Rect, Response, Ui, Vec2};
use lucide_icons::Icon;

use super::panel::Tab;
use super::{CallScreen, Layout};
use crate::theme::{Palette, corner, space};
use crate::ui::widgets::{CallButton, Tone};
use crate::ui::{Action, Cx};

/// Gap between the last button and hang-up.
const APART: f32 = space::XL;
/// Gap in the compact bar.
const APART_COMPACT: f32 = space::M;
pub(super) const ARROW: f32 = 44.0;
/// Width that the arrow adds: a button's area is wider than its disc.
const ARROW_ADDS: f32 = 32.0;

/// Size variant of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With captions under the buttons.
    Full,
    /// Without captions, closer together.
    Compact,
    /// Like `Compact`, without the buttons that the menu also has.
    Least,
}

/// Optional buttons, besides chat, menu and hang-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buttons {
    /// Microphone and camera.
    pub sources: bool,
    /// Share and record.
    pub doctors: bool,
}

impl Buttons {
    /// Returns the buttons that the role permits.
    pub fn of(cx: &Cx, state: &CallState) -> Self {
        Self { sources: !state.listening, doctors: state.role == Role::Doctor && !cx.kiosk }
    }
}

impl Form {
    /// Returns the largest form that fits.
    pub fn that_fits(cx: &Cx, buttons: Buttons, width: f32) -> Self {
        let fits = |form: &Self| form.size(cx, buttons).x <= width;
        [Self::Full, Self::Compact].into_iter().find(fits).unwrap_or(Self::Least)
    }

    pub fn has_captions(self) -> bool {
        self == Self::Full
    }

    /// Returns whether share and record are on the bar rather than in the menu.
    pub fn has_doctors(self) -> bool {
        self != Self::Least
    }

    pub fn button(self, cx: &Cx) -> Vec2 {
        match self {
            Self::Full => CallButton::size(&cx.sizes),
            Self::Compact | Self::Least => Vec2::new(cx.sizes.call_button + space::XS, cx.sizes.call_button),
        }
    }

    fn arrow_adds(self) -> f32 {
        if self.has_captions() { ARROW_ADDS } else { ARROW }
    }

    fn apart(self) -> f32 {
        if self.has_captions() { APART } else { APART_COMPACT }
    }

    pub fn size(self, cx: &Cx, buttons: Buttons) -> Vec2 {
        let button = self.button(cx);
        let doctors = if buttons.doctors && self.has_doctors() { 2.0 } else { 0.0 };
        let sources = if buttons.sources { 2.0 } else { 0.0 };
        let arrows = if cx.kiosk { 0.0 } else { sources * self.arrow_adds() };
        let width = (3.0 + sources + doctors) * button.x + arrows + self.apart() + 2.0 * space::XS;
        Vec2::new(width, button.y + 2.0 * space::S)
    }
}

/// Row of buttons that are placed from left to right.
pub(crate) struct Row<'a> {
    pub ui: &'a Ui,
    pub cx: &'a Cx<'a>,
    form: Form,
    next: egui::Pos2,
    hidden: bool,
}

impl Row<'_> {
    pub fn add(&mut self, name: &str, button: CallButton) -> Response {
        let size = self.form.button(self.cx);
        let rect = Rect::from_min_size(self.next, size);
        self.next.x += size.x;
        let button = CallButton { caption: if self.form.has_captions() { button.caption } else { "" }, ..button };
        button.show(self.ui, self.ui.scope_id().with(name), rect, &self.cx.sizes, self.hidden)
    }

    /// Adds a button with an arrow that opens its device menu. Returns both responses.
    pub fn add_split(&mut self, name: &str, button: CallButton, arrow_label: &str) -> (Response, Response) {
        let (size, sizes) = (self.form.button(self.cx), self.cx.sizes);
        let disc = Rect::from_min_size(
            self.next + Vec2::new((size.x - sizes.call_button) / 2.0, 0.0),
            Vec2::splat(sizes.call_button),
        );
        let arrow = Rect::from_min_size(disc.right_top(), Vec2::new(ARROW, sizes.call_button));
        // Both share one shape, to appear as one control.
        let palette = Palette::of(self.ui);
        let shape = disc.union(arrow);
        self.ui.painter().rect_filled(shape, corner::FULL, palette.raised.gamma_multiply(0.6));
        let pressed = self.add(name, button);
        let id = self.ui.scope_id().with((name, "devices"));
        let arrow = arrow_button(self.ui, id, arrow, arrow_label, self.hidden);
        self.next.x += self.form.arrow_adds();
        (pressed, arrow)
    }
}

fn arrow_button(ui: &Ui, id: egui::Id, rect: Rect, label: &str, hidden: bool) -> Response {
    let palette = Palette::of(ui);
    let sense = if hidden { egui::Sense::focusable_noninteractive() } else { egui::Sense::click() };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, label));
    let visible = rect.shrink2(Vec2::new(space::XXS, space::XS));
    if response.hovered() {
        ui.painter().rect_filled(visible, corner::FULL, palette.hovered(palette.raised));
    }
    let font = crate::theme::icon_font(20.0);
    let center = rect.center() - Vec2::new(space::XXS, 0.0);
    ui.painter().text(center, egui::Align2::CENTER_CENTER, char::from(Icon::ChevronUp), font, palette.text);
    crate::ui::widgets::focus_ring(ui, &response, corner::CARD.into());
    response.on_hover_text(label)
}

impl CallScreen {
    pub(super) fn bar(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState, layout: &Layout, hidden: bool) {
        let (place, form) = (layout.bar, layout.bar_form);
        let palette = Palette::of(ui);
        ui.painter().rect_filled(place, corner::VIDEO, palette.overlay());
        let mut actions = Vec::new();
        let mut row = Row { ui, cx, form, next: place.min + Vec2::new(space::XS, space::S), hidden };
        let buttons = Buttons::of(row.cx, state);
        if buttons.sources {
            actions.extend(devices::microphone(&mut row, state, self.keys.talking));
            actions.extend(devices::camera(&mut row, state));
        }
        if buttons.doctors && form.has_doctors() {
            actions.extend(self.doctor.buttons(&mut row, state));
        }
        self.chat_button(&mut row, state);
        let texts = row.cx.texts;
        let more = row.add(
            "more",
            CallButton {
                icon: Icon::Ellipsis,
                caption: &texts.t("more-caption"),
                label: &texts.t("more-open"),
                shortcut: "",
                tone: Tone::Neutral,
                on: None,
                badge: 0,
            },
        );
        row.next.x = place.right() - space::XS - form.button(row.cx).x;
        let hang_up = row.add(
            "hang up",
            CallButton {
                icon: Icon::PhoneOff,
                caption: &texts.t("hang-up-caption"),
                label: &texts.t("hang-up"),
                shortcut: "",
                tone: Tone::Danger,
                on: None,
                badge: 0,
            },
        );
        cx.actions.extend(actions);
        if hang_up.clicked() {
            cx.actions.extend(self.doctor.hang_up(cx, state));
        }
        self.more_menu(cx, state, form, &more);
    }

    fn chat_button(&mut self, row: &mut Row, state: &CallState) {
        let texts = row.cx.texts;
        let open = self.panel.shows(Tab::Chat);
        let unread = self.panel.unread(state);
        let label = match (open, unread) {
            (true, _) => texts.t("chat-close").into_owned(),
            (false, 0) => texts.t("chat-open").into_owned(),
            (false, count) => texts.with("chat-open-unread", &[("count", (count as u64).into())]),
        };
        let button = CallButton {
            icon: Icon::MessageSquare,
            caption: &texts.t("chat-caption"),
            label: &label,
            shortcut: "Ctrl+Shift+C",
            tone: if open { Tone::Primary } else { Tone::Neutral },
            on: Some(open),
            badge: unread,
        };
        if row.add("chat", button).clicked() {
            self.panel.toggle(Tab::Chat);
        }
    }
}

/// Returns the action that toggles the mute of a source.
fn mute(source: fn(bool) -> CallCommand, muted: bool) -> Action {
    Action::Command(source(!muted))
}
