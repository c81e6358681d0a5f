//! Colours, sizes and fonts of the app. Nothing else defines any.
//!
//! Two palettes: light outside a call, dark in it, so that faces stand out.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, Style,
    TextStyle, Theme, Ui, Vec2, Visuals,
};

/// Spacing in points.
pub mod space {
    /// Between parts of one element.
    pub const XXS: f32 = 4.0;
    /// Between an icon and its label.
    pub const XS: f32 = 8.0;
    /// Inside a card, between rows.
    pub const S: f32 = 12.0;
    /// Between controls.
    pub const M: f32 = 16.0;
    /// Around a card's content.
    pub const L: f32 = 24.0;
    /// Between groups.
    pub const XL: f32 = 32.0;
    /// Around a screen's content.
    pub const XXL: f32 = 48.0;
}

/// Corner radii in points.
pub mod corner {
    /// Cards, fields and buttons.
    pub const CARD: u8 = 12;
    /// Videos.
    pub const VIDEO: f32 = 24.0;
    /// Thumbnails, for which [`VIDEO`] is too large.
    pub const THUMB: f32 = 16.0;
    /// Fully rounded elements.
    pub const FULL: u8 = 255;
}

/// Duration of the fade-in of a panel, in seconds.
pub const FADE_SECONDS: f32 = 0.15;
/// Dimming of videos while the connection is restored.
pub const DIMMED: f32 = 0.4;
/// Width of the keyboard focus ring in points.
pub const FOCUS_WIDTH: f32 = 3.0;

/// Sizes in points, larger on a kiosk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Screen titles.
    pub title: f32,
    /// Subtitles and names.
    pub lead: f32,
    /// Body text.
    pub body: f32,
    /// Captions of icons and times.
    pub caption: f32,
    /// Diameter of a call button.
    pub call_button: f32,
    /// Height of other buttons and fields; at least 44.
    pub control: f32,
    /// Width of the card in the middle of a light screen.
    pub card: f32,
}

impl Sizes {
    /// For clinic PCs and at home.
    pub const DESKTOP: Self =
        Self { title: 28.0, lead: 20.0, body: 16.0, caption: 14.0, call_button: 56.0, control: 48.0, card: 560.0 };
    /// For a kiosk: larger.
    pub const KIOSK: Self =
        Self { title: 36.0, lead: 28.0, body: 20.0, caption: 16.0, call_button: 72.0, control: 64.0, card: 720.0 };

    /// Returns the size of the icon in a call button.
    pub fn call_icon(&self) -> f32 {
        (self.call_button * 0.43).round()
    }
}

/// Colours of a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Background of the window.
    pub background: Color32,
    /// Cards, fields, panels.
    pub surface: Color32,
    /// Controls on a surface.
    pub raised: Color32,
    /// Edges of fields and cards.
    pub outline: Color32,
    /// Text.
    pub text: Color32,
    /// Secondary text.
    pub muted: Color32,
    /// Main action.
    pub primary: Color32,
    /// Text and icons on `primary`.
    pub on_primary: Color32,
    /// Hang up, remove, recording.
    pub danger: Color32,
    /// Text and icons on `danger`.
    pub on_danger: Color32,
    /// Warnings.
    pub warning: Color32,
    /// Text and icons on `warning`.
    pub on_warning: Color32,
    /// Success.
    pub ok: Color32,
    /// Keyboard focus ring.
    pub focus: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

impl Palette {
    /// Start, check, waiting room and end.
    pub const LIGHT: Self = Self {
        background: rgb(0xF6F8F9),
        surface: rgb(0xFFFFFF),
        raised: rgb(0xE8EEF0),
        outline: rgb(0x7C8D97),
        text: rgb(0x12212B),
        muted: rgb(0x52646F),
        primary: rgb(0x0B6E6E),
        on_primary: rgb(0xFFFFFF),
        danger: rgb(0xC62F2F),
        on_danger: rgb(0xFFFFFF),
        warning: rgb(0x8A5A00),
        on_warning: rgb(0xFFFFFF),
        ok: rgb(0x1C7C43),
        focus: rgb(0x1A73E8),
    };

    /// In the call.
    pub const DARK: Self = Self {
        background: rgb(0x101619),
        surface: rgb(0x1A2328),
        raised: rgb(0x2A363D),
        outline: rgb(0x6C7D86),
        text: rgb(0xF1F5F7),
        muted: rgb(0xA9B8C0),
        primary: rgb(0x3CC1B8),
        on_primary: rgb(0x101619),
        danger: rgb(0xFF6B61),
        on_danger: rgb(0x101619),
        warning: rgb(0xFFC35A),
        on_warning: rgb(0x101619),
        ok: rgb(0x5FD38D),
        focus: rgb(0x8AB4F8),
    };

