//! Stage: tiles, their sizes, and the sizes reported to the call.

use autamedica_api::Role;
use autamedica_client::app::AppOptions;
use autamedica_client::call::{CallPhase, CallState};
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call, person, picture};

fn crowd(people: usize) -> CallState {
    let mut state = call(Role::Doctor);
    for n in 1..people {
        state.participants.push(person(&format!("Persona {n}"), None));
    }
    state
}

fn video_of(stand: &Stand, name: &str) -> String {
    stand.text_with("video-of", &[("name", name.into())])
}

#[test]
fn the_call_is_told_what_is_on_screen_and_how_large() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    let [tile] = &stand.tiles()[..] else { panic!("one picture: {:?}", stand.tiles()) };
    assert_eq!(tile.identity, "id of María Quispe");
    assert!(!tile.screen && tile.width > 1000 && tile.height > 600, "{tile:?}");
    // With two more participants the tiles shrink; a screen share adds a tile.
    stand.change(|state| {
        state.participants.push(person("Ana", None));
        state.participants[0].screen = Some(picture());
    });
    let tiles = stand.tiles();
    assert_eq!(tiles.len(), 3, "{tiles:?}");
    let screen = tiles.iter().find(|tile| tile.screen).expect("the screen");
    let face = tiles.iter().find(|tile| !tile.screen).expect("a face");
    assert!(screen.width > 3 * face.width);
    // A participant without camera has no picture.
    stand.change(|state| state.participants[1].camera = None);
    assert!(stand.tiles().iter().all(|tile| tile.identity != "id of Ana"));
}

#[test]
fn twelve_fit_and_more_make_pages_whose_hidden_people_are_paused() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, crowd(11));
        assert_eq!(stand.tiles().len(), 11);
        assert!(!stand.shows("page-after"));
        stand.change(|state| state.participants.extend((20..26).map(|n| person(&format!("Persona {n}"), None))));
        let first = stand.tiles();
        let pages = stand.text_with("page-of", &[("page", 1.into()), ("pages", 2.into())]);
        assert!(stand.shows_text(&pages), "{pages}");
        assert!(!stand.shows("page-before"));
        stand.click("page-after");
        let second = stand.tiles();
        assert_eq!(first.len() + second.len(), 17);
        assert!(second.iter().all(|tile| !first.contains(tile)), "nobody is told as shown on both pages");
        stand.assert_shows("self-view");
        stand.press(Modifiers::NONE, Key::PageUp);
        assert_eq!(stand.tiles().len(), first.len());
    }
}

#[test]
fn a_face_can_be_kept_large_with_mouse_keyboard_and_menu() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, crowd(3));
        let (ana, other) = (video_of(&stand, "Persona 1"), video_of(&stand, "María Quispe"));
        let width = |stand: &Stand, label: &str| stand.rect(label).width();
        assert!((width(&stand, &ana) - width(&stand, &other)).abs() < 1.0, "all are alike at first");
        stand.harness.get_by_label(&ana).focus();
        stand.settle();
        stand.press(Modifiers::NONE, Key::Enter);
        assert!(width(&stand, &ana) > 2.0 * width(&stand, &other));
        stand.press(Modifiers::NONE, Key::Enter);
        assert!((width(&stand, &ana) - width(&stand, &other)).abs() < 1.0);
        stand.harness.get_by_label(&other).click_secondary();
        stand.settle();
        stand.click("tile-pin");
        assert!(width(&stand, &other) > 2.0 * width(&stand, &ana));
        // When a pinned participant leaves, the grid returns.
        stand.change(|state| {
            state.participants.remove(0);
        });
        assert!((width(&stand, &ana) - width(&stand, &video_of(&stand, "Persona 2"))).abs() < 1.0);
    }
}

#[test]
fn a_full_strip_says_how_many_more_there_are() {
    for language in Language::ALL {
        let mut state = crowd(9);
        state.participants[0].screen = Some(picture());
        let stand = Stand::in_call(language, state);
        let shown = stand.tiles().iter().filter(|tile| !tile.screen).count();
        let rest = stand.text_with("people-more", &[("count", (9 - shown as u64).into())]);
        assert!(stand.shows_text(&rest), "{rest}, {shown} are shown");
    }
}

