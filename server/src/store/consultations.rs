use std::collections::HashSet;

use autamedica_api::{ConsultationState, Id, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::audit::{AuditEvent, append};
use super::codes::{move_validity, revoke_all};
use super::consultation::{CAUSE_EMPTY, COLUMNS, StoredConsultation, get, read};
use super::outbox::IntegratorEvent;
use super::{Store, to_u32};
use crate::secret::Secret;

/// Permanent end of a consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Cancelled.
    Cancelled,
    /// Ended by the doctor for all participants.
    EndedByDoctor,
}

/// Consultations in the period from `$1` until `$2`.
const IN_PERIOD: &str = "(scheduled_at >= $1 AND scheduled_at < $2) \
     OR (scheduled_at IS NULL AND created_at >= $1 AND created_at < $2)";

impl Store {
    /// Returns a consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn consultation(&self, id: &Id) -> sqlx::Result<Option<StoredConsultation>> {
        get(&mut *self.reads.acquire().await?, id).await
    }

    /// Returns up to `limit` consultations of a period, after the one at `after`. The appointment decides or, without
    /// one, the creation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn consultations_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Option<&(Timestamp, Id)>,
        limit: u32,
    ) -> sqlx::Result<Vec<StoredConsultation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM consultations WHERE ({IN_PERIOD}) AND (COALESCE(scheduled_at, created_at) > $3 \
             OR (COALESCE(scheduled_at, created_at) = $3 AND id > $4)) \
             ORDER BY COALESCE(scheduled_at, created_at), id LIMIT $5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from.as_millis()).bind(until.as_millis());
        let query = query.bind(after.map_or(i64::MIN, |(at, _)| at.as_millis()));
        let query = query.bind(after.map_or("", |(_, id)| id.as_str())).bind(i64::from(limit));
        query.fetch_all(&self.reads).await?.iter().map(read).collect()
    }

    /// Returns the number of consultations in a period.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn count_between(&self, from: Timestamp, until: Timestamp) -> sqlx::Result<u64> {
        let sql = format!("SELECT COUNT(*) AS number FROM consultations WHERE {IN_PERIOD}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from.as_millis()).bind(until.as_millis());
        let number: i64 = query.fetch_one(&self.reads).await?.try_get("number")?;
        Ok(number.try_into().unwrap_or(0))
    }

    /// Returns consultations in progress: neither ended nor cancelled, and joined by somebody. Missed appointments stay
    /// `created` forever, so they are excluded.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn open_consultations(&self) -> sqlx::Result<Vec<StoredConsultation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM consultations WHERE room_sid IS NOT NULL AND (state IN ('waiting', 'live') OR \
             (state = 'created' AND id IN (SELECT consultation_id FROM stays WHERE left_at IS NULL)))"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.reads).await?;
        rows.iter().map(read).collect()
    }

    /// Returns the ids of consultations that were ended permanently or cancelled since then.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn finished_since(&self, since: Timestamp) -> sqlx::Result<HashSet<Id>> {
        let rows = sqlx::query(
            "SELECT id FROM consultations WHERE ended_at >= $1 AND (state = 'cancelled' OR (state = 'ended' AND cause <> $2))",
        )
        .bind(since.as_millis())
        .bind(CAUSE_EMPTY)
        .fetch_all(&self.reads)
        .await?;
        let id = |row: &AnyRow| Id::new(row.try_get::<String, _>("id")?).map_err(|e| sqlx::Error::Decode(e.into()));
        rows.iter().map(id).collect()
    }

    /// Stores the SFU's room of a consultation. Reopens one that ended empty.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_room_opened(&self, id: &Id, room_sid: &str) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        record_room(&mut transaction, id, room_sid).await?;
        transaction.commit().await
    }

    /// Moves a peer-to-peer consultation to a room of the SFU. Returns `None` if there is no such consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn move_to_sfu(
        &self,
        id: &Id,
        room_sid: &str,
        event: AuditEvent,
    ) -> sqlx::Result<Option<StoredConsultation>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE consultations SET transport = 'sfu', room_sid = $1 WHERE id = $2")
            .bind(room_sid)
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, &self.vault, event.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// Reschedules an appointment and its links' validity. Returns `None` if the consultation has begun, is finished or
    /// doesn't exist.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn reschedule(
        &self,
        id: &Id,
        scheduled_at: Timestamp,
        duration_minutes: u32,
        event: AuditEvent,
    ) -> sqlx::Result<Option<StoredConsultation>> {
        let mut transaction = self.pool.begin().await?;
        let updated = sqlx::query(
            "UPDATE consultations SET scheduled_at = $1, duration_minutes = $2 \
             WHERE id = $3 AND state IN ('created', 'waiting')",
        )
        .bind(scheduled_at.as_millis())
        .bind(i64::from(duration_minutes))
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        move_validity(&mut transaction, id, scheduled_at, duration_minutes).await?;
        append(&mut transaction, &self.vault, event.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// Stores the desk's word to the waiting patient. Returns `None` if the consultation doesn't exist.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn set_notice(
        &self,
        id: &Id,
        notice: Option<&str>,
        by: AuditEvent,
    ) -> sqlx::Result<Option<StoredConsultation>> {
        let mut transaction = self.pool.begin().await?;
        let updated = sqlx::query("UPDATE consultations SET notice = $1 WHERE id = $2")
            .bind(notice)
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if updated.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// Returns the number of patients in waiting rooms of the same doctor who come before this consultation's patient.
    ///
    /// # Errors
    /// [`sqlx::Error`] if the query fails.
    pub async fn count_ahead(&self, of: &StoredConsultation) -> sqlx::Result<u32> {
        let (at, id) = of.day_sort_key();
        let row = sqlx::query(
            "SELECT COUNT(*) AS ahead FROM consultations WHERE state = 'waiting' AND doctor_id = $1 \
             AND (COALESCE(scheduled_at, created_at) < $2 OR (COALESCE(scheduled_at, created_at) = $2 AND id < $3)) \
             AND EXISTS (SELECT 1 FROM stays WHERE stays.consultation_id = consultations.id \
             AND stays.identity = consultations.patient_id AND stays.left_at IS NULL)",
        )
        .bind(of.doctor_id.as_str())
        .bind(at.as_millis())
        .bind(id.as_str())
        .fetch_one(&self.reads)
        .await?;
        Ok(to_u32(row.try_get("ahead")?))
    }

    /// Ends or cancels a consultation and revokes its links. Returns `None` if it is finished or doesn't exist.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn finish(&self, id: &Id, how: Finish, event: AuditEvent) -> sqlx::Result<Option<StoredConsultation>> {
        let (state, cause) = match how {
            Finish::Cancelled => (ConsultationState::Cancelled, None),
            Finish::EndedByDoctor => (ConsultationState::Ended, Some("doctor")),
        };
        let now = Timestamp::now();
        let mut transaction = self.pool.begin().await?;
        let updated = sqlx::query(
            "UPDATE consultations SET state = $1, cause = $2, ended_at = $3 \
             WHERE id = $4 AND (state IN ('created', 'waiting', 'live') OR (state = 'ended' AND cause = 'empty'))",
        )
        .bind(state.as_str())
        .bind(cause)
        .bind(now.as_millis())
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        revoke_all(&mut transaction, id, now).await?;
        append(&mut transaction, &self.vault, event.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.enqueue(&mut transaction, IntegratorEvent::state(&stored)).await?;
        transaction.commit().await?;
        Ok(Some(stored))
    }

    /// Returns the end-to-end key, if the consultation is encrypted.
    ///
    /// # Errors
    /// `CannotOpen` if it was sealed with another master key.
    pub fn e2ee_key(&self, consultation: &StoredConsultation) -> Result<Option<String>, crate::vault::CannotOpen> {
        let open = |sealed: &Secret| self.vault.open(consultation.id.as_str(), sealed.expose());
        consultation.sealed_key.as_ref().map(open).transpose()
    }
}

/// Stores the SFU's room of a consultation, and returns the updated consultation.
pub(super) async fn record_room(
    connection: &mut AnyConnection,
    id: &Id,
    room_sid: &str,
) -> sqlx::Result<Option<StoredConsultation>> {
    let sql = format!(
        "UPDATE consultations SET room_sid = $1, \
         state = CASE WHEN state = 'ended' AND cause = 'empty' THEN 'created' ELSE state END WHERE id = $2 RETURNING {COLUMNS}"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(room_sid).bind(id.as_str());
    query.fetch_optional(connection).await?.as_ref().map(read).transpose()
}
