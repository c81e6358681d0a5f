//! Choice of a second camera, such as a dermatoscope.

use autamedica_call::{CallCommand, CallState};
use autamedica_media::{DeviceChoice, DeviceState};
use egui::{RichText, Ui};
use lucide_icons::Icon;

use super::menu::menu_item;
use crate::theme::{Palette, regular_font, space};
use crate::ui::dialog::{dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx};

#[derive(Default)]
pub(super) struct SecondCameras {
    /// The choice is open.
    open: bool,
}

impl SecondCameras {
    /// Draws the menu entry that adds or removes a second camera.
    pub fn menu(&mut self, ui: &mut Ui, cx: &mut Cx, state: &CallState) {
        if matches!(state.second_camera, DeviceState::Off | DeviceState::Failed(_)) {
            if menu_item(ui, cx, Icon::Camera, &cx.texts.t("second-camera-add")).clicked() {
                self.open = true;
            }
        } else if menu_item(ui, cx, Icon::CameraOff, &cx.texts.t("second-camera-stop")).clicked() {
            cx.command(CallCommand::StopSecondCamera);
        }
    }

    /// Draws the choice while it is open.
    pub fn dialog(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        if !self.open {
            return;
        }
        let (texts, sizes) = (cx.texts, cx.sizes);
        let chosen = dialog(ui, "second camera", &texts.t("second-camera-title"), 480.0, |ui| {
            let muted = Palette::of(ui).muted;
            let lead = |ui: &mut Ui, key| {
                ui.label(RichText::new(texts.t(key).as_ref()).font(regular_font(sizes.body)).color(muted));
            };
            let cameras = others(state);
            lead(ui, if cameras.is_empty() { "second-camera-none" } else { "second-camera-lead" });
            ui.add_space(space::XS);
            let mut chosen = None;
            for (index, name) in cameras.iter().enumerate() {
                let button = TextButton::new(name.as_str(), Tone::Neutral).show(ui, &sizes);
                if index == 0 {
                    focus_once(ui, &button);
                }
                if button.clicked() {
                    chosen = Some(Some((*name).clone()));
                }
            }
            ui.add_space(space::S);
            let cancel = TextButton::new(texts.t("dialog-cancel"), Tone::Plain).show(ui, &sizes);
            if cameras.is_empty() {
                focus_once(ui, &cancel);
            }
            if cancel.clicked() {
                chosen = Some(None);
            }
            chosen
        });
        match chosen {
            Some(None) => {}
            Some(Some(Some(name))) => {
                self.open = false;
                cx.actions.push(Action::Command(CallCommand::StartSecondCamera(DeviceChoice::Named(name))));
            }
            None | Some(Some(None)) => self.open = false,
        }
    }
}

/// Returns the cameras that aren't in use as the first one.
fn others(state: &CallState) -> Vec<&String> {
    let in_use = |name: &String| matches!(&state.camera.device, DeviceState::On { name: used } if used == name);
    state.devices.cameras.iter().filter(|name| !in_use(name)).collect()
}
