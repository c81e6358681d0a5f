//! Recordings screen: each state, playing, saving and deleting, and failures.

use std::path::PathBuf;

use autamedica_api::{ConsultationState, Id, Recording, RecordingPart, RecordingState, Role, Timestamp};
use autamedica_call::CallState;
use autamedica_call::agenda::Agenda;
use autamedica_call::recordings::{DeleteProblem, FetchProblem, Listed, PartId, Purpose, RecordingsCommand, Transfer};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use autamedica_client::ui::desktop::Picked;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::before::consultation;
use super::harness::TestApp;

/// 14 November 2023 in all time zones but the last two.
const WHEN: i64 = 1_700_000_000_000;

fn recording(id: &str, state: RecordingState, parts: u32) -> Recording {
    let part = |number: u32| RecordingPart {
        number,
        stored: true,
        duration_seconds: 724.0,
        size_bytes: 98_700_000,
        sha256: Some("ab".repeat(32)),
        location: Some(format!("s3://clinic/consultations/7-{number}.mp4")),
        encryption: Some("aws:kms".to_owned()),
        download_url: None,
    };
    Recording {
        recording_id: id.to_owned(),
        consultation_id: Id::new("7").unwrap(),
        state,
        problem: None,
        requested_at: Timestamp::from_millis(WHEN),
        started_at: Some(Timestamp::from_millis(WHEN)),
        stopped_at: None,
        duration_seconds: 724.0 * f64::from(parts),
        size_bytes: 98_700_000 * u64::from(parts),
        sha256: None,
        download_url: None,
        parts: (1..=parts).map(part).collect(),
    }
}

fn part(recording: &str, number: u32) -> PartId {
    PartId { recording: recording.to_owned(), number }
}

/// Opens the recordings of consultation 7 from the day's list.
fn page(options: AppOptions, recordings: Vec<Recording>) -> TestApp {
    let mut app = TestApp::with(options, CallState::joining(Role::Doctor));
    let mut day = consultation("7", ConsultationState::Ended);
    day.recordings = 2;
    app.change_agenda(Agenda::Known(vec![consultation("8", ConsultationState::Ended), day]));
    let text = app.text_with("day-recordings", &[("count", 2.into())]);
    let names = names(&app, |name| name.contains(" 7 "));
    assert_eq!(names.len(), 1, "{text:?} leads there, and only from there: {names:?}");
    app.click_text(&names[0]);
    app.assert_shows("recordings-asking");
    app.change_recordings(|state| {
        assert_eq!(state.consultation.as_str(), "7");
        state.list = Listed::Known(recordings);
    });
    app
}

fn doctor(language: Language) -> AppOptions {
    AppOptions { language, role: Role::Doctor, ..AppOptions::default() }
}

/// Returns the names of the matching buttons.
fn names(app: &TestApp, is: impl Fn(&str) -> bool) -> Vec<String> {
    let buttons = app.harness.query_all_by_role(egui::Role::Button);
    buttons.filter_map(|button| button.accesskit_node().label()).filter(|name| is(name)).collect()
}

/// Returns the name of the only button that begins with the text of `key`, which contains a time.
#[track_caller]
fn named(app: &TestApp, key: &str, part: u64) -> String {
    let mark = "\u{1}";
    let text = app.text_with(key, &[("when", mark.into()), ("part", part.into())]);
    let (before, after) = text.split_once(mark).expect("it has a moment in it");
    let mut found = names(app, |name| name.starts_with(before) && name.ends_with(after) && name.contains("2023"));
    assert_eq!(found.len(), 1, "{key}: {found:?}\n{:#?}", app.harness.root());
    found.remove(0)
}

