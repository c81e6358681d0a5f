use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Executor, Row, SqlSafeStr};

use super::Store;
use super::thread::DatabaseThread;
use crate::config::Database;
use crate::files::{private_folder, write_private};
use crate::vault::Vault;

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder can't be made, or no thread can be started.
    #[error("the database's folder can't be made, or its thread can't be started")]
    System(#[from] std::io::Error),
    /// It can't be reached or opened.
    #[error("the database can't be opened")]
    Connect(#[from] sqlx::Error),
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

/// How long a request may wait for a connection.
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
        let (pool, reads) = match database {
            Database::Postgres(url) => {
                let pool = options.max_connections(POSTGRES_CONNECTIONS).connect(url.expose()).await?;
                (pool.clone(), pool)
            }
            // An idle one must stay, because a database in memory ends with it.
            Database::Memory => {
                let pool = sqlite(options, 1, WRITES).connect("sqlite::memory:").await?;
                (pool.clone(), pool)
            }
            Database::File(path) => {
                let url = file_url(path)?;
                let pool = sqlite(options.clone(), 1, WRITES).connect(&url).await?;
                (pool, sqlite(options, SQLITE_READERS, READS).connect(&url).await?)
            }
        };
        migrator().run(&pool).await?;
        let thread = DatabaseThread::start()?;
        let store = Self { pool, reads, vault, batches: Arc::default(), thread, tells_integrator: false };
        store.check_key().await?;
        Ok(store)
    }

    /// Refuses another master key than the one that the database was begun with.
    async fn check_key(&self) -> Result<(), OpenError> {
        let value = self.vault.check_value();
        sqlx::query("INSERT INTO key_check (id, value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
            .bind(value)
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("SELECT value FROM key_check WHERE id = 1").fetch_one(&self.pool).await?;
        if row.try_get::<String, _>("value")? == value { Ok(()) } else { Err(OpenError::OtherMasterKey) }
    }
}

/// With WAL, `NORMAL` loses nothing when the process is killed; only a power cut can take the last moments. What a statement
/// of many rows would need to undo stays out of files. After 4000 pages (16 MiB) the log goes into the database: each time
/// the writer waits for the disk, and a page that changed often is written once. If a long read made it grow, it is cut to 64 MiB.
const WRITES: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
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
            assert!(store.answers().await);
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
        sqlx::query(insert).execute(&one.pool).await.unwrap();
        sqlx::query(insert).execute(&other.pool).await.unwrap();
    }
}