    /// Returns the palette of `ui`.
    pub fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode { &Self::DARK } else { &Self::LIGHT }
    }

    /// Returns the fill of an element on a video. Opaque, so that its pixels can be copied.
    pub fn overlay(&self) -> Color32 {
        self.surface
    }

    /// Returns a control's fill under the pointer.
    pub fn hovered(&self, fill: Color32) -> Color32 {
        fill.lerp_to_gamma(self.text, 0.10)
    }

    /// Returns a control's fill while it is pressed.
    pub fn pressed(&self, fill: Color32) -> Color32 {
        fill.lerp_to_gamma(self.text, 0.18)
    }

    /// Returns a fill tinted with `accent`, for notices and status badges.
    pub fn tinted(&self, accent: Color32) -> Color32 {
        self.surface.lerp_to_gamma(accent, 0.12)
    }

    /// Returns the colour of a line between parts of a surface.
    pub fn divider(&self) -> Color32 {
        self.surface.lerp_to_gamma(self.text, 0.12)
    }
}

/// Returns the bold font of the text family.
pub fn bold() -> FontFamily {
    FontFamily::Name("bold".into())
}

/// Returns the icon font.
pub fn icons() -> FontFamily {
    FontFamily::Name("icons".into())
}

/// Returns the regular font in this size.
pub fn regular_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Returns the bold font in this size.
pub fn bold_font(size: f32) -> FontId {
    FontId::new(size, bold())
}

/// Returns the icon font in this size.
pub fn icon_font(size: f32) -> FontId {
    FontId::new(size, icons())
}

/// Installs fonts and styles in `ctx`.
pub fn install(ctx: &Context, sizes: Sizes) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(Theme::Light, style(&Palette::LIGHT, false, sizes));
    ctx.set_style_of(Theme::Dark, style(&Palette::DARK, true, sizes));
    ctx.set_theme(Theme::Light);
    // One pixel of feathering suffices; more costs fill rate on software GL.
    ctx.tessellation_options_mut(|options| options.feathering_size_in_pixels = 1.0);
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [
        ("regular", notosans::REGULAR_TTF),
        ("bold", notosans::BOLD_TTF),
        ("icons", lucide_icons::LUCIDE_FONT_BYTES),
        // For chat. Other scripts come from the system's fonts when needed.
        ("emoji", epaint_default_fonts::NOTO_EMOJI_REGULAR),
    ] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    for (family, order) in [
        (FontFamily::Proportional, ["regular", "icons", "emoji"]),
        (FontFamily::Monospace, ["regular", "icons", "emoji"]),
        (bold(), ["bold", "icons", "emoji"]),
        (icons(), ["icons", "regular", "emoji"]),
    ] {
        fonts.families.insert(family, order.map(str::to_owned).to_vec());
    }
    fonts
}

fn style(palette: &Palette, dark: bool, sizes: Sizes) -> Style {
    let mut style = Style { visuals: visuals(palette, dark), animation_time: FADE_SECONDS, ..Style::default() };
    style.text_styles = BTreeMap::from([
        (TextStyle::Heading, bold_font(sizes.title)),
        (TextStyle::Body, regular_font(sizes.body)),
        (TextStyle::Button, bold_font(sizes.body)),
        (TextStyle::Small, regular_font(sizes.caption)),
        (TextStyle::Monospace, regular_font(sizes.body)),
    ]);
    style.spacing.item_spacing = Vec2::new(space::XS, space::XS);
    style.spacing.button_padding = Vec2::new(space::M, space::S);
    style.spacing.interact_size = Vec2::splat(sizes.control);
    style.spacing.menu_margin = Margin::same(space::XS as i8);
    style.spacing.window_margin = Margin::same(space::M as i8);
    style.spacing.tooltip_width = 280.0;
    style.interaction.tooltip_delay = 0.6;
    style.interaction.selectable_labels = false;
    style.url_in_tooltip = false;
    style
}

