//! A consultation as the database holds it.

use autamedica_api::{ConsultationState, CreateConsultation, Id, Language, Timestamp, Transport};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::number;
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
    /// The number of that key: 0 for the first, then 1, 2, 3, …
    pub key_index: u32,
    /// When it is to begin.
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes.
    pub duration_minutes: Option<u32>,
    /// Whether an integrator vouches for the patient's consent to recordings.
    pub recording_consent: bool,
    /// The language of what a recording shows beside the people.
    pub language: Language,
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
    /// The path of its media.
    pub transport: Transport,
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

    /// Whether it has taken place and everybody has left. Only its doctor, or whoever may create it, begins it again.
    pub fn is_left(&self) -> bool {
        self.state == ConsultationState::Ended && !self.is_over() && self.live_at.is_some()
    }

    /// Whether somebody may come into its room as things stand.
    pub fn is_open_to(&self, identity: &str) -> bool {
        !self.is_over() && (!self.is_left() || identity == self.doctor_id.as_str())
    }

    /// Whether it is with the people and the settings that somebody wants.
    fn is_as_wanted(&self, wanted: &CreateConsultation) -> bool {
        self.patient_id == wanted.patient_id
            && self.doctor_id == wanted.doctor_id
            && wanted.waiting_room.is_none_or(|wish| wish == self.waiting_room)
            && wanted.e2ee.is_none_or(|wish| wish == self.sealed_key.is_some())
            && wanted.scheduled_at.is_none_or(|wish| Some(wish) == self.scheduled_at)
            && wanted.recording_consent.is_none_or(|_| self.recording_consent)
            && wanted.language.is_none_or(|wish| wish == self.language)
            && wanted.transport.is_none_or(|wish| wish == self.transport)
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

    /// What the list of a day is sorted by.
    pub fn place_in_day(&self) -> (Timestamp, &Id) {
        (self.scheduled_at.unwrap_or(self.created_at), &self.id)
    }

    /// Whether the patient may send and receive media.
    pub fn is_admitted(&self) -> bool {
        !self.waiting_room || self.admitted_at.is_some()
    }
}

/// The cause of a consultation that ended because nobody was left in its room.
pub const CAUSE_EMPTY: &str = "empty";

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

pub(super) const COLUMNS: &str = "id, patient_id, doctor_id, state, cause, waiting_room, admitted_at, e2ee_key, e2ee_key_index, \
     scheduled_at, duration_minutes, recording_consent, language, transport, room_sid, created_at, waiting_at, live_at, ended_at, \
     (SELECT COUNT(*) FROM recordings WHERE consultation_id = consultations.id \
     AND recordings.state NOT IN ('refused', 'cancelled')) AS recordings";

pub(super) async fn get(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<Option<StoredConsultation>> {
    let sql = format!("SELECT {COLUMNS} FROM consultations WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

pub(super) fn read(row: &AnyRow) -> sqlx::Result<StoredConsultation> {
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
        key_index: number(row.try_get("e2ee_key_index")?),
        scheduled_at: moment("scheduled_at")?,
        duration_minutes: row
            .try_get::<Option<i64>, _>("duration_minutes")?
            .and_then(|minutes| minutes.try_into().ok()),
        recording_consent: row.try_get::<i64, _>("recording_consent")? != 0,
        language: Language::parse(&row.try_get::<String, _>("language")?)
            .ok_or_else(|| sqlx::Error::Decode("unknown language".into()))?,
        transport: Transport::parse(&row.try_get::<String, _>("transport")?)
            .ok_or_else(|| sqlx::Error::Decode("unknown transport".into()))?,
        room_sid: row.try_get("room_sid")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        waiting_at: moment("waiting_at")?,
        live_at: moment("live_at")?,
        ended_at: moment("ended_at")?,
        recordings: row.try_get::<i64, _>("recordings")?.try_into().unwrap_or(u32::MAX),
    })
}
