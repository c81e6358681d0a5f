//! Short messages that come, are read, and go.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use egui::{Rect, Ui, Vec2, pos2};

use super::{Places, present};
use crate::call::{CallPhase, CallState, ParticipantState, RecordingState};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::widgets::announce_live;
use crate::ui::{Cx, wording};

/// So long before the planned end it is told.
pub(super) const SOON: Duration = Duration::from_secs(5 * 60);
const STAYS: Duration = Duration::from_secs(5);
/// After a lost connection, others count as gone when they aren't back after this long.
const OTHERS_COME_BACK: Duration = Duration::from_secs(10);

/// Whether others who lost their connection with ours at `back` would be in the call again.
pub(super) fn is_late(now: Instant, back: Instant) -> bool {
    now.saturating_duration_since(back) >= OTHERS_COME_BACK
}
/// More at a time would be a list, not a message.
const MOST: usize = 3;
/// A chat line is shortened to this many letters.
const LINE: usize = 80;

/// What there is to say, from what changed.
pub(super) struct Toasts {
    before: Arc<CallState>,
    /// Those who were in the call when it was last up: while a connection is restored nobody has come or gone.
    there: Vec<ParticipantState>,
    /// Since when the call is up again. Others come back a little later than we do.
    back_since: Option<Instant>,
    /// How much of the planned time has been told of.
    time: PlannedTime,
    said: Vec<(String, Instant)>,
}

impl Toasts {
    pub fn new(state: Arc<CallState>) -> Self {
        let there = present(&state).cloned().collect();
        Self { before: state, there, back_since: None, time: PlannedTime::default(), said: Vec::new() }
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
        let mut news = Vec::new();
        self.compare_people(cx, state, &mut news);
        if Arc::ptr_eq(&self.before, state) {
            news.into_iter().for_each(|text| self.say(text, cx.now));
            return;
        }
        let before = std::mem::replace(&mut self.before, state.clone());
        let texts = cx.texts;
        if !chat_is_open {
            let seen = before.chat.newest();
            let mut new: Vec<_> = state.chat.iter().filter(|message| message.number > seen && !message.own).collect();
            // More than that would be gone before it is drawn.
            let late = new.len().saturating_sub(MOST);
            for message in new.split_off(late) {
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

    /// Says who has come and gone.
    fn compare_people(&mut self, cx: &Cx, state: &Arc<CallState>, news: &mut Vec<String>) {
        let is_new = !Arc::ptr_eq(&self.before, state);
        match (&self.before.phase, &state.phase) {
            (_, CallPhase::Reconnecting { .. }) => return self.back_since = None,
            (CallPhase::Reconnecting { .. }, _) if is_new => self.back_since = Some(cx.now),
            // Whoever is there when we come in didn't just come.
            (CallPhase::Joining, _) if is_new => return self.there = present(state).cloned().collect(),
            _ => {}
        }
        let is_late = self.back_since.is_some_and(|since| is_late(cx.now, since));
        if is_late {
            self.back_since = None;
        }
        if !is_new && !is_late {
            return;
        }
        let say = |key: &'static str, person: &ParticipantState| {
            cx.texts.with(key, &[("name", wording::name(cx.texts, person).as_str().into())])
        };
        let now: Vec<_> = present(state).cloned().collect();
        let is_in = |people: &[ParticipantState], person: &ParticipantState| {
            people.iter().any(|other| other.identity == person.identity)
        };
        news.extend(now.iter().filter(|person| !is_in(&self.there, person)).map(|person| say("toast-joined", person)));
        let gone: Vec<_> = self.there.iter().filter(|person| !is_in(&now, person)).cloned().collect();
        self.there = now;
        if self.back_since.is_some() {
            self.there.extend(gone);
        } else {
            news.extend(gone.iter().map(|person| say("toast-left", person)));
        }
    }

    /// Draws them above the bar.
    /// `own`: our own picture in its corner, which they keep clear of.
    pub fn show(&mut self, ui: &Ui, cx: &Cx, places: &Places, own: Option<Rect>) {
        self.said.retain(|(_, since)| cx.now.saturating_duration_since(*since) < STAYS);
        let palette = Palette::of(ui);
        let mut bottom = places.bar.top() - space::M;
        for (index, (text, since)) in self.said.iter().enumerate().rev() {
            let mut room = places.stage.x_range().shrink(space::XS);
            if let Some(own) = own.filter(|own| own.bottom() > bottom - own.height()) {
                if own.center().x > places.stage.center().x {
                    room.max = room.max.min(own.left() - space::XS);
                } else {
                    room.min = room.min.max(own.right() + space::XS);
                }
            }
            let width = (room.span() - 2.0 * space::L).min(520.0);
            let middle = places.stage.center().x.clamp(room.min, room.max);
            let galley = ui.painter().layout(text.clone(), regular_font(cx.sizes.body), palette.text, width);
            let size = galley.size() + 2.0 * Vec2::new(space::M, space::S);
            let left = (middle - size.x / 2.0).clamp(room.min, (room.max - size.x).max(room.min));
            let rect = Rect::from_min_size(pos2(left, bottom - size.y), size);
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
