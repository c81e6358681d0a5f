//! What the light screens share: the head of the page, and a card in its middle.

use egui::{Align, Frame, Layout, Rect, Stroke, Ui, UiBuilder, Vec2};
use lucide_icons::Icon;

use super::widgets::{focus_ring, sign};
use super::{Action, Cx};
use crate::i18n::Language;
use crate::theme::{Palette, Sizes, bold_font, corner, space};

/// The name of the app, and the languages.
pub fn header(ui: &mut Ui, cx: &mut Cx) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let bar = Rect::from_min_size(ui.max_rect().min, Vec2::new(ui.max_rect().width(), sizes.control + 2.0 * space::M));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(bar.shrink2(Vec2::new(space::XL, space::M))).layout(layout), |ui| {
        sign(ui, Icon::HeartPulse, sizes.title, palette.primary);
        let name = cx.texts.t("app-name");
        ui.label(egui::RichText::new(name.as_ref()).font(bold_font(sizes.lead)).color(palette.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = space::XXS;
            for language in Language::ALL.into_iter().rev() {
                language_button(ui, cx, language);
            }
        });
    });
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
        cx.actions.push(Action::Speak(language));
    }
}

/// A card in the middle of the screen, as high as its content was when it was last drawn.
pub fn centered(ui: &mut Ui, sizes: Sizes, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let width = sizes.card.min(ui.max_rect().width() - 2.0 * space::L);
    let height_id = ui.scope_id().with("card height");
    let known: Option<f32> = ui.data(|data| data.get_temp(height_id));
    let screen = ui.max_rect();
    let top = (screen.center().y - known.unwrap_or(320.0) / 2.0).max(screen.top() + header_room(ui));
    let rect = Rect::from_min_size(egui::pos2(screen.center().x - width / 2.0, top), Vec2::new(width, 0.0));
    let mut builder = UiBuilder::new().max_rect(rect.with_max_y(screen.bottom()));
    if known.is_none() {
        // The first pass only finds out how high it is.
        builder = builder.invisible();
        ui.ctx().request_discard("the height of a centred card");
    }
    let height = ui
        .scope_builder(builder, |ui| {
            Frame::new()
                .fill(palette.surface)
                .stroke(Stroke::new(1.0, palette.divider()))
                .corner_radius(corner::CARD)
                .inner_margin(space::XL)
                .show(ui, |ui| {
                    ui.set_width(width - 2.0 * space::XL);
                    content(ui);
                })
        })
        .response
        .rect
        .height();
    if known != Some(height) {
        ui.data_mut(|data| data.insert_temp(height_id, height));
        ui.ctx().request_repaint();
    }
}

fn header_room(ui: &Ui) -> f32 {
    ui.spacing().interact_size.y + 2.0 * space::M
}
