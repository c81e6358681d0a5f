use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection as _, Executor as _, Row, SqlSafeStr};
use tokio::time::timeout;

use super::Store;
use super::lock::LockError;
use super::writer::Writer;
use crate::config::Database;
use crate::files::{private_folder, write_private};
use crate::vault::Vault;

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder or file can't be made.
    #[error("the database's folder or file can't be made")]
    System(#[from] std::io::Error),
    /// Another server uses it, or the lock that tells so can't be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It can't be reached or opened.
    #[error("{place} can't be opened: {cause}")]
    Unusable {
        /// A file, or a server's address without user and password.
        place: String,
        /// The reason, without user and password.
        cause: String,
    },
    /// A query failed.
    #[error("the database can't be used")]
    Query(#[from] sqlx::Error),
    /// Its tables can't be brought up to date.
    #[error("the database's tables can't be brought up to date")]
    Migrate(#[from] MigrateError),
    /// What is sealed in it couldn't be opened, and the audit log would break.
    #[error(
        "the database was begun with another master key: set `AUTAMEDICA_MASTER_KEY`, or put `master.key` back beside \
         the database, as it was then"
    )]
    OtherMasterKey,
}

/// How long a request may wait for a connection, and the start for the first one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const POSTGRES_CONNECTIONS: u32 = 10;
/// Two, so that a long list holds nobody up.
const SQLITE_READERS: u32 = 2;

impl Store {
    /// Connects, and brings the tables up to date.
    ///
    /// # Errors
    /// When it can't be reached, opened or migrated.
    pub async fn open(database: &Database, vault: Arc<Vault>) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        // SQLite has one writer at a time anyway; with one connection nobody ever finds it locked.
        let (pool, migrating, reads) = match database {
            Database::Postgres(url) => {
                try_out(database, url.expose(), None).await?;
                let pool = options.max_connections(POSTGRES_CONNECTIONS).connect(url.expose()).await?;
                (Writer::postgres(pool.clone()), pool.clone(), pool)
            }
            Database::Memory => {
                // The name keeps databases apart. Each ends with its last connection, so one beside the writer stays.
                let url = format!("sqlite:file:autamedica-{}?mode=memory", uuid::Uuid::new_v4());
                let keeper = sqlite(options.clone(), 1, "").connect(&url).await?;
                let pool = sqlite(options, 1, WRITES).connect(&url).await?;
                (Writer::sqlite(pool.clone(), Some(keeper)), pool.clone(), pool)
            }
            Database::File(path) => {
                let url = file_url(path)?;
                try_out(database, &url, Some(WRITES)).await?;
                let pool = sqlite(options.clone(), 1, WRITES).connect(&url).await?;
                let reads = sqlite(options, SQLITE_READERS, READS).connect(&url).await?;
                (Writer::sqlite(pool.clone(), None), pool, reads)
            }
        };
        migrator().run(&migrating).await?;
        let store = Self { pool, reads, vault, tells_integrator: false };
        store.check_key().await?;
        store.seal_old_log().await?;
        Ok(store)
    }

    /// Refuses another master key than the one that the database was begun with.
    async fn check_key(&self) -> Result<(), OpenError> {
        let value = self.vault.check_value();
        let insert = "INSERT INTO key_check (id, value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
        self.pool.execute(sqlx::query(insert).bind(value)).await?;
        let row = sqlx::query("SELECT value FROM key_check WHERE id = 1").fetch_one(&self.reads).await?;
        if row.try_get::<String, _>("value")? == value { Ok(()) } else { Err(OpenError::OtherMasterKey) }
    }
}

