//! Creating consultations.
//!
//! Those that are asked for at the same time are written in one transaction: with many callers, beginning and committing is
//! most of the work, and SQLite has one writer at a time anyway.

use std::collections::HashSet;

use autamedica_api::{ConsultationState, CreateConsultation, Timestamp};
use sqlx::{AnyConnection, Row as _};

use super::codes::FreshCodes;
use super::consultations::{Refusal, get, note_room};
use super::{Event, OutgoingEvent, Store, StoredConsultation, append_all, rows};
use crate::secret::Secret;

/// A consultation that somebody wants.
pub struct NewConsultation {
    /// What they want.
    pub wanted: CreateConsultation,
    /// Whether it is encrypted end to end, if it is new.
    pub e2ee: bool,
    /// The room that was opened for it.
    pub room_sid: String,
    /// The entry in the audit log.
    pub by: Event,
}

/// What came of a wish.
pub struct Creation {
    /// The consultation of that id, as it is now.
    pub stored: StoredConsultation,
    /// Whether it wasn't there before.
    pub is_new: bool,
    /// Fresh codes, or why there are none.
    pub codes: Result<FreshCodes, Refusal>,
}

impl Store {
    /// Creates a consultation, or finds the one of this id, and makes codes for it; together with its audit entry.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_consultation(&self, new: NewConsultation) -> sqlx::Result<Creation> {
        let store = self.clone();
        self.thread.run(async move { store.batches.creations.change(new, |all| store.write(all)).await }).await
    }

    /// Writes all of them or none.
    async fn write(&self, all: Vec<NewConsultation>) -> sqlx::Result<Vec<Creation>> {
        // Servers that share a database lock rows in the same order, so that none waits for another in a circle.
        let mut all: Vec<_> = all.into_iter().enumerate().collect();
        all.sort_by(|(_, one), (_, other)| one.wanted.consultation_id.cmp(&other.wanted.consultation_id));
        let (places, all): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let mut transaction = self.pool.begin().await?;
        let fresh: Vec<_> = all.iter().map(|new| self.fresh(new)).collect();
        let mut inserted = insert(&mut transaction, &fresh).await?;
        let (mut found, mut entries, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (new, fresh) in all.into_iter().zip(fresh) {
            // Of several with the same id one is new.
            let is_new = inserted.remove(fresh.id.as_str());
            let (stored, refusal) = if is_new { (fresh, None) } else { again(&mut transaction, &new).await? };
            let outcome = match refusal {
                None if is_new => "ok",
                None => "exists",
                Some(refusal) => refusal.as_str(),
            };
            entries.push(new.by.consultation(&stored.id).outcome(outcome));
            if is_new {
                told.push(OutgoingEvent::state(&stored));
            }
            found.push((stored, is_new, refusal));
        }
        let welcome: Vec<_> =
            found.iter().filter(|(.., refusal)| refusal.is_none()).map(|(stored, ..)| stored).collect();
        let mut codes = self.insert_codes(&mut transaction, &welcome).await?.into_iter();
        append_all(&mut transaction, &self.vault, entries).await?;
        self.enqueue(&mut transaction, &told).await?;
        transaction.commit().await?;
        let mut creations = Vec::new();
        for (place, (stored, is_new, refusal)) in places.into_iter().zip(found) {
            let codes = match refusal {
                Some(refusal) => Err(refusal),
                None => Ok(codes.next().ok_or(sqlx::Error::RowNotFound)?),
            };
            creations.push((place, Creation { stored, is_new, codes }));
        }
        creations.sort_by_key(|(place, _)| *place);
        Ok(creations.into_iter().map(|(_, creation)| creation).collect())
    }

    /// A consultation as it is when it is new.
    fn fresh(&self, NewConsultation { wanted, e2ee, room_sid, by: _ }: &NewConsultation) -> StoredConsultation {
        let key = || self.vault.seal(wanted.consultation_id.as_str(), Secret::random::<32>().expose());
        StoredConsultation {
            id: wanted.consultation_id.clone(),
            patient_id: wanted.patient_id.clone(),
            doctor_id: wanted.doctor_id.clone(),
            state: ConsultationState::Created,
            cause: None,
            waiting_room: wanted.waiting_room.unwrap_or(false),
            admitted_at: None,
            sealed_key: e2ee.then(|| Secret::new(key())),
            scheduled_at: wanted.scheduled_at,
            duration_minutes: wanted.duration_minutes,
            recording_consent: wanted.recording_consent.is_some(),
            room_sid: Some(room_sid.clone()),
            // As precise as the database.
            created_at: Timestamp::from_millis(Timestamp::now().as_millis()),
            waiting_at: None,
            live_at: None,
            ended_at: None,
            recordings: 0,
        }
    }
}

/// Inserts those whose ids are new, and gives these ids.
async fn insert(connection: &mut AnyConnection, all: &[StoredConsultation]) -> sqlx::Result<HashSet<String>> {
    let sql = format!(
        "INSERT INTO consultations (id, patient_id, doctor_id, state, waiting_room, e2ee_key, scheduled_at, duration_minutes, \
         recording_consent, room_sid, created_at) VALUES {} ON CONFLICT (id) DO NOTHING RETURNING id",
        rows(all.len(), 11)
    );
    let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql));
    for stored in all {
        insert = insert
            .bind(stored.id.as_str())
            .bind(stored.patient_id.as_str())
            .bind(stored.doctor_id.as_str())
            .bind(stored.state.as_str())
            .bind(i64::from(stored.waiting_room))
            .bind(stored.sealed_key.as_ref().map(Secret::expose))
            .bind(stored.scheduled_at.map(Timestamp::as_millis))
            .bind(stored.duration_minutes.map(i64::from))
            .bind(i64::from(stored.recording_consent))
            .bind(stored.room_sid.as_deref())
            .bind(stored.created_at.as_millis());
    }
    insert.fetch_all(connection).await?.iter().map(|row| row.try_get("id")).collect()
}

/// Finds the consultation that is there already, and why it may not be had.
async fn again(
    connection: &mut AnyConnection,
    NewConsultation { wanted, room_sid, .. }: &NewConsultation,
) -> sqlx::Result<(StoredConsultation, Option<Refusal>)> {
    let id = &wanted.consultation_id;
    let stored = get(connection, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    if let Some(refusal) = stored.refusal(wanted) {
        return Ok((stored, Some(refusal)));
    }
    Ok((note_room(connection, id, room_sid).await?.ok_or(sqlx::Error::RowNotFound)?, None))
}
