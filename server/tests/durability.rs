//! Whatever was answered is kept: through a full disk, failed writes, a read-only database and killed connections.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use autamedica_lab::{HANG_GUARD, Process, Sfu};
use autamedica_server::{Database, Secret};
use common::disk::SmallDisk;
use common::{client, databases, postgres, program, serve_with, text};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Requests that are under way at the same time.
const CALLERS: usize = 8;
/// Refused requests that show that the fault is there.
const ENOUGH: usize = 24;

/// A server whose database can fail, and what it answered.
struct Case {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    server: Process,
    url: String,
    http: reqwest::Client,
    _sfu: Sfu,
    next: usize,
    kept: Vec<Kept>,
}

/// A consultation that the server acknowledged, and what it acknowledged of it.
struct Kept {
    id: String,
    doctor: String,
    recording: Option<String>,
    joined: bool,
    feedback: bool,
}

/// A consultation's answers: the acknowledged part, and how many requests were refused.
struct Round {
    kept: Option<Kept>,
    refused: usize,
}

impl Case {
    fn start(data: Option<&Path>, database: Option<&Secret>) -> Self {
        let (folder, sfu) = (tempfile::tempdir().unwrap(), Sfu::start().unwrap());
        let data = data.unwrap_or(folder.path()).display().to_string();
        let mut variables = vec![
            ("AUTAMEDICA_DATA_DIR", data),
            ("AUTAMEDICA_MASTER_KEY", "0123456789abcdef".repeat(4)),
            ("LIVEKIT_URL", sfu.url()),
            ("LIVEKIT_API_KEY", Sfu::API_KEY.to_owned()),
            ("LIVEKIT_API_SECRET", Sfu::API_SECRET.to_owned()),
            // What is refused for coming too fast would pass for lost.
            ("RATE_LIMIT_PER_SECOND", "100000".to_owned()),
            ("RECORDING", "local".to_owned()),
            ("RECORDER_BIN", "/bin/false".to_owned()),
            ("RECORDINGS_DIR", folder.path().join("recordings").display().to_string()),
        ];
        variables.extend(database.map(|url| ("DATABASE_URL", url.expose().to_owned())));
        let (server, url) = serve(folder.path(), &variables);
        Self { folder, variables, server, url, http: client(), _sfu: sfu, next: 0, kept: Vec::new() }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Option<Value> {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert!(status == StatusCode::OK || status.is_server_error(), "{path}: {status}, though it was created");
        let data = answer.json::<Value>().await.unwrap()["data"].clone();
        (status == StatusCode::OK).then_some(data)
    }

    /// Creates a consultation, enters it (an audit entry), asks for its recording (rows of two tables) and judges it.
    async fn visit(&self, number: usize) -> Round {
        let id = format!("kept-{number}");
        let body = json!({"consultationId": id, "patientId": "p", "doctorId": "d"});
        let Some(created) = self.post("/api/consultations/create", None, &body).await else {
            return Round { kept: None, refused: 1 };
        };
        let (doctor, patient) = (text(&created, "doctorToken"), text(&created, "patientToken"));
        let joined = self.post(&format!("/api/consultations/{id}/enter"), None, &json!({})).await.is_some();
        let start = format!("/api/consultations/{id}/recording/start");
        let recording = self.post(&start, Some(doctor), &json!({"roomName": text(&created, "roomName")})).await;
        let stars = json!({"stars": 5, "reasons": []});
        let feedback = self.post(&format!("/api/consultations/{id}/feedback"), Some(patient), &stars).await.is_some();
        let refused = [joined, recording.is_some(), feedback].iter().filter(|went| !**went).count();
        let recording = recording.map(|data| text(&data, "recordingId").to_owned());
        Round { kept: Some(Kept { id, doctor: doctor.to_owned(), recording, joined, feedback }), refused }
    }

    /// Has as many visits at the same time as there are callers, and gives how many requests were refused.
    async fn round(&mut self) -> usize {
        let first = self.next;
        self.next += CALLERS;
        let rounds = join_all((first..self.next).map(|number| self.visit(number))).await;
        let refused = rounds.iter().map(|round| round.refused).sum();
        self.kept.extend(rounds.into_iter().filter_map(|round| round.kept));
        refused
    }

    async fn rounds_until(&mut self, what: &str, is_enough: impl Fn(usize, usize) -> bool) {
        let (start, mut refused) = (Instant::now(), 0);
        loop {
            let now = self.round().await;
            refused += now;
            if is_enough(refused, now) {
                return;
            }
            assert!(start.elapsed() < HANG_GUARD, "{what}: not after {} visits", self.next);
        }
    }

    async fn health(&self) -> String {
        let answer = self.http.get(format!("{}/health", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        text(&answer.json::<Value>().await.unwrap()["data"]["database"], "status").to_owned()
    }

    async fn until_health(&self, wanted: &str) {
        let start = Instant::now();
        while self.health().await != wanted {
            assert!(start.elapsed() < HANG_GUARD, "the database never became {wanted}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Visits before, during and after a fault. The server recovers by itself.
    async fn through(&mut self, fault: &dyn Fault, health: bool) {
        assert_eq!(self.round().await, 0, "nothing is wrong yet");
        fault.begin(self);
        self.rounds_until("the fault", |refused, _| refused >= ENOUGH).await;
        if health {
            self.until_health("down").await;
        }
        fault.end(self);
        self.rounds_until("recovery", |_, now| now == 0).await;
        self.until_health("ok").await;
        assert_eq!(self.round().await, 0, "it stays well");
    }

    /// Kills the server and starts it anew. Everything acknowledged must be there before and after.
    async fn nothing_is_lost(mut self) {
        self.all_is_there("before the restart").await;
        self.server.kill();
        (self.server, self.url) = serve(self.folder.path(), &self.variables);
        self.all_is_there("after the restart").await;
        let run = |arguments: &[&str]| {
            let variables = self.variables.iter().map(|(name, value)| (name, value));
            let output = program(self.folder.path()).args(arguments).envs(variables).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(run(&["audit", "verify"]).starts_with("all "));
        let log: Vec<Value> =
            run(&["audit", "export"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for kept in &self.kept {
            let has = |action: &str| {
                log.iter().any(|entry| entry["action"] == action && entry["consultationId"] == kept.id.as_str())
            };
            assert!(has("consultation.create"), "the entry of {} is lost", kept.id);
            assert!(!kept.joined || has("consultation.enter"), "the entry of joining {} is lost", kept.id);
            assert!(kept.recording.is_none() || has("recording.start"), "the entry of recording {} is lost", kept.id);
        }
    }

    async fn all_is_there(&self, when: &str) {
        let get = async |path: String, token: &str| {
            let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap();
            (answer.status(), answer.json::<Value>().await.unwrap()["data"].clone())
        };
        println!("{} consultations are acknowledged", self.kept.len());
        for kept in &self.kept {
            let (status, _) = get(format!("/api/consultations/{}", kept.id), &kept.doctor).await;
            assert_eq!(status, StatusCode::OK, "{when}: {} is lost", kept.id);
            if let Some(recording) = &kept.recording {
                let (status, _) =
                    get(format!("/api/consultations/{}/recordings/{recording}", kept.id), &kept.doctor).await;
                assert_eq!(status, StatusCode::OK, "{when}: the recording of {} is lost", kept.id);
            }
            if kept.feedback {
                let (status, stats) = get(format!("/api/rooms/consultation-{}/stats", kept.id), &kept.doctor).await;
                assert_eq!(status, StatusCode::OK, "{when}: the stats of {} can't be read", kept.id);
                assert_eq!(stats["feedback"][0]["stars"], 5, "{when}: the feedback on {} is lost: {stats}", kept.id);
            }
        }
    }
}

fn serve(folder: &Path, variables: &[(&'static str, String)]) -> (Process, String) {
    use std::os::unix::process::CommandExt as _;

    let mut command = program(folder);
    command.args(["--port", "0"]).env("RUST_LOG", "warn").envs(variables.iter().map(|(name, value)| (name, value)));
    // SAFETY: signal is async-signal-safe. A write beyond the size limit is to fail, and not to end the server.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            Ok(())
        });
    }
    serve_with(folder, command)
}

/// What goes wrong with a database, and how it ends.
trait Fault {
    fn begin(&self, case: &Case);
    fn end(&self, case: &Case);
}

/// No room is left.
struct FullDisk(SmallDisk);

impl Fault for FullDisk {
    fn begin(&self, _: &Case) {}

    fn end(&self, _: &Case) {
        self.0.resize("64m");
    }
}

/// Each write beyond what the log holds fails, which SQLite takes for an I/O error.
struct FailedWrites(PathBuf);

impl FailedWrites {
    fn limit(case: &Case, bytes: u64) {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        let pid = i32::try_from(case.server.id()).unwrap();
        // SAFETY: a plain system call on a process that this test started.
        assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) }, 0);
    }
}

impl Fault for FailedWrites {
    fn begin(&self, case: &Case) {
        Self::limit(case, self.0.metadata().unwrap().len() + 100_000);
    }

    fn end(&self, case: &Case) {
        Self::limit(case, libc::RLIM_INFINITY);
    }
}

/// PostgreSQL takes no more changes, as a standby does.
struct ReadOnly(Secret);

impl Fault for ReadOnly {
    fn begin(&self, _: &Case) {
        let database = postgres::name(&self.0);
        postgres::run(&self.0, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
        postgres::run(&self.0, &postgres::kill_connections(&self.0));
    }

    fn end(&self, _: &Case) {
        let database = postgres::name(&self.0);
        let set = format!("SET default_transaction_read_only = off; ALTER DATABASE {database} RESET ALL");
        postgres::run(&self.0, &set);
        postgres::run(&self.0, &postgres::kill_connections(&self.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("size=2m,mode=700") else {
        println!("SKIPPED: mounting isn't permitted here");
        return;
    };
    let mut case = Case::start(Some(disk.path()), None);
    let fault = FullDisk(disk);
    case.through(&fault, true).await;
    case.nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_whose_writes_fail() {
    let mut case = Case::start(None, None);
    let fault = FailedWrites(case.folder.path().join("autamedica.db-wal"));
    case.through(&fault, true).await;
    case.nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_that_becomes_read_only() {
    let [_, config] = databases();
    let Database::Postgres(url) = config.database else { panic!("the second is PostgreSQL") };
    let mut case = Case::start(None, Some(&url));
    case.through(&ReadOnly(url), true).await;
    case.nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount("size=12m,mode=777") else {
        println!("SKIPPED: mounting isn't permitted here");
        return;
    };
    let url = postgres::database_in(disk.path());
    let mut case = Case::start(None, Some(&url));
    let fault = FullDisk(disk);
    fault.0.fill();
    case.rounds_until("the full disk", |refused, _| refused >= ENOUGH).await;
    case.until_health("down").await;
    fault.end(&case);
    case.rounds_until("recovery", |_, now| now == 0).await;
    case.until_health("ok").await;
    case.nothing_is_lost().await;
    postgres::drop_database(&url);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_whose_connections_are_killed() {
    let [_, config] = databases();
    let Database::Postgres(url) = config.database else { panic!("the second is PostgreSQL") };
    let mut case = Case::start(None, Some(&url));
    // Every few milliseconds, so at every point of a transaction.
    let every = format!(
        "DO $$ BEGIN FOR i IN 1..400 LOOP PERFORM pg_stat_clear_snapshot(); {}; PERFORM pg_sleep(0.005); END LOOP; END $$",
        postgres::kill_connections(&url).replacen("SELECT", "PERFORM", 1)
    );
    let killer = tokio::task::spawn_blocking({
        let url = url.clone();
        move || postgres::run(&url, &every)
    });
    let mut refused = 0;
    while !killer.is_finished() {
        refused += case.round().await;
    }
    killer.await.unwrap();
    assert!(refused > 0, "no transaction was broken off");
    case.rounds_until("recovery", |_, now| now == 0).await;
    case.until_health("ok").await;
    case.nothing_is_lost().await;
}

/// Two servers on one file would each believe that what they know is all there is.
#[test]
fn a_second_server_on_one_folder_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, url) = common::serve(folder.path(), &[]);
    let second = program(folder.path()).args(["--port", "0"]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success());
    assert!(said.contains(&format!("process {}, {url}", first.id())) && said.contains("autamedica.db"), "{said}");
    // The operator's commands work beside a server.
    let made = program(folder.path()).args(["key", "create", "beside", "--scope", "read"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // However the first ends, the next one can start.
    first.kill();
    common::serve(folder.path(), &[]);
}

/// A read-only SQLite file ends the start with its cause.
#[test]
fn a_read_only_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    drop(common::serve(folder.path(), &[]));
    let Some(_disk) = SmallDisk::read_only(folder.path()) else {
        println!("SKIPPED: mounting isn't permitted here");
        return;
    };
    let output: std::process::Output = Command::output(program(folder.path()).args(["--port", "0"])).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("autamedica.db") && said.to_lowercase().contains("read"),
        "{said}"
    );
}
