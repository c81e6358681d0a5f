//! Stage: tiles, their sizes, and the sizes reported to the call.

use autamedica_api::Role;
use autamedica_call::{CallPhase, CallState};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{TestApp, call, person, picture};

fn crowd(people: usize) -> CallState {
    let mut state = call(Role::Doctor);
    for n in 1..people {
        state.participants.push(person(&format!("Persona {n}"), None));
    }
    state
}

fn video_of(app: &TestApp, name: &str) -> String {
    app.text_with("video-of", &[("name", name.into())])
}

#[test]
fn the_call_is_told_what_is_on_screen_and_how_large() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    let [tile] = &app.tiles()[..] else { panic!("one picture: {:?}", app.tiles()) };
    assert_eq!(tile.identity, "id of María Quispe");
    assert!(!tile.screen && tile.width > 1000 && tile.height > 600, "{tile:?}");
    // With two more participants the tiles shrink; a screen share adds a tile.
    app.change(|state| {
        state.participants.push(person("Ana", None));
        state.participants[0].screen = Some(picture());
    });
    let tiles = app.tiles();
    assert_eq!(tiles.len(), 3, "{tiles:?}");
    let screen = tiles.iter().find(|tile| tile.screen).expect("the screen");
    let face = tiles.iter().find(|tile| !tile.screen).expect("a face");
    assert!(screen.width > 3 * face.width);
    // A participant without camera has no picture.
    app.change(|state| state.participants[1].camera = None);
    assert!(app.tiles().iter().all(|tile| tile.identity != "id of Ana"));
}

#[test]
fn twelve_fit_and_more_make_pages_whose_hidden_people_are_paused() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, crowd(11));
        assert_eq!(app.tiles().len(), 11);
        assert!(!app.shows("page-after"));
        app.change(|state| state.participants.extend((20..26).map(|n| person(&format!("Persona {n}"), None))));
        let first = app.tiles();
        let pages = app.text_with("page-of", &[("page", 1.into()), ("pages", 2.into())]);
        assert!(app.shows_text(&pages), "{pages}");
        assert!(!app.shows("page-before"));
        app.click("page-after");
        let second = app.tiles();
        assert_eq!(first.len() + second.len(), 17);
        assert!(second.iter().all(|tile| !first.contains(tile)), "nobody is told as shown on both pages");
        app.assert_shows("self-view");
        app.press(Modifiers::NONE, Key::PageUp);
        assert_eq!(app.tiles().len(), first.len());
    }
}

#[test]
fn a_face_can_be_kept_large_with_mouse_keyboard_and_menu() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, crowd(3));
        let (ana, other) = (video_of(&app, "Persona 1"), video_of(&app, "María Quispe"));
        let width = |app: &TestApp, label: &str| app.rect(label).width();
        assert!((width(&app, &ana) - width(&app, &other)).abs() < 1.0, "all are alike at first");
        app.harness.get_by_label(&ana).focus();
        app.settle();
        app.press(Modifiers::NONE, Key::Enter);
        assert!(width(&app, &ana) > 2.0 * width(&app, &other));
        app.press(Modifiers::NONE, Key::Enter);
        assert!((width(&app, &ana) - width(&app, &other)).abs() < 1.0);
        app.harness.get_by_label(&other).click_secondary();
        app.settle();
        app.click("tile-pin");
        assert!(width(&app, &other) > 2.0 * width(&app, &ana));
        // When a pinned participant leaves, the grid returns.
        app.change(|state| {
            state.participants.remove(0);
        });
        assert!((width(&app, &ana) - width(&app, &video_of(&app, "Persona 2"))).abs() < 1.0);
    }
}

#[test]
fn a_full_strip_says_how_many_more_there_are() {
    for language in Language::ALL {
        let mut state = crowd(9);
        state.participants[0].screen = Some(picture());
        let app = TestApp::in_call(language, state);
        let shown = app.tiles().iter().filter(|tile| !tile.screen).count();
        let rest = app.text_with("people-more", &[("count", (9 - shown as u64).into())]);
        assert!(app.shows_text(&rest), "{rest}, {shown} are shown");
    }
}

