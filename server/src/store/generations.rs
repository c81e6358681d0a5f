//! Generations: revocation of tokens, and the end-to-end key that changes with it.

use autamedica_api::{Id, Timestamp};
use sqlx::{AnyConnection, Row};

use super::audit::{Event, append};
use super::codes::revoke_all;
use super::{Store, to_u32};
use crate::secret::Secret;
use crate::vault::Vault;

/// Standing of an identity in a consultation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// `true` if the doctor removed them and hasn't admitted them again.
    pub removed: bool,
    /// Lowest valid generation of tokens.
    pub generation: u32,
}

impl Standing {
    /// Returns `true` if tokens of this generation are valid.
    pub fn accepts(self, generation: u32) -> bool {
        !self.removed && generation <= u32::MAX
    }
}

/// Effect of a revocation on participants in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentParticipants {
    /// They stay: their sessions get the new generation.
    Keep,
    /// They are removed, like all holders of older tokens.
    Remove,
}

impl Store {
    /// Returns the standing of an identity in a consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
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
            generation: to_u32(row.try_get("generation")?),
        })
    }

    /// Returns the generation of a session, which renewed links may have raised; `None` for an unknown session.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn session_generation(&self, participant_sid: &str) -> sqlx::Result<Option<u32>> {
        let row = sqlx::query("SELECT generation FROM stays WHERE participant_sid = $1")
            .bind(participant_sid)
            .fetch_optional(&self.reads)
            .await?;
        row.map(|row| row.try_get("generation").map(to_u32)).transpose()
    }

    /// Revokes all links, kiosk codes and tokens of a consultation.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn revoke_codes(&self, id: &Id, present: PresentParticipants, by: Event) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        if present == PresentParticipants::Keep {
            raise_session_generations(&mut transaction, id).await?;
        }
        change_key(&mut transaction, &self.vault, id).await?;
        raise_all_generations(&mut transaction, id).await?;
        revoke_all(&mut transaction, id, Timestamp::now()).await?;
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        transaction.commit().await
    }
}

/// Raises the generation of an identity.
pub(super) async fn raise_generation(connection: &mut AnyConnection, id: &Id, identity: &str) -> sqlx::Result<()> {
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

/// Raises the generations of patient, doctor and observers.
async fn raise_all_generations(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
    let row = sqlx::query("SELECT patient_id, doctor_id FROM consultations WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut identities: Vec<String> = vec![row.try_get("patient_id")?, row.try_get("doctor_id")?];
    let observers = sqlx::query("SELECT user_id FROM observers WHERE consultation_id = $1")
        .bind(id.as_str())
        .fetch_all(&mut *connection)
        .await?;
    for row in observers {
        identities.push(row.try_get("user_id")?);
    }
    // A consistent order prevents deadlocks.
    identities.sort();
    for identity in identities {
        raise_generation(connection, id, &identity).await?;
    }
    Ok(())
}

/// Raises the generation of current sessions, before the lowest valid one is raised.
async fn raise_session_generations(connection: &mut AnyConnection, id: &Id) -> sqlx::Result<()> {
    // Locks the rows first, so that in PostgreSQL the next statement sees concurrent renewals.
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

/// Replaces the key of an encrypted consultation. The old key isn't kept.
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
