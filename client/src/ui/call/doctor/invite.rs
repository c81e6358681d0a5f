//! Dialog in which a doctor invites an observer.

use autamedica_call::{CallCommand, CallState, Invitation, InvitationProblem};
use egui::{Key, RichText, TextEdit, Ui, Vec2};
use lucide_icons::Icon;

use crate::theme::{Palette, regular_font, space};
use crate::ui::Cx;
use crate::ui::controls::remark;
use crate::ui::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};

/// Maximum length of a label in characters, as for the backend.
const MAX_LABEL_CHARS: usize = 40;

/// State of the dialog.
#[derive(Default)]
pub(super) struct Invite {
    label: String,
    /// The state shows the invitation that this dialog requested.
    requested: bool,
    copied: bool,
}

impl Invite {
    /// Draws the dialog. Returns whether it is closed.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) -> bool {
        let title = cx.texts.t("invite-title");
        dialog(ui, "invite", &title, 520.0, |ui| match &state.invitation {
            Invitation::Ready { label, link } if self.requested => self.link(ui, cx, label, link.expose()),
            invitation => self.request(ui, cx, invitation),
        })
        .unwrap_or(true)
    }

    /// Draws the field for the label. Returns whether the dialog is closed.
    fn request(&mut self, ui: &mut Ui, cx: &mut Cx, invitation: &Invitation) -> bool {
        let (texts, sizes, palette) = (cx.texts, cx.sizes, Palette::of(ui));
        ui.label(RichText::new(texts.t("invite-lead")).font(regular_font(sizes.body)).color(palette.muted));
        let edit = TextEdit::singleline(&mut self.label)
            .char_limit(MAX_LABEL_CHARS)
            .hint_text(RichText::new(texts.t("invite-hint").into_owned()).color(palette.muted))
            .font(regular_font(sizes.body))
            .min_size(Vec2::new(0.0, sizes.control))
            .margin(Vec2::new(space::S, space::S))
            .desired_width(f32::INFINITY);
        let field = ui.add(edit);
        focus_once(ui, &field);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        field.accessible_name(texts.t("invite-field"));
        let busy = self.requested && *invitation == Invitation::Requested;
        if let (true, Invitation::Failed(problem)) = (self.requested, invitation) {
            let key = match problem {
                InvitationProblem::TooMany => "invite-too-many",
                InvitationProblem::Unavailable => "invite-failed",
            };
            remark(ui, &sizes, Icon::TriangleAlert, palette.warning, &texts.t(key));
        }
        let (go, cancelled) = ui
            .horizontal_wrapped(|ui| {
                let cancelled = TextButton::new(texts.t("dialog-cancel"), Tone::Neutral).show(ui, &sizes).clicked();
                let text = texts.t(if busy { "invite-busy" } else { "invite-go" });
                let go = TextButton::new(text, Tone::Primary).icon(Icon::Link).show(ui, &sizes).clicked();
                (go || entered, cancelled)
            })
            .inner;
        if go && !busy && !self.label.trim().is_empty() {
            self.requested = true;
            cx.command(CallCommand::Invite(self.label.trim().to_owned()));
        }
        cancelled
    }

    /// Draws the link, to be copied. Returns whether the dialog is closed.
    fn link(&mut self, ui: &mut Ui, cx: &Cx, label: &str, link: &str) -> bool {
        let (texts, sizes, palette) = (cx.texts, cx.sizes, Palette::of(ui));
        let lead = texts.with("invite-ready", &[("label", label.into())]);
        ui.label(RichText::new(lead).font(regular_font(sizes.body)).color(palette.muted));
        let mut shown = link;
        let field = TextEdit::singleline(&mut shown)
            .font(regular_font(sizes.body))
            .min_size(Vec2::new(0.0, sizes.control))
            .margin(Vec2::new(space::S, space::S))
            .desired_width(f32::INFINITY);
        ui.add(field).accessible_name(texts.t("invite-link"));
        if self.copied {
            remark(ui, &sizes, Icon::Check, palette.ok, &texts.t("invite-copied"));
        }
        ui.horizontal_wrapped(|ui| {
            let copy = TextButton::new(texts.t("invite-copy"), Tone::Primary).icon(Icon::Copy).show(ui, &sizes);
            focus_once(ui, &copy);
            if copy.clicked() {
                ui.ctx().copy_text(link.to_owned());
                self.copied = true;
            }
            TextButton::new(texts.t("invite-close"), Tone::Neutral).show(ui, &sizes).clicked()
        })
        .inner
    }
}
