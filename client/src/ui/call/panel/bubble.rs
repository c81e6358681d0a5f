//! One chat line: ours at the right, theirs at the left.

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::file_line::file_line;
use super::links::links;
use super::previews::Previews;
use crate::call::{CallState, ChatMessage};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::widgets::{announce, focus_ring};
use crate::ui::{Cx, wording};

/// Of the panel's width.
pub(super) const WIDEST: f32 = 0.86;

/// What a person asked of a line.
#[derive(Default)]
pub(super) struct Asked {
    /// Open this address.
    pub open: Option<String>,
    /// Keep this file: its id and name.
    pub save: Option<(String, String)>,
}

/// Draws one line.
pub(super) fn bubble(
    ui: &mut Ui,
    cx: &Cx,
    state: &CallState,
    index: usize,
    message: &ChatMessage,
    previews: &mut Previews,
) -> Asked {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let room = ui.available_width() - space::S;
    let about =
        if message.failed { cx.texts.t("chat-failed").into_owned() } else { writer_and_time(cx, state, message) };
    let about_color = if message.failed { palette.danger } else { palette.muted };
    let about_galley = ui.painter().layout(about.clone(), regular_font(sizes.caption), about_color, room);
    let (rect, _) = ui.allocate_exact_size(vec2(room, about_galley.size().y + space::XXS), Sense::hover());
    let x = |width: f32| if message.own { rect.right() - width } else { rect.left() };
    let about_at = pos2(x(about_galley.size().x), rect.top());
    announce(ui, ui.scope_id().with(("about", index)), Rect::from_min_size(about_at, about_galley.size()), &about);
    ui.painter().galley(about_at, about_galley, about_color);
    let fill = if message.own { palette.tinted(palette.primary) } else { palette.raised };
    ui.spacing_mut().item_spacing.y = 0.0;
    let asked = match &message.file {
        Some(file) => {
            let save = file_line(ui, cx, index, message, file, previews, fill);
            Asked { save, open: None }
        }
        None => Asked { open: text_line(ui, cx, index, message, fill), save: None },
    };
    ui.add_space(space::S);
    asked
}

/// The text, with its links. Returns the one that was pressed.
fn text_line(ui: &mut Ui, cx: &Cx, index: usize, message: &ChatMessage, fill: Color32) -> Option<String> {
    let palette = Palette::of(ui);
    let room = ui.available_width() - space::S;
    // A kiosk leads nowhere.
    let links = if cx.kiosk { Vec::new() } else { links(&message.text) };
    let font = regular_font(cx.sizes.body);
    let mut job = LayoutJob::default();
    job.wrap.max_width = room * WIDEST - 2.0 * space::S;
    let plain = TextFormat::simple(font.clone(), palette.text);
    let link = TextFormat { underline: Stroke::new(1.0, palette.primary), ..TextFormat::simple(font, palette.primary) };
    let mut at = 0;
    for range in &links {
        job.append(&message.text[at..range.start], 0.0, plain.clone());
        job.append(&message.text[range.clone()], 0.0, link.clone());
        at = range.end;
    }
    job.append(&message.text[at..], 0.0, plain);
    let galley = ui.painter().layout_job(job);
    let size = galley.size() + 2.0 * vec2(space::S, space::XS);
    let (rect, _) = ui.allocate_exact_size(vec2(room, size.y), Sense::hover());
    let left = if message.own { rect.right() - size.x } else { rect.left() };
    let bubble = Rect::from_min_size(pos2(left, rect.top()), size);
    let text_at = bubble.min + vec2(space::S, space::XS);
    ui.painter().rect_filled(bubble, corner::CARD, fill);
    announce(ui, ui.scope_id().with(("line", index)), bubble, &message.text);
    let mut pressed = None;
    for (number, range) in links.into_iter().enumerate() {
        let address = &message.text[range.clone()];
        let chars = |bytes: usize| egui::text::CCursor::new(message.text[..bytes].chars().count());
        let first = galley.pos_from_cursor(chars(range.start));
        let last = galley.pos_from_cursor(chars(range.end));
        let lines = if first.top() == last.top() {
            Rect::from_min_max(first.left_top(), last.right_bottom())
        } else {
            Rect::from_min_max(pos2(0.0, first.top()), pos2(galley.size().x, last.bottom()))
        };
        // As high as a finger wants it, as far as its bubble allows.
        let place = lines.translate(text_at.to_vec2()).expand2(vec2(0.0, space::XS));
        let response = ui.interact(place, ui.scope_id().with(("link", index, number)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Link, true, address));
        focus_ring(ui, &response, corner::CARD.into());
        if response.clicked() {
            pressed = Some(address.to_owned());
        }
        response.on_hover_text(address).on_hover_cursor(egui::CursorIcon::PointingHand);
    }
    ui.painter().galley(text_at, galley, palette.text);
    pressed
}

fn writer_and_time(cx: &Cx, state: &CallState, message: &ChatMessage) -> String {
    let time = wording::time_of_day(message.at);
    if message.own {
        return cx.texts.with("chat-from-you", &[("time", time.as_str().into())]);
    }
    let name = wording::name_of(cx.texts, state, &message.from, message.role);
    cx.texts.with("chat-from", &[("name", name.as_str().into()), ("time", time.as_str().into())])
}
