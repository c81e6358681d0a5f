//! At the right: the chat, and who is here.

use autamedica_engine::ConnectionQuality;
use egui::{Align2, Key, Rect, ScrollArea, Sense, Stroke, TextEdit, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use super::top::bars;
use crate::call::{CallCommand, CallState, ChatMessage};
use crate::theme::{FOCUS_WIDTH, Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::widgets::{Tone, announce, focus_ring, icon_button, initials};
use crate::ui::{Cx, wording};

/// Of the open panel.
pub(super) const WIDTH: f32 = 360.0;
/// A chat line longer than this isn't a chat line.
const LONGEST: usize = 2000;

/// What the panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Chat,
    People,
}

/// The panel, open or not.
#[derive(Default)]
pub(super) struct Panel {
    /// What it shows; `None` while it is closed.
    pub tab: Option<Tab>,
    /// What it showed last, for as long as it fades out.
    last: Option<Tab>,
    draft: String,
    /// So many chat lines have been seen.
    seen: usize,
    focus_draft: bool,
}

impl Panel {
    /// It is open, on this tab.
    pub fn shows(&self, tab: Tab) -> bool {
        self.tab == Some(tab)
    }

    /// Opens it on this tab, or closes it if it is there.
    pub fn toggle(&mut self, tab: Tab) {
        self.tab = if self.shows(tab) { None } else { Some(tab) };
        self.focus_draft = self.shows(Tab::Chat);
    }

    /// What is on screen has been seen.
    pub fn follow(&mut self, state: &CallState) {
        if self.shows(Tab::Chat) {
            self.seen = state.chat.len();
        }
    }

    /// Lines of the others that haven't been on screen.
    pub fn unread(&self, state: &CallState) -> usize {
        state.chat.iter().skip(self.seen).filter(|message| !message.own).count()
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, place: Rect) {
        let palette = Palette::of(ui);
        self.last = self.tab.or(self.last);
        ui.painter().rect_filled(place, corner::VIDEO, palette.surface);
        let inner = place.shrink(space::S);
        let tabs = inner.with_max_y(inner.top() + cx.sizes.control);
        self.tabs(ui, cx, state, tabs);
        let line = tabs.bottom() + space::XS;
        ui.painter().hline(inner.x_range(), line, Stroke::new(1.0, palette.divider()));
        let body = inner.with_min_y(line + space::XS);
        match self.last {
            Some(Tab::People) => people(ui, cx, state, body),
            _ => self.chat(ui, cx, state, body),
        }
    }

    fn tabs(&mut self, ui: &Ui, cx: &Cx, state: &CallState, place: Rect) {
        let (palette, sizes) = (Palette::of(ui), cx.sizes);
        let close = Rect::from_min_max(pos2(place.right() - sizes.control, place.top()), place.right_bottom());
        let width = (close.left() - place.left()) / 2.0;
        for (index, tab) in [Tab::Chat, Tab::People].into_iter().enumerate() {
            let left = place.left() + index as f32 * width;
            let rect = Rect::from_min_size(pos2(left, place.top()), vec2(width, place.height()));
            let response = ui.interact(rect, ui.scope_id().with(("tab", index)), Sense::click());
            let text = match tab {
                Tab::Chat => cx.texts.t("panel-chat").into_owned(),
                Tab::People => format!("{} ({})", cx.texts.t("panel-people"), state.participants.len() + 1),
            };
            let current = self.last == Some(tab);
            response.widget_info(|| WidgetInfo::selected(egui::Role::Tab, true, current, &text));
            if response.hovered() && !current {
                ui.painter().rect_filled(rect, corner::CARD, palette.hovered(palette.surface));
            }
            let (font, color) =
                if current { (bold_font(sizes.body), palette.text) } else { (regular_font(sizes.body), palette.muted) };
            let seen = ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, color);
            if current {
                let line = Rect::from_x_y_ranges(seen.x_range(), rect.bottom() - FOCUS_WIDTH..=rect.bottom());
                ui.painter().rect_filled(line, FOCUS_WIDTH / 2.0, palette.primary);
            }
            focus_ring(ui, &response, corner::CARD.into());
            if response.clicked() {
                self.tab = Some(tab);
            }
        }
        let label = cx.texts.t("panel-close");
        if icon_button(ui, ui.scope_id().with("close"), close, Icon::X, &label, Tone::Plain, &sizes).clicked() {
            self.tab = None;
        }
    }

    fn chat(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, place: Rect) {
        let input_height = cx.sizes.control + space::XS;
        let list = place.with_max_y(place.bottom() - input_height - space::XS);
        ui.scope_builder(UiBuilder::new().max_rect(list).id_salt("messages"), |ui| {
            if state.chat.is_empty() {
                let palette = Palette::of(ui);
                ui.add_space(space::L);
                let text = cx.texts.t("chat-empty");
                ui.vertical_centered(|ui| ui.label(egui::RichText::new(text.as_ref()).color(palette.muted)));
                return;
            }
            ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
                for (index, message) in state.chat.iter().enumerate() {
                    bubble(ui, cx, state, index, message);
                }
            });
        });
        self.input(ui, cx, place.with_min_y(place.bottom() - input_height));
    }

    fn input(&mut self, ui: &mut Ui, cx: &mut Cx, place: Rect) {
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        let side = sizes.control;
        let button = Rect::from_min_max(pos2(place.right() - side, place.bottom() - side), place.right_bottom());
        let field =
            Rect::from_min_max(pos2(place.left(), button.top()), pos2(button.left() - space::XS, place.bottom()));
        let frame = egui::Frame::new()
            .fill(palette.raised)
            .stroke(Stroke::new(1.0, palette.outline))
            .corner_radius(corner::CARD)
            .inner_margin(vec2(space::S, 0.0));
        let hint = egui::RichText::new(texts.t("chat-hint").into_owned()).color(palette.muted);
        let edit = TextEdit::singleline(&mut self.draft)
            .id(ui.scope_id().with("draft"))
            .hint_text(hint)
            .frame(frame)
            .char_limit(LONGEST)
            .min_size(field.size())
            .align(Align2::LEFT_CENTER)
            .desired_width(field.width() - 2.0 * space::S);
        let response = ui.put(field, edit).accessible_name(texts.t("chat-input"));
        focus_ring(ui, &response, corner::CARD.into());
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let ready = !self.draft.trim().is_empty();
        let tone = if ready { Tone::Primary } else { Tone::Neutral };
        let id = ui.scope_id().with("send");
        let pressed = icon_button(ui, id, button, Icon::SendHorizontal, &texts.t("chat-send"), tone, &sizes).clicked();
        if (entered || pressed) && ready {
            let text = std::mem::take(&mut self.draft);
            cx.command(CallCommand::SendChat(text.trim().to_owned()));
        }
        if entered || pressed || std::mem::take(&mut self.focus_draft) {
            response.request_focus();
        }
    }
}

