//! Generations: which of somebody's tokens still let them in, and the end-to-end key that changes with them.

use autamedica_api::{Id, Timestamp};
use sqlx::{AnyConnection, Row};

use super::audit::{Event, append};
use super::codes::revoke_all;
use super::{Store, number};
use crate::secret::Secret;
use crate::vault::Vault;

/// Standing of somebody in a consultation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the doctor removed them and hasn't admitted them again.
    pub removed: bool,
    /// The generation of the tokens that let them in.
    pub generation: u32,
}

impl Standing {
    /// Whether a token of this generation lets its holder in.
    pub fn accepts(self, generation: u32) -> bool {
        !self.removed && generation >= self.generation
    }
}

/// Fate of the people in the room when the links change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insiders {
    /// They stay: their stays move on to the new generation.
    Stay,
    /// They are sent out like everybody else with an older token.
    Leave,
}

impl Store {
    /// Reads the standing of `identity` in a consultation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self, id: &Id, identity: &str) -> sqlx::Result<Standing> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM removals WHERE consultation_id = $1 AND identity = $2) AS removals, \
             COALESCE((SELECT generation FROM generations WHERE consultation_id = $1 AND identity = $2), 0) AS generation",
        )
        .bind(id.as_str())
        .bind(identity)
        .fetch_one(&self.reads)
        .await?;
        Ok(Standing {
            removed: row.try_get::<i64, _>("removals")? != 0,
            generation: number(row.try_get("generation")?),
        })
    }

    /// Reads the generation of a stay, which renewed links may have moved on; `None` for an unknown stay.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stay_generation(&self, participant_sid: &str) -> sqlx::Result<Option<u32>> {
        let row = sqlx::query("SELECT generation FROM stays WHERE participant_sid = $1")
            .bind(participant_sid)
            .fetch_optional(&self.reads)
            .await?;
        row.map(|row| row.try_get("generation").map(number)).transpose()
    }

    /// Revokes every link and kiosk code of a consultation, and every token given out for it so far.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_codes(&self, id: &Id, insiders: Insiders, by: Event) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        if insiders == Insiders::Stay {
            move_stays_on(&mut transaction, id).await?;
        }
        change_key(&mut transaction, &self.vault, id).await?;
        raise_everybody(&mut transaction, id).await?;
        revoke_all(&mut transaction, id, Timestamp::now()).await?;
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        transaction.commit().await
    }
}

/// Raises the generation of one person.
pub(super) async fn raise(connection: &mut AnyConnection, id: &Id, identity: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO generations (consultation_id, identity, generation) VALUES ($1, $2, 1) \
         ON CONFLICT (consultation_id, identity) DO UPDATE SET generation = generations.generation + 1",
    )
    .bind(id.as_str())
    .bind(identity)
    .execute(connection)
    .await?;
    Ok(())
}

/// Raises the generations of the patient, the doctor and the observers.
async fn raise_everybody(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
    let row = sqlx::query("SELECT patient_id, doctor_id FROM consultations WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut people: Vec<String> = vec![row.try_get("patient_id")?, row.try_get("doctor_id")?];
    let observers = sqlx::query("SELECT user_id FROM observers WHERE consultation_id = $1")
        .bind(id.as_str())
        .fetch_all(&mut *connection)
        .await?;
    for row in observers {
        people.push(row.try_get("user_id")?);
    }
    // One order everywhere, so that no two transactions wait for each other.
    people.sort();
    for identity in people {
        raise(connection, id, &identity).await?;
    }
    Ok(())
}

/// Moves the open stays of the current generation on to the next one, which is about to begin.
async fn move_stays_on(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
    // Locks them first: PostgreSQL's next statement then sees what a renewal at the same time has committed.
    sqlx::query("UPDATE stays SET generation = generation WHERE consultation_id = $1 AND left_at IS NULL")
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE stays SET generation = generation + 1 WHERE consultation_id = $1 AND left_at IS NULL \
         AND generation = COALESCE((SELECT wanted.generation FROM generations AS wanted \
         WHERE wanted.consultation_id = stays.consultation_id AND wanted.identity = stays.identity), 0)",
    )
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives an encrypted consultation another key. The old one is kept nowhere.
pub(super) async fn change_key(connection: &mut AnyConnection, vault: &Vault, id: &Id) -> sqlx::Result<()> {
    let sealed = vault.seal(id.as_str(), Secret::random::<32>().expose());
    sqlx::query(
        "UPDATE consultations SET e2ee_key = $1, e2ee_key_index = e2ee_key_index + 1 \
         WHERE id = $2 AND e2ee_key IS NOT NULL",
    )
    .bind(sealed)
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
