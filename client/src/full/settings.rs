//! Settings screen. Changes apply at once; there is nothing to save.

use std::path::Path;

use autamedica_call::{DeviceKind, DeviceLists, PictureQuality};
use egui::{Grid, Key, Modifiers, RichText, Ui, Vec2};
use lucide_icons::Icon;

use crate::answer::Answer;
use crate::i18n::Language;
use crate::settings::{HangUp, Settings, ThemeSetting};
use crate::theme::{Palette, bold_font, regular_font, space};
use crate::ui::check::{column, device};
use crate::ui::controls::{caption, note, remark, segments, switch};
use crate::ui::page::{header, wide_with_footer};
use crate::ui::widgets::{TextButton, Tone};
use crate::ui::{Action, Cx, wording};

/// Width in points from which there are two columns.
const SIDE_BY_SIDE: f32 = 720.0;

/// Keyboard shortcuts and the text keys that describe them.
const SHORTCUTS: [(&str, &str); 6] = [
    ("Ctrl+D", "shortcut-microphone"),
    ("Ctrl+E", "shortcut-camera"),
    ("Ctrl+Shift+S", "shortcut-share"),
    ("F11", "shortcut-full-screen"),
    ("shortcut-space", "shortcut-talk"),
    ("Esc", "shortcut-close"),
];

/// State of the settings screen.
pub struct SettingsScreen {
    devices: Answer<DeviceLists>,
}

impl SettingsScreen {
    /// Creates the screen with the devices to choose from, once they are known.
    pub fn new(devices: Answer<DeviceLists>) -> Self {
        Self { devices }
    }

    /// Draws the screen. `save_failed`: the settings can't be written to disk; `broken`: copy of a file that couldn't be
    /// parsed.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx, in_call: bool, save_failed: bool, broken: Option<&Path>) {
        header(ui, cx);
        let mut settings = cx.settings.clone();
        let body = |ui: &mut Ui, cx: &mut Cx| {
            ui.heading(cx.texts.t("settings-title").as_ref());
            ui.add_space(space::XS);
            save_problems(ui, cx, save_failed, broken);
            let width = ui.available_width();
            if width < SIDE_BY_SIDE {
                self.devices(ui, cx, &mut settings);
                appearance(ui, cx, &mut settings);
                return;
            }
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::XL;
                let half = (width - space::XL) / 2.0;
                column(ui, half, |ui| self.devices(ui, cx, &mut settings));
                column(ui, half, |ui| appearance(ui, cx, &mut settings));
            });
        };
        wide_with_footer(ui, cx, body, |ui, cx| {
            let back = if in_call { "settings-back-to-call" } else { "settings-back" };
            let back = TextButton::new(cx.texts.t(back), Tone::Primary).icon(Icon::ArrowLeft);
            if back.show(ui, &cx.sizes).clicked() {
                cx.actions.push(Action::CloseSettings);
            }
        });
        let closed = !egui::Popup::is_any_open(ui.ctx());
        if closed && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            cx.actions.push(Action::CloseSettings);
        }
        if settings != *cx.settings {
            cx.actions.push(Action::ApplySettings(Box::new(settings)));
        }
    }

    fn devices(&self, ui: &mut Ui, cx: &Cx, settings: &mut Settings) {
        let (texts, sizes) = (cx.texts, cx.sizes);
        group(ui, cx, "settings-devices");
        let none = DeviceLists::default();
        let lists = self.devices.get().unwrap_or(&none);
        for (kind, chosen, names, may_be_none) in [
            (DeviceKind::Camera, &mut settings.camera, &lists.cameras, true),
            (DeviceKind::Microphone, &mut settings.microphone, &lists.microphones, false),
            (DeviceKind::Speaker, &mut settings.speaker, &lists.speakers, false),
        ] {
            caption(ui, &sizes, &texts.t(wording::device_caption(kind)));
            if let Some(choice) = device(ui, cx, kind, chosen, names, may_be_none) {
                *chosen = choice;
            }
            ui.add_space(space::XXS);
        }
        if self.devices.get().is_none() {
            note(ui, &sizes, &texts.t("settings-devices-asking"), Palette::of(ui).muted);
        }
        group(ui, cx, "settings-picture");
        let names = PictureQuality::ALL.map(|quality| texts.t(picture(quality)).into_owned());
        let now = position(&PictureQuality::ALL, &settings.call.picture);
        if let Some(n) = segments(ui, &sizes, &texts.t("settings-picture"), &names, now) {
            settings.call.picture = PictureQuality::ALL[n];
        }
        group(ui, cx, "settings-sound");
        for (label, on) in [
            ("settings-echo", &mut settings.call.echo_cancellation),
            ("settings-noise", &mut settings.call.noise_suppression),
            ("settings-gain", &mut settings.call.auto_gain_control),
        ] {
            *on ^= switch(ui, &sizes, &texts.t(label), *on);
        }
    }
}

