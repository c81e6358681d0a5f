//! Recordings screen: lists a consultation's recordings, and plays, saves and deletes them.

mod row;
mod saving;
mod wording;

use autamedica_api::Recording;
use autamedica_call::recordings::{Listed, RecordingsCommand, RecordingsState};
use egui::{Key, Modifiers, RichText, Ui};
use lucide_icons::Icon;

use super::desk::DoctorsRecordings;
use crate::app::ScreenName;
use crate::app::edition::Page;
use crate::theme::{Palette, regular_font, space};
use crate::ui::controls::{note, remark};
use crate::ui::dialog::{self, Answer, ask};
use crate::ui::page::{header, wide_with_footer};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx};
use saving::Saving;
pub(super) use wording::trouble;

/// State of the recordings screen.
pub struct RecordingsScreen {
    recordings: Box<dyn DoctorsRecordings>,
    question: Option<Question>,
    saving: Saving,
}

/// Open confirmation dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// Delete the recording of this id.
    Delete(String),
    /// Leave the screen during a download.
    Leave,
}

/// Request of the person about a recording.
enum Request {
    /// Command to send at once.
    Command(RecordingsCommand),
    /// Save a part, suggesting this file name.
    Save(autamedica_call::recordings::PartId, String),
    /// Delete the recording of this id after confirmation.
    Delete(String),
}

impl RecordingsScreen {
    /// Creates the screen for these recordings.
    pub fn new(recordings: Box<dyn DoctorsRecordings>) -> Self {
        Self { recordings, question: None, saving: Saving::default() }
    }
}

impl Page for RecordingsScreen {
    fn name(&self) -> ScreenName {
        ScreenName::Recordings
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        let state = self.recordings.now();
        let (mut requests, mut back) = (Vec::new(), false);
        let body = |ui: &mut Ui, cx: &mut Cx| body(ui, cx, &state, &mut requests);
        wide_with_footer(ui, cx, body, |ui, cx| {
            let text = cx.texts.t("recordings-back");
            back = TextButton::new(text, Tone::Neutral).icon(Icon::ArrowLeft).show(ui, &cx.sizes).clicked();
        });
        let free = !dialog::is_open(ui.ctx());
        back |= free && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        for request in requests {
            match request {
                Request::Command(command) => self.recordings.send(command),
                Request::Save(part, name) => self.saving.ask(ui, cx, part, name),
                Request::Delete(recording) => self.question = Some(Question::Delete(recording)),
            }
        }
        if let Some(command) = self.saving.show(ui, cx) {
            self.recordings.send(command);
        }
        self.ask(ui, cx, &state);
        if back && state.is_transferring() {
            self.question = Some(Question::Leave);
        } else if back {
            cx.actions.push(Action::Home);
        }
    }
}

impl RecordingsScreen {
    fn ask(&mut self, ui: &Ui, cx: &mut Cx, state: &RecordingsState) {
        let Some(question) = self.question.clone() else { return };
        let texts = cx.texts;
        let answer = match &question {
            Question::Leave => {
                let (title, lead) = (texts.t("recordings-leave-title"), texts.t("recordings-leave-lead"));
                ask(ui, cx, "leave recordings", &title, &lead, &texts.t("recordings-leave-yes"))
            }
            Question::Delete(id) => {
                let Some(recording) = known(state).iter().find(|it| it.recording_id == *id) else {
                    self.question = None;
                    return;
                };
                let when = wording::when(texts, recording);
                let title = texts.with("recording-delete-title", &[("when", when.as_str().into())]);
                let (time, size) = wording::time_and_size(texts, recording.duration_seconds, recording.size_bytes);
                let count = recording.parts.len() as u64;
                let lead = texts.with(
                    "recording-delete-lead",
                    &[("time", time.as_str().into()), ("size", size.as_str().into()), ("count", count.into())],
                );
                ask(ui, cx, "delete a recording", &title, &lead, &texts.t("recording-delete-yes"))
            }
        };
        if answer == Answer::Open {
            return;
        }
        self.question = None;
        match question {
            Question::Leave if answer == Answer::Yes => cx.actions.push(Action::Home),
            Question::Delete(id) if answer == Answer::Yes => self.recordings.send(RecordingsCommand::Delete(id)),
            Question::Leave | Question::Delete(_) => {}
        }
    }
}

fn known(state: &RecordingsState) -> &[Recording] {
    match &state.list {
        Listed::Known(recordings) | Listed::Unreachable(recordings) => recordings,
        Listed::NoKey | Listed::Asking | Listed::Refused => &[],
    }
}

fn body(ui: &mut Ui, cx: &Cx, state: &RecordingsState, requests: &mut Vec<Request>) {
    let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
    ui.heading(texts.t("recordings-title").as_ref());
    let name = texts.with("day-consultation", &[("id", state.consultation.as_str().into())]);
    ui.label(RichText::new(name).font(regular_font(sizes.lead)).color(palette.muted));
    ui.add_space(space::S);
    let mut trouble = |icon, title: &str, advice: &str| {
        remark(ui, &sizes, icon, palette.warning, &texts.t(title));
        note(ui, &sizes, &texts.t(advice), palette.muted);
        ui.add_space(space::XS);
    };
    match &state.list {
        Listed::NoKey => trouble(Icon::Info, "day-no-key", "recordings-no-key-advice"),
        Listed::Refused => trouble(Icon::TriangleAlert, "day-refused", "day-refused-advice"),
        Listed::Unreachable(_) => trouble(Icon::WifiOff, "day-unreachable", "day-unreachable-advice"),
        Listed::Asking => {
            note(ui, &sizes, &texts.t("recordings-asking"), palette.muted);
        }
        Listed::Known(recordings) if recordings.is_empty() => {
            note(ui, &sizes, &texts.t("recordings-empty"), palette.muted);
        }
        Listed::Known(_) => {}
    }
    for recording in known(state) {
        row::show(ui, cx, state, recording, requests);
    }
}
