//! Publishing the audit log's head, and sealing a log from before there were seals.

use super::Store;
use super::audit::{Event, append};
use super::audit_head::AuditHead;
use super::outbox::OutgoingEvent;

impl Store {
    /// Writes the head to the server's log, and tells it to the integrator. A head that isn't sealed is told as tampering.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn publish_audit_head(&self) -> sqlx::Result<()> {
        let head = self.audit_head().await?;
        if head.seq == 0 {
            return Ok(());
        }
        let is_sealed = head.is_sealed(&self.vault);
        if is_sealed {
            tracing::info!(%head, "audit log");
        } else {
            tracing::error!(%head, "the audit log's head isn't what this server wrote");
        }
        let mut transaction = self.pool.begin().await?;
        self.enqueue(&mut transaction, OutgoingEvent::audit_head(head.to_string(), is_sealed)).await?;
        transaction.commit().await
    }

    /// Seals the log of a database from before there were seals, when its chain is whole.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn seal_old_log(&self) -> sqlx::Result<()> {
        if !self.audit_head().await?.seal.is_empty() {
            return Ok(());
        }
        let chain = self.verify_chain().await?;
        let mut transaction = self.pool.begin().await?;
        // Locks the row: of several servers that start at the same time, one seals.
        let row = sqlx::query("UPDATE audit_head SET seal = seal WHERE id = 1 AND seal = '' RETURNING seq, hash, seal")
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return transaction.cancel().await };
        let head = AuditHead::read(&row)?;
        if let Err(tampering) = chain {
            tracing::error!(%tampering, "the audit log was tampered with, and stays without a seal");
            return transaction.cancel().await;
        }
        sqlx::query("UPDATE audit_head SET seal = $1 WHERE id = 1")
            .bind(self.vault.seal_head(head.seq, &head.hash))
            .execute(&mut *transaction)
            .await?;
        // On record, so that nobody makes a database look old without a trace. A new one has nothing to hide.
        if head.seq > 0 {
            append(&mut transaction, &self.vault, Event::ok("server", "audit.seal")).await?;
        }
        transaction.commit().await
    }
}
