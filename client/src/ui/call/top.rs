//! Labels at the top of the stage: participant, connection, clock, recording and reconnection.

use std::time::{Duration, SystemTime};

use autamedica_call::{CallPhase, CallState, EncryptionState, RecordingState, ShareState};
use autamedica_engine::ConnectionQuality;
use autamedica_media::DeviceState;
use egui::{Align2, Color32, Pos2, Rect, Ui, Vec2, pos2};
use lucide_icons::Icon;

use super::present;
use super::toasts::END_WARNING_TIME;
use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::widgets::announce;
use crate::ui::{Cx, wording};

/// Returns the height of a label.
pub(super) fn label_height(cx: &Cx) -> f32 {
    cx.sizes.body * 1.4 + 2.0 * space::XS + space::XXS
}

/// Draws the labels over `stage`. Returns the area below them.
pub(super) fn show(ui: &Ui, cx: &Cx, state: &CallState, stage: Rect, talking: bool) -> Rect {
    let mut left = stage.shrink(space::S);
    if let CallPhase::Reconnecting { since } = state.phase {
        let seconds = cx.now.saturating_duration_since(since).as_secs();
        left.min.y = band(ui, cx, left, seconds) + space::XS;
    }
    let right = states(ui, cx, state, left, talking);
    let height = who(ui, cx, state, left.with_max_x(right - space::XS));
    left.with_min_y(left.top() + height + space::XS)
}

/// Draws the banner that shows a reconnection. Returns its lower edge.
fn band(ui: &Ui, cx: &Cx, within: Rect, seconds: u64) -> f32 {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let ink = palette.on_warning;
    let painter = ui.painter();
    let room = within.width() - 2.0 * space::M - sizes.title - space::S;
    let title = cx.texts.with("reconnecting", &[("seconds", seconds.into())]);
    let advice = cx.texts.t("reconnecting-lead");
    let title_galley = painter.layout(title.clone(), bold_font(sizes.lead), ink, room);
    let advice_galley = painter.layout(advice.to_string(), regular_font(sizes.body), ink, room);
    let height = title_galley.size().y + advice_galley.size().y + 2.0 * space::S;
    let rect = Rect::from_min_size(within.min, Vec2::new(within.width(), height));
    painter.rect_filled(rect, corner::CARD, palette.warning);
    let icon_at = pos2(rect.left() + space::M, rect.center().y);
    painter.text(icon_at, Align2::LEFT_CENTER, char::from(Icon::WifiOff), icon_font(sizes.title), ink);
    let at = pos2(icon_at.x + sizes.title + space::S, rect.top() + space::S);
    let below = at + Vec2::new(0.0, title_galley.size().y);
    announce(ui, ui.scope_id().with("band title"), Rect::from_min_size(at, title_galley.size()), &title);
    announce(ui, ui.scope_id().with("band advice"), Rect::from_min_size(below, advice_galley.size()), &advice);
    painter.galley(at, title_galley, ink);
    painter.galley(below, advice_galley, ink);
    rect.bottom()
}

/// Element of a label.
enum Part {
    Words {
        text: String,
        bold: bool,
        color: Color32,
    },
    /// Clock: shown short, read out in full.
    Time {
        text: String,
        means: String,
    },
    Icon {
        icon: Icon,
        color: Color32,
        means: String,
    },
    Bars {
        quality: ConnectionQuality,
        means: String,
    },
}

