//! Retention of rows, and counts for metrics.

use autamedica_api::Timestamp;
use sqlx::Row;

use super::Store;

const DAY: i64 = 24 * 60 * 60 * 1000;

impl Store {
    /// Deletes expired rows. Consultations and the audit log are kept.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn delete_expired(&self) -> sqlx::Result<()> {
        let ago = |days: i64| Timestamp::now().as_millis() - days * DAY;
        // LiveKit repeats an event for minutes, not days.
        self.delete("DELETE FROM sfu_events WHERE received_at < $1", ago(2)).await?;
        self.delete("DELETE FROM quality_samples WHERE at < $1", ago(30)).await?;
        self.delete("DELETE FROM outbox WHERE delivered_at < $1", ago(2)).await?;
        self.delete("DELETE FROM join_codes WHERE expires_at < $1", ago(30)).await
    }

    async fn delete(&self, sql: &'static str, before: i64) -> sqlx::Result<()> {
        self.pool.execute(sqlx::query(sql).bind(before)).await?;
        Ok(())
    }

    /// Returns the number of consultations per state.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn count_by_state(&self) -> sqlx::Result<Vec<(String, i64)>> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS number FROM consultations GROUP BY state ORDER BY state")
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("state")?, row.try_get("number")?))).collect()
    }
}
