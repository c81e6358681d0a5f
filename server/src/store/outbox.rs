//! Events for the integrator: written with the change they tell of, delivered later, by whichever server comes first.

use autamedica_api::{ConsultationState, Id, Timestamp};
use serde::Serialize;
use sqlx::{AnyConnection, Row};

use super::Store;
use super::consultation::StoredConsultation;

/// What the integrator's address receives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingEvent {
    /// The same in every attempt, so that the receiver can tell a repetition.
    pub id: String,
    /// Such as `consultation.live`.
    pub event: String,
    /// Which consultation, for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consultation_id: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// Which recording, for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<String>,
    /// Why, for an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The audit log's head, for news of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

impl OutgoingEvent {
    /// The consultation has come to the state it is in.
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

    /// A recording can be fetched.
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

    /// The audit log has come so far. Noted elsewhere, it shows later whether the log was put back.
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

/// A body that is to be delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id.
    pub id: String,
    /// The JSON to send.
    pub body: String,
    /// How often it was tried before.
    pub attempts: u32,
}

impl Store {
    /// Writes an event into the outbox within the caller's transaction, when somebody wants to hear it.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn enqueue(&self, connection: &mut AnyConnection, event: OutgoingEvent) -> sqlx::Result<()> {
        if !self.tells_integrator {
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

    /// Takes the event that is due longest, for `lease` milliseconds: no other server delivers it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_delivery(&self, lease: i64) -> sqlx::Result<Option<Delivery>> {
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

    /// It has arrived, or nobody wants it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivered(&self, id: &str) -> sqlx::Result<()> {
        self.pool
            .execute(
                sqlx::query("UPDATE outbox SET delivered_at = $1 WHERE id = $2")
                    .bind(Timestamp::now().as_millis())
                    .bind(id),
            )
            .await?;
        Ok(())
    }

    /// It is to be tried again then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_delivery(&self, id: &str, at: Timestamp) -> sqlx::Result<()> {
        self.pool
            .execute(sqlx::query("UPDATE outbox SET next_at = $1 WHERE id = $2").bind(at.as_millis()).bind(id))
            .await?;
        Ok(())
    }
}
