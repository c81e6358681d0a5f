//! Recordings while the database fails at each step of a recorder's start and end, and what a server makes of rows, files and
//! processes that don't go together.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use autamedica_lab::{Sfu, built_program};
use autamedica_server::{Config, Database};
use common::recording::{Case, has_duration, local, recorders_of, recording_files, sha256};
use common::{Backend, databases, external, soon, text};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Row as _};

/// A PostgreSQL in which what the server does fails, and how often it has.
struct Failing(AnyConnection);

/// A sequence counts in spite of what is rolled back.
const PREPARE: &str = "
    CREATE SEQUENCE failures;
    CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN
        PERFORM nextval('failures'); RAISE EXCEPTION 'a fault of the test';
    END $$ LANGUAGE plpgsql;
    CREATE FUNCTION fail_to_read() RETURNS INTEGER AS $$ BEGIN
        PERFORM nextval('failures'); RAISE EXCEPTION 'a fault of the test';
    END $$ LANGUAGE plpgsql;";
const BREAK_CONSENTS: &str = "ALTER TABLE consents RENAME TO consents_kept;
    CREATE VIEW consents AS SELECT kept.* FROM fail_to_read() LEFT JOIN consents_kept kept ON TRUE;";
const MEND_CONSENTS: &str = "DROP VIEW consents; ALTER TABLE consents_kept RENAME TO consents;";

impl Failing {
    async fn new(config: &Config) -> Self {
        sqlx::any::install_default_drivers();
        let Database::Postgres(url) = &config.database else { panic!("PostgreSQL") };
        Self(AnyConnection::connect(url.expose()).await.unwrap())
    }

    async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await.unwrap();
    }

    async fn count(&mut self) -> i64 {
        let row = sqlx::query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS number FROM failures");
        row.fetch_one(&mut self.0).await.unwrap().try_get("number").unwrap()
    }

    /// Waits until what the server does has failed again.
    async fn until_failed(&mut self, times: i64) {
        let wanted = self.count().await + times;
        let failed = async {
            while self.count().await < wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        soon("a failure", failed).await;
    }
}

/// The files of a recording, where its parts say.
fn locations(recording: &Value) -> Vec<PathBuf> {
    let parts = recording["parts"].as_array().unwrap();
    let location = |part: &Value| reqwest::Url::parse(text(part, "location")).unwrap().to_file_path().unwrap();
    let mut files: Vec<_> = parts.iter().map(location).collect();
    files.sort();
    files
}

