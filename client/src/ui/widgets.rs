//! Basic controls of the screens. Each has an accessible name.

use std::borrow::Cow;

use egui::{
    Align2, Color32, CornerRadius, Id, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
};
use lucide_icons::Icon;

use crate::theme::{FOCUS_WIDTH, Palette, Sizes, bold_font, corner, icon_font, regular_font, space};

/// Purpose of a button, which decides its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Secondary action.
    Neutral,
    /// Main action.
    Primary,
    /// Ends or removes something.
    Danger,
    /// Switched-off source: prominent, but no alarm.
    Inverted,
    /// Recording is on.
    Live,
    /// Without a fill.
    Plain,
}

impl Tone {
    fn colors(self, palette: &Palette) -> (Color32, Color32) {
        match self {
            Self::Neutral => (palette.raised, palette.text),
            Self::Primary => (palette.primary, palette.on_primary),
            Self::Danger => (palette.danger, palette.on_danger),
            Self::Inverted => (palette.text, palette.background),
            Self::Live => (palette.raised, palette.danger),
            Self::Plain => (Color32::TRANSPARENT, palette.text),
        }
    }
}

fn fill_for(palette: &Palette, response: &Response, fill: Color32) -> Color32 {
    let fill_or_surface = if fill == Color32::TRANSPARENT { palette.surface } else { fill };
    // An inverted button has the text's colour, so it blends towards the background on hover.
    let toward = if fill == palette.text { palette.background } else { palette.text };
    if response.is_pointer_button_down_on() {
        fill_or_surface.lerp_to_gamma(toward, 0.18)
    } else if response.hovered() {
        fill_or_surface.lerp_to_gamma(toward, 0.10)
    } else {
        fill
    }
}

pub fn focus_ring(ui: &Ui, response: &Response, corner: CornerRadius) {
    if response.has_focus() {
        let stroke = Stroke::new(FOCUS_WIDTH, Palette::of(ui).focus);
        ui.painter().rect_stroke(response.rect.expand(FOCUS_WIDTH), corner, stroke, StrokeKind::Middle);
    }
}

/// Round call button with a caption.
pub struct CallButton<'a> {
    pub icon: Icon,
    /// Text under the button.
    pub caption: &'a str,
    /// Accessible name and tooltip: the effect of pressing the button.
    pub label: &'a str,
    /// Keyboard shortcut for the tooltip.
    pub shortcut: &'a str,
    pub tone: Tone,
    /// State of a toggle; `None` for other buttons.
    pub on: Option<bool>,
    /// Number in the corner; zero for none.
    pub badge: usize,
}

impl CallButton<'_> {
    /// Returns the size of a button with its caption.
    pub fn size(sizes: &Sizes) -> Vec2 {
        Vec2::new(sizes.call_button + space::L + space::XXS, sizes.call_button + space::XXS + sizes.caption * 1.4)
    }

    /// Draws the button in `rect` (of [`size`](Self::size)). While `hidden`, the keyboard can focus it but a pointer
    /// can't press it.
    pub fn show(self, ui: &Ui, id: Id, rect: Rect, sizes: &Sizes, hidden: bool) -> Response {
        let palette = Palette::of(ui);
        let sense = if hidden { Sense::focusable_noninteractive() } else { Sense::click() };
        let response = ui.interact(rect, id, sense);
        response.widget_info(|| WidgetInfo {
            label: Some(self.label.to_owned()),
            selected: self.on,
            ..WidgetInfo::new(Role::Button)
        });
        let radius = sizes.call_button / 2.0;
        let center = Pos2::new(rect.center().x, rect.top() + radius);
        let (fill, ink) = self.tone.colors(palette);
        let painter = ui.painter();
        painter.circle_filled(center, radius, fill_for(palette, &response, fill));
        painter.text(center, Align2::CENTER_CENTER, char::from(self.icon), icon_font(sizes.call_icon()), ink);
        if !self.caption.is_empty() {
            let caption_at = Pos2::new(center.x, rect.bottom());
            painter.text(caption_at, Align2::CENTER_BOTTOM, self.caption, regular_font(sizes.caption), palette.muted);
        }
        if self.badge > 0 {
            badge(ui, center + Vec2::new(radius * 0.72, -radius * 0.72), self.badge, sizes);
        }
        if response.has_focus() {
            painter.circle_stroke(center, radius + FOCUS_WIDTH, Stroke::new(FOCUS_WIDTH, palette.focus));
        }
        if self.shortcut.is_empty() {
            response.on_hover_text(self.label)
        } else {
            response.on_hover_text(format!("{} · {}", self.label, self.shortcut))
        }
    }
}

fn badge(ui: &Ui, center: Pos2, count: usize, sizes: &Sizes) {
    let palette = Palette::of(ui);
    let text = if count > 9 { "9+".to_owned() } else { count.to_string() };
    let galley = ui.painter().layout_no_wrap(text, bold_font(sizes.caption), palette.on_primary);
    let size = Vec2::new((galley.size().x + space::XS).max(galley.size().y), galley.size().y);
    let rect = Rect::from_center_size(center, size);
    ui.painter().rect_filled(rect.expand(2.0), corner::FULL, palette.surface);
    ui.painter().rect_filled(rect, corner::FULL, palette.primary);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.on_primary);
}

