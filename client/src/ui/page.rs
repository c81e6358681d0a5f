//! Layout that the light screens share: the page header and a centred card.

use egui::{Align, Frame, Layout, Pos2, Rect, ScrollArea, Stroke, Ui, UiBuilder, Vec2};
use lucide_icons::Icon;

use super::widgets::{Tone, focus_ring, icon_button, sign};
use super::{Action, Cx};
use crate::i18n::Language;
use crate::theme::{Palette, Sizes, bold_font, corner, space};

/// Draws the name of the clinic (or of the app) and the language switch.
pub fn header(ui: &mut Ui, cx: &mut Cx) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let bar = Rect::from_min_size(ui.max_rect().min, Vec2::new(ui.max_rect().width(), sizes.control + 2.0 * space::M));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(bar.shrink2(Vec2::new(space::XL, space::M))).layout(layout), |ui| {
        sign(ui, Icon::HeartPulse, sizes.title, palette.primary);
        let name = cx.clinic.map_or_else(|| cx.texts.t("app-name"), Into::into);
        ui.label(egui::RichText::new(name.as_ref()).font(bold_font(sizes.lead)).color(palette.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = space::XXS;
            for language in Language::ALL.into_iter().rev() {
                language_button(ui, cx, language);
            }
            if !cx.kiosk {
                settings_button(ui, cx);
            }
        });
    });
}

fn settings_button(ui: &mut Ui, cx: &mut Cx) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(cx.sizes.control), egui::Sense::hover());
    let label = cx.texts.t("settings-open");
    let id = ui.scope_id().with("settings");
    if icon_button(ui, id, rect, Icon::Settings, &label, Tone::Plain, &cx.sizes).clicked() {
        cx.actions.push(Action::Settings);
    }
}

fn language_button(ui: &mut Ui, cx: &mut Cx, language: Language) {
    let palette = Palette::of(ui);
    let current = cx.texts.language() == language;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(cx.sizes.control), egui::Sense::click());
    let label = format!("{}: {}", cx.texts.t("language-switch"), language.own_name());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::RadioButton, true, current, &label));
    if current || response.hovered() {
        ui.painter().rect_filled(rect, corner::CARD, if current { palette.primary } else { palette.raised });
    }
    let ink = if current { palette.on_primary } else { palette.text };
    let code = language.code().to_uppercase();
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, code, bold_font(cx.sizes.body), ink);
    focus_ring(ui, &response, corner::CARD.into());
    if response.clicked() && !current {
        cx.actions.push(Action::SetLanguage(language));
    }
}

/// Draws a centred card. Its height is that of its content in the previous pass; longer content scrolls.
pub fn centered(ui: &mut Ui, sizes: Sizes, content: impl FnOnce(&mut Ui)) {
    card(ui, sizes.card, 0.0, content);
}

/// Draws a wider card, for screens with two columns.
pub fn wide(ui: &mut Ui, sizes: Sizes, content: impl FnOnce(&mut Ui)) {
    card(ui, sizes.card * WIDE, 0.0, content);
}

/// Draws a wider card with a footer below it that stays visible however long the card is.
pub fn wide_with_footer(
    ui: &mut Ui,
    cx: &mut Cx,
    content: impl FnOnce(&mut Ui, &mut Cx),
    footer: impl FnOnce(&mut Ui, &mut Cx),
) {
    let screen = ui.max_rect();
    let high = cx.sizes.control + 2.0 * space::S;
    card(ui, cx.sizes.card * WIDE, high, |ui| content(ui, cx));
    let palette = Palette::of(ui);
    let bar = screen.with_min_y(screen.bottom() - high);
    ui.painter().rect_filled(bar, 0, palette.surface);
    ui.painter().hline(bar.x_range(), bar.top(), Stroke::new(1.0, palette.divider()));
    let width = (cx.sizes.card * WIDE).min(bar.width() - 2.0 * space::M);
    let row = Rect::from_center_size(bar.center(), Vec2::new(width, cx.sizes.control));
    ui.scope_builder(UiBuilder::new().max_rect(row).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        footer(ui, cx);
    });
}

/// Width of a wide card, in card widths.
const WIDE: f32 = 1.9;

fn card(ui: &mut Ui, width: f32, below: f32, content: impl FnOnce(&mut Ui)) {
    let screen = ui.max_rect();
    let body = screen.with_min_y(screen.top() + header_room(ui)).with_max_y(screen.bottom() - below);
    ui.scope_builder(UiBuilder::new().max_rect(body), |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let palette = Palette::of(ui);
            // The bar beside the card must not reduce the space around it.
            let around = space::L.min(ui.max_rect().width() * 0.04);
            let padding = if ui.max_rect().width() < NARROW { space::M } else { space::XL };
            let width = width.min(ui.max_rect().width() - 2.0 * around);
            let height_id = ui.scope_id().with("card height");
            let known: Option<f32> = ui.data(|data| data.get_temp(height_id));
            let left = ui.max_rect().center().x - width / 2.0;
            let middle = (screen.bottom() - below + screen.top()) / 2.0 - body.top() - known.unwrap_or(320.0) / 2.0;
            let above = middle.max(space::XXS);
            let at = Pos2::new(left, ui.max_rect().top() + above);
            let mut builder = UiBuilder::new().max_rect(Rect::from_min_size(at, Vec2::new(width, 0.0)));
            if known.is_none() {
                // The first pass only measures the height.
                builder = builder.invisible();
                ui.ctx().request_discard("the height of a centred card");
            }
            let inner = ui.scope_builder(builder, |ui| {
                Frame::new()
                    .fill(palette.surface)
                    .stroke(Stroke::new(1.0, palette.divider()))
                    .corner_radius(corner::CARD)
                    .inner_margin(padding)
                    .show(ui, |ui| {
                        ui.set_width(width - 2.0 * padding);
                        content(ui);
                    })
            });
            let height = inner.response.rect.height();
            ui.add_space(space::M);
            if known != Some(height) {
                ui.data_mut(|data| data.insert_temp(height_id, height));
                ui.ctx().request_repaint();
            }
        });
    });
}

/// Width in points below which cards have less padding.
const NARROW: f32 = 720.0;

fn header_room(ui: &Ui) -> f32 {
    ui.spacing().interact_size.y + 2.0 * space::M
}