/// Every file belongs to a part, every part has its file, and deleting it leaves nothing.
async fn is_accounted_for(case: &Case, folder: &Path, recording: &Value, fault: &str) {
    let mut found = recording_files(folder);
    found.sort();
    assert_eq!(found, locations(recording), "{fault}: {recording}");
    for part in recording["parts"].as_array().unwrap() {
        let file = reqwest::Url::parse(text(part, "location")).unwrap().to_file_path().unwrap();
        assert_eq!(sha256(&std::fs::read(file).unwrap()), text(part, "sha256"), "{fault}");
    }
    assert!(recorders_of(std::process::id()).is_empty(), "{fault}: a recorder is left");
    let path = format!("/api/consultations/filmed/recordings/{}", text(recording, "recordingId"));
    assert_eq!(case.backend.call(Method::DELETE, &path, case.doctor()).await.0, StatusCode::OK, "{fault}");
    assert_eq!(recording_files(folder), Vec::<PathBuf>::new(), "{fault}: deleting leaves files");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_in_the_database_no_file_is_lost_and_none_is_left() {
    let trigger = |when: &str, table: &str| {
        (format!("CREATE TRIGGER fail BEFORE {when} EXECUTE FUNCTION fail()"), format!("DROP TRIGGER fail ON {table}"))
    };
    let row = trigger("INSERT ON recording_parts FOR EACH ROW", "recording_parts");
    let begins = [
        ("the part's row", row.clone()),
        (
            "its beginning",
            trigger(
                "UPDATE ON recording_parts FOR EACH ROW WHEN (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL)",
                "recording_parts",
            ),
        ),
        (
            "the recording's state",
            trigger("UPDATE ON recordings FOR EACH ROW WHEN (NEW.state = 'recording')", "recordings"),
        ),
        ("who consents", (BREAK_CONSENTS.to_owned(), MEND_CONSENTS.to_owned())),
    ];
    let ends = [
        (
            "the part's end",
            trigger("UPDATE ON recording_parts FOR EACH ROW WHEN (NEW.state = 'finished')", "recording_parts"),
        ),
        (
            "where it is kept",
            trigger("UPDATE ON recording_parts FOR EACH ROW WHEN (NEW.state = 'stored')", "recording_parts"),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let [_, config] = databases();
    let mut database = Failing::new(&config).await;
    let more = json!({"recordingConsent": "already-given", "e2ee": false});
    let case = Case::new(config, local(folder.path()), more).await;
    database.run(PREPARE).await;
    // With a row among the consents, whoever reads them reads all of them.
    case.answer("accepted").await;
    for (fault, (fail, mend)) in begins {
        // Starting reads who consents, too: another fault keeps the recorder away until that one is there.
        database.run(&row.0).await;
        case.start().await;
        database.until_failed(1).await;
        database.run(&format!("BEGIN; {}; {fail}; COMMIT;", row.1)).await;
        database.until_failed(2).await;
        database.run(&mend).await;
        case.until(|recording| has_duration(recording, 1.0)).await;
        case.stop().await;
        let ready = case.until(|recording| recording["state"] == "ready").await;
        is_accounted_for(&case, folder.path(), &ready, fault).await;
    }
    for (fault, (fail, mend)) in ends {
        case.start().await;
        case.until(|recording| has_duration(recording, 1.0)).await;
        database.run(&fail).await;
        case.stop().await;
        database.until_failed(2).await;
        database.run(&mend).await;
        let ready = case.until(|recording| recording["state"] == "ready").await;
        is_accounted_for(&case, folder.path(), &ready, fault).await;
    }
    case.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_pauses_while_the_database_does_not_say_who_consents() {
    let folder = tempfile::tempdir().unwrap();
    let [_, config] = databases();
    let mut database = Failing::new(&config).await;
    let case = Case::new(config, local(folder.path()), json!({})).await;
    database.run(PREPARE).await;
    case.start().await;
    case.answer("accepted").await;
    case.until(|recording| has_duration(recording, 1.0)).await;
    database.run(BREAK_CONSENTS).await;
    let paused = case.until(|recording| recording["state"] == "paused").await;
    database.run(MEND_CONSENTS).await;
    let seconds = paused["durationSeconds"].as_f64().unwrap();
    case.until(|recording| has_duration(recording, seconds + 1.0)).await;
    case.shutdown().await;
}

/// Ends with the test.
struct Stranger(std::process::Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_gives_each_file_its_row_and_each_row_its_file() {
    let (folder, sfu) = (tempfile::tempdir().unwrap(), Sfu::start().unwrap());
    let file = folder.path().join("a.db");
    let config = Config { database: Database::File(file.clone()), ..external(&sfu, Config::default()) };
    let more = json!({"recordingConsent": "already-given", "e2ee": false});
    let case = Case::new(config.clone(), local(folder.path()), more).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        case.start().await;
        case.until(|recording| has_duration(recording, 1.0)).await;
        case.stop().await;
        let ready = case.until(|recording| recording["state"] == "ready").await;
        ids.push(text(&ready, "recordingId").to_owned());
    }
    let (doctor, kept) = (case.doctor().to_owned(), recording_files(folder.path()));
    let path = |id: &str| format!("/api/consultations/filmed/recordings/{id}");
    assert_eq!(case.backend.call(Method::DELETE, &path(&ids[1]), &doctor).await.0, StatusCode::OK);
    let missing = locations(&case.until(|_| true).await).remove(0);
    case.shutdown().await;

    let [film, ..] = &kept.iter().filter(|film| film.exists() && **film != missing).collect::<Vec<_>>()[..] else {
        panic!("{kept:?}")
    };
    let recordings = folder.path().join("recordings");
    // A file without a row; one that should have gone; a row whose file is gone; one that nothing was written for; and a
    // recorder that nobody drives.
    std::fs::copy(film, recordings.join(format!("{}.part2.mp4", ids[0]))).unwrap();
    std::fs::copy(film, recordings.join(format!("{}.part1.mp4", ids[1]))).unwrap();
    std::fs::remove_file(&missing).unwrap();
    sqlx::any::install_default_drivers();
    let mut database = AnyConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let insert = "INSERT INTO recording_parts (recording_id, number, state) VALUES ($1, 7, 'writing')";
    sqlx::query(insert).bind(&ids[0]).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let mut stranger = Command::new(built_program("autamedica-recorder").unwrap());
    stranger.args(["record", &format!("{}.part8", ids[0])]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut stranger = Stranger(stranger.spawn().unwrap());

    let backend = Backend::start_with(Config { recording: local(folder.path()), ..config }).await;
    let details = async |id: &str| backend.call(Method::GET, &path(id), &doctor).await.1["data"].clone();
    let ended = async {
        while stranger.0.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon("the recorder's end", ended).await;
    let found = async {
        loop {
            let first = details(&ids[0]).await;
            let whole = first["parts"].as_array().is_some_and(|parts| {
                parts.len() == 2 && parts.iter().all(|part| part["stored"] == true && part["number"] != 7)
            });
            let is_left = recordings.join(format!("{}.part1.mp4", ids[1])).exists();
            if first["state"] == "ready" && whole && !is_left && details(&ids[2]).await["problem"] == "part-missing" {
                return first;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let first = soon("rows, files and processes that go together", found).await;
    for part in first["parts"].as_array().unwrap() {
        let file = reqwest::Url::parse(text(part, "location")).unwrap().to_file_path().unwrap();
        assert_eq!(sha256(&std::fs::read(file).unwrap()), text(part, "sha256"));
    }
    assert_eq!(recording_files(folder.path()).len(), 2);
    assert_eq!(details(&ids[1]).await["state"], "deleted");
    backend.server.shutdown().await;
}
