//! Panel at the right: chat, people, statistics, and a doctor's notes.

mod bubble;
pub(crate) mod chat;
mod file_line;
mod people;
mod previews;
mod rows;
mod statistics;

use autamedica_call::CallState;
use egui::{Align2, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use super::doctor::Controls;
use super::present;
use super::stage::TileRequest;
use crate::theme::{FOCUS_WIDTH, Palette, bold_font, corner, icon_font, space};
use crate::ui::Cx;
use crate::ui::widgets::{Tone, focus_ring, icon_button};
use chat::Chat;

/// Width of the open panel, except for statistics.
const WIDTH: f32 = 368.0;
const WIDE: f32 = 440.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Chat,
    People,
    /// Doctors only.
    Notes,
    Statistics,
}

impl Tab {
    fn icon(self) -> Icon {
        match self {
            Self::Chat => Icon::MessageSquare,
            Self::People => Icon::Users,
            Self::Notes => Icon::NotebookPen,
            Self::Statistics => Icon::Activity,
        }
    }

    fn name(self, cx: &Cx, state: &CallState) -> String {
        match self {
            Self::Chat => cx.texts.t("panel-chat").into_owned(),
            Self::People => format!("{} ({})", cx.texts.t("panel-people"), present(state).count() + 1),
            Self::Notes => cx.texts.t("panel-notes").into_owned(),
            Self::Statistics => cx.texts.t("panel-statistics").into_owned(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Panel {
    /// Open tab; `None` while closed.
    pub tab: Option<Tab>,
    /// Requests made on participants in the panel.
    pub requests: Vec<TileRequest>,
    /// Last open tab, drawn while the panel fades out.
    last: Option<Tab>,
    chat: Chat,
}

impl Panel {
    pub fn shows(&self, tab: Tab) -> bool {
        self.tab == Some(tab)
    }

    /// Opens this tab, or closes the panel if it is open.
    pub fn toggle(&mut self, tab: Tab) {
        self.tab = if self.shows(tab) { None } else { Some(tab) };
        self.chat.wants_keyboard = self.shows(Tab::Chat);
    }

    pub fn width(&self, cx: &Cx) -> f32 {
        let width = if self.tab.or(self.last) == Some(Tab::Statistics) { WIDE } else { WIDTH };
        width.max(cx.sizes.body * 22.0)
    }

    /// Marks visible messages as read.
    pub fn follow(&mut self, state: &CallState) {
        if self.shows(Tab::Chat) {
            self.chat.seen = state.chat.newest();
        }
    }

    /// Returns the number of unread messages from others.
    pub fn unread(&self, state: &CallState) -> usize {
        state.chat.iter().filter(|message| message.number > self.chat.seen && !message.own).count()
    }

    pub fn dropped(&mut self, ui: &mut Ui, cx: &mut Cx, stage: Rect) {
        if self.chat.dropped(ui, cx, stage) {
            self.tab = Some(Tab::Chat);
        }
    }

    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, doctor: &mut dyn Controls, place: Rect) {
        let palette = Palette::of(ui);
        self.last = self.tab.or(self.last);
        ui.painter().rect_filled(place, corner::VIDEO, palette.surface);
        let inner = place.shrink(space::S);
        let tabs = inner.with_max_y(inner.top() + cx.sizes.control);
        self.tabs(ui, cx, state, doctor.has_notes(state, cx), tabs);
        let line = tabs.bottom() + space::XS;
        ui.painter().hline(inner.x_range(), line, Stroke::new(1.0, palette.divider()));
        let body = inner.with_min_y(line + space::XS);
        match self.last {
            Some(Tab::People) => people::show(ui, cx, state, doctor, body, &mut self.requests),
            Some(Tab::Statistics) => statistics::show(ui, cx, state, body),
            Some(Tab::Notes) => doctor.notes(ui, cx, body),
            Some(Tab::Chat) | None => self.chat.show(ui, cx, state, body),
        }
    }

    /// Draws the tabs: the current one with its name, the others as icons.
    fn tabs(&mut self, ui: &Ui, cx: &Cx, state: &CallState, has_notes: bool, place: Rect) {
        let (palette, sizes) = (Palette::of(ui), cx.sizes);
        let mut tabs = vec![Tab::Chat, Tab::People];
        if has_notes {
            tabs.push(Tab::Notes);
        }
        if !cx.kiosk {
            tabs.push(Tab::Statistics);
        }
        let close = Rect::from_min_max(pos2(place.right() - sizes.control, place.top()), place.right_bottom());
        let mut left = place.left();
        for (index, tab) in tabs.into_iter().enumerate() {
            let text = tab.name(cx, state);
            let current = self.last == Some(tab);
            let galley =
                current.then(|| ui.painter().layout_no_wrap(text.clone(), bold_font(sizes.body), palette.text));
            let icon_size = sizes.lead;
            let words = galley.as_ref().map_or(0.0, |galley| galley.size().x + space::XS);
            let width = sizes.control.max(icon_size + words + 2.0 * space::S);
            let rect = Rect::from_min_size(pos2(left, place.top()), vec2(width, place.height()));
            left += width + space::XXS;
            let response = ui.interact(rect, ui.scope_id().with(("tab", index)), Sense::click());
            response.widget_info(|| WidgetInfo::selected(egui::Role::Tab, true, current, &text));
            if response.hovered() && !current {
                ui.painter().rect_filled(rect, corner::CARD, palette.hovered(palette.surface));
            }
            let color = if current { palette.text } else { palette.muted };
            let start = rect.center().x - (icon_size + words) / 2.0;
            let icon_at = pos2(start, rect.center().y);
            ui.painter().text(icon_at, Align2::LEFT_CENTER, char::from(tab.icon()), icon_font(icon_size), color);
            if let Some(galley) = galley {
                let at = pos2(start + icon_size + space::XS, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley(at, galley, color);
                let line =
                    Rect::from_x_y_ranges(rect.shrink(space::S).x_range(), rect.bottom() - FOCUS_WIDTH..=rect.bottom());
                ui.painter().rect_filled(line, FOCUS_WIDTH / 2.0, palette.primary);
            }
            focus_ring(ui, &response, corner::CARD.into());
            if response.clicked() {
                self.tab = Some(tab);
            }
            response.on_hover_text(text);
        }
        let label = cx.texts.t("panel-close");
        if icon_button(ui, ui.scope_id().with("close"), close, Icon::X, &label, Tone::Plain, &sizes).clicked() {
            self.tab = None;
        }
    }
}