fn appearance(ui: &mut Ui, cx: &Cx, settings: &mut Settings) {
    let (texts, sizes) = (cx.texts, cx.sizes);
    group(ui, cx, "settings-language");
    let names = Language::ALL.map(|language| language.own_name().to_owned());
    let now = position(&Language::ALL, &texts.language());
    if let Some(n) = segments(ui, &sizes, &texts.t("settings-language"), &names, now) {
        settings.language = Some(Language::ALL[n]);
    }
    group(ui, cx, "settings-text");
    let sizes_offered = Settings::TEXT_PERCENTS.map(|percent| format!("{percent} %"));
    let now = position(&Settings::TEXT_PERCENTS, &settings.text_percent);
    if let Some(n) = segments(ui, &sizes, &texts.t("settings-text"), &sizes_offered, now) {
        settings.text_percent = Settings::TEXT_PERCENTS[n];
    }
    group(ui, cx, "settings-theme");
    let names = ThemeSetting::ALL.map(|setting| texts.t(theme(setting)).into_owned());
    let now = position(&ThemeSetting::ALL, &settings.theme);
    if let Some(n) = segments(ui, &sizes, &texts.t("settings-theme"), &names, now) {
        settings.theme = ThemeSetting::ALL[n];
    }
    settings.reduced_motion ^= switch(ui, &sizes, &texts.t("settings-motion"), settings.reduced_motion);
    if cx.role == autamedica_api::Role::Doctor {
        settings.skip_check ^= switch(ui, &sizes, &texts.t("settings-skip-check"), settings.skip_check);
        group(ui, cx, "settings-hang-up");
        let names = HangUp::ALL.map(|choice| texts.t(hang_up(choice)).into_owned());
        let now = position(&HangUp::ALL, &settings.hang_up);
        if let Some(n) = segments(ui, &sizes, &texts.t("settings-hang-up"), &names, now) {
            settings.hang_up = HangUp::ALL[n];
        }
    }
    group(ui, cx, "settings-shortcuts");
    Grid::new("shortcuts").num_columns(2).spacing(Vec2::new(space::M, space::XXS)).show(ui, |ui| {
        for (keys, does) in SHORTCUTS {
            // Only the space bar has a name that depends on the language.
            let keys = if keys == "shortcut-space" { texts.t(keys) } else { keys.into() };
            ui.label(RichText::new(keys).font(bold_font(sizes.caption)));
            ui.label(RichText::new(texts.t(does)).font(regular_font(sizes.caption)).color(Palette::of(ui).muted));
            ui.end_row();
        }
    });
}

fn save_problems(ui: &mut Ui, cx: &Cx, save_failed: bool, broken: Option<&Path>) {
    let (texts, sizes, warning) = (cx.texts, cx.sizes, Palette::of(ui).warning);
    if save_failed {
        remark(ui, &sizes, Icon::TriangleAlert, warning, &texts.t("settings-not-kept"));
    }
    if let Some(file) = broken {
        let text = texts.with("settings-broken", &[("file", file.display().to_string().as_str().into())]);
        remark(ui, &sizes, Icon::TriangleAlert, warning, &text);
    }
}

fn group(ui: &mut Ui, cx: &Cx, key: &'static str) {
    ui.add_space(space::XS);
    let color = Palette::of(ui).muted;
    ui.label(RichText::new(cx.texts.t(key).as_ref()).font(bold_font(cx.sizes.caption)).color(color));
}

fn position<T: PartialEq>(all: &[T], one: &T) -> usize {
    // A value that isn't offered, from a file edited by hand, selects nothing.
    all.iter().position(|it| it == one).unwrap_or(usize::MAX)
}

fn picture(quality: PictureQuality) -> &'static str {
    match quality {
        PictureQuality::Low => "picture-low",
        PictureQuality::Standard => "picture-standard",
        PictureQuality::High => "picture-high",
    }
}

fn hang_up(choice: HangUp) -> &'static str {
    match choice {
        HangUp::Ask => "hang-up-ask",
        HangUp::Leave => "hang-up-leave",
        HangUp::EndForAll => "hang-up-end",
    }
}

fn theme(setting: ThemeSetting) -> &'static str {
    match setting {
        ThemeSetting::Light => "theme-light",
        ThemeSetting::Dark => "theme-dark",
        ThemeSetting::System => "theme-system",
    }
}