/// One chat line: ours at the right, theirs at the left.
fn bubble(ui: &mut Ui, cx: &Cx, state: &CallState, index: usize, message: &ChatMessage) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let room = ui.available_width() - space::S;
    let painter = ui.painter();
    let (fill, ink) =
        if message.own { (palette.tinted(palette.primary), palette.text) } else { (palette.raised, palette.text) };
    let text = painter.layout(message.text.clone(), regular_font(sizes.body), ink, room * 0.86 - 2.0 * space::S);
    let about =
        if message.failed { cx.texts.t("chat-failed").into_owned() } else { writer_and_time(cx, state, message) };
    let about_color = if message.failed { palette.danger } else { palette.muted };
    let about_galley = painter.layout(about.clone(), regular_font(sizes.caption), about_color, room);
    let bubble_size = text.size() + 2.0 * vec2(space::S, space::XS);
    let height = about_galley.size().y + space::XXS + bubble_size.y + space::XS;
    let (rect, _) = ui.allocate_exact_size(vec2(room, height), Sense::hover());
    let x = |width: f32| if message.own { rect.right() - width } else { rect.left() };
    let about_at = pos2(x(about_galley.size().x), rect.top());
    let bubble_at = pos2(x(bubble_size.x), rect.top() + about_galley.size().y + space::XXS);
    let bubble = Rect::from_min_size(bubble_at, bubble_size);
    let painter = ui.painter();
    announce(ui, ui.scope_id().with(("about", index)), Rect::from_min_size(about_at, about_galley.size()), &about);
    painter.galley(about_at, about_galley, about_color);
    painter.rect_filled(bubble, corner::CARD, fill);
    painter.galley(bubble.min + vec2(space::S, space::XS), text, ink);
    announce(ui, ui.scope_id().with(("line", index)), bubble, &message.text);
}

