//! Row of one recording: its state, length, size, parts and buttons.

use autamedica_api::{Recording, RecordingPart, RecordingState};
use autamedica_call::recordings::{PartId, Purpose, RecordingsCommand, RecordingsState, Transfer};
use egui::{Align, Color32, Frame, Layout, RichText, Sense, Stroke, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{Request, wording};
use crate::theme::{Palette, bold_font, corner, regular_font, space};
use crate::ui::Cx;
use crate::ui::controls::{caption, remark};
use crate::ui::widgets::{TextButton, Tone, sign};
use crate::ui::wording::file_size;

/// Width in points below which the buttons stand below the text.
const ONE_LINE: f32 = 640.0;
const BAR_HEIGHT: f32 = 8.0;

pub(super) fn show(ui: &mut Ui, cx: &Cx, state: &RecordingsState, recording: &Recording, requests: &mut Vec<Request>) {
    let palette = Palette::of(ui);
    let frame = Frame::new()
        .fill(palette.background)
        .stroke(Stroke::new(1.0, palette.divider()))
        .corner_radius(corner::CARD)
        .inner_margin(space::M);
    let when = wording::when(cx.texts, recording);
    let row = Row { cx, state, recording, when: &when };
    ui.push_id(&recording.recording_id, |ui| {
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
            row.head(ui, requests);
            row.troubles(ui);
            row.parts(ui, requests);
        });
    });
}

struct Row<'a> {
    cx: &'a Cx<'a>,
    state: &'a RecordingsState,
    recording: &'a Recording,
    when: &'a str,
}

