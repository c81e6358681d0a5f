//! Controls of the light screens: choices, switches, meters, stars. Each has an accessible name, role and state.

use egui::{
    Align2, Color32, ComboBox, CornerRadius, Pos2, Rect, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo,
};
use lucide_icons::Icon;

use super::widgets::focus_ring;
use crate::theme::{Palette, Sizes, bold_font, corner, icon_font, regular_font, space};

/// Draws text without an accessibility node: the control beside it carries the text as its name.
pub fn caption(ui: &mut Ui, sizes: &Sizes, text: &str) {
    let color = Palette::of(ui).text;
    let galley = ui.painter().layout(text.to_owned(), bold_font(sizes.body), color, ui.available_width());
    let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
    ui.painter().galley(rect.min, galley, color);
}

/// Draws wrapped text in this colour.
pub fn note(ui: &mut Ui, sizes: &Sizes, text: &str, color: Color32) -> Response {
    ui.label(RichText::new(text).font(regular_font(sizes.body)).color(color))
}

/// Draws a drop-down list. Returns the index of a new choice.
pub fn choice(ui: &mut Ui, label: &str, options: &[String], selected: Option<usize>) -> Option<usize> {
    let current = selected.and_then(|n| options.get(n)).cloned().unwrap_or_default();
    let mut chosen = None;
    let width = ui.available_width();
    let response = ComboBox::from_id_salt(label)
        .selected_text(current.clone())
        .width(width)
        .truncate()
        .show_ui(ui, |ui| {
            for (n, option) in options.iter().enumerate() {
                if ui.selectable_label(selected == Some(n), option).clicked() && selected != Some(n) {
                    chosen = Some(n);
                }
            }
        })
        .response;
    response.widget_info(|| WidgetInfo {
        label: Some(label.to_owned()),
        current_text_value: Some(current.clone()),
        ..WidgetInfo::new(Role::ComboBox)
    });
    focus_ring(ui, &response, CornerRadius::same(corner::CARD));
    chosen
}

/// Draws a labelled switch. Returns whether it was toggled.
pub fn switch(ui: &mut Ui, sizes: &Sizes, label: &str, on: bool) -> bool {
    let palette = Palette::of(ui);
    let knob = Vec2::new(44.0, 26.0);
    let words_width = (ui.available_width() - knob.x - space::S).max(80.0);
    let galley = ui.painter().layout(label.to_owned(), regular_font(sizes.body), palette.text, words_width);
    let size = Vec2::new(ui.available_width(), galley.size().y.max(sizes.control));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, label));
    let track = Rect::from_min_size(Pos2::new(rect.left(), rect.center().y - knob.y / 2.0), knob);
    let fill = if on { palette.primary } else { palette.raised };
    let fill = if response.hovered() { palette.hovered(fill) } else { fill };
    let painter = ui.painter();
    painter.rect_filled(track, corner::FULL, fill);
    painter.rect_stroke(track, corner::FULL, Stroke::new(1.0, palette.outline), StrokeKind::Inside);
    let x = if on { track.right() - knob.y / 2.0 } else { track.left() + knob.y / 2.0 };
    let dot = if on { palette.on_primary } else { palette.muted };
    painter.circle_filled(Pos2::new(x, track.center().y), knob.y / 2.0 - 4.0, dot);
    let words = Pos2::new(track.right() + space::S, rect.center().y - galley.size().y / 2.0);
    painter.galley(words, galley, palette.text);
    focus_ring(ui, &response, CornerRadius::same(corner::CARD));
    response.clicked()
}

/// Draws a few options side by side. Returns the index of a new choice.
pub fn segments(ui: &mut Ui, sizes: &Sizes, label: &str, options: &[String], selected: usize) -> Option<usize> {
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
        for (n, option) in options.iter().enumerate() {
            if chip(ui, sizes, &format!("{label}: {option}"), option, Role::RadioButton, n == selected) && n != selected
            {
                chosen = Some(n);
            }
        }
    });
    chosen
}

/// Draws a selectable word with the accessible name `name`. Returns whether it was pressed.
pub fn chip(ui: &mut Ui, sizes: &Sizes, name: &str, text: &str, role: Role, on: bool) -> bool {
    let palette = Palette::of(ui);
    let ink = if on { palette.on_primary } else { palette.text };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), bold_font(sizes.body), ink);
    let size = Vec2::new(galley.size().x + 2.0 * space::M, sizes.control);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(role, true, on, name));
    let fill = if on { palette.primary } else { palette.raised };
    let fill = if response.hovered() { palette.hovered(fill) } else { fill };
    ui.painter().rect_filled(rect, corner::CARD, fill);
    ui.painter().rect_stroke(rect, corner::CARD, Stroke::new(1.0, palette.outline), StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, ink);
    focus_ring(ui, &response, CornerRadius::same(corner::CARD));
    response.clicked()
}