fn writer_and_time(cx: &Cx, state: &CallState, message: &ChatMessage) -> String {
    let time = wording::time_of_day(message.at);
    if message.own {
        return cx.texts.with("chat-from-you", &[("time", time.as_str().into())]);
    }
    let name = wording::name_of(cx.texts, state, &message.from, message.role);
    cx.texts.with("chat-from", &[("name", name.as_str().into()), ("time", time.as_str().into())])
}

/// Who is here, ourselves first.
fn people(ui: &mut Ui, cx: &Cx, state: &CallState, place: Rect) {
    let texts = cx.texts;
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("people"), |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let role = texts.t(wording::role(Some(state.role)));
            let own = texts.with("person-you", &[("name", role.as_ref().into())]);
            person(ui, cx, &own, &role, state.microphone.muted, state.quality);
            for other in &state.participants {
                let name = wording::name(texts, other);
                let role = texts.t(wording::role(other.role));
                person(ui, cx, &name, &role, other.microphone_muted, other.quality);
            }
            if let Some(code) = &state.comparison_code {
                ui.add_space(space::L);
                let palette = Palette::of(ui);
                let text = texts.with("encryption-code", &[("code", code.as_str().into())]);
                ui.label(egui::RichText::new(text).font(regular_font(cx.sizes.body)).color(palette.text));
                let advice = texts.t("encryption-code-advice");
                ui.label(egui::RichText::new(advice).font(regular_font(cx.sizes.caption)).color(palette.muted));
            }
        });
    });
}

fn person(ui: &mut Ui, cx: &Cx, name: &str, role: &str, muted: bool, quality: ConnectionQuality) {
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let height = sizes.control + space::XS;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let painter = ui.painter();
    let radius = sizes.control * 0.42;
    let disc = pos2(rect.left() + radius, rect.center().y);
    painter.circle_filled(disc, radius, palette.raised);
    painter.text(disc, Align2::CENTER_CENTER, initials(name), bold_font(sizes.caption), palette.text);
    let left = disc.x + radius + space::S;
    let name_at = pos2(left, rect.center().y);
    if name.contains(role) {
        painter.text(name_at, Align2::LEFT_CENTER, name, bold_font(sizes.body), palette.text);
    } else {
        painter.text(name_at, Align2::LEFT_BOTTOM, name, bold_font(sizes.body), palette.text);
        painter.text(name_at, Align2::LEFT_TOP, role, regular_font(sizes.caption), palette.muted);
    }
    let quality_at = pos2(rect.right() - space::M, rect.center().y);
    bars(ui, quality_at, sizes.lead, quality);
    let microphone_at = quality_at - vec2(space::XL + space::XXS, 0.0);
    let (icon, color) = if muted { (Icon::MicOff, palette.warning) } else { (Icon::Mic, palette.muted) };
    painter.text(microphone_at, Align2::CENTER_CENTER, char::from(icon), icon_font(sizes.lead), color);
    let microphone = texts.t(if muted { "person-muted" } else { "person-microphone-on" });
    let label = format!("{name}, {role}, {microphone}, {}", texts.t(wording::quality(quality)));
    response.widget_info(|| WidgetInfo::labeled(egui::Role::ListItem, true, &label));
}
