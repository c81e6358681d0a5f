//! The database: SQLite in a file or in memory, or PostgreSQL; the same SQL on each.

mod consultations;
mod open;

use sqlx::AnyPool;

pub use open::OpenError;

/// The database's connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
}

impl Store {
    /// Whether it answers.
    pub async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Ends the connections after what they are doing.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