/// Draws a loudness from 0 to 1 as a row of blocks.
pub fn meter(ui: &mut Ui, label: &str, loudness: f32) {
    const BLOCKS: usize = 14;
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), space::S), Sense::hover());
    // Screen readers get tenths, so that the value changes rarely.
    let spoken = f64::from((loudness * 10.0).round() / 10.0);
    response.widget_info(|| WidgetInfo {
        label: Some(label.to_owned()),
        value: Some(spoken),
        ..WidgetInfo::new(Role::Meter)
    });
    let step = rect.width() / BLOCKS as f32;
    for n in 0..BLOCKS {
        let block = Rect::from_min_size(
            Pos2::new(rect.left() + n as f32 * step, rect.top()),
            Vec2::new(step - space::XXS, rect.height()),
        );
        let lit = loudness * BLOCKS as f32 > n as f32 + 0.5;
        let color = match (lit, n) {
            (false, _) => palette.divider(),
            (true, n) if n + 2 >= BLOCKS => palette.warning,
            (true, _) => palette.ok,
        };
        ui.painter().rect_filled(block, 3, color);
    }
}

/// Converts a loudness to a meter position: logarithmic, as hearing is.
pub fn along_meter(rms: f32) -> f32 {
    if rms <= 0.0 { 0.0 } else { ((20.0 * rms.log10() + 60.0) / 54.0).clamp(0.0, 1.0) }
}

/// Draws five stars, named by `name`. Returns the number of a pressed star.
pub fn stars(ui: &mut Ui, sizes: &Sizes, given: u32, name: impl Fn(u32) -> String) -> Option<u32> {
    let palette = Palette::of(ui);
    let mut pressed = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
        for star in 1..=5 {
            let (rect, response) = ui.allocate_exact_size(Vec2::splat(sizes.call_button), Sense::click());
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, star == given, name(star)));
            if response.hovered() {
                ui.painter().rect_filled(rect, corner::FULL, palette.raised);
            }
            // Stars are outlines until rated: filled ones would look like an existing rating.
            star_shape(ui, rect.center(), sizes.call_icon() * 0.72, star <= given);
            focus_ring(ui, &response, CornerRadius::same(corner::FULL));
            if response.clicked() {
                pressed = Some(star);
            }
        }
    });
    pressed
}

/// Draws a star, filled or as an outline.
fn star_shape(ui: &Ui, center: Pos2, radius: f32, filled: bool) {
    const POINTS: usize = 10;
    let palette = Palette::of(ui);
    let point = |n: usize| {
        let angle = std::f32::consts::TAU * n as f32 / POINTS as f32 - std::f32::consts::FRAC_PI_2;
        let radius = if n.is_multiple_of(2) { radius } else { radius * 0.45 };
        center + radius * Vec2::angled(angle)
    };
    let edge: Vec<_> = (0..POINTS).map(point).collect();
    if filled {
        let mut mesh = egui::Mesh::default();
        mesh.colored_vertex(center, palette.primary);
        edge.iter().for_each(|at| mesh.colored_vertex(*at, palette.primary));
        for n in 0..POINTS as u32 {
            mesh.add_triangle(0, 1 + n, 1 + (n + 1) % POINTS as u32);
        }
        ui.painter().add(mesh);
    }
    let ink = if filled { palette.primary } else { palette.outline };
    ui.painter().add(egui::Shape::closed_line(edge, Stroke::new(2.0, ink)));
}

/// Draws an icon beside wrapped text; screen readers read the text only.
pub fn remark(ui: &mut Ui, sizes: &Sizes, icon: Icon, color: Color32, text: &str) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        let side = sizes.body * 1.25;
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, char::from(icon), icon_font(side), color);
        let ink = Palette::of(ui).text;
        ui.vertical(|ui| note(ui, sizes, text, ink));
    });
}

#[cfg(test)]
mod tests {
    use super::along_meter;

    #[test]
    fn the_meter_follows_the_ear() {
        assert_eq!(along_meter(0.0), 0.0);
        assert_eq!(along_meter(0.0005), 0.0);
        assert_eq!(along_meter(1.0), 1.0);
        let (quiet, voice) = (along_meter(0.005), along_meter(0.05));
        assert!(quiet > 0.1 && voice > 0.5 && voice < 0.8, "{quiet} {voice}");
    }
}
