//! Real recording that a doctor's desk lists, plays, saves and deletes, over a network that can be blocked.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use autamedica_api::{Id, Recording, RecordingState};
use autamedica_call::backend::Backend;
use autamedica_call::recordings::{
    self, Copies, FetchProblem, Listed, PartId, Player, RecordingsCommand, RecordingsHandle, RecordingsOptions,
    RecordingsState, Transfer,
};
use autamedica_call::{CallCommand, Entrance, RecordingState as Shown, Secret};
use autamedica_lab::{HANG_GUARD, wait_until};
use ring::digest::{SHA256, digest};
use url::Url;

use crate::harness::{Clinic, runtime};

/// Proxy to the backend with a byte budget for the answers.
struct Network {
    url: Url,
    backend: Arc<OnceLock<SocketAddr>>,
    allowed: Arc<AtomicU64>,
}

impl Network {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (backend, allowed) = (Arc::<OnceLock<SocketAddr>>::default(), Arc::new(AtomicU64::new(u64::MAX)));
        let (target, budget) = (backend.clone(), allowed.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(target.get().unwrap()) else { continue };
                let (asks, answers) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
                thread::spawn(move || carry(asks.0, asks.1, None));
                let budget = budget.clone();
                thread::spawn(move || carry(answers.0, answers.1, Some(&*budget)));
            }
        });
        Self { url, backend, allowed }
    }

    fn allow(&self, bytes: u64) {
        self.allowed.store(bytes, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, budget: Option<&AtomicU64>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if let Some(budget) = budget {
            let pay = |left: u64| left.checked_sub(read as u64);
            // Blocks until the budget is raised.
            while budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, pay).is_err() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Desk with the recordings of consultation `filmed`.
struct Desk {
    handle: RecordingsHandle,
}

impl Desk {
    fn new(clinic: &Clinic, key: Option<&Secret>, copies: &Copies, player: Player) -> Self {
        let backend = Backend::new().unwrap();
        let entrance = Entrance {
            backend,
            server: clinic.url.clone(),
            key: key.cloned(),
            start_backend: None,
            transport: None,
            refuses_doctors: false,
        };
        let consultation = Id::new("filmed").unwrap();
        let options = RecordingsOptions { consultation, entrance, copies: copies.clone(), player };
        Self { handle: recordings::follow(runtime().handle(), options, Arc::new(|| {})) }
    }

    fn wait<T>(&self, what: &str, mut find: impl FnMut(&RecordingsState) -> Option<T>) -> T {
        let found = wait_until(what, HANG_GUARD, || find(&self.handle.now()));
        found.unwrap_or_else(|error| panic!("{error}: {:?}", self.handle.now()))
    }

    fn wait_for_recording(&self, what: &str, is: impl Fn(&Recording) -> bool) -> Recording {
        self.wait(what, |state| match &state.list {
            Listed::Known(recordings) => recordings.first().filter(|it| is(it)).cloned(),
            _ => None,
        })
    }

    /// Sends a command about a part and returns the result.
    fn does(&self, part: &PartId, command: RecordingsCommand) -> Transfer {
        self.handle.send(command);
        self.wait("the outcome", |state| match state.transfers.get(part) {
            Some(Transfer::InProgress { .. }) | None => None,
            Some(came) => Some(came.clone()),
        })
    }

    fn saves(&self, part: &PartId, to: &Path) -> Transfer {
        self.forgets(part);
        self.does(part, RecordingsCommand::Save { part: part.clone(), to: to.to_owned() })
    }

    fn plays(&self, part: &PartId) -> Transfer {
        self.forgets(part);
        self.does(part, RecordingsCommand::Play(part.clone()))
    }

    /// Clears an earlier result, so that it isn't mistaken for the next one.
    fn forgets(&self, part: &PartId) {
        self.handle.send(RecordingsCommand::Cancel(part.clone()));
        self.wait("nothing", |state| state.transfers.is_empty().then_some(()));
    }
}

fn sha256(file: &Path) -> String {
    let hash = digest(&SHA256, &fs::read(file).unwrap());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Creates a player that writes down its argument.
fn player(folder: &Path) -> (Player, PathBuf) {
    let (script, given) = (folder.join("player"), folder.join("given"));
    fs::write(&script, format!("#!/bin/sh\nprintf %s \"$*\" > '{}'\n", given.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    (Player::of_program(script), given)
}

/// Records a short call of both sides with the patient's consent.
fn film(clinic: &Clinic, desk: impl FnOnce() -> Desk) -> (Desk, Recording) {
    let [patient, doctor] = clinic.start_call("filmed", true);
    let desk = desk();
    doctor.send(CallCommand::Record(true));
    desk.wait_for_recording("the question", |it| it.state == RecordingState::Asking);
    patient.wait_for("the question", |state| state.recording_question);
    patient.send(CallCommand::AnswerRecording { accept: true, language: "es" });
    doctor.wait_for("the recording", |state| matches!(state.recording, Shown::On(_)));
    desk.wait_for_recording("a second of it", |it| it.duration_seconds >= 1.0);
    doctor.send(CallCommand::Record(false));
    let ready = desk.wait_for_recording("the file", |it| it.state == RecordingState::Ready);
    for person in [&doctor, &patient] {
        person.send(CallCommand::HangUp);
    }
    (desk, ready)
}

#[test]
fn a_recording_is_played_saved_checked_cancelled_and_deleted() {
    let network = Network::new();
    let mut clinic = Clinic::open_at(Some(&network.url));
    network.backend.set(clinic.url.socket_addrs(|| None).unwrap()[0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (played, saved) = (folder.path().join("played"), folder.path().join("saved"));
    fs::create_dir(&saved).unwrap();
    let copies = Copies::below(played.clone());
    let (player, given) = player(folder.path());
    let mut key = None;
    let (desk, ready) = film(&clinic, || Desk::new(&clinic, Some(&*key.insert(clinic.desk_key())), &copies, player));
    let key = key.unwrap();
    let part = PartId { recording: ready.recording_id.clone(), number: 1 };
    let right = ready.sha256.clone().unwrap();

    // The player gets a copy that other users can't read and whose name reveals nothing.
    assert_eq!(desk.plays(&part), Transfer::Playing);
    let copy = PathBuf::from(fs::read_to_string(&given).unwrap());
    assert!(copy.starts_with(&played) && !copy.to_str().unwrap().contains("filmed"), "{copy:?}");
    assert_eq!((sha256(&copy), mode(&copy), mode(copy.parent().unwrap())), (right.clone(), 0o600, 0o700));
    // The second time the copy exists already: it plays although the network is blocked.
    fs::remove_file(&given).unwrap();
    network.allow(0);
    assert_eq!(desk.plays(&part), Transfer::Playing);
    assert_eq!(fs::read_to_string(&given).unwrap(), copy.to_str().unwrap());
    network.allow(u64::MAX);
    for program in ["false", "/nowhere/player"] {
        let without = Desk::new(&clinic, Some(&key), &copies, Player::of_program(program));
        assert_eq!(without.plays(&part), Transfer::Failed(FetchProblem::NoPlayer), "{program}");
    }

    // The saved file is complete and readable by this user only.
    let place = saved.join("first.mp4");
    assert_eq!(desk.saves(&part, &place), Transfer::Saved(place.clone()));
    assert_eq!((sha256(&place), mode(&place), names(&saved)), (right.clone(), 0o600, vec!["first.mp4".to_owned()]));

    // An incomplete download is a `.part` file, which a cancellation deletes.
    desk.forgets(&part);
    network.allow(16 * 1024);
    desk.handle.send(RecordingsCommand::Save { part: part.clone(), to: saved.join("second.mp4") });
    desk.wait("some of it", |state| match state.transfers.get(&part) {
        Some(Transfer::InProgress { of, .. }) => (*of == ready.size_bytes && names(&saved).len() == 2).then_some(()),
        _ => None,
    });
    let half = names(&saved).into_iter().find(|name| name != "first.mp4").unwrap();
    assert!(half.starts_with("second.mp4.") && half.ends_with(".part"), "{half}");
    assert_eq!(mode(&saved.join(&half)), 0o600);
    desk.handle.send(RecordingsCommand::Cancel(part.clone()));
    desk.wait("the end of it", |state| state.transfers.is_empty().then_some(()));
    wait_until("the file's end", HANG_GUARD, || (names(&saved) == ["first.mp4"]).then_some(())).unwrap();
    network.allow(u64::MAX);

    // Tampered and missing files are refused.
    let kept = Url::parse(ready.parts[0].location.as_deref().unwrap()).unwrap().to_file_path().unwrap();
    let whole = fs::read(&kept).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (bytes, problem) in [
        (Some(changed), FetchProblem::Differs),
        (Some(whole[..whole.len() / 2].to_vec()), FetchProblem::Differs),
        (Some([&whole[..], b"more"].concat()), FetchProblem::Differs),
        (None, FetchProblem::Gone),
    ] {
        match bytes {
            Some(bytes) => fs::write(&kept, bytes).unwrap(),
            None => fs::remove_file(&kept).unwrap(),
        }
        assert_eq!(desk.saves(&part, &saved.join("third.mp4")), Transfer::Failed(problem));
        assert_eq!(names(&saved), ["first.mp4"]);
    }
    fs::write(&kept, &whole).unwrap();
    let nowhere = folder.path().join("nowhere/it.mp4");
    assert_eq!(desk.saves(&part, &nowhere), Transfer::Failed(FetchProblem::NotWritable));

    // Another API key gets no access.
    let stranger = Desk::new(&clinic, Some(&Secret::new("am_nobody")), &copies, Player::of_program("true"));
    stranger.wait("the refusal", |state| (state.list == Listed::Refused).then_some(()));
    assert_eq!(stranger.plays(&PartId { number: 9, ..part.clone() }), Transfer::Failed(FetchProblem::Denied));
    assert_eq!(Desk::new(&clinic, None, &copies, Player::of_system()).handle.now().list, Listed::NoKey);

    // Deleting removes the recording and the copy, but not the file that the doctor saved.
    desk.handle.send(RecordingsCommand::Delete(part.recording.clone()));
    desk.wait_for_recording("its end", |it| it.state == RecordingState::Deleted);
    assert!(!kept.exists() && !copy.exists() && place.exists());
    desk.wait("the end of deleting", |state| state.deleting.is_empty().then_some(()));
    assert!(desk.handle.now().not_deleted.is_empty());
    assert_eq!(desk.saves(&part, &saved.join("fourth.mp4")), Transfer::Failed(FetchProblem::Gone));

    // The list stays on screen while the backend is down.
    clinic.kill();
    desk.wait("its silence", |state| {
        matches!(&state.list, Listed::Unreachable(known) if known.len() == 1).then_some(())
    });
    assert_eq!(desk.saves(&part, &saved.join("fifth.mp4")), Transfer::Failed(FetchProblem::Unreachable));
    drop((desk, stranger, copies));
    wait_until("the copies' end", HANG_GUARD, || (names(&played) == ["lock"]).then_some(())).unwrap();
}
