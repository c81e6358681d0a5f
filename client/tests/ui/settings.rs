//! Settings screen: changes apply at once and are stored; failures to store them are shown.

use std::path::PathBuf;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState, PictureQuality};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use autamedica_client::settings::{Settings, ThemeSetting};
use autamedica_media::DeviceChoice;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::harness::{JABRA, TestApp, call};

fn open(language: Language, role: Role) -> TestApp {
    let mut app = TestApp::at_home(language, role);
    app.click("settings-open");
    app.assert_shows("settings-devices");
    app
}

fn option(app: &TestApp, group: &str, option: &str) -> String {
    format!("{}: {}", app.text(group), app.text(option))
}

#[test]
fn every_setting_is_taken_up_and_kept() {
    for language in Language::ALL {
        let mut app = open(language, Role::Doctor);
        for switch in ["settings-echo", "settings-noise", "settings-gain", "settings-motion", "settings-skip-check"] {
            let before = app.is_on(switch);
            app.click(switch);
            assert_ne!(app.is_on(switch), before, "{switch}");
        }
        for (group, name) in [("settings-picture", "picture-high"), ("settings-theme", "theme-dark")] {
            let name = option(&app, group, name);
            app.click_text(&name);
        }
        app.click("microphone-caption");
        app.click_text("USB");
        let kept = app.saved().pop().expect("they were kept");
        assert!(!kept.call.echo_cancellation && !kept.call.noise_suppression && !kept.call.auto_gain_control);
        assert!(kept.reduced_motion && kept.skip_check);
        assert_eq!(kept.call.picture, PictureQuality::High);
        assert_eq!(kept.theme, ThemeSetting::Dark);
        assert_eq!(kept.microphone, DeviceChoice::Named("USB".into()));
        app.click("settings-back");
        app.assert_shows("start-code");
    }
}

#[test]
fn a_size_that_the_camera_offers_can_be_chosen() {
    for language in Language::ALL {
        let mut app = open(language, Role::Doctor);
        app.click("settings-camera-size");
        app.click_text("1920 × 1080");
        assert_eq!(app.saved().last().expect("it was kept").call.camera_size, Some((1920, 1080)));
        app.click("settings-camera-size");
        app.click("camera-size-automatic");
        assert_eq!(app.saved().last().expect("it was kept").call.camera_size, None);
        // This camera doesn't tell its sizes.
        app.click("camera-caption");
        app.click_text("Integrada");
        assert!(!app.shows("settings-camera-size"));
    }
}

#[test]
fn a_device_that_was_remembered_by_name_is_remembered_by_its_identifier() {
    let settings = Settings { speaker: DeviceChoice::Named("Jabra".into()), ..Settings::default() };
    let options = AppOptions { settings, ..TestApp::options(Language::English, Role::Doctor) };
    let mut app = TestApp::with(options, CallState::joining(Role::Doctor));
    app.click("settings-open");
    let known = |name: &str| DeviceChoice::Known { id: JABRA.into(), name: name.into() };
    assert_eq!(app.saved().last().expect("it was kept").speaker, known("Jabra"));

    // Under another name it's still the same device.
    let settings = Settings { speaker: known("Jabra (2)"), ..Settings::default() };
    let options = AppOptions { settings, ..TestApp::options(Language::English, Role::Doctor) };
    let mut app = TestApp::with(options, CallState::joining(Role::Doctor));
    app.click("settings-open");
    let shown = app.harness.get_by_label(&app.text("speaker-caption")).accesskit_node().value();
    assert_eq!(shown.as_deref(), Some("Jabra"));
    assert!(!app.shows_text("Jabra (2)"));
}

#[test]
fn the_language_changes_at_once() {
    let mut app = open(Language::Spanish, Role::Patient);
    app.click_text(&format!("{}: English", app.text("settings-language")));
    assert!(app.shows_text("Settings"));
    assert_eq!(app.saved().last().and_then(|settings| settings.language), Some(Language::English));
}

