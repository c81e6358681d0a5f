//! Recordings and consents.

use std::collections::BTreeSet;

use autamedica_api::{ConsentAnswer, GiveConsent, Id, RecordingState, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::Store;
use super::audit::{AuditEvent, append};
use super::consultation::get;
use super::outbox::IntegratorEvent;

/// Time in milliseconds after a refusal until the doctor can request a recording again.
const REFUSAL_COOLDOWN: i64 = 60_000;

/// A recording in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecording {
    /// Id of the recording.
    pub id: String,
    /// Id of the consultation.
    pub consultation: Id,
    /// State of the recording.
    pub state: RecordingState,
    /// Problem while recording.
    pub problem: Option<String>,
    /// Problem that prevents storing the files.
    pub storage_problem: Option<String>,
    /// Time of the request.
    pub requested_at: Timestamp,
    /// Time of the first frame.
    pub started_at: Option<Timestamp>,
    /// Time at which it was stopped.
    pub stopped_at: Option<Timestamp>,
}

impl StoredRecording {
    /// Returns the problem to report: the current one of storing, otherwise that of recording.
    pub fn current_problem(&self) -> Option<&str> {
        self.storage_problem.as_deref().or(self.problem.as_deref())
    }
}

/// Result of a request to record.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOutcome {
    /// A new recording, waiting for consent or for the recorder.
    New(StoredRecording),
    /// The consultation has an active recording.
    Active,
    /// The patient has refused recently.
    Refused,
    /// The consultation is finished or doesn't exist.
    Finished,
}

const COLUMNS: &str = "id, consultation_id, state, problem, storage_problem, requested_at, started_at, stopped_at";

impl Store {
    /// Requests a recording by `owner`'s recorder. It waits for the patient's consent unless they have given it.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn request_recording(&self, id: &Id, owner: &str, event: AuditEvent) -> sqlx::Result<RequestOutcome> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id).await?;
        let stored = get(&mut transaction, id).await?.filter(|stored| !stored.is_finished());
        let Some(stored) = stored else {
            transaction.rollback().await?;
            return Ok(RequestOutcome::Finished);
        };
        let now = Timestamp::now();
        let patient = sqlx::query("SELECT answer, at FROM consents WHERE consultation_id = $1 AND identity = $2")
            .bind(id.as_str())
            .bind(stored.patient_id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let answer = match &patient {
            Some(row) => Some((row.try_get::<String, _>("answer")?, row.try_get::<i64, _>("at")?)),
            None => None,
        };
        let state = match &answer {
            Some((answer, _)) if answer == "accepted" => RecordingState::Starting,
            Some((_, at)) if now.as_millis() - at < REFUSAL_COOLDOWN => {
                transaction.rollback().await?;
                return Ok(RequestOutcome::Refused);
            }
            // The patient's own answer takes precedence over the integrator's.
            None if stored.recording_consent => RecordingState::Starting,
            _ => RecordingState::Asking,
        };
        let recording = StoredRecording {
            id: uuid::Uuid::new_v4().to_string(),
            consultation: id.clone(),
            state,
            problem: None,
            storage_problem: None,
            requested_at: now,
            started_at: None,
            stopped_at: None,
        };
        let inserted = sqlx::query(
            "INSERT INTO recordings (id, consultation_id, state, owner, requested_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&recording.id)
        .bind(id.as_str())
        .bind(state.as_str())
        .bind(owner)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(RequestOutcome::Active);
        }
        append(&mut transaction, &self.vault, event.consultation(id).subject(format!("recording:{}", recording.id)))
            .await?;
        transaction.commit().await?;
        Ok(RequestOutcome::New(recording))
    }