/// Button with text and optionally an icon.
pub struct TextButton<'a> {
    pub text: Cow<'a, str>,
    /// Icon before the text.
    pub icon: Option<Icon>,
    pub tone: Tone,
    pub min_width: f32,
    /// Accessible name, where the text isn't enough.
    pub label: Option<Cow<'a, str>>,
}

impl<'a> TextButton<'a> {
    /// Creates a button with text only.
    pub fn new(text: impl Into<Cow<'a, str>>, tone: Tone) -> Self {
        Self { text: text.into(), icon: None, tone, min_width: 0.0, label: None }
    }

    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Sets the accessible name, where the text isn't enough.
    pub fn label(mut self, label: impl Into<Cow<'a, str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub fn min_width(mut self, width: f32) -> Self {
        self.min_width = width;
        self
    }

    pub fn width(&self, ui: &Ui, sizes: &Sizes) -> f32 {
        let text = ui.painter().layout_no_wrap(self.text.to_string(), bold_font(sizes.body), Color32::PLACEHOLDER);
        self.width_around(text.size().x, sizes)
    }

    fn width_around(&self, text: f32, sizes: &Sizes) -> f32 {
        (text + self.icon_room(sizes) + 2.0 * space::L).max(self.min_width)
    }

    fn icon_room(&self, sizes: &Sizes) -> f32 {
        if self.icon.is_some() { sizes.body * 1.25 + space::XS } else { 0.0 }
    }

    /// Draws the button at the cursor of `ui`.
    pub fn show(self, ui: &mut Ui, sizes: &Sizes) -> Response {
        let palette = Palette::of(ui);
        let (fill, ink) = self.tone.colors(palette);
        let text = ui.painter().layout_no_wrap(self.text.to_string(), bold_font(sizes.body), ink);
        let (icon_size, icon_room) = (sizes.body * 1.25, self.icon_room(sizes));
        let width = self.width_around(text.size().x, sizes);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, sizes.control), Sense::click());
        response.widget_info(|| {
            let label = self.label.as_deref().unwrap_or(&self.text);
            WidgetInfo::labeled(Role::Button, ui.is_enabled(), label)
        });
        let painter = ui.painter();
        painter.rect_filled(rect, corner::CARD, fill_for(palette, &response, fill));
        if self.tone == Tone::Neutral {
            let edge = Stroke::new(1.0, palette.outline);
            painter.rect_stroke(rect, corner::CARD, edge, StrokeKind::Inside);
        }
        let start = rect.center().x - (text.size().x + icon_room) / 2.0;
        if let Some(icon) = self.icon {
            let at = Pos2::new(start, rect.center().y);
            painter.text(at, Align2::LEFT_CENTER, char::from(icon), icon_font(icon_size), ink);
        }
        painter.galley(Pos2::new(start + icon_room, rect.center().y - text.size().y / 2.0), text, ink);
        focus_ring(ui, &response, CornerRadius::same(corner::CARD));
        response
    }
}

/// Draws a small square icon button in `rect`.
pub fn icon_button(ui: &Ui, id: Id, rect: Rect, icon: Icon, label: &str, tone: Tone, sizes: &Sizes) -> Response {
    let palette = Palette::of(ui);
    let (fill, ink) = tone.colors(palette);
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), label));
    let fill = fill_for(palette, &response, fill);
    if fill != Color32::TRANSPARENT {
        ui.painter().rect_filled(rect, corner::CARD, fill);
    }
    let font = icon_font(sizes.body * 1.25);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, char::from(icon), font, ink);
    focus_ring(ui, &response, CornerRadius::same(corner::CARD));
    response.on_hover_text(label)
}

/// Draws an icon without an accessibility node, for use beside equivalent text.
pub fn sign(ui: &mut Ui, icon: Icon, size: f32, color: Color32) {
    let galley = ui.painter().layout_no_wrap(char::from(icon).to_string(), icon_font(size), color);
    let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
    ui.painter().galley(rect.min, galley, color);
}

/// Paints text with an accessibility node.
pub fn words(ui: &Ui, id: Id, at: Pos2, anchor: Align2, text: &str, font: egui::FontId, color: Color32) -> Rect {
    let rect = ui.painter().text(at, anchor, text, font, color);
    announce(ui, id, rect, text);
    rect
}

/// Adds an accessibility node with `text` at `rect`.
pub fn announce(ui: &Ui, id: Id, rect: Rect, text: &str) {
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
}

/// Adds a live accessibility node: screen readers read its changes when idle.
pub fn announce_live(ui: &Ui, id: Id, rect: Rect, text: &str) {
    announce(ui, id, rect, text);
    ui.ctx().accesskit_node_builder(id, |node| node.set_live(egui::accesskit::Live::Polite));
}

/// Adds an accessibility node for a picture called `label`.
pub fn announce_picture(ui: &Ui, id: Id, rect: Rect, label: &str) {
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label));
}

/// Returns up to two initials of a name.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.chars().next());
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_the_first_and_last_words() {
        assert_eq!(initials("María José Gómez"), "MG");
        assert_eq!(initials("álvaro"), "Á");
        assert_eq!(initials("patient-maria-123"), "P1");
        assert_eq!(initials(""), "");
    }
}
