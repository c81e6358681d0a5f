//! Short messages that come, are read, and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Rect, Ui, Vec2, pos2};

use super::Places;
use crate::call::{CallPhase, CallState, RecordingState};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::widgets::announce;
use crate::ui::{Cx, wording};

const STAYS: Duration = Duration::from_secs(5);
/// More at a time would be a list, not a message.
const MOST: usize = 3;
/// A chat line is shortened to this many letters.
const LINE: usize = 80;

/// What there is to say, from what changed.
pub(super) struct Toasts {
    before: Arc<CallState>,
    said: Vec<(String, Instant)>,
}

impl Toasts {
    pub fn new(state: Arc<CallState>) -> Self {
        Self { before: state, said: Vec::new() }
    }

    /// Says something.
    pub fn say(&mut self, text: String, now: Instant) {
        self.said.push((text, now));
        if self.said.len() > MOST {
            self.said.remove(0);
        }
    }

    /// Compares the call with how it stood, and says what a person should know.
    pub fn follow(&mut self, cx: &Cx, state: &Arc<CallState>, chat_is_open: bool) {
        if Arc::ptr_eq(&self.before, state) {
            return;
        }
        let before = std::mem::replace(&mut self.before, state.clone());
        let texts = cx.texts;
        let mut news = Vec::new();
        let there = |state: &CallState, identity: &str| state.participants.iter().any(|p| p.identity == identity);
        // Whoever is there when we come in didn't just come.
        if before.phase != CallPhase::Joining {
            for person in state.participants.iter().filter(|person| !there(&before, &person.identity)) {
                news.push(texts.with("toast-joined", &[("name", wording::name(texts, person).as_str().into())]));
            }
            for person in before.participants.iter().filter(|person| !there(state, &person.identity)) {
                news.push(texts.with("toast-left", &[("name", wording::name(texts, person).as_str().into())]));
            }
        }
        if !chat_is_open {
            for message in state.chat.iter().skip(before.chat.len()).filter(|message| !message.own) {
                let name = wording::name_of(texts, state, &message.from, message.role);
                let text = shorten(&message.text);
                let values = [("name", name.as_str().into()), ("text", text.as_str().into())];
                news.push(texts.with("toast-message", &values));
            }
        }
        let recorded = |state: &CallState| matches!(state.recording, RecordingState::On(_));
        match (recorded(&before), recorded(state)) {
            (false, true) => news.push(texts.t("toast-recording-on").into_owned()),
            (true, false) => news.push(texts.t("toast-recording-off").into_owned()),
            _ => {}
        }
        if matches!(before.phase, CallPhase::Reconnecting { .. }) && state.phase == CallPhase::InCall {
            news.push(texts.t("toast-back").into_owned());
        }
        for text in news {
            self.say(text, cx.now);
        }
    }

    /// Draws them above the bar.
    pub fn show(&mut self, ui: &Ui, cx: &Cx, places: &Places) {
        self.said.retain(|(_, since)| cx.now.saturating_duration_since(*since) < STAYS);
        let palette = Palette::of(ui);
        let mut bottom = places.bar.top() - space::M;
        for (index, (text, since)) in self.said.iter().enumerate().rev() {
            let width = (places.stage.width() - 2.0 * space::XXL).min(520.0);
            let galley = ui.painter().layout(text.clone(), regular_font(cx.sizes.body), palette.text, width);
            let size = galley.size() + 2.0 * Vec2::new(space::M, space::S);
            let rect = Rect::from_min_size(pos2(places.stage.center().x - size.x / 2.0, bottom - size.y), size);
            ui.painter().rect_filled(rect, corner::CARD, palette.overlay());
            ui.painter().galley(rect.min + Vec2::new(space::M, space::S), galley, palette.text);
            announce(ui, ui.scope_id().with(("toast", index)), rect, text);
            bottom = rect.top() - space::XS;
            ui.ctx().request_repaint_after(STAYS.saturating_sub(cx.now.saturating_duration_since(*since)));
        }
    }
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= LINE && line.len() == text.len() {
        return text.to_owned();
    }
    let mut short: String = line.chars().take(LINE).collect();
    short.push('…');
    short
}
