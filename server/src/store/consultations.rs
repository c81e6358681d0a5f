use std::collections::HashSet;

use autamedica_api::{ConsultationState, CreateConsultation, Id, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::{Event, OutgoingEvent, Store, append};
use crate::secret::Secret;

/// A consultation as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsultation {
    /// Its id.
    pub id: Id,
    /// Who is treated.
    pub patient_id: Id,
    /// Who treats.
    pub doctor_id: Id,
    /// How far it has come.
    pub state: ConsultationState,
    /// Why it ended.
    pub cause: Option<String>,
    /// Whether the doctor must admit the patient.
    pub waiting_room: bool,
    /// When the doctor did.
    pub admitted_at: Option<Timestamp>,
    /// The end-to-end key, still sealed.
    pub sealed_key: Option<Secret>,
    /// When it is to begin.
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes.
    pub duration_minutes: Option<u32>,
    /// Whether an integrator vouches for the patient's consent to recordings.
    pub recording_consent: bool,
    /// The SFU's id of the room that was opened last.
    pub room_sid: Option<String>,
    /// When it was created first.
    pub created_at: Timestamp,
    /// When somebody came first.
    pub waiting_at: Option<Timestamp>,
    /// When both were there first.
    pub live_at: Option<Timestamp>,
    /// When it ended or was cancelled.
    pub ended_at: Option<Timestamp>,
    /// How many recordings of it were begun, also those that failed or were deleted.
    pub recordings: u32,
}

impl StoredConsultation {
    /// Whether it can't come back: ended by somebody, or cancelled. One that ended because all had left can.
    pub fn is_over(&self) -> bool {
        match self.state {
            ConsultationState::Cancelled => true,
            ConsultationState::Ended => self.cause.as_deref() != Some(CAUSE_EMPTY),
            _ => false,
        }
    }

    /// Whether it is with the people and the settings that somebody wants.
    fn is_as_wanted(&self, wanted: &CreateConsultation) -> bool {
        self.patient_id == wanted.patient_id
            && self.doctor_id == wanted.doctor_id
            && wanted.waiting_room.is_none_or(|wish| wish == self.waiting_room)
            && wanted.e2ee.is_none_or(|wish| wish == self.sealed_key.is_some())
            && wanted.scheduled_at.is_none_or(|wish| Some(wish) == self.scheduled_at)
            && wanted.recording_consent.is_none_or(|_| self.recording_consent)
            && wanted.duration_minutes.is_none_or(|wish| Some(wish) == self.duration_minutes)
    }

    /// Why it isn't there for somebody who wants to create it; `None` when it is.
    pub fn refusal(&self, wanted: &CreateConsultation) -> Option<Refusal> {
        match () {
            () if !self.is_as_wanted(wanted) => Some(Refusal::Conflict),
            () if self.is_over() => Some(Refusal::Over),
            () => None,
        }
    }

    /// Whether the patient may send and receive media.
    pub fn is_admitted(&self) -> bool {
        !self.waiting_room || self.admitted_at.is_some()
    }
}

/// The cause of a consultation that ended because nobody was left in its room.
pub const CAUSE_EMPTY: &str = "empty";

/// How a consultation comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It won't take place.
    Cancelled,
    /// Somebody ended it for everybody.
    EndedByDoctor,
}

/// Why a consultation that is there can't be had by creating it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is with other people or other settings.
    Conflict,
    /// It won't come back.
    Over,
}

impl Refusal {
    /// As the audit log says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Over => "over",
        }
    }
}

const COLUMNS: &str = "id, patient_id, doctor_id, state, cause, waiting_room, admitted_at, e2ee_key, scheduled_at, \
     duration_minutes, recording_consent, room_sid, created_at, waiting_at, live_at, ended_at, \
     (SELECT COUNT(*) FROM recordings WHERE consultation_id = consultations.id \
     AND recordings.state NOT IN ('refused', 'cancelled')) AS recordings";

