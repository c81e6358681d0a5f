//! Choice of a file's destination, with the system's dialog or in a text field where there is none.

use std::path::PathBuf;

use autamedica_call::recordings::{PartId, RecordingsCommand};
use egui::{RichText, TextEdit, Ui, Vec2};
use lucide_icons::Icon;

use crate::theme::{Palette, regular_font, space};
use crate::ui::Cx;
use crate::ui::controls::remark;
use crate::ui::desktop::{BackgroundTask, Picked};
use crate::ui::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};

/// State of the choice; one at a time.
#[derive(Default)]
pub(super) struct Saving {
    part: Option<PartId>,
    work: Option<BackgroundTask<Outcome>>,
    /// Path in the text field.
    typed: Option<String>,
    /// The typed path exists already.
    taken: bool,
}

enum Outcome {
    Place(PathBuf),
    Cancelled,
    NoDialog,
    Taken,
}

impl Saving {
    /// Asks for the destination of a part, suggesting this file name.
    pub fn ask(&mut self, ui: &Ui, cx: &Cx, part: PartId, name: String) {
        if self.work.is_some() {
            return;
        }
        let (desktop, title) = (cx.desktop.clone(), cx.texts.t("recording-save-title").into_owned());
        *self = Self { part: Some(part), ..Self::default() };
        self.work = Some(BackgroundTask::start(ui.ctx(), move || match desktop.pick_place(&title, &name) {
            Picked::File(path) => Outcome::Place(path),
            Picked::Cancelled => Outcome::Cancelled,
            Picked::Unavailable => Outcome::NoDialog,
        }));
    }

    /// Draws the text field where there is no dialog. Returns the command once the person has decided.
    pub fn show(&mut self, ui: &Ui, cx: &Cx) -> Option<RecordingsCommand> {
        let done = self.poll_result();
        let Some(path) = &mut self.typed else { return done };
        let (texts, sizes) = (cx.texts, cx.sizes);
        let taken = self.taken && self.work.is_none();
        let mut edited = false;
        let answer = dialog(ui, "save a recording", &texts.t("recording-save-title"), 520.0, |ui| {
            let palette = Palette::of(ui);
            let lead = texts.t("recording-save-lead");
            ui.label(RichText::new(lead.as_ref()).font(regular_font(sizes.body)).color(palette.muted));
            let edit = TextEdit::singleline(path)
                .font(regular_font(sizes.body))
                .min_size(Vec2::new(0.0, sizes.control))
                .margin(Vec2::new(space::S, space::S))
                .desired_width(f32::INFINITY);
            let field = ui.add(edit);
            edited = field.changed();
            focus_once(ui, &field);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            field.accessible_name(texts.t("recording-save-path"));
            if taken {
                remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t("recording-save-taken"));
            }
            ui.horizontal_wrapped(|ui| {
                let cancelled = TextButton::new(texts.t("dialog-cancel"), Tone::Neutral).show(ui, &sizes).clicked();
                let go = TextButton::new(texts.t("recording-save-go"), Tone::Primary).icon(Icon::Download);
                let go = go.show(ui, &sizes).clicked() || entered;
                (go, cancelled)
            })
            .inner
        });
        self.taken &= !edited;
        match answer {
            None | Some((_, true)) => *self = Self::default(),
            Some((true, _)) => self.take_typed(ui),
            Some(_) => {}
        }
        done
    }

    /// Accepts the typed path unless it exists: a dialog would have asked before replacing the file.
    fn take_typed(&mut self, ui: &Ui) {
        let typed = self.typed.as_deref().map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from);
        let Some(path) = typed.filter(|_| self.work.is_none()) else { return };
        self.work = Some(BackgroundTask::start(ui.ctx(), move || {
            if path.try_exists().unwrap_or(false) { Outcome::Taken } else { Outcome::Place(path) }
        }));
    }

    fn poll_result(&mut self) -> Option<RecordingsCommand> {
        let outcome = match self.work.as_ref()?.poll() {
            Ok(None) => return None,
            Ok(Some(outcome)) => outcome,
            Err(_) => Outcome::NoDialog,
        };
        self.work = None;
        match outcome {
            Outcome::Place(to) => {
                let part = std::mem::take(self).part?;
                return Some(RecordingsCommand::Save { part, to });
            }
            Outcome::Cancelled => *self = Self::default(),
            Outcome::NoDialog => self.typed = Some(String::new()),
            Outcome::Taken => self.taken = true,
        }
        None
    }
}
