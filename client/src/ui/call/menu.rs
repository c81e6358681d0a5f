//! Building blocks of menus.

use egui::style::ScrollStyle;
use egui::{Align2, Rect, Response, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2};
use lucide_icons::Icon;

use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::Cx;
use crate::ui::widgets::{announce, focus_ring};

const WIDTH: f32 = 288.0;

pub(super) fn menu_width(cx: &Cx) -> f32 {
    WIDTH.max(cx.sizes.body * 18.0)
}

/// Draws a menu's content, which scrolls where the window is too low.
pub(super) fn menu_body(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.spacing_mut().item_spacing.y = space::XXS;
    // The height is limited to the space above the bar.
    let room = (ui.ctx().content_rect().height() - 3.0 * space::XXL).max(120.0);
    // The scroll bar is always visible, to show that there is more.
    ui.spacing_mut().scroll = ScrollStyle { bar_width: space::XS, ..ScrollStyle::solid() };
    ScrollArea::vertical().max_height(room).min_scrolled_height(room).show(ui, content);
}

pub(crate) fn menu_item(ui: &mut Ui, cx: &Cx, icon: Icon, text: &str) -> Response {
    let response = line(ui, cx, Some(icon), text);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::MenuItem, true, text));
    response
}

/// Draws one option of a group. Its accessible name contains the group: the same device may be a microphone and a
/// speaker.
pub(super) fn menu_choice(ui: &mut Ui, cx: &Cx, chosen: bool, group: &str, text: &str) -> Response {
    let response = line(ui, cx, chosen.then_some(Icon::Check), text);
    response.widget_info(|| WidgetInfo::selected(egui::Role::MenuItemRadio, true, chosen, format!("{group}: {text}")));
    response
}

pub(super) fn menu_switch(ui: &mut Ui, cx: &Cx, on: bool, text: &str) -> Response {
    let icon = if on { Icon::SquareCheckBig } else { Icon::Square };
    let response = line(ui, cx, Some(icon), text);
    response.widget_info(|| WidgetInfo::selected(egui::Role::MenuItemCheckBox, true, on, text));
    response
}

pub(super) fn menu_heading(ui: &mut Ui, cx: &Cx, text: &str) {
    let palette = Palette::of(ui);
    let height = cx.sizes.caption * 1.4 + space::S;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(menu_width(cx) - space::M, height), Sense::hover());
    let at = pos2(rect.left() + space::S, rect.bottom() - space::XXS);
    ui.painter().text(at, Align2::LEFT_BOTTOM, text, bold_font(cx.sizes.caption), palette.muted);
    announce(ui, ui.scope_id().with(("heading", text)), rect, text);
}

fn line(ui: &mut Ui, cx: &Cx, icon: Option<Icon>, text: &str) -> Response {
    let palette = Palette::of(ui);
    let icon_size = cx.sizes.body * 1.25;
    let width = menu_width(cx) - space::M;
    let room = width - 3.0 * space::S - icon_size;
    let galley = ui.painter().layout(text.to_owned(), regular_font(cx.sizes.body), palette.text, room);
    let height = cx.sizes.control.max(galley.size().y + space::S);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, corner::CARD, palette.raised);
    }
    let at = pos2(rect.left() + space::S, rect.center().y);
    if let Some(icon) = icon {
        ui.painter().text(at, Align2::LEFT_CENTER, char::from(icon), icon_font(icon_size), palette.muted);
    }
    let words =
        Rect::from_min_size(pos2(at.x + icon_size + space::S, rect.center().y - galley.size().y / 2.0), galley.size());
    ui.painter().galley(words.min, galley, palette.text);
    focus_ring(ui, &response, corner::CARD.into());
    response
}
