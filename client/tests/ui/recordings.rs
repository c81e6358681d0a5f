//! Recordings screen: each state, playing, saving and deleting, and failures.

use std::path::PathBuf;

use autamedica_api::{ConsultationState, Id, Recording, RecordingPart, RecordingState, Role, Timestamp};
use autamedica_client::agenda::Agenda;
use autamedica_client::app::AppOptions;
use autamedica_client::call::CallState;
use autamedica_client::i18n::Language;
use autamedica_client::recordings::{
    DeleteProblem, FetchProblem, Listed, PartId, Purpose, RecordingsCommand, Transfer,
};
use autamedica_client::ui::desktop::Picked;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::before::consultation;
use super::harness::Stand;

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
fn page(options: AppOptions, recordings: Vec<Recording>) -> Stand {
    let mut stand = Stand::with(options, CallState::joining(Role::Doctor));
    let mut day = consultation("7", ConsultationState::Ended);
    day.recordings = 2;
    stand.change_agenda(Agenda::Known(vec![consultation("8", ConsultationState::Ended), day]));
    let text = stand.text_with("day-recordings", &[("count", 2.into())]);
    let names = names(&stand, |name| name.contains(" 7 "));
    assert_eq!(names.len(), 1, "{text:?} leads there, and only from there: {names:?}");
    stand.click_text(&names[0]);
    stand.assert_shows("recordings-asking");
    stand.change_recordings(|state| {
        assert_eq!(state.consultation.as_str(), "7");
        state.list = Listed::Known(recordings);
    });
    stand
}

fn doctor(language: Language) -> AppOptions {
    AppOptions { language, role: Role::Doctor, ..AppOptions::default() }
}

/// Returns the names of the matching buttons.
fn names(stand: &Stand, is: impl Fn(&str) -> bool) -> Vec<String> {
    let buttons = stand.harness.query_all_by_role(egui::Role::Button);
    buttons.filter_map(|button| button.accesskit_node().label()).filter(|name| is(name)).collect()
}

/// Returns the name of the only button that begins with the text of `key`, which contains a time.
#[track_caller]
fn named(stand: &Stand, key: &str, part: u64) -> String {
    let mark = "\u{1}";
    let text = stand.text_with(key, &[("when", mark.into()), ("part", part.into())]);
    let (before, after) = text.split_once(mark).expect("it has a moment in it");
    let mut found = names(stand, |name| name.starts_with(before) && name.ends_with(after) && name.contains("2023"));
    assert_eq!(found.len(), 1, "{key}: {found:?}\n{:#?}", stand.harness.root());
    found.remove(0)
}

#[test]
fn every_state_has_its_words_and_only_what_can_be_done_is_offered() {
    use RecordingState::*;
    for language in Language::ALL {
        let mut stand = page(doctor(language), Vec::new());
        stand.assert_shows("recordings-empty");
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
            stand.change_recordings(|all| all.list = Listed::Known(vec![recording("r", state, 1)]));
            stand.assert_shows(key);
            let offered = |text: &str| names(&stand, |name| name.starts_with(&stand.text(text).replace('…', " ")));
            assert_eq!(offered("recording-save").len(), usize::from(is_there), "{state:?}");
            assert_eq!(offered("recording-delete").len(), usize::from(is_over), "{state:?}");
        }
        // A part that is being written has a size, but can't be downloaded before it is finished.
        let mut writing = recording("r", Recording, 1);
        writing.parts[0].sha256 = None;
        stand.change_recordings(|all| all.list = Listed::Known(vec![writing]));
        let measure = [
            ("time", "12:04".into()),
            ("size", if language == Language::Spanish { "98,7 MB" } else { "98.7 MB" }.into()),
        ];
        assert!(stand.shows_text(&stand.text_with("recording-measure", &measure)));
    }
}

#[test]
fn troubles_are_told_in_the_doctors_words() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), Vec::new());
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
            stand.change_recordings(|all| all.list = Listed::Known(vec![troubled]));
            stand.assert_shows(key);
        }
        for encrypted in [true, false] {
            let mut ready = recording("r", RecordingState::Ready, 1);
            ready.parts[0].encryption = encrypted.then(|| "aws:kms".to_owned());
            stand.change_recordings(|all| all.list = Listed::Known(vec![ready]));
            assert_eq!(stand.shows("recording-encrypted"), encrypted);
            assert_eq!(stand.shows("recording-not-encrypted"), !encrypted);
        }
    }
}

