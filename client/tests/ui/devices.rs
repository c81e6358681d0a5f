//! Devices, shortcuts and the clock in the call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::Role;
use autamedica_call::{
    CallCommand, CallState, CallStatistics, DeviceKind, DeviceLists, DeviceOffer, StatisticsSample, TrackStatistics,
};
use autamedica_client::i18n::Language;
use autamedica_engine::TrackSource;
use autamedica_media::{DeviceChoice, DeviceState};
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call};

fn with_devices(role: Role) -> CallState {
    let mut state = call(role);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    state.devices = Arc::new(DeviceLists {
        cameras: names(&["Logitech C920", "Integrada"]),
        // A headset is in both lists under one name.
        microphones: names(&["USB", "Interno"]),
        speakers: names(&["USB", "HDMI"]),
        ..DeviceLists::default()
    });
    state.microphone.device = DeviceState::On { name: "Interno".into() };
    state.camera.device = DeviceState::On { name: "Integrada".into() };
    state.speaker = DeviceState::On { name: "HDMI".into() };
    state
}

#[test]
fn each_device_can_be_changed_without_leaving_the_call() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, with_devices(Role::Patient));
        let named = |app: &TestApp, group: &str, name: &str| format!("{}: {name}", app.text(group));
        for (menu, group, device, command) in [
            ("sound-devices", "microphone-caption", "USB", CallCommand::UseMicrophone as fn(_) -> _),
            ("sound-devices", "speaker-caption", "USB", CallCommand::UseSpeaker),
            ("camera-devices", "camera-caption", "Logitech C920", CallCommand::UseCamera),
        ] {
            app.click(menu);
            let name = named(&app, group, device);
            app.click_text(&name);
            assert_eq!(app.sent(), [command(DeviceChoice::Named(device.into()))], "{name}");
        }
        // The current device is marked, and choosing it again sends no command.
        app.click("camera-devices");
        let integrated = named(&app, "camera-caption", "Integrada");
        app.click_text(&integrated);
        assert_eq!(app.sent(), []);
        // The system's default is in each list; accessible names distinguish them.
        for (menu, group, command) in [
            ("sound-devices", "microphone-caption", CallCommand::UseMicrophone as fn(_) -> _),
            ("sound-devices", "speaker-caption", CallCommand::UseSpeaker),
            ("camera-devices", "camera-caption", CallCommand::UseCamera),
        ] {
            app.click(menu);
            let default = app.text(&group.replace("caption", "default"));
            let name = named(&app, group, &default);
            app.click_text(&name);
            assert_eq!(app.sent(), [command(DeviceChoice::Default)], "{name}");
        }
    }
}

#[test]
fn a_new_device_is_offered_and_taken_or_not() {
    for language in Language::ALL {
        for (kind, key, command) in [
            (DeviceKind::Camera, "offer-camera", CallCommand::UseCamera(DeviceChoice::Named("X".into()))),
            (DeviceKind::Microphone, "offer-microphone", CallCommand::UseMicrophone(DeviceChoice::Named("X".into()))),
            (DeviceKind::Speaker, "offer-speaker", CallCommand::UseSpeaker(DeviceChoice::Named("X".into()))),
        ] {
            let mut state = with_devices(Role::Patient);
            state.offer = Some(DeviceOffer { kind, name: "X".into() });
            let mut app = TestApp::in_call(language, state);
            let offer = app.text_with(key, &[("name", "X".into())]);
            assert!(app.shows_text(&offer), "{offer}");
            app.click("offer-use");
            app.click("offer-not-now");
            assert_eq!(app.sent(), [command, CallCommand::DismissOffer]);
        }
    }
}

