//! Server screen: asks before a join link to an unknown server is used.

use autamedica_call::JoinTarget;
use egui::{Key, Label, Modifiers, RichText, Ui, Vec2};
use lucide_icons::Icon;
use url::Url;

use super::controls::remark;
use super::dialog::focus_once;
use super::page::{centered, header};
use super::widgets::{TextButton, Tone, sign};
use super::{Action, Cx};
use crate::known_servers::shown_name;
use crate::theme::{Palette, bold_font, regular_font, space};

/// State of the server screen.
pub struct ServerScreen {
    name: String,
    target: JoinTarget,
}

impl ServerScreen {
    /// Creates the screen for `server`, to which `target` leads.
    pub fn new(server: &Url, target: JoinTarget) -> Self {
        Self { name: shown_name(server), target }
    }

    /// Draws the screen.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx) {
        header(ui, cx);
        centered(ui, cx.sizes, |ui| self.card(ui, cx));
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            cx.actions.push(Action::Home);
        }
    }

    fn card(&self, ui: &mut Ui, cx: &mut Cx) {
        let (texts, palette, sizes) = (cx.texts, Palette::of(ui), cx.sizes);
        sign(ui, Icon::ShieldQuestionMark, space::XXL, palette.primary);
        ui.add_space(space::XS);
        ui.heading(texts.t("server-title").as_ref());
        ui.add_space(space::XXS);
        ui.label(RichText::new(texts.t("server-lead").as_ref()).font(regular_font(sizes.lead)).color(palette.muted));
        ui.add_space(space::S);
        // The name is never shortened: its end says who owns the server.
        let name = RichText::new(&self.name).font(bold_font(sizes.title * LARGER)).color(palette.text);
        ui.add(Label::new(name).wrap());
        ui.add_space(space::S);
        remark(ui, &sizes, Icon::Video, palette.warning, &texts.t("server-warning"));
        ui.add_space(space::L);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::M);
            let no = TextButton::new(texts.t("server-no"), Tone::Neutral).min_width(140.0).show(ui, &sizes);
            focus_once(ui, &no);
            if no.clicked() {
                cx.actions.push(Action::Home);
            }
            let label = texts.with("server-yes-named", &[("server", self.name.as_str().into())]);
            let yes = TextButton::new(texts.t("server-yes"), Tone::Primary).icon(Icon::ArrowRight).label(label);
            if yes.show(ui, &sizes).clicked() {
                cx.actions.push(Action::TrustServer(self.target.clone()));
            }
        });
    }
}

/// Size of the server's name, in title sizes.
const LARGER: f32 = 1.25;