#[test]
fn what_keeps_the_recordings_away_is_told_with_a_way_on() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), Vec::new());
        let known = vec![recording("r", RecordingState::Ready, 1)];
        for (list, keys) in [
            (Listed::NoKey, ["day-no-key", "recordings-no-key-advice"]),
            (Listed::Refused, ["day-refused", "day-refused-advice"]),
            (Listed::Unreachable(known), ["day-unreachable", "recording-state-ready"]),
        ] {
            stand.change_recordings(|all| all.list = list);
            keys.iter().for_each(|key| stand.assert_shows(key));
        }
        stand.click("recordings-back");
        stand.assert_shows("day-today");
    }
}

#[test]
fn it_is_played_cancelled_and_every_outcome_told() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        let play = named(&stand, "recording-play-which", 0);
        stand.click_text(&play);
        assert_eq!(stand.asked_recordings(), [RecordingsCommand::Play(part("r", 1))]);
        for (purpose, key) in [(Purpose::Play, "recording-fetching-play"), (Purpose::Save, "recording-fetching-save")] {
            stand.change_recordings(|all| {
                let moving = Transfer::Moving { purpose, bytes: 49_350_000, of: 98_700_000 };
                all.transfers.insert(part("r", 1), moving);
            });
            let [here, whole] =
                if language == Language::Spanish { ["49,4 MB", "98,7 MB"] } else { ["49.4 MB", "98.7 MB"] };
            let values = [("percent", 50.into()), ("here", here.into()), ("whole", whole.into())];
            let text = stand.text_with(key, &values);
            let bar = stand.harness.get_by_label(&text);
            assert_eq!(bar.accesskit_node().numeric_value(), Some(50.0));
        }
        // A running download can't be requested again.
        assert!(!stand.shows_text(&play));
        let cancel = named(&stand, "recording-cancel-which", 0);
        stand.click_text(&cancel);
        assert_eq!(stand.asked_recordings(), [RecordingsCommand::Cancel(part("r", 1))]);
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
            stand.change_recordings(|all| drop(all.transfers.insert(part("r", 1), came)));
            stand.assert_shows(key);
            // It can be requested again afterwards.
            assert!(stand.shows_text(&play), "{key}");
        }
        stand.change_recordings(|all| drop(all.transfers.insert(part("r", 1), Transfer::Saved("/home/a.mp4".into()))));
        assert!(stand.shows_text(&stand.text_with("recording-saved", &[("path", "/home/a.mp4".into())])));
    }
}

#[test]
fn each_of_several_parts_is_saved_where_the_dialog_says() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), vec![recording("r", RecordingState::Ready, 2)]);
        assert!(stand.shows_text(&stand.text_with("recording-part", &[("part", 2.into())])));
        let second = named(&stand, "recording-save-part", 2);
        let place = PathBuf::from("/home/doctor/second.mp4");
        *stand.desktop.picks.lock() = Some(Picked::File(place.clone()));
        stand.click_text(&second);
        assert_eq!(saved(&mut stand), RecordingsCommand::Save { part: part("r", 2), to: place });
        *stand.desktop.picks.lock() = Some(Picked::Cancelled);
        stand.click_text(&second);
        stand.settle();
        assert_eq!(stand.asked_recordings(), []);
        assert!(!stand.shows("recording-save-path"));
    }
}

/// Waits for the command that follows the work of another thread.
fn saved(stand: &mut Stand) -> RecordingsCommand {
    let begun = std::time::Instant::now();
    loop {
        if let Some(command) = stand.asked_recordings().pop() {
            return command;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "nothing is asked for");
        std::thread::yield_now();
        stand.harness.step();
    }
}

#[test]
fn without_a_file_dialog_the_place_is_typed_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (taken, free) = (folder.path().join("taken.mp4"), folder.path().join("free.mp4"));
    std::fs::write(&taken, "dear").unwrap();
    for language in Language::ALL {
        let mut stand = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        let save = named(&stand, "recording-save-which", 0);
        stand.click_text(&save);
        stand.wait_for("recording-save-path");
        // The field has the focus.
        let type_path = |stand: &mut Stand, path: &std::path::Path| {
            stand.harness.input_mut().events.push(egui::Event::Text(path.to_str().unwrap().to_owned()));
            stand.settle();
        };
        type_path(&mut stand, &taken);
        stand.click("recording-save-go");
        stand.wait_for("recording-save-taken");
        assert_eq!(stand.asked_recordings(), []);
        let field = stand.text("recording-save-path");
        stand.harness.get_by_label(&field).focus();
        stand.settle();
        stand.press(Modifiers::COMMAND, Key::A);
        type_path(&mut stand, &free);
        assert!(!stand.shows("recording-save-taken"));
        stand.click("recording-save-go");
        assert_eq!(saved(&mut stand), RecordingsCommand::Save { part: part("r", 1), to: free.clone() });
        stand.settle();
        assert!(!stand.shows("recording-save-path"));
    }
}

