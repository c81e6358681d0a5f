//! The start screen: which consultation?

use autamedica_api::{Id, JoinLink, Role};
use egui::{Align, Frame, Layout, Rect, Stroke, TextEdit, Ui, UiBuilder, Vec2, ViewportCommand};
use lucide_icons::Icon;

use super::widgets::{TextButton, Tone, focus_ring};
use super::{Action, Cx};
use crate::call::JoinTarget;
use crate::i18n::Language;
use crate::theme::{Palette, bold_font, corner, icon_font, regular_font, space};

/// What the person has typed so far.
#[derive(Default)]
pub struct StartScreen {
    code: String,
    problem: Option<&'static str>,
    /// The field wants the keyboard once the screen is there.
    focused: bool,
}

impl StartScreen {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        let card = 560.0_f32.min(ui.max_rect().width() - 2.0 * space::L);
        centered(ui, card, |ui| self.card(ui, cx));
    }

    fn card(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        let (title, lead) = match cx.role {
            Role::Doctor => (texts.t("start-title-doctor"), texts.t("start-lead-doctor")),
            Role::Patient => (texts.t("start-title-patient"), texts.t("start-lead-patient")),
        };
        ui.heading(title.as_ref());
        ui.add_space(space::XXS);
        ui.label(egui::RichText::new(lead.as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
        ui.add_space(space::L);
        let label = texts.t("start-code");
        let label = ui.label(egui::RichText::new(label.as_ref()).font(bold_font(sizes.body)));
        let field = self.field(ui, cx).labelled_by(label.id);
        if !std::mem::replace(&mut self.focused, true) {
            field.request_focus();
        }
        if let Some(problem) = self.problem {
            let problem = egui::RichText::new(texts.t(problem).as_ref()).color(palette.danger);
            ui.label(problem);
        }
        ui.add_space(space::M);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            let enter = TextButton::new(texts.t("start-enter"), Tone::Primary).icon(Icon::ArrowRight).min_width(180.0);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if enter.show(ui, &sizes).clicked() || entered {
                self.enter(cx);
            }
            let paste = TextButton::new(texts.t("start-paste"), Tone::Neutral).icon(Icon::ClipboardPaste);
            if paste.show(ui, &sizes).clicked() {
                self.code.clear();
                field.request_focus();
                ui.ctx().send_viewport_cmd(ViewportCommand::RequestPaste);
            }
        });
        ui.add_space(space::L);
        ui.horizontal(|ui| {
            ui.label(egui::RichText::new(char::from(Icon::ShieldCheck)).font(icon_font(sizes.lead)).color(palette.ok));
            ui.label(egui::RichText::new(texts.t("start-calm").as_ref()).color(palette.muted));
        });
    }

    fn field(&mut self, ui: &mut Ui, cx: &Cx) -> egui::Response {
        let palette = Palette::of(ui);
        let hint = egui::RichText::new(cx.texts.t("start-code-hint").into_owned()).color(palette.muted);
        let frame = Frame::new()
            .fill(palette.surface)
            .stroke(Stroke::new(1.0, palette.outline))
            .corner_radius(corner::CARD)
            .inner_margin(Vec2::new(space::M, space::S));
        let edit = TextEdit::singleline(&mut self.code)
            .hint_text(hint)
            .font(regular_font(cx.sizes.lead))
            .frame(frame)
            .desired_width(f32::INFINITY)
            .align(egui::Align2::LEFT_CENTER);
        let response = ui.add(edit);
        if response.changed() {
            self.problem = None;
        }
        focus_ring(ui, &response, corner::CARD.into());
        response
    }

    fn enter(&mut self, cx: &mut Cx) {
        match target(&self.code, cx.role) {
            Ok(target) => cx.actions.push(Action::Join(target)),
            Err(problem) => self.problem = Some(problem),
        }
    }
}

/// What a typed or pasted text means, or the key of what is wrong with it.
fn target(text: &str, role: Role) -> Result<JoinTarget, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("start-code-missing");
    }
    if text.contains(':') {
        return JoinLink::parse(text).map(JoinTarget::Link).map_err(|_| "start-link-wrong");
    }
    // The same rule as the backend's, so that a slip is told before anything is asked.
    Id::new(text).map(|id| JoinTarget::Consultation { id, role }).map_err(|_| "start-code-wrong")
}

