//! Publication of the audit log's head, and sealing of logs from versions without seals.

use super::Store;
use super::audit::{AuditEvent, append};
use super::audit_head::AuditHead;
use super::outbox::IntegratorEvent;

impl Store {
    /// Publishes the head in the server's log and to the integrator. An invalid seal is reported as tampering.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn publish_audit_head(&self) -> sqlx::Result<()> {
        let head = self.audit_head().await?;
        if head.seq == 0 {
            return Ok(());
        }
        let is_sealed = head.is_sealed(&self.vault);
        if is_sealed {
            tracing::info!(%head, "audit log");
        } else {
            tracing::error!(%head, "the audit log's head has an invalid seal");
        }
        let mut transaction = self.pool.begin().await?;
        self.enqueue(&mut transaction, IntegratorEvent::audit_head(head.to_string(), is_sealed)).await?;
        transaction.commit().await
    }

    /// Seals the log of a database from a version without seals, if its chain is valid.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub(super) async fn seal_old_log(&self) -> sqlx::Result<()> {
        if !self.audit_head().await?.seal.is_empty() {
            return Ok(());
        }
        let chain = self.verify_chain().await?;
        let mut transaction = self.pool.begin().await?;
        // Locks the row, so that only one of several starting servers seals the log.
        let row = sqlx::query("UPDATE audit_head SET seal = seal WHERE id = 1 AND seal = '' RETURNING seq, hash, seal")
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return transaction.rollback().await };
        let head = AuditHead::read(&row)?;
        if let Err(tampering) = chain {
            tracing::error!(%tampering, "tampered audit log not sealed");
            return transaction.rollback().await;
        }
        sqlx::query("UPDATE audit_head SET seal = $1 WHERE id = 1")
            .bind(self.vault.seal_head(head.seq, &head.hash))
            .execute(&mut *transaction)
            .await?;
        // Audited, so that making a sealed log look unsealed leaves a trace. An empty log needs no entry.
        if head.seq > 0 {
            append(&mut transaction, &self.vault, AuditEvent::ok("server", "audit.seal")).await?;
        }
        transaction.commit().await
    }
}
