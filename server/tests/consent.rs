//! Who is recorded has said yes: nothing is written before, without, and while somebody is there who hasn't.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use autamedica_lab::Sfu;
use autamedica_server::{Config, RecordingConfig};
use common::recording::{
    Case, has_duration, local, publish_camera, recorders_of, recording_files, wait_for_announcement,
};
use common::{Peer, error_code, external, soon};
use livekit_api::access_token::{AccessToken, VideoGrants};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Notes everything that is made, written or moved in a folder, from now on.
struct Watch(std::os::fd::OwnedFd);

impl Watch {
    fn on(folder: &Path) -> Self {
        use std::os::fd::FromRawFd as _;
        use std::os::unix::ffi::OsStrExt as _;

        let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
        // SAFETY: a new descriptor that is nobody else's, and a path that ends in zero.
        unsafe {
            let inotify = libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC);
            assert!(inotify >= 0);
            let owned = std::os::fd::OwnedFd::from_raw_fd(inotify);
            let events = libc::IN_CREATE | libc::IN_MODIFY | libc::IN_MOVED_TO | libc::IN_OPEN;
            assert!(libc::inotify_add_watch(inotify, path.as_ptr(), events) >= 0);
            Self(owned)
        }
    }

    /// Whether anything happened since it was asked last. Looking at the folder's list of files is nothing.
    fn saw_something(&self) -> bool {
        use std::os::fd::AsRawFd as _;

        const HEAD: usize = size_of::<libc::inotify_event>();
        let mut buffer = [0_u8; 4096];
        // SAFETY: the kernel writes at most so many bytes.
        let read = unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        let mut events = &buffer[..usize::try_from(read).unwrap_or(0)];
        let mut saw = false;
        while events.len() >= HEAD {
            // SAFETY: the kernel writes whole events, each a head and a name of the length that it says.
            let event: libc::inotify_event = unsafe { std::ptr::read_unaligned(events.as_ptr().cast()) };
            saw |= event.mask & (libc::IN_OPEN | libc::IN_ISDIR) != libc::IN_OPEN | libc::IN_ISDIR;
            events = &events[HEAD + event.len as usize..];
        }
        saw
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new(Config::default(), local(folder.path()), json!({})).await;
    let watch = Watch::on(&folder.path().join("recordings"));
    assert_eq!(case.start().await.1["data"]["state"], "asking");
    wait_for_announcement(&case.people[1], "the question", |recording| recording["state"] == "asking").await;
    // Longer than a recorder takes to come, and than anything is looked at again.
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(6) {
        assert!(!watch.saw_something() && recorders_of(std::process::id()).is_empty());
        case.until(|recording| recording["state"] == "asking").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    case.answer("refused").await;
    case.until(|recording| recording["state"] == "refused").await;
    wait_for_announcement(&case.people[0], "the refusal", |recording| recording["state"] == "refused").await;
    let (status, answer) = case.start().await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consent_refused"));
    assert!(!watch.saw_something(), "no file was made, opened or written");
    assert!(recording_files(folder.path()).is_empty() && recorders_of(std::process::id()).is_empty());
    // The watch sees what there is to see.
    std::fs::write(folder.path().join("recordings/a.mkv"), "").unwrap();
    assert!(watch.saw_something());
    case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integrator_vouches_and_a_patient_withdraws() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(Config::default(), local(folder.path()), more).await;
    assert_eq!(case.start().await.1["data"]["state"], "starting");
    case.until(|recording| has_duration(recording, 1.0)).await;
    case.answer("refused").await;
    let ready = case.until(|recording| recording["state"] == "ready").await;
    assert_eq!(ready["problem"], "consent-withdrawn");
    // What the patient says counts more than what was vouched for.
    let (status, answer) = case.start().await;
    assert_eq!((status, error_code(&answer)), (StatusCode::CONFLICT, "consent_refused"));
    case.shutdown().await;
}

/// A token for somebody whom the clinic lets in beside the two, such as a relative: made with the SFU's own key.
fn companion(name: &str) -> String {
    let metadata = json!({"role": "patient", "consultationId": "filmed", "userId": name});
    let grants = VideoGrants { room_join: true, room: "consultation-filmed".to_owned(), ..VideoGrants::default() };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(name);
    token.with_metadata(&metadata.to_string()).with_grants(grants).to_jwt().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_is_asked_and_until_they_answer_nothing_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let sfu = Sfu::start().unwrap();
    let more = json!({"recordingConsent": "already-given"});
    let case = Case::new(external(&sfu, Config::default()), local(folder.path()), more).await;
    case.start().await;
    let seconds = |recording: &Value| recording["durationSeconds"].as_f64().unwrap();
    let at_first = seconds(&case.until(|recording| has_duration(recording, 2.0)).await);
    let since = Instant::now();

    let token = companion("companion-1");
    let late = Peer::join(&case.data, &token).await;
    publish_camera(&late).await;
    let paused = case.until(|recording| recording["state"] == "paused").await;
    let began = Instant::now();
    let told = wait_for_announcement(&late, "the question", |recording| recording["state"] == "paused").await;
    assert_eq!(told["asked"], json!(["companion-1"]), "the two others have answered");
    let [film] = &recording_files(folder.path())[..] else { panic!("one file") };
    // What is on its way to the file when it pauses gets there.
    let mut size = film.metadata().unwrap().len();
    let mut still = Instant::now();
    while still.elapsed() < Duration::from_secs(3) {
        let now = film.metadata().unwrap().len();
        if now != size {
            assert!(began.elapsed() < Duration::from_secs(3), "it is still written");
            (size, still) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waiting = case.until(|recording| recording["state"] == "paused").await;
    assert!(seconds(&waiting) - seconds(&paused) < 0.5, "{waiting}");

    // Nobody answers for them.
    case.answer("accepted").await;
    assert_eq!(case.until(|_| true).await["state"], "paused");
    let pause = began.elapsed();
    case.answer_of(&token, "accepted").await;
    let goes_on = case.until(|recording| has_duration(recording, seconds(&waiting) + 2.0)).await;
    case.stop().await;
    let recorded = since.elapsed() - pause;
    let ready = case.until(|recording| recording["state"] == "ready").await;
    assert_eq!(ready["parts"].as_array().unwrap().len(), 1, "{ready}");
    assert!(seconds(&ready) >= seconds(&goes_on));
    // The length is told once a second. With the pause in the file, it would be three seconds longer.
    assert!(pause > Duration::from_secs(3));
    assert!(seconds(&ready) < at_first + 1.0 + recorded.as_secs_f64() + 0.5, "{ready}, after {recorded:?}");
    late.room.close().await.unwrap();
    case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_already_is_asked_too_and_everybody_answers_for_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let sfu = Sfu::start().unwrap();
    let case = Case::new(external(&sfu, Config::default()), local(folder.path()), json!({})).await;
    let token = companion("companion-1");
    let there = Peer::join(&case.data, &token).await;
    assert_eq!(case.start().await.1["data"]["state"], "asking");
    let both = |recording: &Value| recording["asked"] == json!(["companion-1", "patient-1"]);
    wait_for_announcement(&there, "both are asked", both).await;
    // Somebody else's yes isn't the patient's.
    case.answer_of(&companion("companion-2"), "accepted").await;
    assert_eq!(case.until(|_| true).await["state"], "asking");
    case.answer("accepted").await;
    let starting =
        wait_for_announcement(&there, "the patient has answered", |recording| recording["state"] == "starting").await;
    assert_eq!(starting["asked"], json!(["companion-1"]));
    assert!(recording_files(folder.path()).is_empty() && recorders_of(std::process::id()).is_empty());
    case.answer_of(&token, "accepted").await;
    case.until(|recording| has_duration(recording, 1.0)).await;
    case.stop().await;
    case.until(|recording| recording["state"] == "ready").await;
    there.room.close().await.unwrap();
    case.shutdown().await;
}

/// The order says who may be recorded, and in which language: read by a program that takes the recorder's place.
#[tokio::test(flavor = "multi_thread")]
async fn the_recorders_order_names_who_consents_and_is_in_the_consultations_language() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (program, order) = (folder.path().join("autamedica-recorder"), folder.path().join("order.json"));
    std::fs::write(&program, format!("#!/bin/sh\nhead -n 1 > {0}.new && mv {0}.new {0}\n", order.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let recording = RecordingConfig { program: Some(program), ..local(folder.path()) };
    let more = json!({"recordingConsent": "already-given", "language": "en"});
    let case = Case::new(Config::default(), recording, more).await;
    case.start().await;
    let read = async {
        loop {
            if let Ok(order) = std::fs::read(&order) {
                return serde_json::from_slice::<Value>(&order).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let order = soon("the order", read).await;
    assert_eq!(order["people"], json!(["doctor-1", "patient-1"]), "{order}");
    assert_eq!(order["language"], "en");
    assert_eq!(order["roles"], json!({"doctor-1": "doctor", "patient-1": "patient"}));
    case.shutdown().await;
}