/// Opens one connection without a pool, which would retry for seconds and then hide the cause.
async fn try_out(database: &Database, url: &str, pragmas: Option<&'static str>) -> Result<(), OpenError> {
    let attempt = async {
        let mut connection = AnyConnection::connect(url).await?;
        if let Some(pragmas) = pragmas {
            connection.execute(pragmas).await?;
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").await?;
        }
        connection.close().await
    };
    let cause = match timeout(ACQUIRE_TIMEOUT, attempt).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => cause(&error, url),
        Err(_) => format!("no answer within {} seconds", ACQUIRE_TIMEOUT.as_secs()),
    };
    Err(OpenError::Unusable { place: place(database), cause })
}

/// The reason in an operator's words, without the user and the password.
fn cause(error: &sqlx::Error, url: &str) -> String {
    match error {
        sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("28")) => {
            "it refuses the user or the password".to_owned()
        }
        sqlx::Error::Database(error) => {
            // Messages name the user as `role "name"`.
            let user = url::Url::parse(url).map(|url| format!("\"{}\"", url.username())).unwrap_or_default();
            if user.len() > 2 { error.message().replace(&user, "\"…\"") } else { error.message().to_owned() }
        }
        sqlx::Error::Configuration(_) => "`DATABASE_URL` isn't understood".to_owned(),
        error => error.to_string(),
    }
}

/// A file's path, or a server's address and database.
fn place(database: &Database) -> String {
    match database {
        Database::Memory => "the database in memory".to_owned(),
        Database::File(path) => format!("the database {}", path.display()),
        Database::Postgres(url) => {
            let url = url::Url::parse(url.expose()).ok();
            let host = url.as_ref().and_then(url::Url::host_str).unwrap_or("localhost");
            let port = url.as_ref().and_then(url::Url::port).unwrap_or(5432);
            let name = url.as_ref().map_or("", |url| url.path().trim_start_matches('/'));
            format!("the PostgreSQL database `{name}` at {host}:{port}")
        }
    }
}

/// In WAL, `FULL` writes each commit through to the disk, so that a power cut takes nothing that was answered. What a statement
/// of many rows would need to undo stays out of files. After 4000 pages (16 MiB) the log goes into the database: each time
/// the writer waits for the disk, and a page that changed often is written once. If a long read made it grow, it is cut to 64 MiB.
const WRITES: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; \
     PRAGMA journal_size_limit = 67108864;";
/// In WAL, who reads sees what was committed last, and neither waits for a writer nor holds one up. A reader forgets its pages
/// whenever something was written, so it needs little room for them.
const READS: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -512;";

fn sqlite(options: AnyPoolOptions, most: u32, pragmas: &'static str) -> AnyPoolOptions {
    let options = options.min_connections(1).max_connections(most).idle_timeout(None).max_lifetime(None);
    // There is no network that could break it, and asking would take as long as what it is wanted for.
    let options = options.test_before_acquire(false);
    options.after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(pragmas).await?;
            Ok(())
        })
    })
}

fn file_url(path: &Path) -> std::io::Result<String> {
    let path = std::path::absolute(path)?;
    if let Some(folder) = path.parent() {
        private_folder(folder)?;
    }
    // SQLite gives its other files the same permissions.
    if !path.exists() {
        write_private(&path, "")?;
    }
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{path}?mode=rwc"))
}

