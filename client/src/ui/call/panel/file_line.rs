//! File or photo in the chat, with its progress and a save button.

use autamedica_call::{ChatMessage, FileProgress, SharedFile};
use egui::{Color32, Frame, Layout, RichText, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::bubble::MAX_WIDTH;
use super::previews::{Preview, Previews};
use crate::theme::{Palette, bold_font, corner, regular_font, space};
use crate::ui::widgets::{TextButton, Tone, announce, announce_picture, sign};
use crate::ui::{Cx, wording};

/// Maximum size of a photo in the chat.
const PICTURE: Vec2 = egui::vec2(288.0, 220.0);
const BAR_HEIGHT: f32 = 6.0;

/// Draws a file. Returns its id and name when the person wants to save it.
pub(super) fn file_line(
    ui: &mut Ui,
    cx: &Cx,
    index: u64,
    message: &ChatMessage,
    file: &SharedFile,
    previews: &mut Previews,
    fill: Color32,
) -> Option<(String, String)> {
    let side = if message.own { egui::Align::Max } else { egui::Align::Min };
    let room = ui.available_width() - space::S;
    let mut save = None;
    ui.allocate_ui_with_layout(Vec2::new(room, 0.0), Layout::top_down(side), |ui| {
        Frame::new().fill(fill).corner_radius(corner::CARD).inner_margin(space::S).show(ui, |ui| {
            ui.set_max_width(room * MAX_WIDTH - 2.0 * space::S);
            ui.with_layout(Layout::top_down(egui::Align::Min), |ui| {
                ui.set_min_width(200.0_f32.min(room * MAX_WIDTH - 2.0 * space::S));
                ui.spacing_mut().item_spacing.y = space::XS;
                if let Some(photo) = &file.preview {
                    picture(ui, cx, index, &message.text, previews.get(ui.ctx(), index, photo));
                }
                heading(ui, cx, &message.text, file.size);
                progress(ui, cx, index, file);
                let here = matches!(file.progress, FileProgress::Done | FileProgress::Saved(_));
                // Kiosks store no personal data.
                if here && !message.own && !cx.kiosk {
                    let text = cx.texts.t("file-save");
                    let label = cx.texts.with("file-save-named", &[("name", message.text.as_str().into())]);
                    let button = TextButton::new(text, Tone::Neutral).icon(Icon::Download).label(label);
                    if button.show(ui, &cx.sizes).clicked() {
                        save = Some((file.id.clone(), message.text.clone()));
                    }
                }
            });
        });
    });
    save
}

fn picture(ui: &mut Ui, cx: &Cx, index: u64, name: &str, preview: Preview) {
    let label = cx.texts.with("file-picture", &[("name", name.into())]);
    let id = ui.scope_id().with(("file picture", index));
    match preview {
        Preview::Ready(texture) => {
            let size = texture.size_vec2();
            let scale = (PICTURE / size).min_elem().min(ui.available_width() / size.x).min(1.0);
            let image = egui::Image::new(&texture).fit_to_exact_size(size * scale).corner_radius(corner::CARD / 2);
            let response = ui.add(image);
            announce_picture(ui, id, response.rect, &label);
        }
        Preview::Coming => {
            let (rect, _) = ui.allocate_exact_size(Vec2::new(160.0, 90.0), egui::Sense::hover());
            ui.painter().rect_filled(rect, corner::CARD / 2, Palette::of(ui).background);
            announce_picture(ui, id, rect, &label);
        }
        // A file without preview can still be saved.
        Preview::None => {}
    }
}

fn heading(ui: &mut Ui, cx: &Cx, name: &str, size: u64) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        sign(ui, Icon::File, sizes.lead, palette.muted);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add(egui::Label::new(RichText::new(name).font(bold_font(sizes.body)).color(palette.text)).wrap());
            let text = wording::file_size(cx.texts, size);
            ui.label(RichText::new(text).font(regular_font(sizes.caption)).color(palette.muted));
        });
    });
}

/// Draws the progress as text, and as a bar where useful.
fn progress(ui: &mut Ui, cx: &Cx, index: u64, file: &SharedFile) {
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let (text, color) = match &file.progress {
        FileProgress::InProgress(bytes) => {
            let part = (*bytes as f32 / file.size.max(1) as f32).clamp(0.0, 1.0);
            let percent = (part * 100.0).floor() as u64;
            let text = texts.with("file-moving", &[("percent", percent.into())]);
            let width = ui.available_width();
            let (rect, response) = ui.allocate_exact_size(Vec2::new(width, BAR_HEIGHT), egui::Sense::hover());
            ui.painter().rect_filled(rect, BAR_HEIGHT / 2.0, palette.outline.gamma_multiply(0.5));
            let done = rect.with_max_x(rect.left() + rect.width() * part);
            ui.painter().rect_filled(done, BAR_HEIGHT / 2.0, palette.primary);
            response.widget_info(|| WidgetInfo {
                value: Some(f64::from(part)),
                label: Some(text.clone()),
                ..WidgetInfo::new(egui::Role::ProgressIndicator)
            });
            (text, palette.muted)
        }
        FileProgress::Done => return,
        FileProgress::Saved(path) => {
            (texts.with("file-saved", &[("path", path.to_string_lossy().as_ref().into())]), palette.ok)
        }
        FileProgress::TooLarge => (texts.t("file-too-large").into_owned(), palette.danger),
        FileProgress::WrongType => (texts.t("file-wrong-type").into_owned(), palette.danger),
        FileProgress::Failed => (texts.t("file-failed").into_owned(), palette.danger),
    };
    let galley = ui.painter().layout(text.clone(), regular_font(sizes.caption), color, ui.available_width());
    let (rect, _) = ui.allocate_exact_size(galley.size(), egui::Sense::hover());
    ui.painter().galley(rect.min, galley, color);
    if !matches!(file.progress, FileProgress::InProgress(_)) {
        announce(ui, ui.scope_id().with(("file state", index)), rect, &text);
    }
}
