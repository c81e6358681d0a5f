//! Outbox of events for the integrator: written in the transaction of the change, delivered later by any server.

use autamedica_api::{ConsultationState, Id, Timestamp};
use serde::Serialize;
use sqlx::{AnyConnection, Row};

use super::Store;
use super::consultation::StoredConsultation;

/// Body of a webhook to the integrator.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegratorEvent {
    /// Id of the event, the same in every attempt, so that the receiver can recognize repetitions.
    pub id: String,
    /// Kind of the event, such as `consultation.live`.
    pub event: String,
    /// Id of the consultation, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consultation_id: Option<String>,
    /// Time of the event.
    pub at: Timestamp,
    /// Id of the recording, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<String>,
    /// Cause of a consultation's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Head of the audit log, in events about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

impl IntegratorEvent {
    /// Creates the event for a consultation's current state.
    pub fn state(consultation: &StoredConsultation) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: format!("consultation.{}", consultation.state.as_str()),
            consultation_id: Some(consultation.id.to_string()),
            at: Timestamp::now(),
            recording_id: None,
            cause: consultation.cause.clone().filter(|_| consultation.state == ConsultationState::Ended),
            head: None,
        }
    }

    /// Creates the event for a recording that is ready.
    pub fn recording(consultation: &Id, recording: &str) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: "recording.ready".to_owned(),
            consultation_id: Some(consultation.to_string()),
            at: Timestamp::now(),
            recording_id: Some(recording.to_owned()),
            cause: None,
            head: None,
        }
    }

    /// Creates the event for the audit log's head. Noted by the receiver, it reveals later tampering.
    pub fn audit_head(head: String, is_sealed: bool) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: if is_sealed { "audit.head" } else { "audit.tampered" }.to_owned(),
            consultation_id: None,
            at: Timestamp::now(),
            recording_id: None,
            cause: None,
            head: Some(head),
        }
    }
}

/// A pending delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Id of the event.
    pub id: String,
    /// JSON to send.
    pub body: String,
    /// Number of attempts, including this one.
    pub attempts: u32,
}

impl Store {
    /// Adds an event to the outbox within the caller's transaction, if there is an integrator.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub(super) async fn enqueue(&self, connection: &mut AnyConnection, event: IntegratorEvent) -> sqlx::Result<()> {
        if !self.has_integrator {
            return Ok(());
        }
        let body = serde_json::to_string(&event).expect("plain texts always become JSON");
        sqlx::query("INSERT INTO outbox (id, body, attempts, next_at) VALUES ($1, $2, $3, $4)")
            .bind(&event.id)
            .bind(body)
            .bind(0_i64)
            .bind(event.at.as_millis())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Reserves the event with the earliest due time for `lease` milliseconds, so that no other server delivers it.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn reserve_delivery(&self, lease: i64) -> sqlx::Result<Option<Delivery>> {
        let now = Timestamp::now().as_millis();
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(
            "UPDATE outbox SET next_at = $1, attempts = attempts + 1 WHERE delivered_at IS NULL AND next_at <= $2 AND id = \
             (SELECT id FROM outbox WHERE delivered_at IS NULL AND next_at <= $2 ORDER BY next_at, id LIMIT 1) \
             RETURNING id, body, attempts",
        )
        .bind(now.saturating_add(lease))
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let attempts: i64 = row.try_get("attempts")?;
        Ok(Some(Delivery {
            id: row.try_get("id")?,
            body: row.try_get("body")?,
            attempts: attempts.try_into().unwrap_or(u32::MAX),
        }))
    }

    /// Marks an event as delivered or dropped.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn mark_delivered(&self, id: &str) -> sqlx::Result<()> {
        self.pool
            .execute(
                sqlx::query("UPDATE outbox SET delivered_at = $1 WHERE id = $2")
                    .bind(Timestamp::now().as_millis())
                    .bind(id),
            )
            .await?;
        Ok(())
    }

    /// Schedules the next attempt.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn schedule_retry(&self, id: &str, at: Timestamp) -> sqlx::Result<()> {
        self.pool
            .execute(sqlx::query("UPDATE outbox SET next_at = $1 WHERE id = $2").bind(at.as_millis()).bind(id))
            .await?;
        Ok(())
    }
}
