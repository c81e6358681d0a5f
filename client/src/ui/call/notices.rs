//! Notices about current problems, each with advice. A notice stays while its problem lasts.

use std::collections::HashSet;

use autamedica_api::Role;
use autamedica_call::{CallPhase, CallState, EncryptionState, RecordingState, ShareState};
use autamedica_engine::ConnectionQuality;
use autamedica_media::{DeviceState, capture_needs_permission};
use egui::{Align2, Color32, Rect, Ui, Vec2, pos2};
use lucide_icons::Icon;

use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};
use crate::ui::widgets::{Tone, announce, icon_button};
use crate::ui::{Cx, wording};

const WIDTH: f32 = 440.0;
/// Maximum number of notices, which would otherwise cover the other person. Low windows show one fewer.
const MAX_NOTICES: usize = 2;
const LOW_HEIGHT: f32 = 440.0;

/// Dismissed notices, by their advice: the same problem may return for another reason.
#[derive(Default)]
pub(super) struct Notices {
    dismissed: HashSet<String>,
}

struct Notice {
    icon: Icon,
    title: String,
    advice: String,
    serious: bool,
}

impl Notices {
    /// Draws the first notices from the top left of `within`.
    /// `trouble` are the text keys of a problem of the recording and of its advice.
    pub fn show(&mut self, ui: &Ui, cx: &Cx, state: &CallState, trouble: Option<(&str, &str)>, within: Rect) {
        let all = notices(cx, state, trouble);
        // A dismissed notice appears again if its problem returns.
        self.dismissed.retain(|advice| all.iter().any(|notice| notice.advice == *advice));
        let mut top = within.top();
        let waiting: Vec<_> = all.into_iter().filter(|notice| !self.dismissed.contains(&notice.advice)).collect();
        let most = if within.height() < LOW_HEIGHT { MAX_NOTICES - 1 } else { MAX_NOTICES };
        for notice in waiting.into_iter().take(most) {
            let (bottom, dismissed) = card(ui, cx, &notice, within.with_min_y(top));
            if dismissed {
                self.dismissed.insert(notice.advice);
            }
            top = bottom + space::XS;
        }
    }
}

fn notices(cx: &Cx, state: &CallState, trouble: Option<(&str, &str)>) -> Vec<Notice> {
    let texts = cx.texts;
    let mut all = Vec::new();
    let mut add = |icon, (title, advice): (&str, &str), serious| {
        all.push(Notice { icon, title: texts.t(title).into_owned(), advice: texts.t(advice).into_owned(), serious });
    };
    if state.encryption == EncryptionState::KeyMismatch {
        add(Icon::ShieldAlert, ("encryption-problem", "encryption-advice"), true);
    }
    if state.foreign_recording {
        add(Icon::ShieldAlert, ("foreign-recording", "foreign-recording-advice"), true);
    }
    if state.listening && state.phase == CallPhase::InCall {
        add(Icon::Ear, ("listening", "listening-advice"), false);
    }
    // A muted microphone needs no notice.
    if let (DeviceState::Failed(problem), false) = (&state.microphone.device, state.microphone.muted) {
        add(Icon::MicOff, wording::microphone_problem(*problem), true);
    }
    if let (DeviceState::Failed(problem), false) = (&state.camera.device, state.camera.muted) {
        add(Icon::VideoOff, wording::camera_problem(*problem), false);
    }
    if let DeviceState::Failed(_) = state.speaker {
        add(Icon::VolumeX, ("speaker-problem", "speaker-advice"), true);
    }
    if state.screen == ShareState::Failed {
        let advice = if capture_needs_permission() { "share-permission" } else { "share-advice" };
        add(Icon::ScreenShareOff, ("share-problem", advice), false);
    }
    // Held-back video has a notice of its own.
    if state.quality == ConnectionQuality::Poor && state.phase == CallPhase::InCall && !state.video_reduced {
        add(Icon::Wifi, ("quality-problem", "quality-advice"), false);
    }
    if state.recording == RecordingState::Declined && state.role == Role::Doctor {
        add(Icon::CircleSlash, ("recording-declined", "recording-declined-next"), false);
    }
    if let (RecordingState::Failed(problem), Role::Doctor) = (state.recording, state.role) {
        add(Icon::CircleAlert, wording::recording_problem(problem), false);
    }
    if let Some(trouble) = trouble {
        add(Icon::TriangleAlert, trouble, false);
    }
    all
}

/// Draws a notice for another part of the screen. Returns the space below it and whether it was dismissed.
pub(crate) fn warning(ui: &Ui, cx: &Cx, within: Rect, icon: Icon, title: &str, advice: &str) -> (Rect, bool) {
    let notice = Notice { icon, title: title.to_owned(), advice: advice.to_owned(), serious: false };
    let (bottom, dismissed) = card(ui, cx, &notice, within);
    (within.with_min_y(bottom + space::XS), dismissed)
}

/// Draws a notice. Returns its lower edge and whether it was dismissed.
fn card(ui: &Ui, cx: &Cx, notice: &Notice, within: Rect) -> (f32, bool) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let accent: Color32 = if notice.serious { palette.danger } else { palette.warning };
    let painter = ui.painter();
    let width = WIDTH.min(within.width());
    let text_left = space::M + sizes.title + space::S;
    let room = width - text_left - sizes.control - space::S;
    let title = painter.layout(notice.title.clone(), bold_font(sizes.body), palette.text, room);
    let advice = painter.layout(notice.advice.clone(), regular_font(sizes.body), palette.muted, room);
    let height = (title.size().y + space::XXS + advice.size().y).max(sizes.title) + 2.0 * space::S;
    let rect = Rect::from_min_size(within.min, Vec2::new(width, height));
    painter.rect_filled(rect, corner::CARD, palette.tinted(accent));
    painter.rect_stroke(rect, corner::CARD, egui::Stroke::new(1.0, accent), egui::StrokeKind::Inside);
    let icon_at = pos2(rect.left() + space::M, rect.top() + space::S);
    painter.text(icon_at, Align2::LEFT_TOP, char::from(notice.icon), icon_font(sizes.title), accent);
    let at = rect.min + Vec2::new(text_left, space::S);
    let below = at + Vec2::new(0.0, title.size().y + space::XXS);
    let id = ui.scope_id().with(("notice", &notice.title));
    announce(ui, id.with("title"), Rect::from_min_size(at, title.size()), &notice.title);
    announce(ui, id.with("advice"), Rect::from_min_size(below, advice.size()), &notice.advice);
    painter.galley(at, title, palette.text);
    painter.galley(below, advice, palette.muted);
    let button = Rect::from_min_size(
        pos2(rect.right() - sizes.control - space::XXS, rect.top() + space::XXS),
        Vec2::splat(sizes.control),
    );
    let dismiss = cx.texts.t("notice-dismiss");
    let dismissed = icon_button(ui, id.with("dismiss"), button, Icon::X, &dismiss, Tone::Plain, &sizes).clicked();
    (rect.bottom(), dismissed)
}