fn visuals(palette: &Palette, dark: bool) -> Visuals {
    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    let corner = CornerRadius::same(corner::CARD);
    visuals.weak_text_color = Some(palette.muted);
    visuals.hyperlink_color = palette.primary;
    visuals.warn_fg_color = palette.warning;
    visuals.error_fg_color = palette.danger;
    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.surface;
    visuals.window_stroke = Stroke::new(1.0, palette.divider());
    visuals.window_corner_radius = corner;
    visuals.menu_corner_radius = corner;
    visuals.extreme_bg_color = palette.surface;
    visuals.text_edit_bg_color = Some(if dark { palette.raised } else { palette.surface });
    visuals.faint_bg_color = palette.raised;
    visuals.popup_shadow =
        Shadow { offset: [0, 8], blur: 24, spread: 0, color: Color32::from_black_alpha(if dark { 110 } else { 40 }) };
    visuals.window_shadow = visuals.popup_shadow;
    visuals.selection.bg_fill = palette.primary.gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(FOCUS_WIDTH, palette.focus);
    visuals.text_cursor.stroke = Stroke::new(2.0, palette.primary);
    // Less distracting, and avoids drawing twice a second. The focused field has a ring.
    visuals.text_cursor.blink = false;
    visuals.interact_cursor = Some(egui::CursorIcon::PointingHand);
    let states = &mut visuals.widgets;
    for (state, fill) in [
        (&mut states.noninteractive, palette.surface),
        (&mut states.inactive, palette.raised),
        (&mut states.hovered, palette.hovered(palette.raised)),
        (&mut states.active, palette.pressed(palette.raised)),
        (&mut states.open, palette.hovered(palette.raised)),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.corner_radius = corner;
        state.expansion = 0.0;
        state.fg_stroke = Stroke::new(1.5, palette.text);
        state.bg_stroke = Stroke::NONE;
    }
    states.noninteractive.bg_stroke = Stroke::new(1.0, palette.divider());
    states.inactive.bg_stroke = Stroke::new(1.0, palette.outline);
    states.hovered.bg_stroke = Stroke::new(1.0, palette.text);
    states.active.bg_stroke = Stroke::new(FOCUS_WIDTH, palette.focus);
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes WCAG 2.2's relative luminance.
    fn luminance(color: Color32) -> f32 {
        let linear = |channel: u8| {
            let c = f32::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn contrast_is_computed_as_the_standard_says() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
        assert!((contrast(rgb(0x777777), Color32::WHITE) - 4.48).abs() < 0.01);
    }

    #[test]
    fn words_are_legible_on_every_surface_they_lie_on() {
        for (name, p) in [("light", Palette::LIGHT), ("dark", Palette::DARK)] {
            let pairs = [
                ("text on background", p.text, p.background),
                ("text on surface", p.text, p.surface),
                ("text on raised", p.text, p.raised),
                ("muted on background", p.muted, p.background),
                ("muted on surface", p.muted, p.surface),
                ("muted on raised", p.muted, p.raised),
                ("primary on background", p.primary, p.background),
                ("primary on surface", p.primary, p.surface),
                ("on_primary on primary", p.on_primary, p.primary),
                ("on_primary on hovered primary", p.on_primary, p.hovered(p.primary)),
                ("danger on background", p.danger, p.background),
                ("danger on surface", p.danger, p.surface),
                ("on_danger on danger", p.on_danger, p.danger),
                ("on_danger on hovered danger", p.on_danger, p.hovered(p.danger)),
                ("on_danger on pressed danger", p.on_danger, p.pressed(p.danger)),
                ("warning on background", p.warning, p.background),
                ("warning on surface", p.warning, p.surface),
                ("on_warning on warning", p.on_warning, p.warning),
                ("ok on background", p.ok, p.background),
                ("ok on surface", p.ok, p.surface),
                ("text on hovered raised", p.text, p.hovered(p.raised)),
                ("text on warning tint", p.text, p.tinted(p.warning)),
                ("muted on warning tint", p.muted, p.tinted(p.warning)),
                ("text on danger tint", p.text, p.tinted(p.danger)),
                ("muted on danger tint", p.muted, p.tinted(p.danger)),
            ];
            for (pair, front, back) in pairs {
                assert!(contrast(front, back) >= 4.5, "{name}: {pair} is {:.2}", contrast(front, back));
            }
        }
    }

    #[test]
    fn labels_are_legible_over_any_picture() {
        let p = Palette::DARK;
        for picture in [Color32::WHITE, Color32::BLACK, rgb(0x00FF00), rgb(0xFFFF00)] {
            let back = picture.blend(p.overlay());
            for (name, front) in [("text", p.text), ("muted", p.muted), ("danger", p.danger), ("ok", p.ok)] {
                assert!(contrast(front, back) >= 4.5, "{name} over {picture:?} is {:.2}", contrast(front, back));
            }
        }
    }

    #[test]
    fn edges_and_focus_are_visible() {
        for p in [Palette::LIGHT, Palette::DARK] {
            for back in [p.background, p.surface] {
                assert!(contrast(p.outline, back) >= 3.0, "outline {:.2}", contrast(p.outline, back));
                assert!(contrast(p.focus, back) >= 3.0, "focus {:.2}", contrast(p.focus, back));
            }
        }
    }

    #[test]
    fn nothing_is_too_small_to_hit() {
        for sizes in [Sizes::DESKTOP, Sizes::KIOSK] {
            assert!(sizes.control >= 44.0 && sizes.call_button >= 44.0);
        }
    }

    #[test]
    fn fonts_hold_every_letter_of_our_languages() {
        let mut fonts = egui::epaint::text::Fonts::new(egui::epaint::TextOptions::default(), fonts());
        for family in [FontFamily::Proportional, bold()] {
            let font = FontId::new(16.0, family);
            assert!(fonts.has_glyphs(&font, "😀😂😢👍👎🙏❤✅❌⚠😷💊💉🏥📞"), "{font:?} lacks emoji");
            assert!(fonts.has_glyphs(&font, "ÁÉÍÓÚÜÑáéíóúüñ¿¡«»…·–—’“”ºª€ABCabc0123456789"));
        }
    }
}
