//! Settings screen: changes apply at once and are stored; failures to store them are shown.

use std::path::PathBuf;

use autamedica_api::Role;
use autamedica_client::app::AppOptions;
use autamedica_client::call::{CallCommand, CallState, PictureQuality};
use autamedica_client::device::DeviceChoice;
use autamedica_client::i18n::Language;
use autamedica_client::settings::{Settings, ThemeSetting};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::harness::{Stand, call};

fn open(language: Language, role: Role) -> Stand {
    let mut stand = Stand::at_home(language, role);
    stand.click("settings-open");
    stand.assert_shows("settings-devices");
    stand
}

fn option(stand: &Stand, group: &str, option: &str) -> String {
    format!("{}: {}", stand.text(group), stand.text(option))
}

#[test]
fn every_setting_is_taken_up_and_kept() {
    for language in Language::ALL {
        let mut stand = open(language, Role::Doctor);
        for switch in ["settings-echo", "settings-noise", "settings-gain", "settings-motion", "settings-skip-check"] {
            let before = stand.is_on(switch);
            stand.click(switch);
            assert_ne!(stand.is_on(switch), before, "{switch}");
        }
        for (group, name) in [("settings-picture", "picture-high"), ("settings-theme", "theme-dark")] {
            let name = option(&stand, group, name);
            stand.click_text(&name);
        }
        stand.click("microphone-caption");
        stand.click_text("USB");
        let kept = stand.kept().pop().expect("they were kept");
        assert!(!kept.call.echo_cancellation && !kept.call.noise_suppression && !kept.call.auto_gain_control);
        assert!(kept.reduced_motion && kept.skip_check);
        assert_eq!(kept.call.picture, PictureQuality::High);
        assert_eq!(kept.theme, ThemeSetting::Dark);
        assert_eq!(kept.microphone, DeviceChoice::Named("USB".into()));
        stand.click("settings-back");
        stand.assert_shows("start-code");
    }
}

#[test]
fn the_language_changes_at_once() {
    let mut stand = open(Language::Spanish, Role::Patient);
    stand.click_text(&format!("{}: English", stand.text("settings-language")));
    assert!(stand.shows_text("Settings"));
    assert_eq!(stand.kept().last().and_then(|settings| settings.language), Some(Language::English));
}

#[test]
fn larger_text_makes_everything_larger_and_cuts_nothing() {
    let settings = Settings { text_percent: 200, ..Settings::default() };
    for role in [Role::Doctor, Role::Patient] {
        let options = AppOptions { role, settings: settings.clone(), ..AppOptions::default() };
        let mut stand = Stand::with(options, CallState::joining(role));
        assert_eq!(stand.harness.ctx.zoom_factor(), 2.0);
        stand.click("settings-open");
        // All of it is within the window's width.
        let width = stand.harness.ctx.content_rect().width();
        for key in ["settings-title", "settings-echo", "settings-motion", "settings-back"] {
            let text = stand.text(key);
            let rect = stand.harness.get_by_label(&text).rect();
            assert!(rect.left() >= 0.0 && rect.right() <= width + 0.5, "{key} lies at {rect:?} of {width}");
        }
    }
}

#[test]
fn what_cannot_be_kept_is_told() {
    for language in Language::ALL {
        let mut stand = open(language, Role::Patient);
        stand.fill_the_disk();
        stand.click("settings-motion");
        stand.settle();
        stand.assert_shows("settings-not-kept");
    }
}

#[test]
fn broken_settings_are_told_with_the_place_of_the_old_ones() {
    let broken_settings = Some(PathBuf::from("/home/a/settings.json.broken"));
    let mut stand =
        Stand::with(AppOptions { broken_settings, ..AppOptions::default() }, CallState::joining(Role::Patient));
    stand.click("settings-open");
    let words = stand.text_with("settings-broken", &[("file", "/home/a/settings.json.broken".into())]);
    assert!(stand.shows_text(&words));
}

#[test]
fn a_patient_has_no_doctors_settings_and_the_keys_are_listed() {
    let stand = open(Language::Spanish, Role::Patient);
    assert!(!stand.shows("settings-skip-check"));
    for key in ["shortcut-microphone", "shortcut-camera", "shortcut-full-screen", "shortcut-talk"] {
        assert!(stand.shows(key), "{key}");
    }
}

#[test]
fn escape_closes_them() {
    let mut stand = open(Language::Spanish, Role::Patient);
    stand.press(Modifiers::NONE, Key::Escape);
    assert!(!stand.shows("settings-devices"));
    stand.assert_shows("start-title-patient");
}

#[test]
fn the_keyboard_reaches_every_control_in_order() {
    let mut stand = open(Language::Spanish, Role::Patient);
    let mut met = Vec::new();
    for _ in 0..40 {
        stand.press(Modifiers::NONE, Key::Tab);
        let focused = stand.harness.root().children_recursive().find(|node| node.is_focused());
        met.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    let place = |key: &str| met.iter().position(|label| *label == stand.text(key));
    let order = ["camera-caption", "microphone-caption", "speaker-caption", "settings-echo", "settings-motion"];
    let places: Vec<_> = order.iter().map(|key| place(key)).collect();
    assert!(places.iter().all(Option::is_some), "{order:?} at {places:?} of {met:?}");
    assert!(places.is_sorted(), "{order:?} at {places:?}");
}

#[test]
fn a_device_changed_during_a_call_is_changed_in_the_call() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    stand.open_settings_in_call();
    stand.assert_shows("settings-back-to-call");
    stand.click("speaker-caption");
    stand.click_text("Auriculares");
    let speaker = DeviceChoice::Named("Auriculares".into());
    assert!(stand.sent().contains(&CallCommand::UseSpeaker(speaker)));
    stand.click("settings-back-to-call");
    stand.assert_shows("hang-up");
}
