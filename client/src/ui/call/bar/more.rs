//! Menu of less frequent actions.

use autamedica_api::Role;
use autamedica_call::CallState;
use egui::{Popup, RectAlign, Response};
use lucide_icons::Icon;

use super::Form;
use crate::theme::space;
use crate::ui::call::menu::{menu_body, menu_item, menu_switch, menu_width};
use crate::ui::call::panel::Tab;
use crate::ui::call::{CallScreen, is_full_screen};
use crate::ui::{Action, Cx};

impl CallScreen {
    pub(super) fn more_menu(&mut self, cx: &mut Cx, state: &CallState, form: Form, button: &Response) {
        let texts = cx.texts;
        let above = Popup::menu(button).align(RectAlign::TOP).gap(space::M).width(menu_width(cx));
        above.show(|ui| {
            menu_body(ui, |ui| {
                if menu_item(ui, cx, Icon::Users, &texts.t("more-people")).clicked() {
                    self.panel.toggle(Tab::People);
                }
                if state.role == Role::Doctor && !cx.kiosk {
                    self.doctor.menu(ui, cx, state, &mut self.panel, form);
                }
                let (icon, text) = if self.stage.own.hidden {
                    (Icon::Eye, texts.t("more-show-self"))
                } else {
                    (Icon::EyeOff, texts.t("more-hide-self"))
                };
                if menu_item(ui, cx, icon, &text).clicked() {
                    self.stage.own.hidden = !self.stage.own.hidden;
                }
                // Kiosks get no further entries: these lead out of the window or need experience.
                if cx.kiosk {
                    return;
                }
                if menu_item(ui, cx, Icon::Activity, &texts.t("more-statistics")).clicked() {
                    self.panel.toggle(Tab::Statistics);
                }
                if menu_item(ui, cx, Icon::PictureInPicture2, &texts.t("more-float")).clicked() {
                    self.floating.open = true;
                }
                let when_minimised = self.floating.when_minimised;
                if menu_switch(ui, cx, when_minimised, &texts.t("more-float-minimised")).clicked() {
                    self.floating.when_minimised = !when_minimised;
                }
                let full = is_full_screen(ui);
                let (icon, text) = if full {
                    (Icon::Minimize, texts.t("more-window"))
                } else {
                    (Icon::Maximize, texts.t("more-full-screen"))
                };
                if menu_item(ui, cx, icon, &text).clicked() {
                    cx.actions.push(Action::FullScreen(!full));
                }
                if menu_item(ui, cx, Icon::Settings, &texts.t("settings-open")).clicked() {
                    cx.actions.push(Action::Settings);
                }
                if menu_item(ui, cx, Icon::Keyboard, &texts.t("more-keys")).clicked() {
                    self.keys.sheet = true;
                }
            });
        });
    }
}
