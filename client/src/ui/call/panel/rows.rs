//! Virtual list of chat messages: only visible rows are laid out.

use std::collections::HashMap;

use egui::{Rect, Ui, UiBuilder, pos2, vec2};

use super::bubble::{MAX_WIDTH, Request, bubble};
use super::previews::Previews;
use crate::call::{CallState, ChatMessage};
use crate::theme::space;
use crate::ui::Cx;

/// Distance in points beyond the visible area in which rows are drawn too, so that keyboard and screen readers reach
/// them.
const MARGIN: f32 = 80.0;
/// Estimated height in points of a file's row before it is drawn.
const FILE_HEIGHT: f32 = 90.0;
/// Estimated height in points of a photo's row before it is drawn.
const PHOTO_HEIGHT: f32 = 330.0;

#[derive(Default)]
pub(super) struct Rows {
    /// Height by message number, as last drawn.
    heights: HashMap<u64, f32>,
    /// Width and text size, on which all heights depend.
    layout: (f32, f32),
}

impl Rows {
    /// Draws the rows within `seen`, which is relative to the first row's upper edge.
    pub fn show(&mut self, ui: &mut Ui, cx: &Cx, state: &CallState, seen: Rect, previews: &mut Previews) -> Request {
        let layout = (ui.available_width(), cx.sizes.body);
        if self.layout != layout {
            self.layout = layout;
            self.heights.clear();
        }
        if self.heights.len() > 2 * state.chat.len() {
            self.heights.retain(|number, _| state.chat.iter().any(|message| message.number == *number));
        }
        let origin = ui.max_rect().left_top();
        let (from, to) = (seen.top() - MARGIN, seen.bottom() + MARGIN);
        let mut request = Request::default();
        let mut changed = false;
        let mut top = 0.0;
        previews.begin();
        for message in state.chat.iter() {
            let mut height = self.height(message);
            if true || (top + height >= from && top <= to) {
                let drawn = draw(ui, cx, state, message, (origin.y + top, height), previews, &mut request);
                changed |= (drawn - height).abs() > 0.5;
                self.heights.insert(message.number, drawn);
                height = drawn;
            }
            top += height;
        }
        previews.end();
        ui.expand_to_include_rect(Rect::from_min_size(origin, vec2(ui.available_width(), top)));
        if changed {
            // The scroll range is known only now.
            ui.ctx().request_discard("heights of chat lines");
            ui.ctx().request_repaint();
        }
        request
    }

    /// Returns a row's height, estimated until it is drawn.
    fn height(&self, message: &ChatMessage) -> f32 {
        if let Some(height) = self.heights.get(&message.number) {
            return *height;
        }
        let (width, body) = self.layout;
        let line = body * 1.4;
        let frame = line + 2.0 * space::XS + space::S;
        match &message.file {
            Some(file) if file.preview.is_some() => PHOTO_HEIGHT,
            Some(_) => FILE_HEIGHT,
            None => {
                let of_line = (width * MAX_WIDTH / (body * 0.5)).max(1.0);
                let lines = |text: &str| (text.chars().count() as f32 / of_line).ceil().max(1.0);
                frame + line * message.text.lines().map(lines).sum::<f32>().max(1.0)
            }
        }
    }
}

/// Draws a row. Returns its height.
fn draw(
    ui: &mut Ui,
    cx: &Cx,
    state: &CallState,
    message: &ChatMessage,
    (top, height): (f32, f32),
    previews: &mut Previews,
    request: &mut Request,
) -> f32 {
    let left = ui.max_rect().left();
    let place = Rect::from_min_size(pos2(left, top), vec2(ui.available_width(), height));
    let mut row = ui.new_child(UiBuilder::new().max_rect(place));
    row.spacing_mut().item_spacing.y = 0.0;
    let of_row = bubble(&mut row, cx, state, message, previews);
    request.open = of_row.open.or(request.open.take());
    request.save = of_row.save.or(request.save.take());
    request.again = of_row.again.or(request.again);
    (row.min_rect().bottom() - top).max(1.0)
}
