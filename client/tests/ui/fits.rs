//! Layout at double text size and with everything open: nothing is cut off or too small to hit.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::{JoinLink, Role};
use autamedica_call::check::{NetworkProblem, NetworkState, TestSound};
use autamedica_call::{
    CallPhase, CallState, DeviceKind, DeviceLists, DeviceOffer, EndReason, JoinTarget, RecordingState, Secret,
};
use autamedica_client::app::{AppOptions, Start};
use autamedica_client::i18n::Language;
use autamedica_media::{DeviceProblem, DeviceState};
use egui::accesskit::Role as Is;
use egui::{Pos2, Rect, Vec2};
use egui_kittest::kittest::NodeT;

use super::harness::{TestApp, call, person};

/// Returns a doctor's call with as many elements as possible.
fn busy() -> CallState {
    let mut state = call(Role::Doctor);
    let mut waiting = person("Rosa Quispe", Some(Role::Patient));
    waiting.waiting_since = Some(SystemTime::now() - Duration::from_secs(190));
    state.participants.push(waiting);
    state.recording = RecordingState::On(std::time::Instant::now());
    state.planned_end = Some(SystemTime::now() + Duration::from_secs(240));
    state.offer = Some(DeviceOffer { kind: DeviceKind::Microphone, name: "USB Headset".into() });
    state.devices = Arc::new(DeviceLists {
        microphones: (1..8).map(|n| format!("Micrófono {n}")).collect(),
        ..DeviceLists::default()
    });
    state
}

/// Returns the name and area of each control.
fn controls(app: &TestApp) -> Vec<(String, Rect)> {
    use egui_kittest::kittest::Queryable;
    let pressable = |role| {
        matches!(
            role,
            Is::Button
                | Is::Tab
                | Is::MenuItem
                | Is::MenuItemRadio
                | Is::MenuItemCheckBox
                | Is::RadioButton
                | Is::TextInput
        )
    };
    app.harness
        .query_all(egui_kittest::kittest::By::new().predicate(move |node| pressable(node.role())))
        .map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect()))
        .collect()
}

/// Checks that the essential controls are completely inside the window.
fn assert_in_window(app: &TestApp, window: Vec2, keys: &[&str]) {
    let window = Rect::from_min_size(Pos2::ZERO, window).expand(0.5);
    for key in keys {
        let rect = app.rect(&app.text(key));
        assert!(window.contains_rect(rect), "{key} is cut off: {rect:?}");
    }
}

fn assert_all_fit(app: &TestApp, window: Vec2, what: &str) {
    let window = Rect::from_min_size(Pos2::ZERO, window);
    let controls = controls(app);
    assert!(controls.len() >= 5, "{what}: only {} controls were found", controls.len());
    for (name, rect) in controls {
        assert!(!name.is_empty(), "{what}: something at {rect:?} has no name");
        assert!(rect.width() >= 43.9 && rect.height() >= 43.9, "{what}: {name} is too small to hit: {rect:?}");
        // Lists and dialogs scroll vertically; nothing may lie beside the window.
        assert!(rect.left() >= -0.5 && rect.right() <= window.right() + 0.5, "{what}: {name} is cut off: {rect:?}");
    }
}

#[test]
fn everything_can_be_hit_and_nothing_is_cut_off_at_once_and_twice_the_size() {
    for language in Language::ALL {
        for scale in [1.0, 2.0] {
            let options = AppOptions { text_scale: scale, ..TestApp::options(language, Role::Doctor) };
            let mut app = TestApp::with(options, busy());
            let window = Vec2::new(1280.0, 720.0) / scale;
            app.harness.set_size(window);
            app.settle();
            let what = |part: &str| format!("{language:?} at {scale}: {part}");
            assert_all_fit(&app, window, &what("the call"));
            let bar = ["microphone-mute", "sound-devices", "camera-stop", "camera-devices", "more-open", "hang-up"];
            assert_in_window(&app, window, &bar);
            for open in ["chat-open", "share-start"] {
                if !app.shows(open) {
                    // Without space on the bar it is in the menu.
                    app.click("more-open");
                }
                app.click(open);
                assert_all_fit(&app, window, &what(open));
                if open == "chat-open" {
                    assert_in_window(&app, window, &["chat-input", "chat-send", "panel-close", "hang-up"]);
                }
                app.press(egui::Modifiers::NONE, egui::Key::Escape);
            }
        }
    }
}

#[test]
fn labels_keep_apart_at_twice_the_size() {
    for language in Language::ALL {
        let options = AppOptions { text_scale: 2.0, ..TestApp::options(language, Role::Doctor) };
        let mut state = busy();
        state.offer = None;
        state.participants.truncate(1);
        let mut app = TestApp::with(options, state);
        app.harness.set_size(Vec2::new(640.0, 360.0));
        app.settle();
        let name = app.rect("María Quispe");
        let recording = app.rect(&app.text_with("recording-on", &[("time", "00:00".into())]));
        assert!(!name.intersects(recording), "{name:?} and {recording:?}");
        let window = Rect::from_min_size(Pos2::ZERO, Vec2::new(640.0, 360.0));
        assert!(window.contains_rect(name) && window.contains_rect(recording));
    }
}

