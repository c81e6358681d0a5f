//! List of a doctor's consultations: today's and recent ones.

use std::time::{Duration, SystemTime};

use autamedica_api::{ConsultationDetails, ConsultationState, Id, Role, Timestamp};
use autamedica_call::JoinTarget;
use autamedica_call::agenda::Agenda;
use egui::{Align, Layout, RichText, Ui, Vec2};
use lucide_icons::Icon;

use crate::theme::{Palette, bold_font, regular_font, space};
use crate::ui::controls::{note, remark};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx, wording};

/// Width in points below which a row's button stands below its text.
const ONE_LINE: f32 = 420.0;

pub fn show(ui: &mut Ui, cx: &mut Cx, agenda: &Agenda) {
    let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
    ui.heading(texts.t("start-title-doctor").as_ref());
    ui.add_space(space::XXS);
    let today = texts.t("day-today");
    ui.label(RichText::new(today.as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
    ui.add_space(space::S);
    match agenda {
        Agenda::Asking => {
            note(ui, &sizes, &texts.t("day-asking"), palette.muted);
        }
        Agenda::NoKey => {
            remark(ui, &sizes, Icon::Info, palette.primary, &texts.t("day-no-key"));
            note(ui, &sizes, &texts.t("day-no-key-advice"), palette.muted);
        }
        Agenda::Refused => {
            remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t("day-refused"));
            note(ui, &sizes, &texts.t("day-refused-advice"), palette.muted);
        }
        Agenda::Unreachable(known) => {
            remark(ui, &sizes, Icon::WifiOff, palette.warning, &texts.t("day-unreachable"));
            note(ui, &sizes, &texts.t("day-unreachable-advice"), palette.muted);
            rows(ui, cx, known);
        }
        Agenda::Known(consultations) if consultations.is_empty() => {
            note(ui, &sizes, &texts.t("day-empty"), palette.muted);
        }
        Agenda::Known(consultations) => rows(ui, cx, consultations),
    }
    recent(ui, cx);
}

fn rows(ui: &mut Ui, cx: &mut Cx, consultations: &[ConsultationDetails]) {
    for consultation in consultations {
        ui.separator();
        row(ui, cx, consultation);
    }
}

fn row(ui: &mut Ui, cx: &mut Cx, consultation: &ConsultationDetails) {
    let (texts, palette) = (cx.texts, Palette::of(ui));
    let begins = consultation.scheduled_at.unwrap_or(consultation.created_at);
    let time = wording::time_of_day(system_time(begins));
    let id = consultation.consultation_id.as_str();
    let name = texts.with("day-consultation", &[("id", id.into())]);
    let (color, state) = state_words(cx, palette, consultation);
    let is_open = !matches!(consultation.state, ConsultationState::Ended | ConsultationState::Cancelled);
    let sizes = cx.sizes;
    let words = |ui: &mut Ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = space::XXS;
            ui.label(RichText::new(format!("{time}  {name}")).font(bold_font(sizes.body)));
            ui.label(RichText::new(state.as_str()).color(color));
        });
    };
    let spoken = wording::clock_time(texts, system_time(begins));
    let which = [("time", spoken.as_str().into()), ("id", id.into())];
    let recordings = (consultation.recordings > 0).then(|| {
        let text = texts.with("day-recordings", &[("count", u64::from(consultation.recordings).into())]);
        let button = TextButton::new(text, Tone::Neutral).icon(Icon::Film);
        (
            button.label(texts.with("day-recordings-which", &which)),
            Action::Recordings(consultation.consultation_id.clone()),
        )
    });
    let enter = is_open.then(|| {
        let button = TextButton::new(texts.t("day-enter"), Tone::Primary);
        let target = JoinTarget::Scheduled { id: consultation.consultation_id.clone() };
        (button.label(texts.with("day-enter-which", &which)), Action::Begin(target))
    });
    let buttons: Vec<_> = recordings.into_iter().chain(enter).collect();
    let taken: f32 = buttons.iter().map(|(button, _)| button.width(ui, &sizes) + space::XS).sum();
    let show = |ui: &mut Ui| {
        for (button, action) in buttons {
            if button.show(ui, &sizes).clicked() {
                cx.actions.push(action);
            }
        }
    };
    if ui.available_width() < ONE_LINE {
        words(ui);
        ui.horizontal_wrapped(show);
        return;
    }
    ui.horizontal(|ui| {
        // The row is tighter than the surrounding columns.
        ui.spacing_mut().item_spacing.x = space::XS;
        let room = Vec2::new(ui.available_width() - taken, sizes.control);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(room.x);
            words(ui);
        });
        show(ui);
    });
}

fn state_words(cx: &Cx, palette: &Palette, consultation: &ConsultationDetails) -> (egui::Color32, String) {
    let texts = cx.texts;
    match consultation.state {
        ConsultationState::Created => (palette.muted, texts.t("day-created").into_owned()),
        ConsultationState::Waiting => {
            let since = consultation.waiting_at.map(system_time);
            let waited = since.and_then(|since| SystemTime::now().duration_since(since).ok()).unwrap_or_default();
            let words = match waited.as_secs() / 60 {
                0 => texts.t("day-waiting-now").into_owned(),
                minutes => texts.with("day-waiting", &[("minutes", minutes.into())]),
            };
            (palette.warning, words)
        }
        ConsultationState::Live => (palette.ok, texts.t("day-live").into_owned()),
        ConsultationState::Ended => (palette.muted, texts.t("day-ended").into_owned()),
        ConsultationState::Cancelled => (palette.muted, texts.t("day-cancelled").into_owned()),
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millis().unsigned_abs())
}

fn recent(ui: &mut Ui, cx: &mut Cx) {
    if cx.recent.is_empty() {
        return;
    }
    let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
    ui.add_space(space::M);
    ui.label(RichText::new(texts.t("recent-title").as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
    ui.add_space(space::XXS);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
        for id in cx.recent {
            let text = texts.with("day-consultation", &[("id", id.as_str().into())]);
            if TextButton::new(text, Tone::Neutral).icon(Icon::History).show(ui, &sizes).clicked() {
                cx.actions.push(Action::Begin(again(cx, id)));
            }
        }
        if TextButton::new(texts.t("recent-forget"), Tone::Plain).show(ui, &sizes).clicked() {
            cx.actions.push(Action::ForgetRecent);
        }
    });
}

/// Returns the target for entering a recent consultation again: with the paired API key if there is one.
fn again(cx: &Cx, id: &Id) -> JoinTarget {
    if cx.paired {
        JoinTarget::Scheduled { id: id.clone() }
    } else {
        JoinTarget::Consultation { id: id.clone(), role: Role::Doctor }
    }
}