    /// Stores a participant's answer. Starts or refuses a waiting recording; a refusal stops an active one.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_consent(
        &self,
        id: &Id,
        identity: &Id,
        given: &GiveConsent,
        event: AuditEvent,
    ) -> sqlx::Result<()> {
        let accepted = given.answer == ConsentAnswer::Accepted;
        let answer = if accepted { "accepted" } else { "refused" };
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction, id).await?;
        sqlx::query(
            "INSERT INTO consents (consultation_id, identity, answer, text_version, language, at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (consultation_id, identity) DO UPDATE SET \
             answer = excluded.answer, text_version = excluded.text_version, language = excluded.language, at = excluded.at",
        )
        .bind(id.as_str())
        .bind(identity.as_str())
        .bind(answer)
        .bind(i64::from(given.text_version))
        .bind(&given.language)
        .bind(Timestamp::now().as_millis())
        .execute(&mut *transaction)
        .await?;
        let (update_waiting, update_active) = if accepted {
            // A recording only waits for the patient's answer.
            (
                "UPDATE recordings SET state = 'starting' WHERE consultation_id = $1 AND state = 'asking' \
                 AND EXISTS (SELECT 1 FROM consents, consultations WHERE consultations.id = $1 \
                 AND consents.consultation_id = $1 AND identity = patient_id AND answer = 'accepted')",
                None,
            )
        } else {
            (
                "UPDATE recordings SET state = 'refused' WHERE consultation_id = $1 AND state IN ('asking', 'starting')",
                Some(
                    "UPDATE recordings SET state = 'stopping', stopped_at = $2, problem = 'consent-withdrawn' \
                     WHERE consultation_id = $1 AND state IN ('recording', 'paused')",
                ),
            )
        };
        sqlx::query(update_waiting).bind(id.as_str()).execute(&mut *transaction).await?;
        if let Some(sql) = update_active {
            let now = Timestamp::now().as_millis();
            sqlx::query(sql).bind(id.as_str()).bind(now).execute(&mut *transaction).await?;
        }
        let event = event.consultation(id).subject(format!("text:{}:{}", given.text_version, given.language));
        append(&mut transaction, &self.vault, event.outcome(answer)).await?;
        transaction.commit().await
    }

    /// Stops the active recording; returns `None` if there is none.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn stop_recording(&self, id: &Id, event: AuditEvent) -> sqlx::Result<Option<StoredRecording>> {
        let mut transaction = self.pool.begin().await?;
        let sql = format!(
            "UPDATE recordings SET stopped_at = $1, \
             state = CASE WHEN state IN ('asking', 'starting') THEN 'cancelled' ELSE 'stopping' END \
             WHERE consultation_id = $2 AND state IN ('asking', 'starting', 'recording', 'paused') RETURNING {COLUMNS}"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(Timestamp::now().as_millis())
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let recording = read(&row)?;
        append(&mut transaction, &self.vault, event.consultation(id).subject(format!("recording:{}", recording.id)))
            .await?;
        transaction.commit().await?;
        Ok(Some(recording))
    }

    /// Changes a recording's state, if it is in one of the states `from`. Returns `false` otherwise.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn transition_recording(
        &self,
        id: &str,
        from: &[RecordingState],
        to: RecordingState,
    ) -> sqlx::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        // Lists can't be bound; the names are constants.
        let from: Vec<_> = from.iter().map(|state| format!("'{}'", state.as_str())).collect();
        let now = Timestamp::now().as_millis();
        let (started, ended) = (to == RecordingState::Recording, !to.is_active() && to != RecordingState::Storing);
        let sql = format!(
            "UPDATE recordings SET state = $1, started_at = CASE WHEN $2 = 1 THEN COALESCE(started_at, $3) ELSE started_at END, \
             ended_at = CASE WHEN $4 = 1 THEN $3 ELSE ended_at END WHERE id = $5 AND state IN ({}) RETURNING {COLUMNS}",
            from.join(", ")
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(to.as_str())
            .bind(i64::from(started))
            .bind(now)
            .bind(i64::from(ended))
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let moved = read(&row)?;
        let event = AuditEvent::ok("server", "recording.state").outcome(to.as_str()).consultation(&moved.consultation);
        append(&mut transaction, &self.vault, event.subject(format!("recording:{id}"))).await?;
        if to == RecordingState::Ready {
            self.enqueue(&mut transaction, IntegratorEvent::recording(&moved.consultation, &moved.id)).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Sets or clears the problem of a recording.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn set_recording_problem(&self, id: &str, problem: Option<&str>) -> sqlx::Result<()> {
        self.pool
            .execute(sqlx::query("UPDATE recordings SET problem = $1 WHERE id = $2").bind(problem).bind(id))
            .await?;
        Ok(())
    }

    /// Sets or clears the problem that prevents storing a recording.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn set_storage_problem(&self, id: &str, problem: Option<&str>) -> sqlx::Result<()> {
        self.pool
            .execute(sqlx::query("UPDATE recordings SET storage_problem = $1 WHERE id = $2").bind(problem).bind(id))
            .await?;
        Ok(())
    }

    /// Returns a recording.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn recording(&self, id: &str) -> sqlx::Result<Option<StoredRecording>> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&self.reads).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns a recording of this owner.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn recording_of(&self, id: &str, owner: &str) -> sqlx::Result<Option<StoredRecording>> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE id = $1 AND owner = $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(owner);
        query.fetch_optional(&self.reads).await?.as_ref().map(read).transpose()
    }

    /// Returns a consultation's recordings, newest first.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn recordings_of(&self, id: &Id) -> sqlx::Result<Vec<StoredRecording>> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE consultation_id = $1 ORDER BY requested_at DESC, id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_all(&self.reads).await?;
        rows.iter().map(read).collect()
    }

    /// Returns `owner`'s unfinished recordings.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn open_recordings(&self, owner: &str) -> sqlx::Result<Vec<StoredRecording>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE owner = $1 AND state IN \
             ('asking', 'starting', 'recording', 'paused', 'stopping', 'storing') ORDER BY requested_at"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).fetch_all(&self.reads).await?;
        rows.iter().map(read).collect()
    }

    /// Returns `owner`'s finished recordings that were requested before this time.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn recordings_before(&self, owner: &str, before: Timestamp) -> sqlx::Result<Vec<StoredRecording>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM recordings WHERE owner = $1 AND state = 'ready' AND requested_at < $2 ORDER BY requested_at"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).bind(before.as_millis());
        query.fetch_all(&self.reads).await?.iter().map(read).collect()
    }

    /// Returns the identities that have consented. Starting a recording is the doctor's consent.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn with_consent(&self, id: &Id) -> sqlx::Result<BTreeSet<String>> {
        let rows = sqlx::query(
            "SELECT doctor_id AS identity FROM consultations WHERE id = $1 \
             UNION SELECT patient_id FROM consultations WHERE id = $1 AND recording_consent = 1 \
             AND patient_id NOT IN (SELECT identity FROM consents WHERE consultation_id = $1 AND answer = 'refused') \
             UNION SELECT identity FROM consents WHERE consultation_id = $1 AND answer = 'accepted'",
        )
        .bind(id.as_str())
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(|row| row.try_get("identity")).collect()
    }

    /// Returns the identities in the room that haven't consented.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn without_consent(&self, id: &Id) -> sqlx::Result<Vec<String>> {
        let consented = self.with_consent(id).await?;
        let rows = sqlx::query(
            "SELECT DISTINCT identity FROM stays WHERE consultation_id = $1 AND left_at IS NULL ORDER BY identity",
        )
        .bind(id.as_str())
        .fetch_all(&self.reads)
        .await?;
        let present: sqlx::Result<Vec<String>> = rows.iter().map(|row| row.try_get("identity")).collect();
        Ok(present?.into_iter().filter(|identity| !consented.contains(identity)).collect())
    }

    /// Adds an audit entry for an event of the SFU, unless there is one with this `id`.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn audit_once(&self, id: &str, event: AuditEvent) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        let inserted =
            sqlx::query("INSERT INTO sfu_events (id, received_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
                .bind(id)
                .bind(Timestamp::now().as_millis())
                .execute(&mut *transaction)
                .await?;
        if inserted.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(());
        }
        append(&mut transaction, &self.vault, event).await?;
        transaction.commit().await
    }

    /// Returns the number of recordings per state.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn count_recordings(&self) -> sqlx::Result<Vec<(String, i64)>> {
        let rows = sqlx::query("SELECT state, COUNT(*) AS number FROM recordings GROUP BY state ORDER BY state")
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("state")?, row.try_get("number")?))).collect()
    }

    /// Marks a recording as deleted.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn mark_recording_deleted(&self, recording: &StoredRecording, event: AuditEvent) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE recordings SET state = 'deleted', ended_at = $1 WHERE id = $2")
            .bind(Timestamp::now().as_millis())
            .bind(&recording.id)
            .execute(&mut *transaction)
            .await?;
        let event = event.consultation(&recording.consultation).subject(format!("recording:{}", recording.id));
        append(&mut transaction, &self.vault, event).await?;
        transaction.commit().await
    }
}

/// Locks the consultation's row, which serializes answers and requests.
async fn lock(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
    sqlx::query("UPDATE consultations SET state = state WHERE id = $1").bind(id.as_str()).execute(connection).await?;
    Ok(())
}

pub(super) fn timestamp(row: &AnyRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

pub(super) fn decode_error(what: impl Into<sqlx::error::BoxDynError>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

fn read(row: &AnyRow) -> sqlx::Result<StoredRecording> {
    let state: String = row.try_get("state")?;
    Ok(StoredRecording {
        id: row.try_get("id")?,
        consultation: Id::new(row.try_get::<String, _>("consultation_id")?).map_err(decode_error)?,
        state: RecordingState::parse(&state).ok_or_else(|| decode_error(format!("unknown state `{state}`")))?,
        problem: row.try_get("problem")?,
        storage_problem: row.try_get("storage_problem")?,
        requested_at: Timestamp::from_millis(row.try_get("requested_at")?),
        started_at: timestamp(row, "started_at")?,
        stopped_at: timestamp(row, "stopped_at")?,
    })
}
