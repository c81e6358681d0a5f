//! Chat tab: messages, draft, and files being sent.

use std::path::PathBuf;

use autamedica_call::{CallCommand, CallState};
use egui::{Align2, Key, Layout, Rect, ScrollArea, Stroke, TextEdit, Ui, UiBuilder, Vec2, pos2, vec2};
use lucide_icons::Icon;

use super::bubble::Request;
use super::previews::Previews;
use super::rows::Rows;
use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::desktop::{BackgroundTask, Picked};
use crate::ui::widgets::{TextButton, Tone, focus_ring, icon_button, words};
use crate::ui::{Action, Cx};

/// Maximum length of a message in characters.
const MAX_INPUT_CHARS: usize = 2000;

#[derive(Default)]
pub(in crate::ui::call) struct Chat {
    /// Number of the newest message that was visible.
    pub seen: u64,
    /// The message field gets the focus in the next pass.
    pub wants_keyboard: bool,
    draft: String,
    previews: Previews,
    rows: Rows,
    /// Open file dialog and its purpose.
    dialog: Option<(DialogPurpose, BackgroundTask<Picked>)>,
    /// Path in the text field and its purpose, where there is no dialog.
    typed: Option<(DialogPurpose, String)>,
    /// The path field gets the focus in the next pass.
    path_wants_keyboard: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DialogPurpose {
    Sending,
    /// Save the file with this id.
    Saving(String),
}

impl DialogPurpose {
    fn command(&self, path: PathBuf) -> CallCommand {
        match self {
            Self::Sending => CallCommand::SendFile(path),
            Self::Saving(id) => CallCommand::SaveFile { id: id.clone(), to: path },
        }
    }
}

impl Chat {
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState, place: Rect) {
        self.poll_dialog(cx);
        let mut bottom = place.bottom();
        let input = place.with_min_y(bottom - cx.sizes.control - space::XS);
        bottom = input.top() - space::XS;
        if self.typed.is_some() {
            bottom = self.path_field(ui, cx, place.with_max_y(bottom)) - space::XS;
        }
        if state.dropped_messages > 0 {
            bottom = left_out(ui, cx, state.dropped_messages, place.with_max_y(bottom));
        }
        let list = place.with_max_y(bottom);
        ui.scope_builder(UiBuilder::new().max_rect(list).id_salt("messages"), |ui| {
            if state.chat.is_empty() {
                let palette = Palette::of(ui);
                ui.add_space(space::L);
                let text = cx.texts.t("chat-empty");
                ui.vertical_centered(|ui| ui.label(egui::RichText::new(text.as_ref()).color(palette.muted)));
                return;
            }
            let scrolled = ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true);
            let request =
                scrolled.show_viewport(ui, |ui, seen| self.rows.show(ui, cx, state, seen, &mut self.previews));
            let Request { open, save, again } = request.inner;
            cx.actions.extend(open.map(Action::OpenLink));
            cx.actions.extend(again.map(|line| Action::Command(CallCommand::SendAgain(line))));
            if let Some((id, name)) = save {
                self.ask_place(ui, cx, id, name);
            }
        });
        if state.listening {
            let (text, palette) = (cx.texts.t("chat-listening"), Palette::of(ui));
            let id = ui.scope_id().with("listening");
            let font = regular_font(cx.sizes.body);
            words(ui, id, input.left_center(), Align2::LEFT_CENTER, &text, font, palette.muted);
        } else {
            self.input(ui, cx, input);
        }
    }

    /// Sends files dropped on the window. Returns whether one was sent.
    pub fn dropped(&mut self, ui: &mut Ui, cx: &mut Cx, stage: Rect) -> bool {
        if cx.kiosk {
            return false;
        }
        let (over, files) = ui.input(|input| (!input.raw.hovered_files.is_empty(), input.raw.dropped_files.clone()));
        if over {
            let (palette, sizes) = (Palette::of(ui), cx.sizes);
            let text = cx.texts.t("file-drop");
            ui.painter().rect_filled(stage, corner::VIDEO, palette.overlay());
            let edge = Stroke::new(2.0, palette.primary);
            ui.painter().rect_stroke(stage, corner::VIDEO, edge, egui::StrokeKind::Inside);
            let at = stage.center();
            let icon = char::from(Icon::Upload);
            ui.painter().text(
                at - vec2(0.0, space::L),
                Align2::CENTER_BOTTOM,
                icon,
                icon_font(space::XXL),
                palette.primary,
            );
            let id = ui.scope_id().with("drop");
            words(ui, id, at, Align2::CENTER_TOP, &text, bold_font(sizes.lead), palette.text);
        }
        for file in &files {
            cx.command(CallCommand::SendFile(file.path().to_owned()));
        }
        !files.is_empty()
    }

    fn input(&mut self, ui: &mut Ui, cx: &mut Cx, place: Rect) {
        let (sizes, texts) = (cx.sizes, cx.texts);
        let side = sizes.control;
        let row = place.with_min_y(place.bottom() - side);
        let button = Rect::from_min_max(pos2(row.right() - side, row.top()), row.right_bottom());
        let mut left = row.left();
        if !cx.kiosk {
            let attach = Rect::from_min_size(row.min, Vec2::splat(side));
            left = attach.right() + space::XXS;
            let id = ui.scope_id().with("attach");
            let label = texts.t("file-attach");
            let pressed = icon_button(ui, id, attach, Icon::Paperclip, &label, Tone::Plain, &sizes).clicked();
            if pressed && self.dialog.is_none() {
                let (desktop, title) = (cx.desktop.clone(), texts.t("file-attach-title").into_owned());
                let task = BackgroundTask::start(ui.ctx(), move || desktop.pick_file(&title));
                self.dialog = Some((DialogPurpose::Sending, task));
            }
        }
        let field = Rect::from_min_max(pos2(left, row.top()), pos2(button.left() - space::XS, row.bottom()));
        let edit = TextEdit::singleline(&mut self.draft).id(ui.scope_id().with("draft")).char_limit(MAX_INPUT_CHARS);
        let response = text_field(ui, cx, field, edit, &texts.t("chat-hint")).accessible_name(texts.t("chat-input"));
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let ready = !self.draft.trim().is_empty();
        let tone = if ready { Tone::Primary } else { Tone::Neutral };
        let id = ui.scope_id().with("send");
        let pressed = icon_button(ui, id, button, Icon::SendHorizontal, &texts.t("chat-send"), tone, &sizes).clicked();
        if (entered || pressed) && ready {
            let text = std::mem::take(&mut self.draft);
            cx.command(CallCommand::SendChat(text.trim().to_owned()));
        }
        if entered || pressed || std::mem::take(&mut self.wants_keyboard) {
            response.request_focus();
        }
    }

    fn ask_place(&mut self, ui: &Ui, cx: &Cx, id: String, name: String) {
        if self.dialog.is_some() {
            return;
        }
        let (desktop, title) = (cx.desktop.clone(), cx.texts.t("file-save-title").into_owned());
        let task = BackgroundTask::start(ui.ctx(), move || desktop.pick_place(&title, &name));
        self.dialog = Some((DialogPurpose::Saving(id), task));
    }

    fn poll_dialog(&mut self, cx: &mut Cx) {
        let Some((what, task)) = &self.dialog else { return };
        match task.poll() {
            Ok(None) => return,
            Ok(Some(Picked::File(path))) => cx.command(what.command(path)),
            Ok(Some(Picked::Cancelled)) => {}
            Ok(Some(Picked::Unavailable)) | Err(_) => {
                self.typed = Some((what.clone(), String::new()));
                self.path_wants_keyboard = true;
            }
        }
        self.dialog = None;
    }

    /// Draws the path field where there is no file dialog. Returns its upper edge.
    fn path_field(&mut self, ui: &mut Ui, cx: &mut Cx, place: Rect) -> f32 {
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        let Some((what, path)) = &mut self.typed else { return place.bottom() };
        let key = if *what == DialogPurpose::Sending { "file-path-send" } else { "file-path-save" };
        let title = texts.t(key);
        let galley = ui.painter().layout(title.to_string(), regular_font(sizes.caption), palette.muted, place.width());
        let height = galley.size().y + 2.0 * sizes.control + 3.0 * space::XS;
        let top = place.bottom() - height;
        let id = ui.scope_id().with("path");
        let title_rect = Rect::from_min_size(pos2(place.left(), top), galley.size());
        crate::ui::widgets::announce(ui, id.with("title"), title_rect, &title);
        let field_top = top + galley.size().y + space::XXS;
        ui.painter().galley(pos2(place.left(), top), galley, palette.muted);
        let field = Rect::from_min_size(pos2(place.left(), field_top), vec2(place.width(), sizes.control));
        let response = text_field(ui, cx, field, TextEdit::singleline(path).id(id), "").accessible_name(title);
        if std::mem::take(&mut self.path_wants_keyboard) {
            response.request_focus();
        }
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let buttons = Rect::from_min_size(pos2(place.left(), field.bottom() + space::XS), field.size());
        let mut done = None;
        ui.scope_builder(UiBuilder::new().max_rect(buttons).layout(Layout::left_to_right(egui::Align::Center)), |ui| {
            let key = if *what == DialogPurpose::Sending { "chat-send" } else { "file-save" };
            let go = TextButton::new(texts.t(key), Tone::Primary).show(ui, &sizes).clicked();
            if (go || entered) && !path.trim().is_empty() {
                done = Some(Some(what.command(PathBuf::from(path.trim()))));
            }
            if TextButton::new(texts.t("dialog-cancel"), Tone::Plain).show(ui, &sizes).clicked() {
                done = Some(None);
            }
        });
        if let Some(command) = done {
            self.typed = None;
            cx.actions.extend(command.map(Action::Command));
        }
        top
    }
}

