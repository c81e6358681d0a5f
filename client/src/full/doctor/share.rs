//! Picker of a screen or window to share, with live thumbnails.

use egui::{
    Align2, Color32, ColorImage, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions,
    Ui, Vec2, WidgetInfo,
};
use lucide_icons::Icon;

use autamedica_engine::VideoFrame;
use autamedica_media::ScreenSource;

use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::Cx;
use crate::ui::desktop::{BackgroundTask, Shareable};
use crate::ui::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone, focus_ring};

const CARD: Vec2 = egui::vec2(240.0, 188.0);
const WIDTH: f32 = 2.0 * CARD.x + space::S;
/// Height of title, lead and buttons together, in lines of text.
const AROUND: f32 = 12.0;
const REFRESH: std::time::Duration = std::time::Duration::from_millis(500);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Not chosen yet.
    Open,
    /// Cancelled.
    None,
    Share(ScreenSource),
}

pub(super) struct Picker {
    listing: Option<BackgroundTask<Vec<Shareable>>>,
    found: Vec<Found>,
    chosen: Option<usize>,
}

struct Found {
    what: Shareable,
    /// Newest thumbnail on the GPU, with its number in the slot.
    texture: Option<(u64, TextureHandle)>,
}

impl Picker {
    /// Starts listing screens and windows.
    pub fn open(ctx: &egui::Context, cx: &Cx) -> Self {
        let desktop = cx.desktop.clone();
        let listing = Some(BackgroundTask::start(ctx, move || desktop.shareables()));
        Self { listing, found: Vec::new(), chosen: Some(0) }
    }

    pub fn show(&mut self, ui: &mut Ui, cx: &Cx) -> Choice {
        self.poll_result();
        self.drop_gone();
        let (texts, sizes) = (cx.texts, cx.sizes);
        let choice = dialog(ui, "share", &texts.t("share-title"), WIDTH, |ui| {
            let palette = Palette::of(ui);
            let lead = if self.listing.is_some() { "share-looking" } else { "share-lead" };
            ui.label(RichText::new(texts.t(lead).as_ref()).font(regular_font(sizes.body)).color(palette.muted));
            let mut shared = None;
            // The buttons stay visible below the list, however long it is.
            let window = ui.ctx().content_rect().height();
            let height = (window - 2.0 * (space::L + space::S) - AROUND * sizes.body).max(CARD.y / 2.0);
            ScrollArea::vertical().max_height(height).id_salt("what to share").show(ui, |ui| {
                ui.horizontal_wrapped(|ui| {
                    for index in 0..self.found.len() {
                        let double = self.card(ui, cx, index);
                        shared = double.then(|| self.found[index].what.source.clone()).or(shared.take());
                    }
                });
            });
            ui.add_space(space::XS);
            let mut cancelled = false;
            ui.horizontal_wrapped(|ui| {
                if let Some(found) = self.chosen.and_then(|chosen| self.found.get(chosen)) {
                    let button = TextButton::new(texts.t("share-go"), Tone::Primary).icon(Icon::ScreenShare);
                    let button = button.show(ui, &sizes);
                    focus_once(ui, &button);
                    if button.clicked() {
                        shared = Some(found.what.source.clone());
                    }
                }
                cancelled = TextButton::new(texts.t("dialog-cancel"), Tone::Neutral).show(ui, &sizes).clicked();
            });
            match shared {
                Some(source) => Choice::Share(source),
                None if cancelled => Choice::None,
                None => Choice::Open,
            }
        });
        ui.ctx().request_repaint_after(REFRESH);
        choice.unwrap_or(Choice::None)
    }

    fn poll_result(&mut self) {
        let Some(listing) = &self.listing else { return };
        let found = match listing.poll() {
            Ok(None) => return,
            Ok(Some(found)) => found,
            Err(_) => Vec::new(),
        };
        self.listing = None;
        self.found = found.into_iter().map(|what| Found { what, texture: None }).collect();
        if self.found.is_empty() {
            // The system may be able to share although it can't list.
            let whole = Shareable::new(ScreenSource::Primary, String::new(), (0, 0), Default::default());
            self.found.push(Found { what: whole, texture: None });
        }
    }