/// The name of the app, and the languages.
pub fn header(ui: &mut Ui, cx: &mut Cx) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    let bar = Rect::from_min_size(ui.max_rect().min, Vec2::new(ui.max_rect().width(), sizes.control + 2.0 * space::M));
    let layout = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(bar.shrink2(Vec2::new(space::XL, space::M))).layout(layout), |ui| {
        ui.label(egui::RichText::new(char::from(Icon::HeartPulse)).font(icon_font(sizes.title)).color(palette.primary));
        let name = cx.texts.t("app-name");
        ui.label(egui::RichText::new(name.as_ref()).font(bold_font(sizes.lead)).color(palette.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = space::XXS;
            for language in Language::ALL.into_iter().rev() {
                language_button(ui, cx, language);
            }
        });
    });
}

fn language_button(ui: &mut Ui, cx: &mut Cx, language: Language) {
    let palette = Palette::of(ui);
    let current = cx.texts.language() == language;
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(cx.sizes.control), egui::Sense::click());
    let label = format!("{}: {}", cx.texts.t("language-switch"), language.own_name());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::RadioButton, true, current, &label));
    if current || response.hovered() {
        ui.painter().rect_filled(rect, corner::CARD, if current { palette.primary } else { palette.raised });
    }
    let ink = if current { palette.on_primary } else { palette.text };
    let code = language.code().to_uppercase();
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, code, bold_font(cx.sizes.body), ink);
    focus_ring(ui, &response, corner::CARD.into());
    if response.clicked() && !current {
        cx.actions.push(Action::Speak(language));
    }
}

/// A card in the middle of the screen, as high as its content was when it was last drawn.
pub fn centered(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let height_id = ui.scope_id().with("card height");
    let known: Option<f32> = ui.data(|data| data.get_temp(height_id));
    let screen = ui.max_rect();
    let top = (screen.center().y - known.unwrap_or(320.0) / 2.0).max(screen.top() + header_room(ui));
    let rect = Rect::from_min_size(egui::pos2(screen.center().x - width / 2.0, top), Vec2::new(width, 0.0));
    let mut builder = UiBuilder::new().max_rect(rect.with_max_y(screen.bottom()));
    if known.is_none() {
        // The first pass only finds out how high it is.
        builder = builder.invisible();
        ui.ctx().request_discard("the height of a centred card");
    }
    let height = ui
        .scope_builder(builder, |ui| {
            Frame::new()
                .fill(palette.surface)
                .stroke(Stroke::new(1.0, palette.divider()))
                .corner_radius(corner::CARD)
                .inner_margin(space::XL)
                .show(ui, |ui| {
                    ui.set_width(width - 2.0 * space::XL);
                    content(ui);
                })
        })
        .response
        .rect
        .height();
    if known != Some(height) {
        ui.data_mut(|data| data.insert_temp(height_id, height));
        ui.ctx().request_repaint();
    }
}

fn header_room(ui: &Ui) -> f32 {
    ui.spacing().interact_size.y + 2.0 * space::M
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_link_or_a_code() {
        let code = |id: &str| Ok(JoinTarget::Consultation { id: Id::new(id).unwrap(), role: Role::Doctor });
        assert_eq!(target("  4821 ", Role::Doctor), code("4821"));
        assert_eq!(target("uuid-consultation_001.a", Role::Doctor), code("uuid-consultation_001.a"));
        let link = "https://clinic.example/join#abcdefghijklmnopqrstuvwxyz";
        assert_eq!(target(link, Role::Patient), Ok(JoinTarget::Link(JoinLink::parse(link).unwrap())));
        assert_eq!(target("https://clinic.example/join/abc", Role::Patient), Err("start-link-wrong"));
        assert_eq!(target("", Role::Patient), Err("start-code-missing"));
        assert_eq!(target("48 21", Role::Patient), Err("start-code-wrong"));
        assert_eq!(target("a/b", Role::Patient), Err("start-code-wrong"));
        assert_eq!(target(&"x".repeat(129), Role::Patient), Err("start-code-wrong"));
    }
}
