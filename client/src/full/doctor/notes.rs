//! Doctor's notes: held in memory, saved as text where the doctor chooses, never sent.

use std::path::{Path, PathBuf};

use egui::{Rect, RichText, ScrollArea, TextEdit, Ui, UiBuilder, Vec2, pos2};
use lucide_icons::Icon;

use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::Cx;
use crate::ui::call::doctor::Unsaved;
use crate::ui::call::panel::chat::text_field;
use crate::ui::desktop::{BackgroundTask, Picked};
use crate::ui::dialog::dialog;
use crate::ui::widgets::{TextButton, Tone, announce};

/// Maximum length of the notes in characters.
const MAX_NOTES_CHARS: usize = 50_000;

#[derive(Default)]
pub(super) struct Notes {
    text: String,
    saving: Saving,
}

#[derive(Default)]
struct Saving {
    saved: String,
    /// Dialog and write in progress.
    work: Option<BackgroundTask<Outcome>>,
    /// Path in the text field, where there is no dialog.
    typed: Option<String>,
    /// Result of the last attempt.
    result: Option<Result<PathBuf, ()>>,
}

enum Outcome {
    Saved { text: String, path: PathBuf },
    Cancelled,
    NoDialog,
    Failed,
}

impl Notes {
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, place: Rect) {
        self.saving.poll_result();
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        let lead = texts.t("notes-lead");
        let room = place.width();
        let galley = ui.painter().layout(lead.to_string(), regular_font(sizes.caption), palette.muted, room);
        let id = ui.scope_id().with("notes");
        let lead_rect = Rect::from_min_size(place.min, galley.size());
        announce(ui, id.with("lead"), lead_rect, &lead);
        let top = lead_rect.bottom() + space::XS;
        ui.painter().galley(place.min, galley, palette.muted);
        let below = self.saving.height(cx);
        let field =
            Rect::from_min_max(pos2(place.left(), top), pos2(place.right(), place.bottom() - below - space::XS));
        ui.painter().rect_filled(field, corner::CARD, palette.raised);
        let builder = UiBuilder::new().max_rect(field.shrink(space::XXS)).id_salt("notes field");
        ui.scope_builder(builder, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let hint = RichText::new(texts.t("notes-hint").into_owned()).color(palette.muted);
                let edit = TextEdit::multiline(&mut self.text)
                    .id(id)
                    .char_limit(MAX_NOTES_CHARS)
                    .hint_text(hint)
                    .frame(egui::Frame::new().inner_margin(space::XS))
                    .font(regular_font(sizes.body))
                    .min_size(field.size() - Vec2::splat(2.0 * space::XS))
                    .desired_width(f32::INFINITY);
                ui.add(edit).accessible_name(texts.t("notes-field"));
            });
        });
        if ui.memory(|memory| memory.has_focus(id)) {
            let edge = egui::Stroke::new(crate::theme::FOCUS_WIDTH, palette.focus);
            ui.painter().rect_stroke(field, corner::CARD, edge, egui::StrokeKind::Inside);
        }
        let bottom = Rect::from_min_max(pos2(place.left(), place.bottom() - below), place.right_bottom());
        ui.scope_builder(UiBuilder::new().max_rect(bottom).id_salt("notes save"), |ui| {
            self.saving.show(ui, cx, &self.text);
        });
    }

    pub fn unsaved(mut self) -> Option<UnsavedNotes> {
        self.saving.poll_result();
        let changed = !self.text.trim().is_empty() && self.text != self.saving.saved;
        changed.then(|| UnsavedNotes { text: self.text, saving: Saving { result: None, ..self.saving } })
    }
}

impl Saving {
    /// Returns the height of [`show`](Self::show).
    fn height(&self, cx: &Cx) -> f32 {
        let lines = 1.0 + if self.typed.is_some() { 1.0 } else { 0.0 };
        let result = if self.result.is_some() { 3.0 * cx.sizes.caption * 1.4 } else { 0.0 };
        lines * (cx.sizes.control + space::XS) + result
    }

