//! Offer to switch to a newly found headset.

use autamedica_call::{CallCommand, CallState, DeviceKind, DeviceOffer};
use autamedica_media::DeviceChoice;
use egui::{Align2, Rect, Ui, UiBuilder, Vec2, pos2};
use lucide_icons::Icon;

use crate::theme::{Palette, bold_font, corner, icon_font, space};
use crate::ui::Cx;
use crate::ui::widgets::{TextButton, Tone, announce};

const WIDTH: f32 = 440.0;

/// Draws the offer from the top left of `within`. Returns the space below it.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx, state: &CallState, within: Rect) -> Rect {
    let Some(offer) = &state.offer else { return within };
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let (icon, key) = match offer.kind {
        DeviceKind::Camera => (Icon::Video, "offer-camera"),
        DeviceKind::Microphone => (Icon::Mic, "offer-microphone"),
        DeviceKind::Speaker => (Icon::Headphones, "offer-speaker"),
    };
    let text = texts.with(key, &[("name", offer.name.as_str().into())]);
    let width = WIDTH.min(within.width());
    let left = space::M + sizes.title + space::S;
    let galley = ui.painter().layout(text.clone(), bold_font(sizes.body), palette.text, width - left - space::M);
    let height = galley.size().y + sizes.control + 2.0 * space::S + space::XS;
    let rect = Rect::from_min_size(within.min, Vec2::new(width, height));
    let painter = ui.painter();
    painter.rect_filled(rect, corner::CARD, palette.tinted(palette.primary));
    painter.rect_stroke(rect, corner::CARD, egui::Stroke::new(1.0, palette.primary), egui::StrokeKind::Inside);
    let icon_at = rect.min + Vec2::new(space::M, space::S);
    painter.text(icon_at, Align2::LEFT_TOP, char::from(icon), icon_font(sizes.title), palette.primary);
    let at = rect.min + Vec2::new(left, space::S);
    announce(ui, ui.scope_id().with("offer"), Rect::from_min_size(at, galley.size()), &text);
    let bottom = at.y + galley.size().y;
    ui.painter().galley(at, galley, palette.text);
    let buttons = Rect::from_min_max(pos2(at.x, bottom + space::XS), rect.right_bottom() - Vec2::splat(space::S));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(buttons).layout(layout).id_salt("offer buttons"), |ui| {
        if TextButton::new(texts.t("offer-use"), Tone::Primary).show(ui, &sizes).clicked() {
            cx.command(take(offer));
        }
        if TextButton::new(texts.t("offer-not-now"), Tone::Plain).show(ui, &sizes).clicked() {
            cx.command(CallCommand::DismissOffer);
        }
    });
    within.with_min_y(rect.bottom() + space::XS)
}

fn take(offer: &DeviceOffer) -> CallCommand {
    let choice = DeviceChoice::Named(offer.name.clone());
    match offer.kind {
        DeviceKind::Camera => CallCommand::UseCamera(choice),
        DeviceKind::Microphone => CallCommand::UseMicrophone(choice),
        DeviceKind::Speaker => CallCommand::UseSpeaker(choice),
    }
}