impl Row<'_> {
    /// Draws time, state, length and size, with the buttons of a recording that is one file.
    fn head(&self, ui: &mut Ui, requests: &mut Vec<Request>) {
        let mut buttons = Vec::new();
        if let [only] = &self.recording.parts[..] {
            buttons.extend(self.part_buttons(only));
        }
        buttons.extend(self.delete_button());
        line(ui, self.cx, buttons, requests, |ui| {
            ui.label(RichText::new(self.when).font(bold_font(self.cx.sizes.body)));
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = space::XXS;
                self.facts(ui);
            });
        });
    }

    fn facts(&self, ui: &mut Ui) {
        let (texts, sizes, palette) = (self.cx.texts, self.cx.sizes, Palette::of(ui));
        let (icon, color) = state_icon(self.recording.state, palette);
        fact(ui, self.cx, icon, color, &texts.t(wording::state(self.recording.state)));
        let has_files = self.recording.size_bytes > 0 && self.recording.state != RecordingState::Deleted;
        if has_files {
            let mut measure = wording::measure(texts, self.recording.duration_seconds, self.recording.size_bytes);
            let count = self.recording.parts.len() as u64;
            if count > 1 {
                let parts = texts.with("recording-parts", &[("count", count.into())]);
                measure = format!("{measure} · {parts}");
            }
            ui.add_space(space::M);
            ui.label(RichText::new(measure).font(regular_font(sizes.body)).color(palette.muted));
        }
        if self.recording.state == RecordingState::Ready && has_files {
            let encrypted = self.recording.parts.iter().all(|part| part.encryption.is_some());
            let (icon, color, key) = if encrypted {
                (Icon::LockKeyhole, palette.ok, "recording-encrypted")
            } else {
                (Icon::LockKeyholeOpen, palette.warning, "recording-not-encrypted")
            };
            ui.add_space(space::M);
            fact(ui, self.cx, icon, color, &texts.t(key));
        }
    }

    /// Draws problems of the recording and the result of deleting it.
    fn troubles(&self, ui: &mut Ui) {
        let (texts, sizes, palette) = (self.cx.texts, self.cx.sizes, Palette::of(ui));
        if let Some(problem) =
            self.recording.problem.as_deref().filter(|_| self.recording.state != RecordingState::Deleted)
        {
            remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t(wording::trouble(problem)));
        }
        let id = &self.recording.recording_id;
        if self.state.deleting.contains(id) {
            remark(ui, &sizes, Icon::Info, palette.muted, &texts.t("recording-deleting"));
        } else if let Some(problem) = self.state.not_deleted.get(id) {
            remark(ui, &sizes, Icon::TriangleAlert, palette.danger, &texts.t(wording::delete_problem(*problem)));
        }
    }

    /// Draws each of several parts, and the transfers in progress.
    fn parts(&self, ui: &mut Ui, requests: &mut Vec<Request>) {
        if self.recording.state == RecordingState::Deleted {
            return;
        }
        let several = self.recording.parts.len() > 1;
        for part in &self.recording.parts {
            if several {
                ui.separator();
                line(ui, self.cx, self.part_buttons(part), requests, |ui| {
                    let texts = self.cx.texts;
                    let name = texts.with("recording-part", &[("part", u64::from(part.number).into())]);
                    ui.label(RichText::new(name).font(bold_font(self.cx.sizes.body)));
                    let measure = wording::measure(texts, part.duration_seconds, part.size_bytes);
                    let color = Palette::of(ui).muted;
                    ui.label(RichText::new(measure).font(regular_font(self.cx.sizes.body)).color(color));
                });
            }
            if let Some(transfer) = self.state.transfers.get(&self.id(part)) {
                ui.push_id(part.number, |ui| self.transfer(ui, part, transfer, requests));
            }
        }
    }

    fn id(&self, part: &RecordingPart) -> PartId {
        PartId { recording: self.recording.recording_id.clone(), number: part.number }
    }

    /// Names an action on a part, with the part's number if there are several.
    fn which(&self, part: &RecordingPart, one: &str, of_several: &str) -> String {
        let when = ("when", self.when.into());
        if self.recording.parts.len() > 1 {
            self.cx.texts.with(of_several, &[when, ("part", u64::from(part.number).into())])
        } else {
            self.cx.texts.with(one, &[when])
        }
    }

    fn part_buttons(&self, part: &RecordingPart) -> Vec<(TextButton<'_>, Request)> {
        let id = self.id(part);
        let is_transferring = matches!(self.state.transfers.get(&id), Some(Transfer::InProgress { .. }));
        let is_there = matches!(self.recording.state, RecordingState::Storing | RecordingState::Ready)
            || self.recording.state == RecordingState::Failed;
        // A part that is still being written has no checksum yet and can't be downloaded.
        if is_transferring || !is_there || part.sha256.is_none() || self.is_being_deleted() {
            return Vec::new();
        }
        let texts = self.cx.texts;
        let play = TextButton::new(texts.t("recording-play"), Tone::Primary).icon(Icon::Play);
        let play = play.label(self.which(part, "recording-play-which", "recording-play-part"));
        let save = TextButton::new(texts.t("recording-save"), Tone::Neutral).icon(Icon::Download);
        let save = save.label(self.which(part, "recording-save-which", "recording-save-part"));
        let name = wording::file_name(texts, self.recording, part);
        vec![(play, Request::Command(RecordingsCommand::Play(id.clone()))), (save, Request::Save(id, name))]
    }

    fn is_being_deleted(&self) -> bool {
        self.state.deleting.contains(&self.recording.recording_id)
    }

    fn delete_button(&self) -> Option<(TextButton<'_>, Request)> {
        let is_over = matches!(self.recording.state, RecordingState::Ready | RecordingState::Failed);
        if !is_over || self.recording.parts.is_empty() || self.is_being_deleted() {
            return None;
        }
        let texts = self.cx.texts;
        let button = TextButton::new(texts.t("recording-delete"), Tone::Plain).icon(Icon::Trash2);
        let button = button.label(texts.with("recording-delete-which", &[("when", self.when.into())]));
        Some((button, Request::Delete(self.recording.recording_id.clone())))
    }

    fn transfer(&self, ui: &mut Ui, part: &RecordingPart, transfer: &Transfer, requests: &mut Vec<Request>) {
        let (texts, palette) = (self.cx.texts, Palette::of(ui));
        match transfer {
            Transfer::InProgress { purpose, bytes, of } => {
                let stop = TextButton::new(texts.t("dialog-cancel"), Tone::Neutral).icon(Icon::X);
                let stop = stop.label(self.which(part, "recording-cancel-which", "recording-cancel-part"));
                let buttons = vec![(stop, Request::Command(RecordingsCommand::Cancel(self.id(part))))];
                line(ui, self.cx, buttons, requests, |ui| moving(ui, self.cx, *purpose, *bytes, *of));
            }
            Transfer::Playing => outcome(ui, self.cx, Icon::CircleCheck, palette.ok, &texts.t("recording-playing")),
            Transfer::Saved(path) => {
                let text = texts.with("recording-saved", &[("path", path.to_string_lossy().as_ref().into())]);
                outcome(ui, self.cx, Icon::CircleCheck, palette.ok, &text);
            }
            Transfer::Failed(problem) => {
                let text = texts.t(wording::fetch_problem(*problem));
                outcome(ui, self.cx, Icon::TriangleAlert, palette.danger, &text);
            }
        }
    }
}

