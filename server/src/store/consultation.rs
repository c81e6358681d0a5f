//! Row of a consultation.

use autamedica_api::{ConsultationState, CreateConsultation, Id, Language, Timestamp, Transport};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::to_u32;
use crate::secret::Secret;

/// A consultation in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsultation {
    /// Id of the consultation.
    pub id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id.
    pub doctor_id: Id,
    /// State of the consultation.
    pub state: ConsultationState,
    /// Cause of the end.
    pub cause: Option<String>,
    /// `true` if the doctor must admit the patient.
    pub waiting_room: bool,
    /// Time of the admission.
    pub admitted_at: Option<Timestamp>,
    /// The sealed end-to-end key.
    pub sealed_key: Option<Secret>,
    /// Index of that key, from 0.
    pub key_index: u32,
    /// Time of the appointment.
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes.
    pub duration_minutes: Option<u32>,
    /// `true` if the integrator has obtained the patient's consent to recordings.
    pub recording_consent: bool,
    /// Language of the texts in the recorded picture.
    pub language: Language,
    /// The SFU's id of the latest room.
    pub room_sid: Option<String>,
    /// Time at which the consultation was first created.
    pub created_at: Timestamp,
    /// Time at which the first participant joined.
    pub waiting_at: Option<Timestamp>,
    /// Time at which both sides were first in the room.
    pub live_at: Option<Timestamp>,
    /// Time at which it ended or was cancelled.
    pub ended_at: Option<Timestamp>,
    /// Number of recordings, including failed and deleted ones, without refused and cancelled ones.
    pub recordings: u32,
    /// Path of the media.
    pub transport: Transport,
    /// The desk's word to the waiting patient.
    pub notice: Option<String>,
}

impl StoredConsultation {
    /// Returns `true` if it can't be reopened: the doctor ended it, or it was cancelled.
    pub fn is_finished(&self) -> bool {
        match self.state {
            ConsultationState::Cancelled => true,
            ConsultationState::Ended => self.cause.as_deref() != Some(CAUSE_EMPTY),
            _ => false,
        }
    }

    /// Returns `true` if it took place and all participants have left. It is reopened by its doctor joining, or by
    /// creating it again.
    pub fn is_vacated(&self) -> bool {
        self.state == ConsultationState::Ended && !self.is_finished() && self.live_at.is_some()
    }

    /// Returns `true` if its room is currently open to this identity.
    pub fn is_open_to(&self, identity: &str) -> bool {
        !self.is_finished() && (!self.is_vacated() || identity == self.doctor_id.as_str())
    }

    /// Returns `true` if people and settings match a create request.
    fn matches(&self, request: &CreateConsultation) -> bool {
        self.patient_id == request.patient_id
            && self.doctor_id == request.doctor_id
            && request.waiting_room.is_none_or(|value| value == self.waiting_room)
            && request.e2ee.is_none_or(|value| value == self.sealed_key.is_some())
            && request.scheduled_at.is_none_or(|value| Some(value) == self.scheduled_at)
            && request.recording_consent.is_none_or(|_| self.recording_consent)
            && request.language.is_none_or(|value| value == self.language)
            && request.transport.is_none_or(|value| value == self.transport)
            && request.duration_minutes.is_none_or(|value| Some(value) == self.duration_minutes)
    }

    /// Returns why a create request can't reuse this consultation; `None` if it can.
    pub fn refusal(&self, request: &CreateConsultation) -> Option<Refusal> {
        match () {
            () if !self.matches(request) => Some(Refusal::Conflict),
            () if self.is_finished() => Some(Refusal::Finished),
            () => None,
        }
    }

    /// Returns the sort key of a day's list.
    pub fn day_sort_key(&self) -> (Timestamp, &Id) {
        (self.scheduled_at.unwrap_or(self.created_at), &self.id)
    }

    /// Returns `true` if the patient may send and receive media.
    pub fn is_admitted(&self) -> bool {
        !self.waiting_room || self.admitted_at.is_some()
    }
}

/// Cause of the end if all participants have left.
pub const CAUSE_EMPTY: &str = "empty";

/// Reason why a create request can't reuse an existing consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// People or settings differ.
    Conflict,
    /// The consultation has ended or was cancelled.
    Finished,
}

impl Refusal {
    /// Returns the outcome in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Finished => "over",
        }
    }
}

pub(super) const COLUMNS: &str = "id, patient_id, doctor_id, state, cause, waiting_room, admitted_at, e2ee_key, e2ee_key_index, \
     scheduled_at, duration_minutes, recording_consent, language, transport, notice, room_sid, created_at, waiting_at, live_at, ended_at, \
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
    let timestamp =
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
        admitted_at: timestamp("admitted_at")?,
        sealed_key: row.try_get::<Option<String>, _>("e2ee_key")?.map(Secret::new),
        key_index: to_u32(row.try_get("e2ee_key_index")?),
        scheduled_at: timestamp("scheduled_at")?,
        duration_minutes: row
            .try_get::<Option<i64>, _>("duration_minutes")?
            .and_then(|minutes| minutes.try_into().ok()),
        recording_consent: row.try_get::<i64, _>("recording_consent")? != 0,
        language: Language::parse(&row.try_get::<String, _>("language")?)
            .ok_or_else(|| sqlx::Error::Decode("unknown language".into()))?,
        transport: Transport::parse(&row.try_get::<String, _>("transport")?)
            .ok_or_else(|| sqlx::Error::Decode("unknown transport".into()))?,
        notice: row.try_get("notice")?,
        room_sid: row.try_get("room_sid")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        waiting_at: timestamp("waiting_at")?,
        live_at: timestamp("live_at")?,
        ended_at: timestamp("ended_at")?,
        recordings: row.try_get::<i64, _>("recordings")?.try_into().unwrap_or(u32::MAX),
    })
}
