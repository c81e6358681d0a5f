//! Writes to the database; the only module that does.
//!
//! SQLite rolls back automatically when the disk is full, the disk fails or memory runs out. sqlx's own `Transaction`
//! doesn't notice: its depth stays at one, each later `BEGIN` becomes a savepoint of a transaction that never commits,
//! and everything written afterwards is lost without an error. A [`Transaction`] doesn't count. It sends `BEGIN` and
//! `COMMIT` itself, and closes a connection on which either failed or was not reached.

use std::ops::{Deref, DerefMut};

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool};

/// Connections for writing.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pool: AnyPool,
    #[allow(dead_code)]
    begin: &'static str,
    /// Keeps a database in memory alive while the writing connection is replaced.
    keeper: Option<AnyPool>,
}

impl Writer {
    /// Creates a writer for SQLite. A database in memory needs a second pool as its `keeper`.
    pub(super) fn sqlite(pool: AnyPool, keeper: Option<AnyPool>) -> Self {
        // Takes the write lock at once, because a lock upgrade after a read fails if another process has written.
        Self { pool, begin: "BEGIN IMMEDIATE", keeper }
    }

    /// Creates a writer for PostgreSQL.
    pub(super) fn postgres(pool: AnyPool) -> Self {
        Self { pool, begin: "BEGIN", keeper: None }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`sqlx::Error`] if no connection is available or `BEGIN` fails.
    pub(super) async fn begin(&self) -> sqlx::Result<Transaction> {
        Ok(Transaction { inner: self.pool.begin().await? })
    }

    /// Runs a statement in its own transaction and returns the number of changed rows.
    ///
    /// # Errors
    /// [`sqlx::Error`] if the statement or its commit fails.
    pub(super) async fn execute(&self, query: Query<'_, Any, AnyArguments>) -> sqlx::Result<u64> {
        let mut transaction = self.begin().await?;
        let done = query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }

    /// Closes the connections after their current work.
    pub(super) async fn close(&self) {
        self.pool.close().await;
        if let Some(keeper) = &self.keeper {
            keeper.close().await;
        }
    }
}

/// A transaction. Dropping it without an end closes its connection, and the database rolls back.
#[derive(Debug)]
pub(super) struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
}

impl Transaction {
    /// Commits. The changes are on disk when this returns.
    ///
    /// # Errors
    /// [`sqlx::Error`] if `COMMIT` fails or the connection is lost. In the latter case the outcome is unknown.
    pub(super) async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await
    }

    /// Rolls back an unnecessary transaction, and keeps its connection.
    ///
    /// # Errors
    /// [`sqlx::Error`] if `ROLLBACK` fails or the connection is lost.
    pub(super) async fn rollback(self) -> sqlx::Result<()> {
        self.inner.rollback().await
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}
