//! Start screen: asks for a consultation.

use autamedica_api::{Id, PasteError, Pasted, Role, read_pasted};
use autamedica_call::{JoinTarget, Secret};
use egui::{Frame, Stroke, TextEdit, Ui, Vec2, ViewportCommand};
use lucide_icons::Icon;

use super::day;
use super::desk::DoctorsAgenda;
use crate::app::ScreenName;
use crate::app::edition::Page;
use crate::theme::{Palette, bold_font, corner, regular_font, space};
use crate::ui::check::column;
use crate::ui::controls::remark;
use crate::ui::page::{centered, header, wide};
use crate::ui::widgets::{TextButton, Tone, focus_ring};
use crate::ui::{Action, Cx};

/// Width in points from which the doctor's day stands beside the field.
const SIDE_BY_SIDE: f32 = 720.0;

/// State of the start screen.
pub struct StartScreen {
    /// Doctor's consultations of today.
    agenda: Option<Box<dyn DoctorsAgenda>>,
    code: String,
    problem: Option<&'static str>,
    /// The field has received its initial focus.
    focused: bool,
}

impl StartScreen {
    /// Creates the screen with a doctor's consultations of today.
    pub fn new(agenda: Option<Box<dyn DoctorsAgenda>>) -> Self {
        Self { agenda, code: String::new(), problem: None, focused: false }
    }

    /// Shows a text that failed as a join link, and the reason.
    #[must_use]
    pub fn explaining(mut self, text: String, role: Role) -> Self {
        self.problem = target(&text, role).err();
        self.code = text;
        self
    }
}

impl Page for StartScreen {
    fn name(&self) -> ScreenName {
        ScreenName::Start
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        match self.agenda.as_ref().map(|agenda| agenda.now()) {
            None => centered(ui, cx.sizes, |ui| self.card(ui, cx)),
            Some(agenda) => wide(ui, cx.sizes, |ui| {
                let width = ui.available_width();
                if width < SIDE_BY_SIDE {
                    day::show(ui, cx, &agenda);
                    ui.add_space(space::L);
                    self.card(ui, cx);
                    return;
                }
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = space::XL;
                    let left = (width - space::XL) * 0.56;
                    column(ui, left, |ui| day::show(ui, cx, &agenda));
                    column(ui, width - space::XL - left, |ui| self.card(ui, cx));
                });
            }),
        }
    }
}

impl StartScreen {
    fn card(&mut self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        let (title, lead) = match cx.role {
            Role::Doctor => (texts.t("start-title-doctor"), texts.t("start-lead-doctor")),
            Role::Patient | Role::Observer => (texts.t("start-title-patient"), texts.t("start-lead-patient")),
        };
        if cx.role == Role::Patient {
            ui.heading(title.as_ref());
            ui.add_space(space::XXS);
        }
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
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::M);
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
        remark(ui, &sizes, Icon::ShieldCheck, palette.ok, &texts.t("start-calm"));
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
            Ok(target) => cx.actions.push(Action::Begin(target)),
            Err(problem) => self.problem = Some(problem),
        }
    }
}

/// Parses a typed or pasted text. A doctor may also enter a consultation's id; for a patient, a mistyped id would lead
/// into an empty room.
///
/// # Errors
/// The text key of the problem.
pub fn target(text: &str, role: Role) -> Result<JoinTarget, &'static str> {
    // The backend applies the same rule; checking it here reports a typing error before any request.
    let id = || Id::new(text.trim()).ok().filter(|_| role == Role::Doctor);
    match (read_pasted(text), id()) {
        (Ok(Pasted::Link(link)), _) => Ok(JoinTarget::Link(link)),
        (_, Some(id)) => Ok(JoinTarget::Consultation { id, role }),
        (Ok(Pasted::Digits(digits)), None) => match Id::new(&*digits).ok().filter(|_| role == Role::Doctor) {
            Some(id) => Ok(JoinTarget::Consultation { id, role }),
            None => Ok(JoinTarget::Digits(Secret::new(digits))),
        },
        (Err(PasteError::Empty), None) => Err("start-code-missing"),
        (Err(PasteError::InvalidLink), None) => Err("start-link-wrong"),
        (Err(PasteError::NotFound), None) if role == Role::Doctor => Err("start-code-wrong-doctor"),
        (Err(PasteError::NotFound), None) => Err("start-code-wrong"),
    }
}

#[cfg(test)]
mod tests {
    use autamedica_api::JoinLink;

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
        for slip in ["48 21", "a/b", "4821", "3183672", &"x".repeat(129)] {
            assert_eq!(target(slip, Role::Patient), Err("start-code-wrong"), "{slip}");
        }
        assert_eq!(target("a/b", Role::Doctor), Err("start-code-wrong-doctor"));
        for code in ["31836728", "3183 6728", "3183-6728", "Código: 31836728"] {
            assert_eq!(target(code, Role::Patient), Ok(JoinTarget::Digits(Secret::new("31836728"))), "{code}");
        }
        let invitation = format!("Su código es 31836728.\nO entre aquí: <{link}>.");
        assert_eq!(target(&invitation, Role::Doctor), target(link, Role::Doctor));
    }
}
