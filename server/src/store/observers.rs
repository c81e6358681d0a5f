//! Observers of consultations.

use autamedica_api::{Id, MAX_OBSERVERS, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;
use super::audit::{AuditEvent, append};
use super::consultation::StoredConsultation;
use crate::secret::Secret;

/// An observer in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObserver {
    /// The observer's id.
    pub user: Id,
    /// Label for the other participants.
    pub label: Option<String>,
    /// `true` if the doctor permits the observer to publish.
    pub publishes: bool,
}

/// Error of adding an observer beyond the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyObservers;

impl Store {
    /// Adds an observer or updates the label of an existing one. Admits a removed observer again. Returns the code of a
    /// new link.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn add_observer(
        &self,
        stored: &StoredConsultation,
        user: &Id,
        label: Option<&str>,
        event: AuditEvent,
    ) -> sqlx::Result<Result<Secret, TooManyObservers>> {
        let mut transaction = self.pool.begin().await?;
        // Locks the consultation's row, so that concurrent requests can't exceed the maximum.
        sqlx::query("UPDATE consultations SET state = state WHERE id = $1")
            .bind(stored.id.as_str())
            .execute(&mut *transaction)
            .await?;
        let others = sqlx::query(
            "SELECT COUNT(*) AS number FROM observers WHERE consultation_id = $1 AND user_id <> $2 \
             AND user_id NOT IN (SELECT identity FROM removals WHERE consultation_id = $1)",
        )
        .bind(stored.id.as_str())
        .bind(user.as_str())
        .fetch_one(&mut *transaction)
        .await?;
        if others.try_get::<i64, _>("number")? >= MAX_OBSERVERS as i64 {
            transaction.rollback().await?;
            return Ok(Err(TooManyObservers));
        }
        sqlx::query(
            "INSERT INTO observers (consultation_id, user_id, label, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (consultation_id, user_id) DO UPDATE SET label = excluded.label",
        )
        .bind(stored.id.as_str())
        .bind(user.as_str())
        .bind(label)
        .bind(Timestamp::now().as_millis())
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM removals WHERE consultation_id = $1 AND identity = $2")
            .bind(stored.id.as_str())
            .bind(user.as_str())
            .execute(&mut *transaction)
            .await?;
        let code = self.insert_observer_code(&mut transaction, stored, user).await?;
        append(&mut transaction, &self.vault, event.consultation(&stored.id).subject(user)).await?;
        transaction.commit().await?;
        Ok(Ok(code))
    }

    /// Permits an observer to publish, or revokes that. Returns `false` if there is no such observer.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn permit_observer(&self, id: &Id, user: &Id, publishes: bool, event: AuditEvent) -> sqlx::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query("UPDATE observers SET publishes = $1 WHERE consultation_id = $2 AND user_id = $3")
            .bind(i32::from(publishes))
            .bind(id.as_str())
            .bind(user.as_str())
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        append(&mut transaction, &self.vault, event.consultation(id).subject(user)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns an observer.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn observer(&self, id: &Id, user: &str) -> sqlx::Result<Option<StoredObserver>> {
        let sql = "SELECT user_id, label, publishes FROM observers WHERE consultation_id = $1 AND user_id = $2";
        let row = sqlx::query(sql).bind(id.as_str()).bind(user).fetch_optional(&self.reads).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns all observers of a consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn observers(&self, id: &Id) -> sqlx::Result<Vec<StoredObserver>> {
        let sql = "SELECT user_id, label, publishes FROM observers WHERE consultation_id = $1 ORDER BY created_at";
        sqlx::query(sql).bind(id.as_str()).fetch_all(&self.reads).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> sqlx::Result<StoredObserver> {
    let user = Id::new(row.try_get::<String, _>("user_id")?);
    Ok(StoredObserver {
        user: user.map_err(|error| sqlx::Error::Decode(error.into()))?,
        label: row.try_get("label")?,
        publishes: row.try_get::<i32, _>("publishes")? != 0,
    })
}
