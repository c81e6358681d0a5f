//! Keyboard shortcuts of the call, and the sheet that lists them.

use autamedica_call::{CallCommand, CallState};
use egui::{Event, Key, Modifiers, RichText, Ui, Vec2};

use super::panel::Tab;
use super::{CallScreen, is_full_screen};
use crate::theme::{Palette, bold_font, corner, regular_font, space};
use crate::ui::dialog::{self, dialog, focus_once};
use crate::ui::widgets::{TextButton, Tone, announce};
use crate::ui::{Action, Cx};

/// Entries of the sheet: keys, and the text key of their effect.
const SHEET: &[(&str, &str)] = &[
    ("Ctrl+D", "keys-microphone"),
    ("Ctrl+E", "keys-camera"),
    ("keys-space", "keys-talk"),
    ("Ctrl+Shift+C", "keys-chat"),
    ("F11", "keys-full-screen"),
    ("Esc", "keys-escape"),
    ("Tab", "keys-tab"),
    ("keys-double-click", "keys-pin"),
    ("F1, ?", "keys-sheet"),
];

#[derive(Default)]
pub(super) struct Keys {
    /// Space is held, which unmutes the microphone for as long.
    pub talking: bool,
    pub sheet: bool,
}

impl CallScreen {
    pub(super) fn shortcuts(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        self.push_to_talk(ui, cx, state);
        if dialog::is_open(ui.ctx()) {
            return;
        }
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        self.doctor.shortcuts(ui, cx, state);
        if pressed(Modifiers::COMMAND | Modifiers::SHIFT, Key::C) {
            self.panel.toggle(Tab::Chat);
        }
        if pressed(Modifiers::COMMAND, Key::D) {
            let mute = !state.microphone.muted;
            cx.command(CallCommand::MuteMicrophone(mute));
            self.toasts.push(cx.texts.t(if mute { "toast-muted" } else { "toast-unmuted" }).into_owned(), cx.now);
        }
        if pressed(Modifiers::COMMAND, Key::E) {
            let mute = !state.camera.muted;
            cx.command(CallCommand::MuteCamera(mute));
            let text = cx.texts.t(if mute { "toast-camera-stopped" } else { "toast-camera-started" });
            self.toasts.push(text.into_owned(), cx.now);
        }
        let full_screen = is_full_screen(ui);
        if pressed(Modifiers::NONE, Key::F11) {
            cx.actions.push(Action::FullScreen(!full_screen));
        }
        if !cx.kiosk && (pressed(Modifiers::NONE, Key::F1) || asked_for_help(ui)) {
            self.keys.sheet = true;
        }
        // An open menu closes itself on Escape.
        if !egui::Popup::is_any_open(ui.ctx())
            && pressed(Modifiers::NONE, Key::Escape)
            && self.panel.tab.take().is_none()
            && full_screen
        {
            cx.actions.push(Action::FullScreen(false));
        }
    }

    /// Unmutes the microphone while Space is held, unless a focused control uses Space.
    fn push_to_talk(&mut self, ui: &Ui, cx: &mut Cx, state: &CallState) {
        let free = ui.memory(|memory| memory.focused().is_none())
            && !egui::Popup::is_any_open(ui.ctx())
            && !dialog::is_open(ui.ctx());
        let (pressed, released) = ui.input(|input| {
            let space = |wanted: bool| {
                let event = |event: &Event| {
                    matches!(event, Event::Key { key: Key::Space, pressed, repeat: false, .. } if *pressed == wanted)
                };
                input.events.iter().any(event)
            };
            let gone = input.events.iter().any(|event| matches!(event, Event::WindowFocused(false)));
            (space(true), space(false) || gone)
        });
        if pressed && free && state.microphone.muted && !self.keys.talking {
            self.keys.talking = true;
            cx.command(CallCommand::MuteMicrophone(false));
        }
        if released && self.keys.talking {
            self.keys.talking = false;
            cx.command(CallCommand::MuteMicrophone(true));
        }
    }

    pub(super) fn sheet(&mut self, ui: &Ui, cx: &Cx, state: &CallState) {
        if !self.keys.sheet {
            return;
        }
        let texts = cx.texts;
        let closed = dialog(ui, "keys", &texts.t("keys-title"), 520.0, |ui| {
            let extra = self.doctor.keys(state, cx);
            for (keys, does) in SHEET.iter().chain(extra) {
                let keys = if keys.starts_with("keys-") { texts.t(keys) } else { (*keys).into() };
                row(ui, cx, &keys, &texts.t(does));
            }
            ui.add_space(space::XS);
            let close = TextButton::new(texts.t("dialog-close"), Tone::Primary).show(ui, &cx.sizes);
            focus_once(ui, &close);
            close.clicked()
        });
        self.keys.sheet = closed == Some(false);
    }
}

/// Draws a key in a box and its effect.
fn row(ui: &mut Ui, cx: &Cx, keys: &str, does: &str) {
    let (palette, sizes) = (Palette::of(ui), cx.sizes);
    ui.spacing_mut().interact_size.y = 0.0;
    ui.horizontal(|ui| {
        let galley = ui.painter().layout_no_wrap(keys.to_owned(), bold_font(sizes.caption), palette.text);
        let column = (sizes.body * 9.0).max(galley.size().x + space::M);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(column, sizes.body * 1.9), egui::Sense::hover());
        let size = galley.size() + Vec2::new(space::M, space::XS);
        let cap = egui::Rect::from_min_size(egui::pos2(rect.left(), rect.center().y - size.y / 2.0), size);
        ui.painter().rect_filled(cap, corner::CARD / 2, palette.raised);
        ui.painter().galley(cap.min + Vec2::new(space::XS, space::XXS), galley, palette.text);
        announce(ui, ui.scope_id().with(("keys", does)), cap, keys);
        let words = RichText::new(does).font(regular_font(sizes.body)).color(palette.text);
        ui.add(egui::Label::new(words).wrap());
    });
}

/// Returns whether "?" was typed outside of a text field, on any keyboard layout.
fn asked_for_help(ui: &Ui) -> bool {
    !ui.ctx().text_edit_focused()
        && ui.input(|input| input.events.iter().any(|event| matches!(event, Event::Text(text) if text == "?")))
}