#[test]
fn larger_text_makes_everything_larger_and_cuts_nothing() {
    let settings = Settings { text_percent: 200, ..Settings::default() };
    for role in [Role::Doctor, Role::Patient] {
        let options = AppOptions { role, settings: settings.clone(), ..AppOptions::default() };
        let mut app = TestApp::with(options, CallState::joining(role));
        assert_eq!(app.harness.ctx.zoom_factor(), 2.0);
        app.click("settings-open");
        // All of it is within the window's width.
        let width = app.harness.ctx.content_rect().width();
        for key in ["settings-title", "settings-echo", "settings-motion", "settings-back"] {
            let text = app.text(key);
            let rect = app.harness.get_by_label(&text).rect();
            assert!(rect.left() >= 0.0 && rect.right() <= width + 0.5, "{key} lies at {rect:?} of {width}");
        }
    }
}

#[test]
fn a_save_that_panics_is_told_and_later_changes_are_saved() {
    let mut app = open(Language::English, Role::Patient);
    app.panic_next_save();
    app.click("settings-motion");
    app.settle();
    app.assert_shows("settings-not-kept");
    let before = app.saved().len();
    app.click("settings-motion");
    app.settle();
    assert_eq!(app.saved().len(), before + 1);
    assert!(!app.shows("settings-not-kept"));
}

#[test]
fn what_cannot_be_kept_is_told() {
    for language in Language::ALL {
        let mut app = open(language, Role::Patient);
        app.fail_saving();
        app.click("settings-motion");
        app.settle();
        app.assert_shows("settings-not-kept");
    }
}

#[test]
fn broken_settings_are_told_with_the_place_of_the_old_ones() {
    let broken_settings = Some(PathBuf::from("/home/a/settings.json.broken"));
    let mut app =
        TestApp::with(AppOptions { broken_settings, ..AppOptions::default() }, CallState::joining(Role::Patient));
    app.click("settings-open");
    let words = app.text_with("settings-broken", &[("file", "/home/a/settings.json.broken".into())]);
    assert!(app.shows_text(&words));
}

#[test]
fn a_patient_has_no_doctors_settings_and_the_keys_are_listed() {
    let app = open(Language::Spanish, Role::Patient);
    assert!(!app.shows("settings-skip-check"));
    for key in ["shortcut-microphone", "shortcut-camera", "shortcut-full-screen", "shortcut-talk"] {
        assert!(app.shows(key), "{key}");
    }
}

#[test]
fn escape_closes_them() {
    let mut app = open(Language::Spanish, Role::Patient);
    app.press(Modifiers::NONE, Key::Escape);
    assert!(!app.shows("settings-devices"));
    app.assert_shows("start-title-patient");
}

#[test]
fn the_keyboard_reaches_every_control_in_order() {
    let mut app = open(Language::Spanish, Role::Patient);
    let mut met = Vec::new();
    for _ in 0..40 {
        app.press(Modifiers::NONE, Key::Tab);
        let focused = app.harness.root().children_recursive().find(|node| node.is_focused());
        met.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    let place = |key: &str| met.iter().position(|label| *label == app.text(key));
    let order = ["camera-caption", "microphone-caption", "speaker-caption", "settings-echo", "settings-motion"];
    let places: Vec<_> = order.iter().map(|key| place(key)).collect();
    assert!(places.iter().all(Option::is_some), "{order:?} at {places:?} of {met:?}");
    assert!(places.is_sorted(), "{order:?} at {places:?}");
}

#[test]
fn a_device_changed_during_a_call_is_changed_in_the_call() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    app.open_settings_in_call();
    app.assert_shows("settings-back-to-call");
    app.click("speaker-caption");
    app.click_text("Auriculares");
    let speaker = DeviceChoice::Named("Auriculares".into());
    assert!(app.sent().contains(&CallCommand::UseSpeaker(speaker)));
    app.click("settings-back-to-call");
    app.assert_shows("hang-up");
}