fn migrator() -> Migrator {
    let up = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        up(1, "initial", include_str!("../../migrations/0001_initial.sql")),
        up(2, "day and feedback", include_str!("../../migrations/0002_day_and_feedback.sql")),
        up(3, "key check", include_str!("../../migrations/0003_key_check.sql")),
        up(4, "recordings", include_str!("../../migrations/0004_recordings.sql")),
        up(5, "egress", include_str!("../../migrations/0005_egress.sql")),
        up(6, "storage problem", include_str!("../../migrations/0006_storage_problem.sql")),
        up(7, "durability", include_str!("../../migrations/0007_durability.sql")),
        up(8, "language", include_str!("../../migrations/0008_language.sql")),
        up(9, "generations", include_str!("../../migrations/0009_generations.sql")),
        up(10, "observers", include_str!("../../migrations/0010_observers.sql")),
        up(11, "transport", include_str!("../../migrations/0011_transport.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(database: &Database) -> Result<Store, OpenError> {
        Store::open(database, Arc::new(Vault::ephemeral())).await
    }

    #[tokio::test]
    async fn another_master_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::File(folder.path().join("a.db"));
        let vault = Arc::new(Vault::ephemeral());
        for _ in 0..2 {
            Store::open(&database, vault.clone()).await.unwrap().close().await;
        }
        assert!(matches!(open(&database).await, Err(OpenError::OtherMasterKey)));
        Store::open(&database, vault).await.unwrap().close().await;
    }

    #[tokio::test]
    async fn a_file_with_a_strange_name_opens_twice() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::File(folder.path().join("new folder/100%? #1.db"));
        let vault = Arc::new(Vault::ephemeral());
        for _ in 0..2 {
            let store = Store::open(&database, vault.clone()).await.unwrap();
            assert!(store.can_write().await);
            store.close().await;
        }
        let file = folder.path().join("new folder/100%? #1.db");
        assert!(file.is_file());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn who_reads_waits_for_no_writer_and_sees_what_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&Database::File(folder.path().join("a.db"))).await.unwrap();
        let mut transaction = store.pool.begin().await.unwrap();
        let insert = "INSERT INTO api_keys (id, name, scope, hash, created_at) VALUES ('a', 'a', 'read', 'a', 0)";
        sqlx::query(insert).execute(&mut *transaction).await.unwrap();
        assert!(!store.has_keys().await.unwrap());
        transaction.commit().await.unwrap();
        assert!(store.has_keys().await.unwrap());
        assert!(sqlx::query("DELETE FROM api_keys").execute(&store.reads).await.is_err(), "a reader wrote");
        store.close().await;
    }

    #[tokio::test]
    async fn databases_in_memory_are_apart() {
        let (one, other) = (open(&Database::Memory).await.unwrap(), open(&Database::Memory).await.unwrap());
        let insert = "INSERT INTO outbox VALUES ('a', '{}', 0, 0, NULL)";
        one.pool.execute(sqlx::query(insert)).await.unwrap();
        other.pool.execute(sqlx::query(insert)).await.unwrap();
    }

    /// The connection is replaced, and the database stays.
    #[tokio::test]
    async fn a_database_in_memory_outlives_a_broken_transaction() {
        let store = open(&Database::Memory).await.unwrap();
        let insert = "INSERT INTO outbox VALUES ($1, '{}', 0, 0, NULL)";
        store.pool.execute(sqlx::query(insert).bind("kept")).await.unwrap();
        for _ in 0..2 {
            let mut transaction = store.pool.begin().await.unwrap();
            sqlx::query(insert).bind("lost").execute(&mut *transaction).await.unwrap();
            sqlx::query(insert).bind("lost").execute(&mut *transaction).await.unwrap_err();
            drop(transaction);
        }
        store.pool.execute(sqlx::query(insert).bind("later")).await.unwrap();
        let rows = sqlx::query("SELECT id FROM outbox ORDER BY id").fetch_all(&store.reads).await.unwrap();
        let ids: Vec<String> = rows.iter().map(|row| row.try_get("id").unwrap()).collect();
        assert_eq!(ids, ["kept", "later"]);
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_named_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("damaged.db");
        std::fs::write(&damaged, "no database ".repeat(1000)).unwrap();
        let error = open(&Database::File(damaged)).await.unwrap_err().to_string();
        assert!(error.contains("damaged.db") && error.contains("not a database"), "{error}");
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://somebody:hidden@127.0.0.1:{port}/clinic");
        let error = open(&Database::Postgres(crate::Secret::new(url))).await.unwrap_err().to_string();
        assert!(error.contains(&format!("`clinic` at 127.0.0.1:{port}")) && error.contains("refused"), "{error}");
        assert!(!error.contains("somebody") && !error.contains("hidden"), "{error}");
    }
}
