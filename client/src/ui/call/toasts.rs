//! Toasts: short messages that disappear by themselves.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_call::{CallPhase, CallState, ParticipantState, RecordingState};
use egui::{Rect, Ui, Vec2, pos2};

use super::{Layout, present};
use crate::theme::{Palette, corner, regular_font, space};
use crate::ui::widgets::announce_live;
use crate::ui::{Cx, wording};

/// Time before the planned end at which a toast announces it.
pub(super) const END_WARNING_TIME: Duration = Duration::from_secs(5 * 60);
const TOAST_DURATION: Duration = Duration::from_secs(5);
/// Time after a reconnection within which other participants may return before they count as gone.
const RETURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns whether others who lost their connection together with ours at `back` have had time to return.
pub(super) fn is_late(now: Instant, back: Instant) -> bool {
    now.saturating_duration_since(back) >= RETURN_TIMEOUT
}
/// Maximum number of toasts at a time.
const MAX_TOASTS: usize = 3;
/// Length in characters to which a chat message is shortened.
const MAX_PREVIEW_CHARS: usize = 80;

/// Toasts for the changes between snapshots.
pub(super) struct Toasts {
    before: Arc<CallState>,
    /// Participants when the call was last connected: nobody joins or leaves during a reconnection.
    there: Vec<ParticipantState>,
    /// Time of the last reconnection. Others may return a little later.
    back_since: Option<Instant>,
    /// Announcements of the planned end.
    time: PlannedTime,
    said: Vec<(String, Instant)>,
}

impl Toasts {
    pub fn new(state: Arc<CallState>) -> Self {
        let there = present(&state).cloned().collect();
        Self { before: state, there, back_since: None, time: PlannedTime::default(), said: Vec::new() }
    }

    /// Adds a toast.
    pub fn push(&mut self, text: String, now: Instant) {
        self.said.push((text, now));
        if self.said.len() > MAX_TOASTS {
            self.said.remove(0);
        }
    }

    /// Compares the snapshot with the previous one, and adds toasts for the changes.
    pub fn follow(&mut self, cx: &Cx, state: &Arc<CallState>, chat_is_open: bool) {
        if let Some(key) = self.time.follow(state, SystemTime::now()) {
            self.push(cx.texts.t(key).into_owned(), cx.now);
        }
        let mut pending = Vec::new();
        self.compare_participants(cx, state, &mut pending);
        if Arc::ptr_eq(&self.before, state) {
            pending.into_iter().for_each(|text| self.push(text, cx.now));
            return;
        }
        let before = std::mem::replace(&mut self.before, state.clone());
        let texts = cx.texts;
        if !chat_is_open {
            let seen = before.chat.newest();
            let mut new: Vec<_> = state.chat.iter().filter(|message| message.number > seen && !message.own).collect();
            // Older messages would disappear before they are drawn.
            let late = new.len().saturating_sub(MAX_TOASTS);
            for message in new.split_off(late) {
                let name = wording::name_of(texts, state, &message.from, message.role);
                let text = match &message.file {
                    Some(_) => texts.with("toast-file", &[("file", shorten(&message.text).as_str().into())]),
                    None => shorten(&message.text),
                };
                let values = [("name", name.as_str().into()), ("text", text.as_str().into())];
                pending.push(texts.with("toast-message", &values));
            }
        }
        let recorded = |state: &CallState| matches!(state.recording, RecordingState::On(_));
        match (recorded(&before), recorded(state)) {
            (false, true) => pending.push(texts.t("toast-recording-on").into_owned()),
            (true, false) => pending.push(texts.t("toast-recording-off").into_owned()),
            _ => {}
        }
        match (before.video_reduced, state.video_reduced) {
            (false, true) => pending.push(texts.t("toast-held-back").into_owned()),
            (true, false) => pending.push(texts.t("toast-pictures-back").into_owned()),
            _ => {}
        }
        if matches!(before.phase, CallPhase::Reconnecting { .. }) && state.phase == CallPhase::InCall {
            pending.push(texts.t("toast-back").into_owned());
        }
        for text in pending {
            self.push(text, cx.now);
        }
    }

    /// Adds toasts for participants who joined or left.
    fn compare_participants(&mut self, cx: &Cx, state: &Arc<CallState>, pending: &mut Vec<String>) {
        let is_new = !Arc::ptr_eq(&self.before, state);
        match (&self.before.phase, &state.phase) {
            (_, CallPhase::Reconnecting { .. }) => return self.back_since = None,
            (CallPhase::Reconnecting { .. }, _) if is_new => self.back_since = Some(cx.now),
            // Participants present before us didn't just join.
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
        pending
            .extend(now.iter().filter(|person| !is_in(&self.there, person)).map(|person| say("toast-joined", person)));
        let gone: Vec<_> = self.there.iter().filter(|person| !is_in(&now, person)).cloned().collect();
        self.there = now;
        if self.back_since.is_some() {
            self.there.extend(gone);
        } else {
            pending.extend(gone.iter().map(|person| say("toast-left", person)));
        }
    }

    /// Draws the toasts above the bar.
    ///
    /// `own`: area of the self-view, which they keep clear of.
    pub fn show(&mut self, ui: &Ui, cx: &Cx, layout: &Layout, own: Option<Rect>) {
        self.said.retain(|(_, since)| cx.now.saturating_duration_since(*since) < TOAST_DURATION);
        let palette = Palette::of(ui);
        let mut bottom = layout.bar.top() - space::M;
        for (index, (text, since)) in self.said.iter().enumerate().rev() {
            let mut room = layout.stage.x_range().shrink(space::XS);
            if let Some(own) = own.filter(|own| own.bottom() > bottom - own.height()) {
                if own.center().x > layout.stage.center().x {
                    room.max = room.max.min(own.left() - space::XS);
                } else {
                    room.min = room.min.max(own.right() + space::XS);
                }
            }
            let width = (room.span() - 2.0 * space::L).min(520.0);
            let middle = layout.stage.center().x.clamp(room.min, room.max);
            let galley = ui.painter().layout(text.clone(), regular_font(cx.sizes.body), palette.text, width);
            let size = galley.size() + 2.0 * Vec2::new(space::M, space::S);
            let left = (middle - size.x / 2.0).clamp(room.min, (room.max - size.x).max(room.min));
            let rect = Rect::from_min_size(pos2(left, bottom - size.y), size);
            ui.painter().rect_filled(rect, corner::CARD, palette.overlay());
            ui.painter().galley(rect.min + Vec2::new(space::M, space::S), galley, palette.text);
            announce_live(ui, ui.scope_id().with(("toast", index)), rect, text);
            bottom = rect.top() - space::XS;
            ui.ctx().request_repaint_after(TOAST_DURATION.saturating_sub(cx.now.saturating_duration_since(*since)));
        }
    }
}

/// Announcements of the planned end: one five minutes before, one at the end.
#[derive(Default)]
struct PlannedTime {
    told_soon: bool,
    told_over: bool,
}

impl PlannedTime {
    fn follow(&mut self, state: &CallState, now: SystemTime) -> Option<&'static str> {
        let end = state.planned_end.filter(|_| state.phase == CallPhase::InCall)?;
        match end.duration_since(now) {
            Ok(left) if left <= END_WARNING_TIME && !left.is_zero() => {
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
    if line.chars().count() <= MAX_PREVIEW_CHARS && line.len() == text.len() {
        return text.to_owned();
    }
    let mut short: String = line.chars().take(MAX_PREVIEW_CHARS).collect();
    short.push('…');
    short
}
