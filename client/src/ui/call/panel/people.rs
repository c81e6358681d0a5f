//! List of people: the local participant first, then the others and the waiting room.

use autamedica_api::Role;
use autamedica_call::{CallState, ParticipantState};
use autamedica_engine::ConnectionQuality;
use egui::{Align2, Popup, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2};
use lucide_icons::Icon;

use crate::theme::{Palette, bold_font, icon_font, regular_font, space};
use crate::ui::call::doctor::Controls;
use crate::ui::call::menu::{menu_body, menu_item, menu_width};
use crate::ui::call::present;
use crate::ui::call::stage::{Pin, TileRequest};
use crate::ui::call::top::bars;
use crate::ui::widgets::{Tone, icon_button, initials};
use crate::ui::{Cx, wording};

/// Draws the list. Requests made on participants are added to `requests`.
pub(super) fn show(
    ui: &mut Ui,
    cx: &mut Cx,
    state: &CallState,
    doctor: &dyn Controls,
    place: Rect,
    requests: &mut Vec<TileRequest>,
) {
    let texts = cx.texts;
    ui.scope_builder(UiBuilder::new().max_rect(place).id_salt("people"), |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            doctor.waiting_list(ui, cx, state);
            let role = texts.t(wording::role(Some(state.role)));
            let own = texts.with("person-you", &[("name", role.as_ref().into())]);
            let (muted, quality) = (state.microphone.muted, state.quality);
            row(ui, cx, &Line { name: &role, shown: &own, role: &role, muted, quality }, 0.0);
            for other in present(state) {
                person(ui, cx, state, other, requests);
            }
            if let Some(code) = &state.comparison_code {
                ui.add_space(space::L);
                let palette = Palette::of(ui);
                let text = texts.with("encryption-code", &[("code", code.as_str().into())]);
                ui.label(egui::RichText::new(text).font(regular_font(cx.sizes.body)).color(palette.text));
                let advice = texts.t("encryption-code-advice");
                ui.label(egui::RichText::new(advice).font(regular_font(cx.sizes.caption)).color(palette.muted));
            }
        });
    });
}

fn person(ui: &mut Ui, cx: &Cx, state: &CallState, other: &ParticipantState, requests: &mut Vec<TileRequest>) {
    let texts = cx.texts;
    let name = wording::name(texts, other);
    let role = texts.t(wording::role(other.role));
    let doctor = state.role == Role::Doctor && !cx.kiosk;
    let can_pin = present(state).count() > 1;
    let menu_room = if doctor || can_pin { cx.sizes.control } else { 0.0 };
    let (muted, quality) = (other.microphone_muted, other.quality);
    let rect = row(ui, cx, &Line { name: &name, shown: &name, role: &role, muted, quality }, menu_room);
    if menu_room == 0.0 {
        return;
    }
    let place = Rect::from_center_size(pos2(rect.right() - menu_room / 2.0, rect.center().y), Vec2::splat(menu_room));
    let id = ui.scope_id().with(("person menu", &other.identity));
    let label = texts.with("person-options", &[("name", name.as_str().into())]);
    let button = icon_button(ui, id, place, Icon::EllipsisVertical, &label, Tone::Plain, &cx.sizes);
    Popup::menu(&button).width(menu_width(cx)).show(|ui| {
        menu_body(ui, |ui| {
            if can_pin && menu_item(ui, cx, Icon::Pin, &texts.t("tile-pin")).clicked() {
                requests.push(TileRequest::Pin(Some(Pin { identity: other.identity.clone(), screen: false })));
            }
            if doctor && !other.microphone_muted && menu_item(ui, cx, Icon::MicOff, &texts.t("person-mute")).clicked() {
                requests.push(TileRequest::Mute(other.identity.clone()));
            }
            if doctor && other.role == Some(Role::Observer) {
                let (icon, text) =
                    if other.may_send { (Icon::Ear, "person-forbid") } else { (Icon::Mic, "person-permit") };
                if menu_item(ui, cx, icon, &texts.t(text)).clicked() {
                    requests.push(TileRequest::Permit(other.identity.clone(), !other.may_send));
                }
            }
            if doctor && menu_item(ui, cx, Icon::UserX, &texts.t("person-remove")).clicked() {
                requests.push(TileRequest::Remove(other.identity.clone()));
            }
        });
    });
}

struct Line<'a> {
    /// Name, or else role; the initials come from this.
    name: &'a str,
    /// Displayed name, possibly with additions.
    shown: &'a str,
    role: &'a str,
    muted: bool,
    quality: ConnectionQuality,
}

/// Draws a participant's row, leaving `keep` points free at its right. Returns its area.
fn row(ui: &mut Ui, cx: &Cx, line: &Line, keep: f32) -> Rect {
    let Line { name, shown, role, muted, quality } = *line;
    let (palette, sizes, texts) = (Palette::of(ui), cx.sizes, cx.texts);
    let height = sizes.control + space::XS;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let painter = ui.painter();
    let radius = sizes.control * 0.42;
    let disc = pos2(rect.left() + radius, rect.center().y);
    painter.circle_filled(disc, radius, palette.raised);
    painter.text(disc, Align2::CENTER_CENTER, initials(name), bold_font(sizes.caption), palette.text);
    let left = disc.x + radius + space::S;
    let quality_at = pos2(rect.right() - keep - space::M, rect.center().y);
    let microphone_at = quality_at - vec2(space::XL, 0.0);
    let room = microphone_at.x - space::M - left;
    let short = |text: &str, font, color| {
        let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(room);
        painter.layout_job(job)
    };
    let name_galley = short(shown, bold_font(sizes.body), palette.text);
    if shown.contains(role) {
        painter.galley(pos2(left, rect.center().y - name_galley.size().y / 2.0), name_galley, palette.text);
    } else {
        let role_galley = short(role, regular_font(sizes.caption), palette.muted);
        painter.galley(pos2(left, rect.center().y - name_galley.size().y), name_galley, palette.text);
        painter.galley(pos2(left, rect.center().y), role_galley, palette.muted);
    }
    bars(ui, quality_at, sizes.lead, quality);
    let (icon, color) = if muted { (Icon::MicOff, palette.warning) } else { (Icon::Mic, palette.muted) };
    painter.text(microphone_at, Align2::CENTER_CENTER, char::from(icon), icon_font(sizes.lead), color);
    let microphone = texts.t(if muted { "person-muted" } else { "person-microphone-on" });
    let label = format!("{shown}, {role}, {microphone}, {}", texts.t(wording::quality(quality)));
    response.widget_info(|| WidgetInfo::labeled(egui::Role::ListItem, true, &label));
    rect
}
