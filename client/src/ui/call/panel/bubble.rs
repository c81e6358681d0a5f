//! Chat message: own messages at the right, others at the left.

use autamedica_api::Role;
use autamedica_call::{CallState, ChatMessage};
use egui::text::{LayoutJob, TextFormat};
use egui::text_selection::LabelSelectionState;
use egui::{Align, Color32, Event, Layout, Rect, Response, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use super::file_line::file_line;
use super::previews::Previews;
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::call::menu::menu_item;
use crate::ui::widgets::{TextButton, Tone, announce, focus_ring};
use crate::ui::{Cx, wording};

/// Maximum width of a bubble relative to the panel.
pub(super) const MAX_WIDTH: f32 = 0.86;

#[derive(Default)]
pub(super) struct Request {
    /// Address to open.
    pub open: Option<String>,
    /// File to save: id and name.
    pub save: Option<(String, String)>,
    /// Number of a failed message to send again.
    pub again: Option<u64>,
}

pub(super) fn bubble(
    ui: &mut Ui,
    cx: &Cx,
    state: &CallState,
    message: &ChatMessage,
    previews: &mut Previews,
) -> Request {
    let index = message.number;
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
    let request = match &message.file {
        Some(file) => {
            let save = file_line(ui, cx, index, message, file, previews, fill);
            Request { save, ..Request::default() }
        }
        None => text_line(ui, cx, index, message, fill),
    };
    ui.add_space(space::S);
    request
}

/// Draws selectable text with links, and "send again" for a failed message.
fn text_line(ui: &mut Ui, cx: &Cx, index: u64, message: &ChatMessage, fill: Color32) -> Request {
    let palette = Palette::of(ui);
    let room = ui.available_width() - space::S;
    // Kiosks must not lead to other sites.
    let links = if cx.kiosk { &[][..] } else { &message.links[..] };
    let font = regular_font(cx.sizes.body);
    let mut job = LayoutJob::default();
    job.wrap.max_width = room * MAX_WIDTH - 2.0 * space::S;
    let plain = TextFormat::simple(font.clone(), palette.text);
    let link = TextFormat { underline: Stroke::new(1.0, palette.primary), ..TextFormat::simple(font, palette.primary) };
    let mut at = 0;
    for range in links {
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
    let mut request = Request::default();
    let line = ui.interact(bubble, ui.scope_id().with(("line", index)), Sense::click_and_drag());
    line.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &message.text));
    focus_ring(ui, &line, corner::CARD.into());
    copying(ui, cx, message, &line, &mut request);
    for (number, range) in links.iter().enumerate() {
        let address = &message.text[range.clone()];
        let chars = |bytes: usize| egui::text::CCursor::new(message.text[..bytes].chars().count());
        let first = galley.pos_from_cursor(chars(range.start));
        let last = galley.pos_from_cursor(chars(range.end));
        let lines = if first.top() == last.top() {
            Rect::from_min_max(first.left_top(), last.right_bottom())
        } else {
            Rect::from_min_max(pos2(0.0, first.top()), pos2(galley.size().x, last.bottom()))
        };
        // The area is enlarged for touch as far as the bubble allows.
        let place = lines.translate(text_at.to_vec2()).expand2(vec2(0.0, space::XS));
        let response = ui.interact(place, ui.scope_id().with(("link", index, number)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Link, true, address));
        focus_ring(ui, &response, corner::CARD.into());
        if response.clicked() {
            request.open = Some(address.to_owned());
        }
        response.on_hover_text(address).on_hover_cursor(egui::CursorIcon::PointingHand);
    }
    LabelSelectionState::label_text_selection(ui, &line, text_at, galley, palette.text, Stroke::NONE);
    if message.failed {
        ui.add_space(space::XXS);
        let layout = if message.own { Layout::right_to_left(Align::Min) } else { Layout::left_to_right(Align::Min) };
        ui.allocate_ui_with_layout(vec2(room, cx.sizes.control), layout, |ui| {
            let label = cx.texts.with("chat-again-named", &[("text", message.text.as_str().into())]);
            let again = TextButton::new(cx.texts.t("chat-again"), Tone::Neutral).icon(Icon::RefreshCw).label(label);
            if again.show(ui, &cx.sizes).clicked() {
                request.again = Some(index);
            }
        });
    }
    request
}

/// Copies the whole message, by menu or by Ctrl+C while it has the focus. The mouse selects parts.
fn copying(ui: &Ui, cx: &Cx, message: &ChatMessage, line: &Response, request: &mut Request) {
    let has_selection = || ui.ctx().plugin::<LabelSelectionState>().lock().has_selection();
    if line.has_focus() && !has_selection() && ui.input(|input| input.events.contains(&Event::Copy)) {
        ui.ctx().copy_text(message.text.clone());
    }
    line.context_menu(|ui| {
        if menu_item(ui, cx, Icon::Copy, &cx.texts.t("chat-copy")).clicked() {
            ui.ctx().copy_text(message.text.clone());
            ui.close();
        }
        if message.failed && menu_item(ui, cx, Icon::RefreshCw, &cx.texts.t("chat-again")).clicked() {
            request.again = Some(message.number);
            ui.close();
        }
    });
}

fn writer_and_time(cx: &Cx, state: &CallState, message: &ChatMessage) -> String {
    let time = wording::time_of_day(message.at);
    if message.own {
        return cx.texts.with("chat-from-you", &[("time", time.as_str().into())]);
    }
    let name = wording::name_of(cx.texts, state, &message.from, message.role);
    if let Some(relayer) = &message.relayed_by {
        // Only a doctor's client may forward the chat history.
        let relayer = wording::name_of(cx.texts, state, relayer, Some(Role::Doctor));
        let values =
            [("name", name.as_str().into()), ("teller", relayer.as_str().into()), ("time", time.as_str().into())];
        return cx.texts.with("chat-told", &values);
    }
    cx.texts.with("chat-from", &[("name", name.as_str().into()), ("time", time.as_str().into())])
}
