//! Waiting room: whether the doctor knows, and for how long the person has waited.

use std::time::{Duration, Instant};

use autamedica_api::Role;
use autamedica_call::{CallState, displayable_text};
use autamedica_media::DeviceState;
use egui::{RichText, Sense, Ui, Vec2};
use lucide_icons::Icon;

use super::check::own_picture;
use super::controls::{note, remark};
use super::page::{header, wide};
use super::video::Videos;
use super::widgets::{TextButton, Tone};
use super::{Action, Cx, wording};
use crate::theme::{Palette, regular_font, space};

const MINUTE: Duration = Duration::from_secs(60);

/// Draws the screen.
pub fn show(ui: &mut Ui, cx: &mut Cx, state: &CallState, since: Instant, videos: &mut Videos) {
    header(ui, cx);
    wide(ui, cx.sizes, |ui| {
        let side_by_side = ui.available_width() >= 640.0;
        let width = if side_by_side { ui.available_width() * 0.45 } else { ui.available_width().min(420.0) };
        let picture = Vec2::new(width, width * 9.0 / 16.0);
        if side_by_side {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::XL;
                let (place, _) = ui.allocate_exact_size(picture, Sense::hover());
                own_picture(ui, cx, place, &state.self_view, videos);
                ui.vertical(|ui| words(ui, cx, state, since));
            });
        } else {
            let (place, _) = ui.allocate_exact_size(picture, Sense::hover());
            own_picture(ui, cx, place, &state.self_view, videos);
            ui.add_space(space::M);
            words(ui, cx, state, since);
        }
    });
    // The text shows minutes: nothing changes before the next one.
    let waited = cx.now.saturating_duration_since(since);
    let into_minute = Duration::from_millis((waited.as_millis() % MINUTE.as_millis()) as u64);
    ui.ctx().request_repaint_after(MINUTE - into_minute + Duration::from_millis(1));
}

fn words(ui: &mut Ui, cx: &mut Cx, state: &CallState, since: Instant) {
    let (texts, sizes, palette) = (cx.texts, cx.sizes, Palette::of(ui));
    // A doctor in the room sees who waits.
    let is_known = state.participants.iter().any(|other| other.role == Some(Role::Doctor));
    let (title, lead) =
        if is_known { ("waiting-title", "waiting-lead") } else { ("waiting-title-alone", "waiting-lead-alone") };
    ui.heading(texts.t(title).as_ref());
    ui.add_space(space::XS);
    let minutes = cx.now.saturating_duration_since(since).as_secs() / 60;
    let waited = if minutes == 0 {
        texts.t("waiting-since-now").into_owned()
    } else {
        texts.with("waited-for", &[("minutes", minutes.into())])
    };
    ui.label(RichText::new(waited).font(regular_font(sizes.lead)).color(palette.muted));
    ui.add_space(space::XS);
    note(ui, &sizes, &texts.t(lead), palette.muted);
    if let Some(queue) = &state.queue {
        ui.add_space(space::S);
        let place = texts.with("waiting-place", &[("ahead", u64::from(queue.ahead).into())]);
        remark(ui, &sizes, Icon::UsersRound, palette.primary, &place);
        if let Some(notice) = &queue.notice {
            remark(ui, &sizes, Icon::Megaphone, palette.warning, &texts.t("waiting-notice"));
            note(ui, &sizes, &displayable_text(notice), palette.text);
        }
    }
    if let DeviceState::Failed(problem) = state.camera.device {
        let (title, advice) = wording::camera_problem(problem);
        ui.add_space(space::S);
        remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t(title));
        note(ui, &sizes, &texts.t(advice), palette.muted);
    }
    if let DeviceState::Failed(problem) = state.microphone.device {
        let (title, advice) = wording::microphone_problem(problem);
        ui.add_space(space::S);
        remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t(title));
        note(ui, &sizes, &texts.t(advice), palette.muted);
    }
    ui.add_space(space::L);
    if TextButton::new(texts.t("waiting-leave"), Tone::Neutral).icon(Icon::LogOut).show(ui, &sizes).clicked() {
        cx.actions.push(Action::Leave);
    }
}