#[test]
fn every_state_has_its_words_and_only_what_can_be_done_is_offered() {
    use RecordingState::*;
    for language in Language::ALL {
        let mut app = page(doctor(language), Vec::new());
        app.assert_shows("recordings-empty");
        for (state, key, is_there, is_over) in [
            (Asking, "recording-state-asking", false, false),
            (Starting, "recording-state-starting", false, false),
            (Recording, "recording-state-on", false, false),
            (Paused, "recording-state-paused", false, false),
            (Stopping, "recording-state-stopping", false, false),
            (Storing, "recording-state-storing", true, false),
            (Ready, "recording-state-ready", true, true),
            (Refused, "recording-state-refused", false, false),
            (Cancelled, "recording-state-cancelled", false, false),
            (Failed, "recording-state-failed", true, true),
            (Deleted, "recording-state-deleted", false, false),
        ] {
            app.change_recordings(|all| all.list = Listed::Known(vec![recording("r", state, 1)]));
            app.assert_shows(key);
            let offered = |text: &str| names(&app, |name| name.starts_with(&app.text(text).replace('…', " ")));
            assert_eq!(offered("recording-save").len(), usize::from(is_there), "{state:?}");
            assert_eq!(offered("recording-delete").len(), usize::from(is_over), "{state:?}");
        }
        // A part that is being written has a size, but can't be downloaded before it is finished.
        let mut writing = recording("r", Recording, 1);
        writing.parts[0].sha256 = None;
        app.change_recordings(|all| all.list = Listed::Known(vec![writing]));
        let measure = [
            ("time", "12:04".into()),
            ("size", if language == Language::Spanish { "98,7 MB" } else { "98.7 MB" }.into()),
        ];
        assert!(app.shows_text(&app.text_with("recording-measure", &measure)));
    }
}

#[test]
fn troubles_are_told_in_the_doctors_words() {
    for language in Language::ALL {
        let mut app = page(doctor(language), Vec::new());
        for (problem, key) in [
            ("recorder-crashed", "recording-trouble-crashed"),
            ("part-missing", "recording-trouble-missing"),
            ("consent-withdrawn", "recording-trouble-withdrawn"),
            ("disk-full", "recording-trouble-disk"),
            ("write-failed", "recording-trouble-file"),
            ("file-unreadable", "recording-trouble-file"),
            ("connection-lost", "recording-trouble-connection"),
            ("not-joined", "recording-trouble-not-joined"),
            ("undecryptable", "recording-trouble-undecryptable"),
            ("too-slow", "recording-trouble-slow"),
            ("remux-failed", "recording-trouble-kind"),
            ("storage-unreachable", "recording-trouble-storage"),
            ("not-encrypted", "recording-trouble-not-encrypted"),
            ("checksum-differs", "recording-trouble-differs"),
            ("something-new", "recording-trouble-other"),
        ] {
            let mut troubled = recording("r", RecordingState::Storing, 1);
            troubled.problem = Some(problem.to_owned());
            app.change_recordings(|all| all.list = Listed::Known(vec![troubled]));
            app.assert_shows(key);
        }
        for encrypted in [true, false] {
            let mut ready = recording("r", RecordingState::Ready, 1);
            ready.parts[0].encryption = encrypted.then(|| "aws:kms".to_owned());
            app.change_recordings(|all| all.list = Listed::Known(vec![ready]));
            assert_eq!(app.shows("recording-encrypted"), encrypted);
            assert_eq!(app.shows("recording-not-encrypted"), !encrypted);
        }
    }
}

#[test]
fn what_keeps_the_recordings_away_is_told_with_a_way_on() {
    for language in Language::ALL {
        let mut app = page(doctor(language), Vec::new());
        let known = vec![recording("r", RecordingState::Ready, 1)];
        for (list, keys) in [
            (Listed::NoKey, ["day-no-key", "recordings-no-key-advice"]),
            (Listed::Refused, ["day-refused", "day-refused-advice"]),
            (Listed::Unreachable(known), ["day-unreachable", "recording-state-ready"]),
        ] {
            app.change_recordings(|all| all.list = list);
            keys.iter().for_each(|key| app.assert_shows(key));
        }
        app.click("recordings-back");
        app.assert_shows("day-today");
    }
}

