//! Layout of the call screen for windows of any size.

use autamedica_call::CallState;
use egui::emath::GuiRounding;
use egui::{Rect, Ui, pos2};

use super::{bar, top};
use crate::theme::space;
use crate::ui::Cx;

/// Width in points below which the stage isn't shrunk for the panel: the panel covers it.
const MIN_STAGE_WIDTH: f32 = 420.0;

pub(super) struct Layout {
    /// Area of the pictures.
    pub stage: Rect,
    pub bar: Rect,
    pub bar_form: bar::Form,
    /// Area of the panel; empty when closed.
    pub panel: Rect,
    /// Height of the labels at the top of the stage.
    pub label_height: f32,
}

impl Layout {
    /// Computes the layout. `open`: how far the panel is open, 0 to 1.
    pub fn new(ui: &Ui, cx: &Cx, state: &CallState, open: f32, panel_width: f32) -> Self {
        let window = ui.max_rect().shrink(space::S);
        let buttons = bar::Buttons::of(cx, state);
        let (panel_width, gap) = if open > 0.0 { (panel_width.min(window.width()), space::S) } else { (0.0, 0.0) };
        let beside = window.width() - panel_width - gap;
        let stage = if beside >= MIN_STAGE_WIDTH { window.with_max_x(window.left() + beside) } else { window };
        // In a small window the bar has an area of its own, and the panel ends above it.
        let own_room = bar::Form::that_fits(cx, buttons, stage.width() - 2.0 * space::S);
        let narrow = stage == window || !own_room.has_captions();
        let around = if narrow { window } else { stage };
        let form = bar::Form::that_fits(cx, buttons, around.width() - 2.0 * space::XS);
        let size = form.size(cx, buttons);
        let center = pos2(around.center().x, around.bottom() - space::S - size.y / 2.0);
        // On whole pixels, so that the bar's pixels can be copied.
        let bar = Rect::from_center_size(center, size).round_to_pixels(ui.pixels_per_point());
        let panel = window.with_min_x(window.right() - panel_width);
        let panel = if narrow { panel.with_max_y(bar.top() - space::S) } else { panel };
        Self { stage, bar, bar_form: form, panel, label_height: top::label_height(cx) + space::S + space::XS }
    }
}