/// Draws the label at the left with name, role, connection and time. Returns its height.
fn who(ui: &Ui, cx: &Cx, state: &CallState, within: Rect) -> f32 {
    let (palette, texts) = (Palette::of(ui), cx.texts);
    let mut parts = Vec::new();
    let people: Vec<_> = present(state).collect();
    let quality = if let [other] = people[..] {
        let name = wording::name(texts, other);
        let role = texts.t(wording::role(other.role)).into_owned();
        if name != role {
            parts.push(Part::Words { text: name, bold: true, color: palette.text });
            parts.push(Part::Words { text: role, bold: false, color: palette.muted });
        } else {
            parts.push(Part::Words { text: role, bold: true, color: palette.text });
        }
        if other.microphone_muted {
            let means = texts.t("person-muted").into_owned();
            parts.push(Part::Icon { icon: Icon::MicOff, color: palette.warning, means });
        }
        other.quality
    } else {
        let name = texts.t("app-name").into_owned();
        parts.push(Part::Words { text: name, bold: true, color: palette.text });
        state.quality
    };
    let quality = if state.phase == CallPhase::InCall { quality } else { ConnectionQuality::Lost };
    parts.push(Part::Bars { quality, means: texts.t(wording::quality(quality)).into_owned() });
    if state.encryption == EncryptionState::On {
        let means = texts.t("encrypted").into_owned();
        parts.push(Part::Icon { icon: Icon::ShieldCheck, color: palette.ok, means });
    }
    if state.direct {
        let text = texts.t("direct").into_owned();
        parts.push(Part::Words { text, bold: false, color: palette.muted });
    }
    if let Some(since) = state.joined_at {
        let time = wording::clock(cx.now.saturating_duration_since(since));
        let means = texts.with("call-time", &[("time", time.as_str().into())]);
        parts.push(Part::Time { text: time, means });
        parts.extend(planned_end(cx, state, palette));
    }
    label(ui, cx, "who", within.min, Align2::LEFT_TOP, within.width(), parts).height()
}

/// Returns the planned end; near it, the remaining time.
fn planned_end(cx: &Cx, state: &CallState, palette: &Palette) -> Option<Part> {
    let (texts, end) = (cx.texts, state.planned_end?);
    let minutes = |duration: Duration| duration.as_secs().div_ceil(60);
    let (text, color) = match end.duration_since(SystemTime::now()) {
        Ok(left) if left > END_WARNING_TIME => {
            let time = wording::clock_time(texts, end);
            (texts.with("planned-until", &[("time", time.as_str().into())]), palette.muted)
        }
        Ok(left) => (texts.with("planned-left", &[("minutes", minutes(left).max(1).into())]), palette.warning),
        Err(over) => (texts.with("planned-over", &[("minutes", minutes(over.duration()).into())]), palette.warning),
    };
    Some(Part::Words { text, bold: false, color })
}

/// Draws the labels for recording and sharing at the right. Returns their left edge.
fn states(ui: &Ui, cx: &Cx, state: &CallState, within: Rect, talking: bool) -> f32 {
    let (palette, texts) = (Palette::of(ui), cx.texts);
    let mut at = within.right_top();
    let mut add = |name: &str, icon: Icon, color: Color32, text: String| {
        let parts = vec![Part::Icon { icon, color, means: String::new() }, Part::Words { text, bold: true, color }];
        at.x = label(ui, cx, name, at, Align2::RIGHT_TOP, within.width() / 2.0, parts).left() - space::XS;
    };
    if talking {
        add("talking", Icon::Mic, palette.primary, texts.t("talking").into_owned());
    }
    match state.recording {
        RecordingState::On(since) => {
            let time = wording::clock(cx.now.saturating_duration_since(since));
            let text = texts.with("recording-on", &[("time", time.as_str().into())]);
            add("recording", Icon::CircleDot, palette.danger, text);
        }
        RecordingState::Starting => {
            let text = texts.t("recording-starting").into_owned();
            add("recording", Icon::CircleDot, palette.text, text);
        }
        RecordingState::Asking => {
            let text = texts.t("recording-asking").into_owned();
            add("recording", Icon::CircleDot, palette.text, text);
        }
        RecordingState::Paused => {
            let text = texts.t("recording-paused").into_owned();
            add("recording", Icon::CirclePause, palette.warning, text);
        }
        RecordingState::Off | RecordingState::Failed(_) | RecordingState::Declined => {}
    }
    if state.original_sound {
        add("original sound", Icon::AudioLines, palette.warning, texts.t("original-sound-on").into_owned());
    }
    if let Some(other) = present(state).find(|other| other.original_sound) {
        let name = wording::name(texts, other);
        let text = texts.with("original-sound-of", &[("name", name.as_str().into())]);
        add("original sound of another", Icon::AudioLines, palette.warning, text);
    }
    if matches!(state.second_camera, DeviceState::Starting | DeviceState::On { .. }) {
        add("second camera", Icon::Camera, palette.primary, texts.t("second-camera-on").into_owned());
    }
    match state.screen {
        ShareState::On => add("sharing", Icon::ScreenShare, palette.primary, texts.t("share-on").into_owned()),
        ShareState::Starting => {
            add("sharing", Icon::ScreenShare, palette.text, texts.t("share-starting").into_owned());
        }
        ShareState::Off | ShareState::Failed => {}
    }
    at.x
}