/// Returns each screen outside of the call, in its fullest state.
fn screens(language: Language, scale: f32) -> Vec<(&'static str, TestApp)> {
    let options = |role| AppOptions { language, role, text_scale: scale, ..AppOptions::default() };
    let check = |role| AppOptions { start: Start::Check(JoinTarget::Digits(Secret::new("31836728"))), ..options(role) };
    let joining = || CallState::joining(Role::Patient);
    let mut waiting = call(Role::Patient);
    waiting.phase = CallPhase::Waiting { since: Instant::now() };
    waiting.camera.device = DeviceState::Failed(DeviceProblem::Busy);
    let mut ended = call(Role::Patient);
    ended.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted: Duration::from_secs(600) };
    let in_call = |state: CallState| {
        TestApp::with(AppOptions { text_scale: scale, ..TestApp::options(language, Role::Patient) }, state)
    };
    let mut settings = TestApp::with(options(Role::Doctor), CallState::joining(Role::Doctor));
    settings.click("settings-open");
    let mut checking = TestApp::with(check(Role::Doctor), joining());
    checking.change_check(|check| {
        check.camera = DeviceState::Failed(DeviceProblem::Busy);
        check.microphone = DeviceState::Failed(DeviceProblem::NotFound);
        check.sound = TestSound::Unanswered;
        check.network = NetworkState::Failed(NetworkProblem::MediaUnreachable);
    });
    let link = JoinLink::parse("https://clinic.example/join#a-secret-code-of-enough-letters").unwrap();
    let server = AppOptions { start: Start::Check(JoinTarget::Link(link)), ..options(Role::Patient) };
    vec![
        ("start, patient", TestApp::with(options(Role::Patient), joining())),
        ("start, doctor", TestApp::with(options(Role::Doctor), CallState::joining(Role::Doctor))),
        ("unknown server", TestApp::with(server, joining())),
        ("check", checking),
        ("joining", in_call(joining())),
        ("waiting room", in_call(waiting)),
        ("end", in_call(ended)),
        ("settings", settings),
        ("kiosk", TestApp::kiosk(options(Role::Patient), joining())),
    ]
}

#[test]
fn every_screen_is_whole_on_a_small_screen_and_at_twice_the_size() {
    for language in Language::ALL {
        for (size, scale) in [
            (Vec2::new(1024.0, 768.0), 1.0),
            (Vec2::new(1024.0, 768.0), 2.0),
            (Vec2::new(1280.0, 680.0), 1.0),
            (Vec2::new(1280.0, 680.0), 2.0),
        ] {
            let window = size / scale;
            for (name, mut app) in screens(language, scale) {
                // A kiosk has large sizes already, and its zoom is set by the operator.
                if name == "kiosk" && scale > 1.0 {
                    continue;
                }
                let what = format!("{language:?} {size} at {scale}: {name}");
                app.harness.set_size(window);
                app.settle();
                let inside = Rect::from_min_size(Pos2::ZERO, window).expand(0.5);
                let names: Vec<_> = controls(&app).into_iter().map(|(name, _)| name).collect();
                assert!(!names.is_empty(), "{what}: nothing to press");
                for control in names {
                    use egui_kittest::kittest::Queryable;
                    let Some(node) = app.harness.query_all_by_label(&control).next() else { continue };
                    node.scroll_to_me();
                    app.settle();
                    let rect = app.harness.query_all_by_label(&control).next().expect("it is still there").rect();
                    assert!(inside.contains_rect(rect), "{what}: {control} is cut off or can't be reached: {rect:?}");
                }
            }
        }
    }
}

#[test]
fn a_screen_begins_at_its_top_wherever_the_one_before_was() {
    let options = AppOptions { text_scale: 2.0, ..TestApp::options(Language::Spanish, Role::Patient) };
    let mut state = call(Role::Patient);
    state.phase = CallPhase::Waiting { since: Instant::now() };
    let mut app = TestApp::with(options, state);
    let window = Vec2::new(640.0, 360.0);
    app.harness.set_size(window);
    app.settle();
    // Scrolls to the button at the end.
    use egui_kittest::kittest::Queryable;
    let leave = app.text("waiting-leave");
    app.harness.get_by_label(&leave).scroll_to_me();
    app.settle();
    app.change(|state| state.phase = CallPhase::Ended { reason: EndReason::Refused, lasted: Duration::ZERO });
    assert_in_window(&app, window, &["end-refused"]);
}