    /// Draws the button, the path field where there is no dialog, and the result.
    fn show(&mut self, ui: &mut Ui, cx: &Cx, text: &str) {
        let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
        if let Some(path) = &mut self.typed {
            let (place, _) =
                ui.allocate_exact_size(Vec2::new(ui.available_width(), sizes.control), egui::Sense::hover());
            let id = ui.scope_id().with("notes path");
            let edit = TextEdit::singleline(path).id(id);
            text_field(ui, cx, place, edit, &texts.t("notes-path")).accessible_name(texts.t("notes-path"));
        }
        let nothing = text.trim().is_empty();
        let tone = if nothing { Tone::Neutral } else { Tone::Primary };
        let pressed = TextButton::new(texts.t("notes-save"), tone).icon(Icon::Download).show(ui, &sizes).clicked();
        if pressed && !nothing && self.work.is_none() {
            self.start(ui, cx, text.to_owned());
        }
        match &self.result {
            Some(Ok(path)) => {
                let text = texts.with("notes-saved", &[("path", path.to_string_lossy().as_ref().into())]);
                ui.label(RichText::new(text).font(regular_font(sizes.caption)).color(palette.ok));
            }
            Some(Err(())) => {
                let text = texts.t("notes-failed");
                ui.label(RichText::new(text.as_ref()).font(regular_font(sizes.caption)).color(palette.danger));
            }
            None => {}
        }
    }

    fn start(&mut self, ui: &Ui, cx: &Cx, text: String) {
        self.result = None;
        let typed = self.typed.as_deref().map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from);
        let (desktop, title) = (cx.desktop.clone(), cx.texts.t("notes-save-title").into_owned());
        let name = cx.texts.t("notes-file").into_owned();
        self.work = Some(BackgroundTask::start(ui.ctx(), move || {
            let picked = match typed {
                Some(path) => Picked::File(path),
                None => desktop.pick_place(&title, &name),
            };
            match picked {
                Picked::File(path) => write(text, path),
                Picked::Cancelled => Outcome::Cancelled,
                Picked::Unavailable => Outcome::NoDialog,
            }
        }));
    }

    fn poll_result(&mut self) {
        let Some(work) = &self.work else { return };
        match work.poll() {
            Ok(None) => return,
            Ok(Some(Outcome::Saved { text, path })) => {
                (self.saved, self.typed) = (text, None);
                self.result = Some(Ok(path));
            }
            Ok(Some(Outcome::Cancelled)) => {}
            Ok(Some(Outcome::NoDialog)) => self.typed = Some(String::new()),
            Ok(Some(Outcome::Failed)) | Err(_) => self.result = Some(Err(())),
        }
        self.work = None;
    }
}

fn write(text: String, path: PathBuf) -> Outcome {
    match write_private(&path, &text) {
        Ok(()) => Outcome::Saved { text, path },
        Err(error) => {
            // Path and text stay out of the log: both may be personal.
            tracing::warn!(kind = ?error.kind(), "notes not saved");
            Outcome::Failed
        }
    }
}

/// Writes the file, readable by its owner only where the system supports that.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Unsaved notes of a call that is over, until the doctor saves or discards them.
pub(super) struct UnsavedNotes {
    text: String,
    saving: Saving,
}

impl Unsaved for UnsavedNotes {
    fn show(&mut self, ui: &mut Ui, cx: &mut Cx) -> bool {
        self.saving.poll_result();
        if self.saving.saved == self.text {
            return true;
        }
        let (texts, sizes) = (cx.texts, cx.sizes);
        let dropped = dialog(ui, "notes left", &texts.t("notes-left-title"), 480.0, |ui| {
            let palette = Palette::of(ui);
            let lead = texts.t("notes-left-lead");
            ui.label(RichText::new(lead.as_ref()).font(regular_font(sizes.body)).color(palette.muted));
            ui.add_space(space::XS);
            self.saving.show(ui, cx, &self.text);
            TextButton::new(texts.t("notes-drop"), Tone::Danger).show(ui, &sizes).clicked()
        });
        // A click outside of the dialog isn't an answer: discarding can't be undone.
        dropped == Some(true)
    }
}