impl Store {
    /// The consultation of an id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consultation(&self, id: &Id) -> sqlx::Result<Option<StoredConsultation>> {
        self.batches.consultations.look(id.clone(), |ids| self.consultations(ids)).await
    }

    /// Those of these ids, in their order.
    async fn consultations(&self, ids: Vec<Id>) -> sqlx::Result<Vec<Option<StoredConsultation>>> {
        let places: Vec<_> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let sql = format!("SELECT {COLUMNS} FROM consultations WHERE id IN ({})", places.join(", "));
        let query = ids.iter().fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, id| query.bind(id.as_str()));
        let rows = query.fetch_all(&self.reads).await?;
        let found = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
        Ok(ids.iter().map(|id| found.iter().find(|stored| stored.id == *id).cloned()).collect())
    }

    /// Those that are to begin between two moments, or were created then when they have no appointment, in order of that;
    /// `most` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consultations_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> sqlx::Result<Vec<StoredConsultation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM consultations WHERE (scheduled_at >= $1 AND scheduled_at < $2) \
             OR (scheduled_at IS NULL AND created_at >= $1 AND created_at < $2) \
             ORDER BY COALESCE(scheduled_at, created_at), id LIMIT $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from.as_millis()).bind(until.as_millis());
        query.bind(i64::from(most)).fetch_all(&self.reads).await?.iter().map(read).collect()
    }

    /// Those that are neither ended nor cancelled and that somebody came to. Appointments to which nobody comes stay
    /// `created` for ever, so they don't count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_consultations(&self) -> sqlx::Result<Vec<StoredConsultation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM consultations WHERE room_sid IS NOT NULL AND (state IN ('waiting', 'live') OR \
             (state = 'created' AND id IN (SELECT consultation_id FROM stays WHERE left_at IS NULL)))"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.reads).await?;
        rows.iter().map(read).collect()
    }

    /// Those that were ended for good or cancelled since then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn over_since(&self, since: Timestamp) -> sqlx::Result<HashSet<Id>> {
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

    /// Notes which room was opened for it. One that had ended because it was empty begins anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn opened_room(&self, id: &Id, room_sid: &str) -> sqlx::Result<()> {
        note_room(&mut *self.pool.acquire().await?, id, room_sid).await?;
        Ok(())
    }

    /// Moves an appointment that hasn't ended, and the time in which its links work; `None` when it is over or absent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reschedule(
        &self,
        id: &Id,
        scheduled_at: Timestamp,
        duration_minutes: u32,
        by: Event,
    ) -> sqlx::Result<Option<StoredConsultation>> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE consultations SET scheduled_at = $1, duration_minutes = $2 \
             WHERE id = $3 AND state IN ('created', 'waiting')",
        )
        .bind(scheduled_at.as_millis())
        .bind(i64::from(duration_minutes))
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        super::codes::move_window(&mut transaction, id, scheduled_at, duration_minutes).await?;
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    /// Ends a consultation for good, or cancels it, and revokes its links. `None` when it is over already or absent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(&self, id: &Id, how: Finish, by: Event) -> sqlx::Result<Option<StoredConsultation>> {
        let (state, cause) = match how {
            Finish::Cancelled => (ConsultationState::Cancelled, None),
            Finish::EndedByDoctor => (ConsultationState::Ended, Some("doctor")),
        };
        let now = Timestamp::now();
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE consultations SET state = $1, cause = $2, ended_at = $3 \
             WHERE id = $4 AND (state IN ('created', 'waiting', 'live') OR (state = 'ended' AND cause = 'empty'))",
        )
        .bind(state.as_str())
        .bind(cause)
        .bind(now.as_millis())
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        super::codes::revoke_all(&mut transaction, id, now).await?;
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        let stored = get(&mut transaction, id).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.enqueue(&mut transaction, &[OutgoingEvent::state(&stored)]).await?;
        transaction.commit().await?;
        Ok(Some(stored))
    }

    /// The end-to-end key in the clear, when the consultation has one.
    ///
    /// # Errors
    /// When it can't be opened: the master key isn't the one it was sealed with.
    pub fn e2ee_key(&self, consultation: &StoredConsultation) -> Result<Option<String>, crate::vault::CannotOpen> {
        let open = |sealed: &Secret| self.vault.open(consultation.id.as_str(), sealed.expose());
        consultation.sealed_key.as_ref().map(open).transpose()
    }
}

pub(super) async fn get(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<Option<StoredConsultation>> {
    let sql = format!("SELECT {COLUMNS} FROM consultations WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

/// Notes which room was opened for a consultation, and gives what it is after that.
pub(super) async fn note_room(
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

fn read(row: &AnyRow) -> sqlx::Result<StoredConsultation> {
    let id =
        |column: &str| Id::new(row.try_get::<String, _>(column)?).map_err(|error| sqlx::Error::Decode(error.into()));
    let moment =
        |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis));
    let state: String = row.try_get("state")?;
    Ok(StoredConsultation {
        id: id("id")?,
        patient_id: id("patient_id")?,
        doctor_id: id("doctor_id")?,
        state: ConsultationState::parse(&state)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown state `{state}`").into()))?,
        cause: row.try_get("cause")?,
        waiting_room: row.try_get::<i64, _>("waiting_room")? != 0,
        admitted_at: moment("admitted_at")?,
        sealed_key: row.try_get::<Option<String>, _>("e2ee_key")?.map(Secret::new),
        scheduled_at: moment("scheduled_at")?,
        duration_minutes: row
            .try_get::<Option<i64>, _>("duration_minutes")?
            .and_then(|minutes| minutes.try_into().ok()),
        recording_consent: row.try_get::<i64, _>("recording_consent")? != 0,
        room_sid: row.try_get("room_sid")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        waiting_at: moment("waiting_at")?,
        live_at: moment("live_at")?,
        ended_at: moment("ended_at")?,
        recordings: row.try_get::<i64, _>("recordings")?.try_into().unwrap_or(u32::MAX),
    })
}