#[test]
fn deleting_asks_first_and_tells_what_will_be_gone() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), vec![recording("r", RecordingState::Ready, 2)]);
        let delete = named(&stand, "recording-delete-which", 0);
        stand.click_text(&delete);
        let size = if language == Language::Spanish { "197,4 MB" } else { "197.4 MB" };
        let lead = [("time", "24:08".into()), ("size", size.into()), ("count", 2.into())];
        assert!(stand.shows_text(&stand.text_with("recording-delete-lead", &lead)), "{:#?}", stand.harness.root());
        stand.click("dialog-cancel");
        assert_eq!(stand.asked_recordings(), []);
        stand.click_text(&delete);
        // The safe answer has the focus, and Escape is safe too.
        stand.press(Modifiers::NONE, Key::Escape);
        assert_eq!(stand.asked_recordings(), []);
        assert!(!stand.shows("recording-delete-yes"));
        stand.click_text(&delete);
        stand.click("recording-delete-yes");
        assert_eq!(stand.asked_recordings(), [RecordingsCommand::Delete("r".to_owned())]);
        stand.change_recordings(|all| all.deleting.push("r".to_owned()));
        stand.assert_shows("recording-deleting");
        assert!(!stand.shows_text(&delete));
        for (problem, key) in [
            (DeleteProblem::Unreachable, "recording-delete-unreachable"),
            (DeleteProblem::Denied, "recording-delete-denied"),
            (DeleteProblem::Unfinished, "recording-delete-unfinished"),
        ] {
            stand.change_recordings(|all| {
                all.deleting.clear();
                all.not_deleted.insert("r".to_owned(), problem);
            });
            stand.assert_shows(key);
        }
        assert!(stand.shows_text(&delete), "it can be tried again");
    }
}

#[test]
fn going_back_never_breaks_a_download_off_unasked() {
    for language in Language::ALL {
        let mut stand = page(doctor(language), vec![recording("r", RecordingState::Ready, 1)]);
        stand.change_recordings(|all| {
            let moving = Transfer::Moving { purpose: Purpose::Save, bytes: 1, of: 2 };
            all.transfers.insert(part("r", 1), moving);
        });
        stand.press(Modifiers::NONE, Key::Escape);
        stand.assert_shows("recordings-leave-title");
        stand.click("dialog-cancel");
        stand.assert_shows("recordings-title");
        stand.click("recordings-back");
        stand.click("recordings-leave-yes");
        stand.assert_shows("day-today");
    }
}

#[test]
fn escape_leads_back_and_a_consultation_without_recordings_leads_nowhere() {
    let mut stand = page(doctor(Language::Spanish), vec![recording("r", RecordingState::Ready, 1)]);
    stand.press(Modifiers::NONE, Key::Escape);
    stand.assert_shows("day-today");
    stand.change_agenda(Agenda::Known(vec![consultation("7", ConsultationState::Ended)]));
    assert!(names(&stand, |name| name.contains(" 7 ")).is_empty());
}

#[test]
fn it_all_fits_at_twice_the_size_and_the_keyboard_reaches_it_in_order() {
    for language in Language::ALL {
        for (scale, size) in [(1.0, [1280.0, 720.0]), (2.0, [640.0, 360.0])] {
            let options = AppOptions { text_scale: scale, ..doctor(language) };
            let mut stand = page(options, vec![recording("r", RecordingState::Ready, 2)]);
            stand.harness.set_size(size.into());
            stand.settle();
            let keys = ["recording-delete-which", "recording-play-part", "recording-save-part"];
            for key in keys {
                let rect = stand.rect(&named(&stand, key, 1));
                assert!(rect.left() >= 0.0 && rect.right() <= size[0] + 0.5, "{key} at {scale}: {rect:?}");
                assert!(rect.height() >= 43.9 && rect.width() >= 43.9, "{key} at {scale}: {rect:?}");
            }
            let mut met = Vec::new();
            for _ in 0..20 {
                stand.press(Modifiers::NONE, Key::Tab);
                let focused = stand.harness.root().children_recursive().find(|node| node.is_focused());
                met.extend(focused.and_then(|node| node.accesskit_node().label()));
            }
            let places: Vec<_> = keys.map(|key| met.iter().position(|it| *it == named(&stand, key, 1))).to_vec();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {met:?}");
        }
    }
}