/// Draws a note about omitted messages. Returns its upper edge.
fn left_out(ui: &Ui, cx: &Cx, count: u64, place: Rect) -> f32 {
    let palette = Palette::of(ui);
    let text = cx.texts.with("chat-left-out", &[("count", count.into())]);
    let font = regular_font(cx.sizes.caption);
    let galley = ui.painter().layout(text.clone(), font, palette.warning, place.width());
    let rect = Rect::from_min_size(pos2(place.left(), place.bottom() - galley.size().y), galley.size());
    crate::ui::widgets::announce(ui, ui.scope_id().with("left out"), rect, &text);
    ui.painter().galley(rect.min, galley, palette.warning);
    rect.top() - space::XS
}

/// Draws a single-line text field that fills `place`.
pub(crate) fn text_field(ui: &mut Ui, cx: &Cx, place: Rect, edit: TextEdit, hint: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.outline))
        .corner_radius(corner::CARD)
        .inner_margin(vec2(space::S, 0.0));
    let hint = egui::RichText::new(hint).font(regular_font(cx.sizes.body)).color(palette.muted);
    let edit = edit
        .hint_text(hint)
        .frame(frame)
        .min_size(place.size())
        .align(Align2::LEFT_CENTER)
        .desired_width(place.width() - 2.0 * space::S);
    let response = ui.put(place, edit);
    focus_ring(ui, &response, corner::CARD.into());
    response
}
