//! The database: SQLite in a file or in memory, or PostgreSQL; the same SQL on each.

mod audit;
mod codes;
mod consultations;
mod feedback;
mod housekeeping;
mod keys;
mod open;
mod outbox;
mod presence;
mod quality;
mod recordings;

use std::sync::Arc;

use sqlx::AnyPool;

use crate::vault::Vault;
use audit::append;
use outbox::{OutgoingEvent, enqueue};

pub use audit::{AuditEntry, Event, Tampering};
pub use codes::{CodeKind, DEFAULT_DURATION_MINUTES, StoredCode};
pub use consultations::{Created, Finish, StoredConsultation};
pub use keys::{ApiKey, PREFIX as KEY_PREFIX, Scope};
pub use open::OpenError;
pub use outbox::Delivery;
pub use presence::Stay;
pub use quality::{StoredSample, summarize};
pub use recordings::{PartState, Requested, StoredPart, StoredRecording};

/// The database's connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    vault: Arc<Vault>,
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