#[test]
fn it_is_played_cancelled_and_every_outcome_told() {
    for language in Language::ALL {
        let mut app = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        let play = named(&app, "recording-play-which", 0);
        app.click_text(&play);
        assert_eq!(app.recording_commands(), [RecordingsCommand::Play(part("r", 1))]);
        for (purpose, key) in [(Purpose::Play, "recording-fetching-play"), (Purpose::Save, "recording-fetching-save")] {
            app.change_recordings(|all| {
                let moving = Transfer::InProgress { purpose, bytes: 49_350_000, of: 98_700_000 };
                all.transfers.insert(part("r", 1), moving);
            });
            let [here, whole] =
                if language == Language::Spanish { ["49,4 MB", "98,7 MB"] } else { ["49.4 MB", "98.7 MB"] };
            let values = [("percent", 50.into()), ("here", here.into()), ("whole", whole.into())];
            let text = app.text_with(key, &values);
            let bar = app.harness.get_by_label(&text);
            assert_eq!(bar.accesskit_node().numeric_value(), Some(50.0));
        }
        // A running download can't be requested again.
        assert!(!app.shows_text(&play));
        let cancel = named(&app, "recording-cancel-which", 0);
        app.click_text(&cancel);
        assert_eq!(app.recording_commands(), [RecordingsCommand::Cancel(part("r", 1))]);
        for (came, key) in [
            (Transfer::Playing, "recording-playing"),
            (Transfer::Failed(FetchProblem::Unreachable), "recording-fetch-unreachable"),
            (Transfer::Failed(FetchProblem::Denied), "recording-fetch-denied"),
            (Transfer::Failed(FetchProblem::Gone), "recording-fetch-gone"),
            (Transfer::Failed(FetchProblem::Differs), "recording-fetch-differs"),
            (Transfer::Failed(FetchProblem::DiskFull), "recording-fetch-disk-full"),
            (Transfer::Failed(FetchProblem::NotWritable), "recording-fetch-not-writable"),
            (Transfer::Failed(FetchProblem::NoPlayer), "recording-fetch-no-player"),
        ] {
            app.change_recordings(|all| drop(all.transfers.insert(part("r", 1), came)));
            app.assert_shows(key);
            // It can be requested again afterwards.
            assert!(app.shows_text(&play), "{key}");
        }
        app.change_recordings(|all| drop(all.transfers.insert(part("r", 1), Transfer::Saved("/home/a.mp4".into()))));
        assert!(app.shows_text(&app.text_with("recording-saved", &[("path", "/home/a.mp4".into())])));
    }
}

#[test]
fn each_of_several_parts_is_saved_where_the_dialog_says() {
    for language in Language::ALL {
        let mut app = page(doctor(language), vec![recording("r", RecordingState::Ready, 2)]);
        assert!(app.shows_text(&app.text_with("recording-part", &[("part", 2.into())])));
        let second = named(&app, "recording-save-part", 2);
        let place = PathBuf::from("/home/doctor/second.mp4");
        *app.desktop.picks.lock() = Some(Picked::File(place.clone()));
        app.click_text(&second);
        assert_eq!(saved(&mut app), RecordingsCommand::Save { part: part("r", 2), to: place });
        *app.desktop.picks.lock() = Some(Picked::Cancelled);
        app.click_text(&second);
        app.settle();
        assert_eq!(app.recording_commands(), []);
        assert!(!app.shows("recording-save-path"));
    }
}

/// Waits for the command that follows the work of another thread.
fn saved(app: &mut TestApp) -> RecordingsCommand {
    let begun = std::time::Instant::now();
    loop {
        if let Some(command) = app.recording_commands().pop() {
            return command;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "nothing is asked for");
        std::thread::yield_now();
        app.harness.step();
    }
}

#[test]
fn without_a_file_dialog_the_place_is_typed_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (taken, free) = (folder.path().join("taken.mp4"), folder.path().join("free.mp4"));
    std::fs::write(&taken, "dear").unwrap();
    for language in Language::ALL {
        let mut app = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        let save = named(&app, "recording-save-which", 0);
        app.click_text(&save);
        app.wait_for("recording-save-path");
        // The field has the focus.
        let type_path = |app: &mut TestApp, path: &std::path::Path| {
            app.harness.input_mut().events.push(egui::Event::Text(path.to_str().unwrap().to_owned()));
            app.settle();
        };
        type_path(&mut app, &taken);
        app.click("recording-save-go");
        app.wait_for("recording-save-taken");
        assert_eq!(app.recording_commands(), []);
        let field = app.text("recording-save-path");
        app.harness.get_by_label(&field).focus();
        app.settle();
        app.press(Modifiers::COMMAND, Key::A);
        type_path(&mut app, &free);
        assert!(!app.shows("recording-save-taken"));
        app.click("recording-save-go");
        assert_eq!(saved(&mut app), RecordingsCommand::Save { part: part("r", 1), to: free.clone() });
        app.settle();
        assert!(!app.shows("recording-save-path"));
    }
}

