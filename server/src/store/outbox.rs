//! Events for the integrator: written with the change they tell of, delivered later, by whichever server comes first.

use autamedica_api::{ConsultationState, Timestamp};
use serde::Serialize;
use sqlx::{AnyConnection, Row};

use super::{Store, StoredConsultation, StoredRecording, rows};

/// What the integrator's address receives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingEvent {
    /// The same in every attempt, so that the receiver can tell a repetition.
    pub id: String,
    /// Such as `consultation.live`.
    pub event: String,
    /// Which consultation.
    pub consultation_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// Which recording, for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<String>,
    /// Why, for an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl OutgoingEvent {
    /// The consultation has come to the state it is in.
    pub fn state(consultation: &StoredConsultation) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: format!("consultation.{}", consultation.state.as_str()),
            consultation_id: consultation.id.to_string(),
            at: Timestamp::now(),
            recording_id: None,
            cause: consultation.cause.clone().filter(|_| consultation.state == ConsultationState::Ended),
        }
    }

    /// A recording can be fetched.
    pub fn recording(recording: &StoredRecording) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: "recording.ready".to_owned(),
            consultation_id: recording.consultation.to_string(),
            at: Timestamp::now(),
            recording_id: Some(recording.id.clone()),
            cause: None,
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
    /// Writes events into the outbox within the caller's transaction, when somebody wants to hear them.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn enqueue(&self, connection: &mut AnyConnection, events: &[OutgoingEvent]) -> sqlx::Result<()> {
        if !self.tells_integrator || events.is_empty() {
            return Ok(());
        }
        let sql = format!("INSERT INTO outbox (id, body, attempts, next_at) VALUES {}", rows(events.len(), 4));
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql));
        for event in events {
            let body = serde_json::to_string(event).expect("plain texts always become JSON");
            insert = insert.bind(&event.id).bind(body).bind(0_i64).bind(event.at.as_millis());
        }
        insert.execute(connection).await?;
        Ok(())
    }

    /// Takes the event that is due longest, for `lease` milliseconds: no other server delivers it meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_delivery(&self, lease: i64) -> sqlx::Result<Option<Delivery>> {
        let now = Timestamp::now().as_millis();
        let row = sqlx::query(
            "UPDATE outbox SET next_at = $1, attempts = attempts + 1 WHERE delivered_at IS NULL AND next_at <= $2 AND id = \
             (SELECT id FROM outbox WHERE delivered_at IS NULL AND next_at <= $2 ORDER BY next_at, id LIMIT 1) \
             RETURNING id, body, attempts",
        )
        .bind(now.saturating_add(lease))
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
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
        sqlx::query("UPDATE outbox SET delivered_at = $1 WHERE id = $2")
            .bind(Timestamp::now().as_millis())
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// It is to be tried again then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_delivery(&self, id: &str, at: Timestamp) -> sqlx::Result<()> {
        sqlx::query("UPDATE outbox SET next_at = $1 WHERE id = $2")
            .bind(at.as_millis())
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
