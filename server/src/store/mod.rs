//! The database: SQLite in a file or in memory, or PostgreSQL; the same SQL on each.

mod audit;
mod audit_head;
mod audit_seal;
mod codes;
mod consultation;
mod consultations;
mod creation;
mod feedback;
mod generations;
mod housekeeping;
mod keys;
mod lock;
mod observers;
mod open;
mod outbox;
mod presence;
mod quality;
mod recording_parts;
mod recordings;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::Timestamp;
use sqlx::AnyPool;
use tokio::time::timeout;

use crate::secret::{hex, random_bytes};
use crate::vault::Vault;
use writer::Writer;

pub use audit::{AuditEntry, Event, Tampering};
pub use audit_head::{AuditHead, InvalidHead};
pub use codes::{CodeKind, DEFAULT_DURATION_MINUTES, FreshCodes, StoredCode};
pub use consultation::{Refusal, StoredConsultation};
pub use consultations::Finish;
pub use creation::{Creation, NewConsultation};
pub use generations::{Insiders, Standing};
pub use keys::{ApiKey, PREFIX as KEY_PREFIX, Scope};
pub use lock::{DatabaseLock, LockError};

pub use open::OpenError;
pub use outbox::Delivery;
pub use presence::Stay;
pub use quality::{StoredSample, summarize};
pub use recording_parts::{PartState, StoredPart};
pub use recordings::{Requested, StoredRecording};

/// The database's connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// Connections that write. Every change goes through a transaction of theirs.
    pool: Writer,
    /// Connections for questions that change nothing: with SQLite in a file they don't wait for whoever writes.
    reads: AnyPool,
    vault: Arc<Vault>,
    /// Whether the integrator's events are kept for delivery.
    tells_integrator: bool,
}

/// Bytes that the health check writes.
const FILLER: usize = 32 * 1024;
/// A database that takes longer for one row counts as down.
const WRITE_LIMIT: Duration = Duration::from_secs(3);

/// Reads a counter that is never negative.
fn number(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

impl Store {
    /// From now on, events for the integrator are kept for delivery. Without this nobody would ever take them away.
    pub fn for_integrator(self) -> Self {
        Self { tells_integrator: true, ..self }
    }

    /// Whether a change can be written. Tries one that needs about as much room as a new consultation does.
    pub async fn can_write(&self) -> bool {
        let filler = hex(&random_bytes::<{ FILLER / 2 }>());
        let upsert = sqlx::query(
            "INSERT INTO health (id, checked_at, filler) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at, filler = excluded.filler",
        );
        let upsert = upsert.bind(Timestamp::now().as_millis()).bind(filler);
        matches!(timeout(WRITE_LIMIT, self.pool.execute(upsert)).await, Ok(Ok(_)))
    }

    /// Ends the connections after what they are doing.
    pub async fn close(&self) {
        self.reads.close().await;
        self.pool.close().await;
    }
}
