//! Short messages that come, are read, and go.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use egui::{Rect, Ui, Vec2, pos2};

use super::{Places, present};
use crate::call::{CallPhase, CallState, RecordingState};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::widgets::announce_live;
use crate::ui::{Cx, wording};

/// So long before the planned end it is told.
pub(super) const SOON: Duration = Duration::from_secs(5 * 60);
const STAYS: Duration = Duration::from_secs(5);
/// More at a time would be a list, not a message.
const MOST: usize = 3;
/// A chat line is shortened to this many letters.
const LINE: usize = 80;

/// What there is to say, from what changed.
pub(super) struct Toasts {
    before: Arc<CallState>,
    /// How much of the planned time has been told of.
    time: PlannedTime,
    said: Vec<(String, Instant)>,
}

impl Toasts {
    pub fn new(state: Arc<CallState>) -> Self {
        Self { before: state, time: PlannedTime::default(), said: Vec::new() }
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
        if let Some(key) = self.time.follow(state, SystemTime::now()) {
            self.say(cx.texts.t(key).into_owned(), cx.now);
        }
        if Arc::ptr_eq(&self.before, state) {
            return;
        }
        let before = std::mem::replace(&mut self.before, state.clone());
        let texts = cx.texts;
        let mut news = Vec::new();
        let there = |state: &CallState, identity: &str| present(state).any(|person| person.identity == identity);
        // Whoever is there when we come in didn't just come.
        if before.phase != CallPhase::Joining {
            for person in present(state).filter(|person| !there(&before, &person.identity)) {
                news.push(texts.with("toast-joined", &[("name", wording::name(texts, person).as_str().into())]));
            }
            for person in present(&before).filter(|person| !there(state, &person.identity)) {
                news.push(texts.with("toast-left", &[("name", wording::name(texts, person).as_str().into())]));
            }
        }
        if !chat_is_open {
            for message in state.chat.iter().skip(before.chat.len()).filter(|message| !message.own) {
                let name = wording::name_of(texts, state, &message.from, message.role);
                let text = match &message.file {
                    Some(_) => texts.with("toast-file", &[("file", shorten(&message.text).as_str().into())]),
                    None => shorten(&message.text),
                };
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
        match (before.video_held_back, state.video_held_back) {
            (false, true) => news.push(texts.t("toast-held-back").into_owned()),
            (true, false) => news.push(texts.t("toast-pictures-back").into_owned()),
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
            announce_live(ui, ui.scope_id().with(("toast", index)), rect, text);
            bottom = rect.top() - space::XS;
            ui.ctx().request_repaint_after(STAYS.saturating_sub(cx.now.saturating_duration_since(*since)));
        }
    }
}

/// Tells of the planned end: quietly, once five minutes before and once when it is there.
#[derive(Default)]
struct PlannedTime {
    told_soon: bool,
    told_over: bool,
}

impl PlannedTime {
    fn follow(&mut self, state: &CallState, now: SystemTime) -> Option<&'static str> {
        let end = state.planned_end.filter(|_| state.phase == CallPhase::InCall)?;
        match end.duration_since(now) {
            Ok(left) if left <= SOON && !left.is_zero() => {
                (!std::mem::replace(&mut self.told_soon, true)).then_some("toast-time-soon")
            }
            Ok(left) if !left.is_zero() => None,
            _ => {
                self.told_soon = true;
                (!std::mem::replace(&mut self.told_over, true)).then_some("toast-time-over")
            }
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