/// Draws text with buttons beside it, or below where space is scarce.
fn line(
    ui: &mut Ui,
    cx: &Cx,
    buttons: Vec<(TextButton, Request)>,
    requests: &mut Vec<Request>,
    words: impl FnOnce(&mut Ui),
) {
    let sizes = cx.sizes;
    let taken: f32 = buttons.iter().map(|(button, _)| button.width(ui, &sizes) + space::XS).sum();
    let show = |ui: &mut Ui| {
        for (button, action) in buttons {
            if button.show(ui, &sizes).clicked() {
                requests.push(action);
            }
        }
    };
    let narrow = ui.available_width() < ONE_LINE;
    let block = |ui: &mut Ui, width: f32| {
        ui.allocate_ui_with_layout(Vec2::new(width, 0.0), Layout::top_down(Align::Min), |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = space::XXS;
            // Rows without controls are as high as their text.
            ui.spacing_mut().interact_size.y = 0.0;
            words(ui);
        });
    };
    if narrow {
        let width = ui.available_width();
        block(ui, width);
        ui.horizontal_wrapped(show);
        return;
    }
    ui.horizontal_top(|ui| {
        let width = ui.available_width() - taken;
        block(ui, width);
        show(ui);
    });
}

/// Draws an icon and its text.
fn fact(ui: &mut Ui, cx: &Cx, icon: Icon, color: Color32, text: &str) {
    sign(ui, icon, cx.sizes.body * 1.15, color);
    ui.label(RichText::new(text).font(regular_font(cx.sizes.body)).color(color));
}

/// Draws a result; screen readers read it when idle.
fn outcome(ui: &mut Ui, cx: &Cx, icon: Icon, color: Color32, text: &str) {
    ui.horizontal_top(|ui| {
        sign(ui, icon, cx.sizes.body * 1.25, color);
        let words = ui.label(RichText::new(text).font(regular_font(cx.sizes.body)));
        ui.ctx().accesskit_node_builder(words.id, |node| node.set_live(egui::accesskit::Live::Polite));
    });
}

/// Draws the progress of a download.
fn moving(ui: &mut Ui, cx: &Cx, purpose: Purpose, bytes: u64, of: u64) {
    let (texts, palette) = (cx.texts, Palette::of(ui));
    let share = if of == 0 { 0.0 } else { (bytes as f64 / of as f64).clamp(0.0, 1.0) };
    let (here, whole) = (file_size(texts, bytes), file_size(texts, of));
    let key = match purpose {
        Purpose::Play => "recording-fetching-play",
        Purpose::Save => "recording-fetching-save",
    };
    let text = texts.with(
        key,
        &[
            ("percent", ((share * 100.0) as u64).into()),
            ("here", here.as_str().into()),
            ("whole", whole.as_str().into()),
        ],
    );
    // The progress bar has this text as its accessible name.
    caption(ui, &cx.sizes, &text);
    let (rect, response) =
        ui.allocate_exact_size(Vec2::new(ui.available_width() - space::M, BAR_HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo {
        label: Some(text.clone()),
        value: Some((share * 100.0).round()),
        ..WidgetInfo::new(egui::Role::ProgressIndicator)
    });
    ui.painter().rect_filled(rect, corner::FULL, palette.divider());
    let filled = rect.with_max_x(rect.left() + rect.width() * share as f32);
    ui.painter().rect_filled(filled, corner::FULL, palette.primary);
}

fn state_icon(state: RecordingState, palette: &Palette) -> (Icon, Color32) {
    match state {
        RecordingState::Asking | RecordingState::Starting => (Icon::Hourglass, palette.warning),
        RecordingState::Recording => (Icon::CircleDot, palette.danger),
        RecordingState::Paused => (Icon::CirclePause, palette.warning),
        RecordingState::Stopping | RecordingState::Storing => (Icon::CloudUpload, palette.primary),
        RecordingState::Ready => (Icon::CircleCheck, palette.ok),
        RecordingState::Refused | RecordingState::Cancelled => (Icon::CircleSlash, palette.muted),
        RecordingState::Failed => (Icon::CircleX, palette.danger),
        RecordingState::Deleted => (Icon::Trash2, palette.muted),
    }
}
