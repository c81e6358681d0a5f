//! Database: SQLite in a file or in memory, or PostgreSQL, with the same SQL.

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

pub use audit::{AuditEntry, AuditEvent, Tampering};
pub use audit_head::{AuditHead, InvalidHead};
pub use codes::{CodeKind, DEFAULT_DURATION_MINUTES, NewCodes, StoredCode};
pub use consultation::{Refusal, StoredConsultation};
pub use consultations::Finish;
pub use creation::{Creation, NewConsultation};
pub use generations::{PresentParticipants, Standing};
pub use keys::{ApiKey, PREFIX as KEY_PREFIX, Scope};
pub use lock::{DatabaseLock, LockError};
pub use open::OpenError;
pub use outbox::Delivery;
pub use presence::RoomSession;
pub use quality::{StoredSample, summarize};
pub use recording_parts::{PartState, StoredPart};
pub use recordings::{RequestOutcome, StoredRecording};

/// Connections to the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// Connections for writing, through transactions only.
    pool: Writer,
    /// Connections for reading. With SQLite in a file they don't wait for writers.
    reads: AnyPool,
    vault: Arc<Vault>,
    /// `true` if events are stored for delivery to the integrator.
    has_integrator: bool,
}

/// Number of bytes that the health check writes.
const FILLER_SIZE: usize = 32 * 1024;
/// Timeout of the health check's write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// Converts a counter, which is never negative.
fn to_u32(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}

impl Store {
    /// Enables storing events for the integrator. Without an integrator, nobody would delete them.
    pub fn for_integrator(self) -> Self {
        Self { has_integrator: true, ..self }
    }

    /// Returns `true` if the database can be written. Writes about as many bytes as a new consultation needs.
    pub async fn can_write(&self) -> bool {
        let filler = hex(&random_bytes::<{ FILLER_SIZE / 2 }>());
        let upsert = sqlx::query(
            "INSERT INTO health (id, checked_at, filler) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at, filler = excluded.filler",
        );
        let upsert = upsert.bind(Timestamp::now().as_millis()).bind(filler);
        matches!(timeout(WRITE_TIMEOUT, self.pool.execute(upsert)).await, Ok(Ok(_)))
    }

    /// Closes the connections after their current work.
    pub async fn close(&self) {
        self.reads.close().await;
        self.pool.close().await;
    }
}
