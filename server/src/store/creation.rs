//! Creation of consultations.

use autamedica_api::{ConsultationState, CreateConsultation, Language, Timestamp, Transport};
use sqlx::AnyConnection;

use super::Store;
use super::audit::{AuditEvent, append};
use super::codes::NewCodes;
use super::consultation::{Refusal, StoredConsultation, get};
use super::consultations::record_room;
use super::outbox::IntegratorEvent;
use crate::secret::{Secret, random_secret};

/// Create request with resolved defaults.
pub struct NewConsultation {
    /// The request.
    pub request: CreateConsultation,
    /// End-to-end encryption of a new consultation.
    pub e2ee: bool,
    /// Language of a new consultation.
    pub language: Language,
    /// Path of the media of a new consultation.
    pub transport: Transport,
    /// The SFU's id of the room.
    pub room_sid: String,
    /// Entry for the audit log.
    pub event: AuditEvent,
}

/// Result of a create request.
pub struct Creation {
    /// The new or existing consultation.
    pub stored: StoredConsultation,
    /// `true` if it was created.
    pub is_new: bool,
    /// New codes, or the reason why the request can't reuse the existing consultation.
    pub codes: Result<NewCodes, Refusal>,
}

impl Store {
    /// Creates a consultation or reuses the existing one, and creates codes and an audit entry.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn create_consultation(&self, new: NewConsultation) -> sqlx::Result<Creation> {
        let mut transaction = self.pool.begin().await?;
        let initial = self.initial_state(&new);
        let is_new = insert(&mut transaction, &initial).await?;
        let (stored, refusal) = if is_new { (initial, None) } else { reuse(&mut transaction, &new).await? };
        let codes = match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.insert_codes(&mut transaction, &stored).await?),
        };
        let outcome = match refusal {
            None if is_new => "ok",
            None => "exists",
            Some(refusal) => refusal.as_str(),
        };
        append(&mut transaction, &self.vault, new.event.consultation(&stored.id).outcome(outcome)).await?;
        if is_new {
            self.enqueue(&mut transaction, IntegratorEvent::state(&stored)).await?;
        }
        transaction.commit().await?;
        Ok(Creation { stored, is_new, codes })
    }

    /// Returns the initial state of a consultation.
    fn initial_state(
        &self,
        NewConsultation { request, e2ee, language, transport, room_sid, event: _ }: &NewConsultation,
    ) -> StoredConsultation {
        let key = || self.vault.seal(request.consultation_id.as_str(), random_secret::<32>().expose());
        StoredConsultation {
            id: request.consultation_id.clone(),
            patient_id: request.patient_id.clone(),
            doctor_id: request.doctor_id.clone(),
            state: ConsultationState::Created,
            cause: None,
            waiting_room: request.waiting_room.unwrap_or(false),
            admitted_at: None,
            sealed_key: e2ee.then(|| Secret::new(key())),
            key_index: 0,
            scheduled_at: request.scheduled_at,
            duration_minutes: request.duration_minutes,
            recording_consent: request.recording_consent.is_some(),
            language: *language,
            transport: *transport,
            notice: None,
            room_sid: Some(room_sid.clone()),
            // Truncates to the database's precision.
            created_at: Timestamp::from_millis(Timestamp::now().as_millis()),
            waiting_at: None,
            live_at: None,
            ended_at: None,
            recordings: 0,
        }
    }
}

/// Inserts a consultation. Returns `false` if its id is taken.
async fn insert(connection: &mut AnyConnection, stored: &StoredConsultation) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO consultations (id, patient_id, doctor_id, state, waiting_room, e2ee_key, scheduled_at, duration_minutes, \
         recording_consent, language, transport, room_sid, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(stored.id.as_str())
    .bind(stored.patient_id.as_str())
    .bind(stored.doctor_id.as_str())
    .bind(stored.state.as_str())
    .bind(i64::from(stored.waiting_room))
    .bind(stored.sealed_key.as_ref().map(Secret::expose))
    .bind(stored.scheduled_at.map(Timestamp::as_millis))
    .bind(stored.duration_minutes.map(i64::from))
    .bind(i64::from(stored.recording_consent))
    .bind(stored.language.as_str())
    .bind(stored.transport.as_str())
    .bind(stored.room_sid.as_deref())
    .bind(stored.created_at.as_millis())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Returns the existing consultation, and the reason if the request can't reuse it.
async fn reuse(
    connection: &mut AnyConnection,
    NewConsultation { request, room_sid, .. }: &NewConsultation,
) -> sqlx::Result<(StoredConsultation, Option<Refusal>)> {
    let id = &request.consultation_id;
    let stored = get(connection, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if let Some(refusal) = stored.refusal(request) {
        return Ok((stored, Some(refusal)));
    }
    Ok((record_room(connection, id, room_sid).await?.ok_or(sqlx::Error::RowNotFound)?, None))
}