#[test]
fn tiles_tell_name_role_connection_and_silence() {
    for language in Language::ALL {
        let mut state = crowd(2);
        state.participants[0].microphone_muted = true;
        state.participants[1].quality = autamedica_engine::ConnectionQuality::Poor;
        state.participants[1].speaking = true;
        let stand = Stand::in_call(language, state);
        for key in ["person-muted", "quality-poor", "quality-excellent", "role-patient", "person-speaking"] {
            stand.assert_shows(key);
        }
    }
}

#[test]
fn the_self_view_goes_where_it_is_dragged_or_sent_and_can_be_hidden() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Patient));
        let label = stand.text("self-view");
        let start = stand.rect(&label);
        assert!(start.center().x > 640.0 && start.center().y > 360.0);
        // By pointer: released anywhere near a corner.
        stand.harness.drag_at(start.center());
        stand.settle();
        for at in [egui::pos2(700.0, 300.0), egui::pos2(300.0, 200.0)] {
            stand.harness.hover_at(at);
            stand.settle();
        }
        stand.harness.drop_at(egui::pos2(300.0, 200.0));
        stand.settle();
        let corner = stand.rect(&label);
        assert!(corner.left() < 40.0 && corner.top() < 120.0, "{corner:?}");
        // By keyboard: arrow keys.
        stand.harness.get_by_label(&label).focus();
        stand.settle();
        stand.press(Modifiers::NONE, Key::ArrowRight);
        stand.press(Modifiers::NONE, Key::ArrowDown);
        assert_eq!(stand.rect(&label), start);
        assert!(stand.harness.get_by_label(&label).is_focused(), "arrows don't lead away from it");
        stand.click("more-hide-self");
        assert!(!stand.shows("self-view"));
    }
}

#[test]
fn a_picture_held_back_is_told_once_and_in_its_place() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        state.participants[0].camera = Some(autamedica_engine::LatestFrame::new());
        let mut stand = Stand::in_call(language, state);
        stand.assert_shows("person-waiting-picture");
        stand.change(|state| state.video_reduced = true);
        stand.assert_shows("toast-held-back");
        stand.assert_shows("person-held-back");
        stand.change(|state| state.quality = autamedica_engine::ConnectionQuality::Poor);
        assert!(!stand.shows("quality-problem"), "the same isn't said twice");
        stand.change(|state| state.video_reduced = false);
        stand.assert_shows("toast-pictures-back");
    }
}

#[test]
fn who_waits_before_the_door_isnt_on_stage() {
    let mut state = call(Role::Doctor);
    state.participants[0].waiting_since = Some(std::time::SystemTime::now());
    let stand = Stand::in_call(Language::Spanish, state);
    stand.assert_shows("alone-title-waited");
    assert!(!stand.shows_text(&video_of(&stand, "María Quispe")));
    assert_eq!(stand.tiles(), []);
}

#[test]
fn after_a_reconnection_the_call_is_told_again() {
    let mut stand = Stand::in_call(Language::English, call(Role::Patient));
    let before = stand.tiles();
    stand.change(|state| state.phase = CallPhase::Reconnecting { since: std::time::Instant::now() });
    stand.forget_tiles();
    stand.change(|state| state.phase = CallPhase::InCall);
    assert_eq!(stand.tiles(), before);
}

#[test]
fn the_small_window_shows_who_speaks_and_leads_back() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        stand.click("more-open");
        stand.click("more-float");
        stand.assert_shows("float-back");
        // The floating window has its own picture, mute and hang-up.
        for key in ["microphone-mute", "hang-up"] {
            let text = stand.text(key);
            assert_eq!(stand.harness.query_all_by_label(&text).count(), 2, "{key}");
        }
        assert_eq!(stand.tiles().len(), 1, "one picture, however often it is drawn");
        stand.click("float-back");
        assert!(!stand.shows("float-back"));
    }
}

#[test]
fn a_kiosk_has_no_small_window_no_sheet_and_no_statistics() {
    for language in Language::ALL {
        let options = AppOptions { kiosk: true, ..Stand::options(language, Role::Patient) };
        let mut stand = Stand::with(options, call(Role::Patient));
        stand.click("more-open");
        stand.assert_shows("more-people");
        for key in ["more-float", "more-keys", "more-statistics", "more-full-screen", "sound-devices"] {
            assert!(!stand.shows(key), "{key}");
        }
        stand.press(Modifiers::NONE, Key::Escape);
        stand.press(Modifiers::NONE, Key::F1);
        assert!(!stand.shows("keys-title"));
    }
}