#[test]
fn tiles_tell_name_role_connection_and_silence() {
    for language in Language::ALL {
        let mut state = crowd(2);
        state.participants[0].microphone_muted = true;
        state.participants[1].quality = autamedica_engine::ConnectionQuality::Poor;
        state.participants[1].speaking = true;
        let app = TestApp::in_call(language, state);
        for key in ["person-muted", "quality-poor", "quality-excellent", "role-patient", "person-speaking"] {
            app.assert_shows(key);
        }
    }
}

#[test]
fn the_self_view_goes_where_it_is_dragged_or_sent_and_can_be_hidden() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        let label = app.text("self-view");
        let start = app.rect(&label);
        assert!(start.center().x > 640.0 && start.center().y > 360.0);
        // By pointer: released anywhere near a corner.
        app.harness.drag_at(start.center());
        app.settle();
        for at in [egui::pos2(700.0, 300.0), egui::pos2(300.0, 200.0)] {
            app.harness.hover_at(at);
            app.settle();
        }
        app.harness.drop_at(egui::pos2(300.0, 200.0));
        app.settle();
        let corner = app.rect(&label);
        assert!(corner.left() < 40.0 && corner.top() < 120.0, "{corner:?}");
        // By keyboard: arrow keys.
        app.harness.get_by_label(&label).focus();
        app.settle();
        app.press(Modifiers::NONE, Key::ArrowRight);
        app.press(Modifiers::NONE, Key::ArrowDown);
        assert_eq!(app.rect(&label), start);
        assert!(app.harness.get_by_label(&label).is_focused(), "arrows don't lead away from it");
        app.click("more-hide-self");
        assert!(!app.shows("self-view"));
    }
}

#[test]
fn a_picture_held_back_is_told_once_and_in_its_place() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        state.participants[0].camera = Some(autamedica_engine::LatestFrame::new());
        let mut app = TestApp::in_call(language, state);
        app.assert_shows("person-waiting-picture");
        app.change(|state| state.video_reduced = true);
        app.assert_shows("toast-held-back");
        app.assert_shows("person-held-back");
        app.change(|state| state.quality = autamedica_engine::ConnectionQuality::Poor);
        assert!(!app.shows("quality-problem"), "the same isn't said twice");
        app.change(|state| state.video_reduced = false);
        app.assert_shows("toast-pictures-back");
    }
}

#[test]
fn who_waits_before_the_door_isnt_on_stage() {
    let mut state = call(Role::Doctor);
    state.participants[0].waiting_since = Some(std::time::SystemTime::now());
    let app = TestApp::in_call(Language::Spanish, state);
    app.assert_shows("alone-title-waited");
    assert!(!app.shows_text(&video_of(&app, "María Quispe")));
    assert_eq!(app.tiles(), []);
}

#[test]
fn after_a_reconnection_the_call_is_told_again() {
    let mut app = TestApp::in_call(Language::English, call(Role::Patient));
    let before = app.tiles();
    app.change(|state| state.phase = CallPhase::Reconnecting { since: std::time::Instant::now() });
    app.forget_tiles();
    app.change(|state| state.phase = CallPhase::InCall);
    assert_eq!(app.tiles(), before);
}

#[test]
fn the_small_window_shows_who_speaks_and_leads_back() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("more-open");
        app.click("more-float");
        app.assert_shows("float-back");
        // The floating window has its own picture, mute and hang-up.
        for key in ["microphone-mute", "hang-up"] {
            let text = app.text(key);
            assert_eq!(app.harness.query_all_by_label(&text).count(), 2, "{key}");
        }
        assert_eq!(app.tiles().len(), 1, "one picture, however often it is drawn");
        app.click("float-back");
        assert!(!app.shows("float-back"));
    }
}

#[test]
fn a_kiosk_has_no_small_window_no_sheet_and_no_statistics() {
    for language in Language::ALL {
        let options = TestApp::options(language, Role::Patient);
        let mut app = TestApp::kiosk(options, call(Role::Patient));
        app.click("more-open");
        app.assert_shows("more-people");
        for key in ["more-float", "more-keys", "more-statistics", "more-full-screen", "sound-devices"] {
            assert!(!app.shows(key), "{key}");
        }
        app.press(Modifiers::NONE, Key::Escape);
        app.press(Modifiers::NONE, Key::F1);
        assert!(!app.shows("keys-title"));
    }
}