    /// Removes closed windows and unplugged monitors. A removed choice isn't replaced.
    fn drop_gone(&mut self) {
        let mut index = 0;
        while index < self.found.len() {
            if !self.found[index].what.is_gone() {
                index += 1;
                continue;
            }
            self.found.remove(index);
            match self.chosen {
                Some(chosen) if chosen == index => self.chosen = None,
                Some(chosen) if chosen > index => self.chosen = Some(chosen - 1),
                _ => {}
            }
        }
    }

    /// Draws one entry. Returns whether it was double-clicked.
    fn card(&mut self, ui: &mut Ui, cx: &Cx, index: usize) -> bool {
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        let chosen = self.chosen == Some(index);
        let found = &mut self.found[index];
        let name = match &found.what.source {
            ScreenSource::Window { name, .. } => name.clone(),
            _ if found.what.name.is_empty() => texts.t("share-whole").into_owned(),
            _ => texts.with("share-monitor", &[("name", found.what.name.as_str().into())]),
        };
        let (rect, response) = ui.allocate_exact_size(CARD.min(Vec2::splat(ui.available_width())), Sense::click());
        response.widget_info(|| WidgetInfo::selected(egui::Role::RadioButton, true, chosen, &name));
        let fill = if response.hovered() { palette.hovered(palette.raised) } else { palette.raised };
        ui.painter().rect_filled(rect, corner::CARD, fill);
        let caption_height = sizes.body * 1.4 + space::XS;
        let picture = rect.shrink(space::XS).with_max_y(rect.bottom() - caption_height);
        match found.picture(ui) {
            Some(texture) => {
                let size = texture.size_vec2();
                let seen = Rect::from_center_size(picture.center(), size * (picture.size() / size).min_elem());
                let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
                ui.painter().image(texture.id(), seen, whole, Color32::WHITE);
            }
            None => {
                let icon = char::from(Icon::Monitor);
                let font = icon_font(space::XXL);
                ui.painter().text(picture.center(), Align2::CENTER_CENTER, icon, font, palette.muted);
            }
        }
        let size = found.what.size;
        let caption = if size.0 > 0 { format!("{name} · {}x{}", size.0, size.1) } else { name };
        let mut job = egui::text::LayoutJob::simple_singleline(caption, bold_font(sizes.caption), palette.text);
        job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - 2.0 * space::XS);
        let galley = ui.painter().layout_job(job);
        let at = egui::pos2(
            rect.center().x - galley.size().x / 2.0,
            rect.bottom() - caption_height / 2.0 - galley.size().y / 2.0,
        );
        ui.painter().galley(at, galley, palette.text);
        if chosen {
            ui.painter().rect_stroke(rect, corner::CARD, Stroke::new(2.0, palette.primary), StrokeKind::Inside);
        }
        focus_ring(ui, &response, corner::CARD.into());
        if response.clicked() {
            self.chosen = Some(index);
        }
        response.double_clicked()
    }
}

impl Found {
    fn picture(&mut self, ui: &Ui) -> Option<&TextureHandle> {
        let count = self.what.picture.count();
        if self.texture.as_ref().is_none_or(|(shown, _)| *shown != count)
            && let Some(frame) = self.what.picture.newest()
        {
            let image = rgb(&frame);
            match &mut self.texture {
                Some((shown, texture)) => {
                    texture.set(image, TextureOptions::LINEAR);
                    *shown = count;
                }
                None => {
                    let name = format!("thumbnail {}", self.what.name);
                    self.texture = Some((count, ui.ctx().load_texture(name, image, TextureOptions::LINEAR)));
                }
            }
        }
        self.texture.as_ref().map(|(_, texture)| texture)
    }
}

/// Converts a thumbnail to RGB (BT.601, limited range).
fn rgb(frame: &VideoFrame) -> ColorImage {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let [y_plane, u_plane, v_plane] = frame.planes();
    let mut pixels = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let chroma = row / 2 * u_plane.stride + column / 2;
            let y = 1.164 * (f32::from(y_plane.data[row * y_plane.stride + column]) - 16.0);
            let u = f32::from(u_plane.data[chroma]) - 128.0;
            let v = f32::from(v_plane.data[chroma]) - 128.0;
            let level = |value: f32| value.clamp(0.0, 255.0) as u8;
            pixels.push(Color32::from_rgb(
                level(y + 1.596 * v),
                level(y - 0.392 * u - 0.813 * v),
                level(y + 2.017 * u),
            ));
        }
    }
    ColorImage::new([width, height], pixels)
}
