//! The database: SQLite in a file or in memory, or PostgreSQL; the same SQL on each.

mod audit;
mod batch;
mod codes;
mod consultations;
mod creation;
mod feedback;
mod housekeeping;
mod keys;
mod open;
mod outbox;
mod presence;
mod quality;
mod recording_parts;
mod recordings;
mod thread;

use std::sync::Arc;

use autamedica_api::Id;
use sqlx::AnyPool;

use crate::vault::Vault;
use audit::{append, append_all};
use batch::Batch;
use outbox::OutgoingEvent;
use thread::DatabaseThread;

pub use audit::{AuditEntry, Event, Tampering};
pub use codes::{CodeKind, DEFAULT_DURATION_MINUTES, FreshCodes, StoredCode};
pub use consultations::{Finish, Refusal, StoredConsultation};
pub use creation::{Creation, NewConsultation};
pub use keys::{ApiKey, PREFIX as KEY_PREFIX, Scope};
pub use open::OpenError;
pub use outbox::Delivery;
pub use presence::Stay;
pub use quality::{StoredSample, summarize};
pub use recording_parts::{PartState, StoredPart};
pub use recordings::{Requested, StoredRecording};

/// The database's connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    /// Connections for questions that change nothing: with SQLite in a file they don't wait for whoever writes.
    reads: AnyPool,
    vault: Arc<Vault>,
    batches: Arc<Batches>,
    /// Where creations are written.
    thread: DatabaseThread,
    /// Whether the integrator's events are kept for delivery.
    tells_integrator: bool,
}

/// What many ask for at the same time.
#[derive(Debug, Default)]
struct Batches {
    creations: Batch<NewConsultation, Creation>,
    consultations: Batch<Id, Option<StoredConsultation>>,
    has_keys: Batch<(), bool>,
}

/// Placeholders for the values of so many rows: `($1, $2), ($3, $4)`.
fn rows(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let values: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

impl Store {
    /// From now on, events for the integrator are kept for delivery. Without this nobody would ever take them away.
    pub fn for_integrator(self) -> Self {
        Self { tells_integrator: true, ..self }
    }

    /// Whether it answers.
    pub async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Ends the connections after what they are doing.
    pub async fn close(&self) {
        self.reads.close().await;
        self.pool.close().await;
    }
}
