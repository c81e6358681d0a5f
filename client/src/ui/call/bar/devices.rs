//! Microphone and camera buttons, each with its device menu.

use autamedica_call::{CallCommand, CallState, DeviceKind};
use autamedica_media::{DeviceChoice, DeviceState};
use egui::{Popup, RectAlign, Response, Ui};
use lucide_icons::Icon;

use super::{Row, mute};
use crate::theme::space;
use crate::ui::call::menu::{menu_body, menu_choice, menu_heading, menu_width};
use crate::ui::widgets::{CallButton, Tone};
use crate::ui::{Action, Cx, wording};

/// Draws the microphone button with the menu of microphones and speakers.
pub(super) fn microphone(row: &mut Row, state: &CallState, talking: bool) -> Vec<Action> {
    let texts = row.cx.texts;
    let muted = state.microphone.muted;
    let tone = match (muted, talking) {
        (true, _) => Tone::Inverted,
        (false, true) => Tone::Primary,
        (false, false) => Tone::Neutral,
    };
    let button = CallButton {
        icon: if muted { Icon::MicOff } else { Icon::Mic },
        caption: &texts.t("microphone-caption"),
        label: &texts.t(if muted { "microphone-unmute" } else { "microphone-mute" }),
        shortcut: "Ctrl+D",
        tone,
        on: Some(!muted),
        badge: 0,
    };
    let mut actions = Vec::new();
    let pressed = if row.cx.kiosk {
        row.add("microphone", button)
    } else {
        let (pressed, arrow) = row.add_split("microphone", button, &texts.t("sound-devices"));
        let cx = row.cx;
        menu(cx, &arrow, |ui| {
            let (names, current) = (&state.devices.microphones, name(&state.microphone.device));
            actions.extend(choices(ui, cx, DeviceKind::Microphone, names, current, CallCommand::UseMicrophone));
            let (names, current) = (&state.devices.speakers, name(&state.speaker));
            actions.extend(choices(ui, cx, DeviceKind::Speaker, names, current, CallCommand::UseSpeaker));
        });
        pressed
    };
    if pressed.clicked() {
        actions.push(mute(CallCommand::MuteMicrophone, muted));
    }
    actions
}

/// Draws the camera button with the menu of cameras.
pub(super) fn camera(row: &mut Row, state: &CallState) -> Vec<Action> {
    let texts = row.cx.texts;
    let muted = state.camera.muted;
    let button = CallButton {
        icon: if muted { Icon::VideoOff } else { Icon::Video },
        caption: &texts.t("camera-caption"),
        label: &texts.t(if muted { "camera-start" } else { "camera-stop" }),
        shortcut: "Ctrl+E",
        tone: if muted { Tone::Inverted } else { Tone::Neutral },
        on: Some(!muted),
        badge: 0,
    };
    let mut actions = Vec::new();
    let pressed = if row.cx.kiosk {
        row.add("camera", button)
    } else {
        let (pressed, arrow) = row.add_split("camera", button, &texts.t("camera-devices"));
        let cx = row.cx;
        menu(cx, &arrow, |ui| {
            let (names, current) = (&state.devices.cameras, name(&state.camera.device));
            actions.extend(choices(ui, cx, DeviceKind::Camera, names, current, CallCommand::UseCamera));
        });
        pressed
    };
    if pressed.clicked() {
        actions.push(mute(CallCommand::MuteCamera, muted));
    }
    actions
}

fn menu(cx: &Cx, arrow: &Response, content: impl FnOnce(&mut Ui)) {
    Popup::menu(arrow).align(RectAlign::TOP).gap(space::M).width(menu_width(cx)).show(|ui| menu_body(ui, content));
}

/// Draws the menu entries of one kind of device: heading, system default, and each device.
fn choices(
    ui: &mut Ui,
    cx: &Cx,
    kind: DeviceKind,
    names: &[String],
    current: Option<&str>,
    use_it: fn(DeviceChoice) -> CallCommand,
) -> Option<Action> {
    let mut action = None;
    let known = current.is_some_and(|current| names.iter().any(|name| name == current));
    // A device in use that isn't listed, such as a test source, is shown as well.
    let unlisted = current.filter(|_| !known);
    let heading = cx.texts.t(wording::device_caption(kind));
    menu_heading(ui, cx, &heading);
    ui.push_id(use_it as usize, |ui| {
        if let Some(name) = unlisted {
            menu_choice(ui, cx, true, &heading, name);
        }
        for name in names {
            let chosen = current == Some(name.as_str());
            if menu_choice(ui, cx, chosen, &heading, name).clicked() && !chosen {
                action = Some(Action::Command(use_it(DeviceChoice::Named(name.clone()))));
            }
        }
        if menu_choice(ui, cx, false, &heading, &cx.texts.t(wording::device_default(kind))).clicked() {
            action = Some(Action::Command(use_it(DeviceChoice::Default)));
        }
    });
    action
}

fn name(device: &DeviceState) -> Option<&str> {
    match device {
        DeviceState::On { name } => Some(name),
        DeviceState::Off | DeviceState::Starting | DeviceState::Failed(_) => None,
    }
}