#[test]
fn deleting_asks_first_and_tells_what_will_be_gone() {
    for language in Language::ALL {
        let mut app = page(doctor(language), vec![recording("r", RecordingState::Ready, 2)]);
        let delete = named(&app, "recording-delete-which", 0);
        app.click_text(&delete);
        let size = if language == Language::Spanish { "197,4 MB" } else { "197.4 MB" };
        let lead = [("time", "24:08".into()), ("size", size.into()), ("count", 2.into())];
        assert!(app.shows_text(&app.text_with("recording-delete-lead", &lead)), "{:#?}", app.harness.root());
        app.click("dialog-cancel");
        assert_eq!(app.recording_commands(), []);
        app.click_text(&delete);
        // The safe answer has the focus, and Escape is safe too.
        app.press(Modifiers::NONE, Key::Escape);
        assert_eq!(app.recording_commands(), []);
        assert!(!app.shows("recording-delete-yes"));
        app.click_text(&delete);
        app.click("recording-delete-yes");
        assert_eq!(app.recording_commands(), [RecordingsCommand::Delete("r".to_owned())]);
        app.change_recordings(|all| all.deleting.push("r".to_owned()));
        app.assert_shows("recording-deleting");
        assert!(!app.shows_text(&delete));
        for (problem, key) in [
            (DeleteProblem::Unreachable, "recording-delete-unreachable"),
            (DeleteProblem::Denied, "recording-delete-denied"),
            (DeleteProblem::Unfinished, "recording-delete-unfinished"),
        ] {
            app.change_recordings(|all| {
                all.deleting.clear();
                all.not_deleted.insert("r".to_owned(), problem);
            });
            app.assert_shows(key);
        }
        assert!(app.shows_text(&delete), "it can be tried again");
    }
}

#[test]
fn going_back_never_breaks_a_download_off_unasked() {
    for language in Language::ALL {
        let mut app = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        app.change_recordings(|all| {
            let moving = Transfer::InProgress { purpose: Purpose::Save, bytes: 1, of: 2 };
            all.transfers.insert(part("r", 1), moving);
        });
        app.press(Modifiers::NONE, Key::Escape);
        app.assert_shows("recordings-leave-title");
        app.click("dialog-cancel");
        app.assert_shows("recordings-title");
        app.click("recordings-back");
        app.click("recordings-leave-yes");
        app.assert_shows("day-today");
    }
}

#[test]
fn escape_leads_back_and_a_consultation_without_recordings_leads_nowhere() {
    let mut app = page(doctor(Language::Spanish), vec![recording("r", RecordingState::Ready, 1)]);
    app.press(Modifiers::NONE, Key::Escape);
    app.assert_shows("day-today");
    app.change_agenda(Agenda::Known(vec![consultation("7", ConsultationState::Ended)]));
    assert!(names(&app, |name| name.contains(" 7 ")).is_empty());
}

#[test]
fn it_all_fits_at_twice_the_size_and_the_keyboard_reaches_it_in_order() {
    for language in Language::ALL {
        for (scale, size) in [(1.0, [1280.0, 720.0]), (2.0, [640.0, 360.0])] {
            let options = AppOptions { text_scale: scale, ..doctor(language) };
            let mut app = page(options, vec![recording("r", RecordingState::Ready, 2)]);
            app.harness.set_size(size.into());
            app.settle();
            let keys = ["recording-delete-which", "recording-play-part", "recording-save-part"];
            for key in keys {
                let rect = app.rect(&named(&app, key, 1));
                assert!(rect.left() >= 0.0 && rect.right() <= size[0] + 0.5, "{key} at {scale}: {rect:?}");
                assert!(rect.height() >= 43.9 && rect.width() >= 43.9, "{key} at {scale}: {rect:?}");
            }
            let mut met = Vec::new();
            for _ in 0..20 {
                app.press(Modifiers::NONE, Key::Tab);
                let focused = app.harness.root().children_recursive().find(|node| node.is_focused());
                met.extend(focused.and_then(|node| node.accesskit_node().label()));
            }
            let places: Vec<_> = keys.map(|key| met.iter().position(|it| *it == named(&app, key, 1))).to_vec();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {met:?}");
        }
    }
}
