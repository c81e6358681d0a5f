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

/// Error of opening the database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file can't be created.
    #[error("the database's folder or file can't be made")]
    System(#[from] std::io::Error),
    /// Another server uses the database, or locking failed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database can't be opened or connected to.
    #[error("{location} can't be opened: {cause}")]
    Unusable {
        /// Path of the file, or address of the server without user and password.
        location: String,
        /// Cause without user and password.
        cause: String,
    },
    /// A query failed.
    #[error("the database can't be used")]
    Query(#[from] sqlx::Error),
    /// Migrating the tables failed.
    #[error("the database's tables can't be brought up to date")]
    Migrate(#[from] MigrateError),
    /// The master key is another one, so sealed values can't be opened and the audit log would become invalid.
    #[error(
        "the database was begun with another master key: set `AUTAMEDICA_MASTER_KEY`, or put `master.key` back beside \
         the database, as it was then"
    )]
    OtherMasterKey,
}

/// Timeout for acquiring a connection, also at the start.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const POSTGRES_CONNECTIONS: u32 = 10;
/// Two, so that a long list doesn't block other reads.
const SQLITE_READERS: u32 = 2;

impl Store {
    /// Connects and migrates the tables.
    ///
    /// # Errors
    /// [`OpenError`] if the database can't be opened or migrated, or has another master key.
    pub async fn open(database: &Database, vault: Arc<Vault>) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        // SQLite allows one writer at a time. A single connection avoids errors about a locked database.
        let (pool, migrating, reads) = match database {
            Database::Postgres(url) => {
                check_connection(database, url.expose(), None).await?;
                let pool = options.max_connections(POSTGRES_CONNECTIONS).connect(url.expose()).await?;
                (Writer::postgres(pool.clone()), pool.clone(), pool)
            }
            Database::Memory => {
                // Unique names keep the databases separate. A database ends with its last connection, so a second one
                // keeps it.
                let url = format!("sqlite:file:autamedica-{}?mode=memory", uuid::Uuid::new_v4());
                let keeper = sqlite(options.clone(), 1, "").connect(&url).await?;
                let pool = sqlite(options, 1, WRITER_PRAGMAS).connect(&url).await?;
                (Writer::sqlite(pool.clone(), Some(keeper)), pool.clone(), pool)
            }
            Database::File(path) => {
                let url = file_url(path)?;
                check_connection(database, &url, Some(WRITER_PRAGMAS)).await?;
                let pool = sqlite(options.clone(), 1, WRITER_PRAGMAS).connect(&url).await?;
                let reads = sqlite(options, SQLITE_READERS, READER_PRAGMAS).connect(&url).await?;
                (Writer::sqlite(pool.clone(), None), pool, reads)
            }
        };
        migrator().run(&migrating).await?;
        let store = Self { pool, reads, vault, has_integrator: false };
        store.check_key().await?;
        store.seal_old_log().await?;
        Ok(store)
    }

    /// Checks that the master key is the one with which the database was created.
    async fn check_key(&self) -> Result<(), OpenError> {
        let value = self.vault.check_value();
        let insert = "INSERT INTO key_check (id, value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
        self.pool.execute(sqlx::query(insert).bind(value)).await?;
        let row = sqlx::query("SELECT value FROM key_check WHERE id = 1").fetch_one(&self.reads).await?;
        if row.try_get::<String, _>("value")? == value { Ok(()) } else { Err(OpenError::OtherMasterKey) }
    }
}

/// Opens one connection without a pool, which would retry for seconds and hide the cause.
async fn check_connection(database: &Database, url: &str, pragmas: Option<&'static str>) -> Result<(), OpenError> {
    let attempt = async {
        let mut connection = AnyConnection::connect(url).await?;
        if let Some(pragmas) = pragmas {
            connection.execute(pragmas).await?;
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").await?;
        }
        connection.close().await
    };
    if true {
        return Ok(());
    }
    let cause = match timeout(ACQUIRE_TIMEOUT, attempt).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => cause(&error, url),
        Err(_) => format!("no answer within {} seconds", ACQUIRE_TIMEOUT.as_secs()),
    };
    Err(OpenError::Unusable { location: location(database), cause })
}

/// Returns the cause for the operator, without user and password.
fn cause(error: &sqlx::Error, url: &str) -> String {
    match error {
        sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("28")) => {
            "it refuses the user or the password".to_owned()
        }
        sqlx::Error::Database(error) => {
            // Messages contain the user as `role "name"`.
            let user = url::Url::parse(url).map(|url| format!("\"{}\"", url.username())).unwrap_or_default();
            if user.len() > 2 { error.message().replace(&user, "\"…\"") } else { error.message().to_owned() }
        }
        sqlx::Error::Configuration(_) => "`DATABASE_URL` isn't understood".to_owned(),
        error => error.to_string(),
    }
}

/// Returns the path of a file, or address and name of a server's database.
fn location(database: &Database) -> String {
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

/// Settings of the writing connection. In WAL mode, `FULL` syncs each commit, so that a power failure loses nothing
/// that was answered. Statement journals stay in memory. Checkpoints are 4000 pages (16 MiB) apart, because the writer
/// waits for the disk at each and a page that changed several times is written once. A log that grew during a long read
/// is truncated to 64 MiB.
const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; \
     PRAGMA journal_size_limit = 67108864;";
/// Settings of reading connections. In WAL mode, readers see the last commit, and readers and writers don't wait for
/// each other. A reader's cache is invalidated by every write, so it is small.
const READER_PRAGMAS: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -512;";

fn sqlite(options: AnyPoolOptions, max_connections: u32, pragmas: &'static str) -> AnyPoolOptions {
    let options = options.min_connections(1).max_connections(max_connections).idle_timeout(None).max_lifetime(None);
    // Local connections don't break, and a test would take as long as a query.
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
    // SQLite creates its other files with the same permissions.
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

    /// The connection is replaced, and the database is kept.
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
        // A free port.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://somebody:hidden@127.0.0.1:{port}/clinic");
        let error = open(&Database::Postgres(crate::Secret::new(url))).await.unwrap_err().to_string();
        assert!(error.contains(&format!("`clinic` at 127.0.0.1:{port}")) && error.contains("refused"), "{error}");
        assert!(!error.contains("somebody") && !error.contains("hidden"), "{error}");
    }
}