/// Draws a label on the picture, at a corner of `at`, no wider than `width`.
fn label(ui: &Ui, cx: &Cx, name: &str, at: Pos2, anchor: Align2, width: f32, parts: Vec<Part>) -> Rect {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let painter = ui.painter();
    let icon_size = sizes.body * 1.2;
    let mut room = width - 2.0 * space::M;
    let drawn: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let galley = match &part {
                Part::Words { text, bold, color } => {
                    let font = if *bold { bold_font(sizes.body) } else { regular_font(sizes.body) };
                    let mut job = egui::text::LayoutJob::simple_singleline(text.clone(), font, *color);
                    job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(sizes.title));
                    Some(painter.layout_job(job))
                }
                Part::Time { text, .. } => {
                    Some(painter.layout_no_wrap(text.clone(), regular_font(sizes.body), palette.text))
                }
                Part::Icon { .. } | Part::Bars { .. } => None,
            };
            let part_width = match (&part, &galley) {
                (_, Some(galley)) => galley.size().x,
                (Part::Bars { .. }, _) => bars_size(icon_size).x,
                _ => icon_size,
            };
            room -= part_width + space::S;
            (part, galley, part_width)
        })
        .collect();
    let inner = drawn.iter().map(|(_, _, width)| width + space::S).sum::<f32>() - space::S;
    let size = Vec2::new(inner + 2.0 * space::M, label_height(cx));
    let rect = anchor.anchor_size(at, size);
    painter.rect_filled(rect, corner::CARD, palette.overlay());
    let mut x = rect.left() + space::M;
    for (index, (part, galley, part_width)) in drawn.into_iter().enumerate() {
        let place = Rect::from_min_max(pos2(x, rect.top()), pos2(x + part_width, rect.bottom()));
        let id = ui.scope_id().with((name, index));
        if let Some(galley) = galley {
            painter.galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, palette.text);
        }
        match part {
            Part::Words { text: means, .. } | Part::Time { means, .. } => announce(ui, id, place, &means),
            Part::Icon { icon, color, means } => {
                painter.text(place.center(), Align2::CENTER_CENTER, char::from(icon), icon_font(icon_size), color);
                if !means.is_empty() {
                    announce(ui, id, place, &means);
                }
            }
            Part::Bars { quality, means } => {
                bars(ui, place.center(), icon_size, quality);
                announce(ui, id, place, &means);
            }
        }
        x += part_width + space::S;
    }
    rect
}

fn bars_size(height: f32) -> Vec2 {
    Vec2::new(height * 0.95, height * 0.8)
}

/// Draws a connection quality as three bars.
pub(super) fn bars(ui: &Ui, center: Pos2, height: f32, quality: ConnectionQuality) {
    let palette = Palette::of(ui);
    let (full, color) = match quality {
        ConnectionQuality::Excellent => (3, palette.ok),
        ConnectionQuality::Good => (2, palette.ok),
        ConnectionQuality::Poor => (1, palette.warning),
        ConnectionQuality::Lost => (0, palette.danger),
    };
    let rect = Rect::from_center_size(center, bars_size(height));
    let width = rect.width() / 4.0;
    for bar in 0..3 {
        let bar_height = rect.height() * (0.4 + 0.3 * bar as f32);
        let x = rect.left() + bar as f32 * (width + width / 2.0);
        let place = Rect::from_min_max(pos2(x, rect.bottom() - bar_height), pos2(x + width, rect.bottom()));
        let fill = if bar < full { color } else { palette.outline };
        ui.painter().rect_filled(place, 1.0, fill);
    }
    if full == 0 {
        let font = icon_font(height * 0.7);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, char::from(Icon::X), font, color);
    }
}
