//! Participants in rooms, and the consultations' states that follow from it.
//!
//! Every transaction of the store locks rows in the same order to prevent deadlocks: stays, the consultation, its
//! removals, generations and codes, and the audit log's head.

use autamedica_api::{ConsultationState, Id, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::audit::{AuditEvent, append};
use super::consultation::{CAUSE_EMPTY, StoredConsultation, get};
use super::generations::{change_key, raise_generation};
use super::outbox::IntegratorEvent;
use super::{Store, to_u32};

/// A participant's session in a room, as reported by the SFU.
#[derive(Clone, Debug)]
pub struct RoomSession {
    /// The SFU's id of the session.
    pub participant_sid: String,
    /// The SFU's id of the room.
    pub room_sid: String,
    /// The participant's identity.
    pub identity: String,
    /// Time of joining.
    pub joined_at: Timestamp,
    /// Generation of the token used for joining.
    pub generation: u32,
}

impl Store {
    /// Returns `true` if a webhook event of the SFU was processed before.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn is_sfu_event_processed(&self, id: &str) -> sqlx::Result<bool> {
        Ok(sqlx::query("SELECT 1 FROM sfu_events WHERE id = $1").bind(id).fetch_optional(&self.reads).await?.is_some())
    }

    /// Marks a webhook event of the SFU as processed.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn mark_sfu_event_processed(&self, id: &str) -> sqlx::Result<()> {
        self.pool
            .execute(
                sqlx::query("INSERT INTO sfu_events (id, received_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
                    .bind(id)
                    .bind(Timestamp::now().as_millis()),
            )
            .await?;
        Ok(())
    }

    /// Stores that a participant joined a room. No effect if repeated, or after the end of the session or the room.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_joined(&self, id: &Id, session: &RoomSession) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        // The end of the room may have been reported first.
        let closed =
            sqlx::query("SELECT ended_at FROM consultations WHERE id = $1 AND room_sid = $2 AND state = 'ended'")
                .bind(id.as_str())
                .bind(&session.room_sid)
                .fetch_optional(&mut *transaction)
                .await?;
        let left_at = closed.map(|row| row.try_get("ended_at").map(Timestamp::from_millis)).transpose()?;
        if insert_session(&mut transaction, id, session, left_at).await? {
            self.update_state(&mut transaction, id).await?;
            append(&mut transaction, &self.vault, audit_event(id, session, "room.join")).await?;
        }
        transaction.commit().await
    }

    /// Stores that a participant was in a room when the SFU was queried, at `queried_at`. Unlike an event, a query is
    /// certain, so it reverts an earlier end of the session.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_present(&self, id: &Id, session: &RoomSession, queried_at: Timestamp) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let is_new = insert_session(&mut transaction, id, session, None).await?;
        let back = sqlx::query("UPDATE stays SET left_at = NULL WHERE participant_sid = $1 AND left_at < $2")
            .bind(&session.participant_sid)
            .bind(queried_at.as_millis())
            .execute(&mut *transaction)
            .await?;
        self.update_state(&mut transaction, id).await?;
        if is_new || back.rows_affected() == 1 {
            append(&mut transaction, &self.vault, audit_event(id, session, "room.join")).await?;
        }
        transaction.commit().await
    }

    /// Stores that a participant left a room. The event may arrive before that of joining.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_left(&self, id: &Id, session: &RoomSession, left_at: Timestamp) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let is_new = insert_session(&mut transaction, id, session, Some(left_at)).await?;
        let ended = sqlx::query("UPDATE stays SET left_at = $1 WHERE participant_sid = $2 AND left_at IS NULL")
            .bind(left_at.as_millis())
            .bind(&session.participant_sid)
            .execute(&mut *transaction)
            .await?;
        self.update_state(&mut transaction, id).await?;
        if is_new || ended.rows_affected() == 1 {
            append(&mut transaction, &self.vault, audit_event(id, session, "room.leave")).await?;
        }
        transaction.commit().await
    }

    /// Stores that a room was closed: ends its sessions, and a consultation that had begun. No effect if the room was
    /// opened again since.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_room_closed(&self, id: &Id, room_sid: &str, at: Timestamp) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE stays SET left_at = $1 WHERE consultation_id = $2 AND room_sid = $3 AND left_at IS NULL")
            .bind(at.as_millis())
            .bind(id.as_str())
            .bind(room_sid)
            .execute(&mut *transaction)
            .await?;
        // Consultations that were ended or cancelled keep their state.
        let updated = sqlx::query(
            "UPDATE consultations SET state = 'ended', cause = $1, ended_at = $2 \
             WHERE id = $3 AND room_sid = $4 AND state IN ('waiting', 'live')",
        )
        .bind(CAUSE_EMPTY)
        .bind(at.as_millis())
        .bind(id.as_str())
        .bind(room_sid)
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() == 1
            && let Some(stored) = get(&mut transaction, id).await?
        {
            append(&mut transaction, &self.vault, AuditEvent::ok("sfu", "room.closed").consultation(id)).await?;
            self.enqueue(&mut transaction, IntegratorEvent::state(&stored)).await?;
        }
        transaction.commit().await
    }

    /// Returns the current sessions of all consultations.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn all_present(&self) -> sqlx::Result<Vec<(Id, RoomSession)>> {
        let rows = sqlx::query(
            "SELECT consultation_id, participant_sid, room_sid, identity, joined_at, generation FROM stays WHERE left_at IS NULL",
        )
        .fetch_all(&self.reads)
        .await?;
        let read = |row: &AnyRow| {
            let id = Id::new(row.try_get::<String, _>("consultation_id")?);
            Ok((id.map_err(|error| sqlx::Error::Decode(error.into()))?, read_session(row)?))
        };
        rows.iter().map(read).collect()
    }

    /// Returns the current sessions of a consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn present(&self, id: &Id) -> sqlx::Result<Vec<RoomSession>> {
        let rows = sqlx::query(
            "SELECT participant_sid, room_sid, identity, joined_at, generation FROM stays \
             WHERE consultation_id = $1 AND left_at IS NULL",
        )
        .bind(id.as_str())
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(read_session).collect()
    }

    /// Returns the time at which the last participant left the consultation's room; `None` if nobody has left it.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn last_left(&self, id: &Id) -> sqlx::Result<Option<Timestamp>> {
        let row = sqlx::query("SELECT MAX(left_at) AS at FROM stays WHERE consultation_id = $1")
            .bind(id.as_str())
            .fetch_one(&self.reads)
            .await?;
        Ok(row.try_get::<Option<i64>, _>("at")?.map(Timestamp::from_millis))
    }

    /// Admits the patient (again). Tokens from before a removal stay revoked. Returns `None` if the consultation is
    /// finished or doesn't exist.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn admit(&self, id: &Id, event: AuditEvent) -> sqlx::Result<Option<StoredConsultation>> {
        let mut transaction = self.pool.begin().await?;
        let Some(stored) = get(&mut transaction, id).await?.filter(|stored| !stored.is_finished()) else {
            transaction.rollback().await?;
            return Ok(None);
        };
        sqlx::query("UPDATE consultations SET admitted_at = COALESCE(admitted_at, $1) WHERE id = $2")
            .bind(Timestamp::now().as_millis())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM removals WHERE consultation_id = $1 AND identity = $2")
            .bind(id.as_str())
            .bind(stored.patient_id.as_str())
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, &self.vault, event.consultation(id).subject(&stored.patient_id)).await?;
        self.update_state(&mut transaction, id).await?;
        let stored = get(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// Removes a participant: revokes their tokens, changes the end-to-end key, and ends a patient's admission.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn remove(&self, id: &Id, identity: &str, event: AuditEvent) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE consultations SET admitted_at = NULL WHERE id = $1 AND patient_id = $2")
            .bind(id.as_str())
            .bind(identity)
            .execute(&mut *transaction)
            .await?;
        change_key(&mut transaction, &self.vault, id).await?;
        sqlx::query(
            "INSERT INTO removals (consultation_id, identity, removed_at) VALUES ($1, $2, $3) \
             ON CONFLICT (consultation_id, identity) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(identity)
        .bind(Timestamp::now().as_millis())
        .execute(&mut *transaction)
        .await?;
        raise_generation(&mut transaction, id, identity).await?;
        append(&mut transaction, &self.vault, event.consultation(id).subject(identity)).await?;
        transaction.commit().await
    }

    /// Updates the consultation's state from its participants, and notifies the integrator of changes.
    async fn update_state(&self, connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
        // Locks the row first, so that concurrent commits are visible to the following queries.
        sqlx::query("UPDATE consultations SET state = state WHERE id = $1")
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
        let Some(stored) = get(connection, id).await? else { return Ok(()) };
        if stored.is_finished() {
            return Ok(());
        }
        let rows = sqlx::query("SELECT DISTINCT identity FROM stays WHERE consultation_id = $1 AND left_at IS NULL")
            .bind(id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        let present: Vec<String> = rows.iter().map(|row| row.try_get("identity")).collect::<Result<_, _>>()?;
        let is_in = |user: &Id| present.iter().any(|identity| identity == user.as_str());
        let (patient, doctor) = (is_in(&stored.patient_id), is_in(&stored.doctor_id));
        let next = match stored.state {
            _ if patient && doctor && stored.is_admitted() => ConsultationState::Live,
            // The doctor reopens a consultation that took place. A patient alone only reopens one that didn't.
            ConsultationState::Ended if doctor || patient && stored.live_at.is_none() => ConsultationState::Waiting,
            ConsultationState::Created if patient || doctor => ConsultationState::Waiting,
            _ => return Ok(()),
        };
        if next == stored.state {
            return Ok(());
        }
        let now = Timestamp::now().as_millis();
        sqlx::query(
            "UPDATE consultations SET state = $1, cause = NULL, ended_at = NULL, waiting_at = COALESCE(waiting_at, $2), \
             live_at = CASE WHEN $1 = 'live' THEN COALESCE(live_at, $2) ELSE live_at END WHERE id = $3 AND state = $4",
        )
        .bind(next.as_str())
        .bind(now)
        .bind(id.as_str())
        .bind(stored.state.as_str())
        .execute(&mut *connection)
        .await?;
        let moved = get(connection, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.enqueue(connection, IntegratorEvent::state(&moved)).await
    }
}

fn audit_event(id: &Id, session: &RoomSession, action: &'static str) -> AuditEvent {
    AuditEvent::ok(format!("participant:{}", session.identity), action).consultation(id)
}

fn read_session(row: &AnyRow) -> sqlx::Result<RoomSession> {
    Ok(RoomSession {
        participant_sid: row.try_get("participant_sid")?,
        room_sid: row.try_get("room_sid")?,
        identity: row.try_get("identity")?,
        joined_at: Timestamp::from_millis(row.try_get("joined_at")?),
        generation: to_u32(row.try_get("generation")?),
    })
}

async fn insert_session(
    connection: &mut AnyConnection,
    id: &Id,
    session: &RoomSession,
    left_at: Option<Timestamp>,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO stays (participant_sid, consultation_id, room_sid, identity, joined_at, left_at, generation) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (participant_sid) DO NOTHING",
    )
    .bind(&session.participant_sid)
    .bind(id.as_str())
    .bind(&session.room_sid)
    .bind(&session.identity)
    .bind(session.joined_at.as_millis())
    .bind(left_at.map(Timestamp::as_millis))
    .bind(i64::from(session.generation))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