fn space(app: &mut TestApp, pressed: bool) {
    app.harness.input_mut().events.push(Event::Key {
        key: Key::Space,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    app.settle();
}

#[test]
fn space_talks_for_as_long_as_it_is_held() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        state.microphone.muted = true;
        let mut app = TestApp::in_call(language, state);
        space(&mut app, true);
        assert_eq!(app.sent(), [CallCommand::MuteMicrophone(false)]);
        app.change(|state| state.microphone.muted = false);
        app.assert_shows("talking");
        space(&mut app, false);
        assert_eq!(app.sent(), [CallCommand::MuteMicrophone(true)]);
        app.change(|state| state.microphone.muted = true);
        // A window that loses the focus doesn't get the key's release.
        space(&mut app, true);
        app.harness.input_mut().events.push(Event::WindowFocused(false));
        app.settle();
        let expected = [CallCommand::MuteMicrophone(false), CallCommand::MuteMicrophone(true)];
        assert_eq!(app.sent(), expected);
    }
}

#[test]
fn space_is_a_letter_in_a_field_and_nothing_while_the_microphone_is_on() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    space(&mut app, true);
    space(&mut app, false);
    assert_eq!(app.sent(), []);
    app.change(|state| state.microphone.muted = true);
    app.click("chat-open");
    space(&mut app, true);
    space(&mut app, false);
    assert_eq!(app.sent(), []);
}

#[test]
fn all_keys_are_in_one_sheet() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.press(Modifiers::NONE, Key::F1);
        app.assert_shows("keys-title");
        for key in ["keys-microphone", "keys-camera", "keys-talk", "keys-share", "keys-full-screen", "keys-sheet"] {
            app.assert_shows(key);
        }
        app.press(Modifiers::NONE, Key::Escape);
        assert!(!app.shows("keys-title"));
        app.harness.input_mut().events.push(Event::Text("?".into()));
        app.settle();
        app.assert_shows("keys-title");
        app.click("dialog-close");
        assert!(!app.shows("keys-title"));
        // A patient's sheet lists none of the doctor's shortcuts.
        let mut app = TestApp::in_call(language, call(Role::Patient));
        app.click("more-open");
        app.click("more-keys");
        assert!(!app.shows("keys-share"));
    }
}

#[test]
fn the_planned_end_is_told_quietly() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let end = SystemTime::now() + Duration::from_secs(20 * 60);
        state.planned_end = Some(end);
        let mut app = TestApp::in_call(language, state);
        let prefix = app.text_with("planned-until", &[("time", "".into())]);
        assert_eq!(app.harness.query_all_by_label_contains(prefix.trim()).count(), 1);
        app.change(|state| state.planned_end = Some(SystemTime::now() + Duration::from_secs(4 * 60 - 1)));
        app.assert_shows("toast-time-soon");
        assert!(app.shows_text(&app.text_with("planned-left", &[("minutes", 4.into())])));
        app.change(|state| state.planned_end = Some(SystemTime::now() - Duration::from_secs(115)));
        app.assert_shows("toast-time-over");
        assert!(app.shows_text(&app.text_with("planned-over", &[("minutes", 2.into())])));
    }
}

#[test]
fn statistics_are_shown_in_words_and_figures() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("more-open");
        app.click("more-statistics");
        app.assert_shows("statistics-none");
        let theirs = TrackStatistics {
            sid: "TR_1".into(),
            identity: Some("id of María Quispe".into()),
            source: TrackSource::Camera,
            codec: "H264".into(),
            encoder: String::new(),
            kbps: 1700.0,
            width: 1280,
            height: 720,
            fps: 29.7,
            loss_percent: 0.25,
            jitter_ms: 3.0,
        };
        let sample = StatisticsSample {
            at: Instant::now(),
            round_trip_ms: Some(24.4),
            loss_percent: 0.25,
            jitter_ms: 3.0,
            sent_kbps: 1520.0,
            received_kbps: 1810.0,
            tracks: vec![
                TrackStatistics { identity: None, encoder: "OpenH264".into(), ..theirs.clone() },
                TrackStatistics { codec: "VP8".into(), ..theirs },
            ],
        };
        app.change(|state| state.statistics = Arc::new(CallStatistics { samples: [sample].into() }));
        let loss = if language == Language::Spanish { "0,2 %" } else { "0.2 %" };
        for text in ["1520 kbit/s", "1810 kbit/s", "24 ms", "1280x720", "H264 · OpenH264", "VP8", "María Quispe", loss]
        {
            assert!(app.harness.query_all_by_label_contains(text).next().is_some(), "{text}");
        }
    }
}
