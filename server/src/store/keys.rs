//! API keys: named, scoped, and stored as hashes.

use autamedica_api::Timestamp;
use ring::digest::{SHA256, digest};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;
use super::audit::{AuditEvent, append};
use crate::secret::{Secret, hex, random_bytes};

/// Scope of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// Appointment system: creates, reschedules and cancels consultations.
    Integrator,
    /// A doctor's desk: as the integrator, with the doctor's controls.
    Desk,
    /// Kiosk: exchanges kiosk codes.
    Kiosk,
    /// Monitoring: reads rooms, stats and metrics.
    Read,
}

impl Scope {
    /// Returns the name in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integrator => "integrator",
            Self::Desk => "desk",
            Self::Kiosk => "kiosk",
            Self::Read => "read",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Integrator, Self::Desk, Self::Kiosk, Self::Read].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Public id of the key.
    pub id: String,
    /// Name of the key.
    pub name: String,
    /// Scope of the key.
    pub scope: Scope,
    /// Time of the creation.
    pub created_at: Timestamp,
    /// Time of the revocation.
    pub revoked_at: Option<Timestamp>,
}

/// Prefix of API keys, so that leaked ones are recognized.
pub const PREFIX: &str = "amk_";

/// Hashes a key. A plain hash suffices, because a key has 256 random bits.
fn hash(key: &str) -> String {
    hex(digest(&SHA256, key.as_bytes()).as_ref())
}

impl Store {
    /// Creates a key and returns its secret, which isn't stored.
    ///
    /// # Errors
    /// [`sqlx::Error`] if the name is taken or a query fails.
    pub async fn create_key(&self, name: &str, scope: Scope) -> sqlx::Result<Secret> {
        let id = hex(&random_bytes::<4>());
        let key = format!("{PREFIX}{id}_{}", hex(&random_bytes::<32>()));
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO api_keys (id, name, scope, hash, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&id)
            .bind(name)
            .bind(scope.as_str())
            .bind(hash(&key))
            .bind(Timestamp::now().as_millis())
            .execute(&mut *transaction)
            .await?;
        append(&mut transaction, &self.vault, AuditEvent::ok("operator", "key.create").subject(format!("key:{name}")))
            .await?;
        transaction.commit().await?;
        Ok(Secret::new(key))
    }

    /// Revokes a key. Returns `false` if there is no valid key of that name.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn revoke_key(&self, name: &str) -> sqlx::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let updated = sqlx::query("UPDATE api_keys SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL")
            .bind(Timestamp::now().as_millis())
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        if updated.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        append(&mut transaction, &self.vault, AuditEvent::ok("operator", "key.revoke").subject(format!("key:{name}")))
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns all keys, including revoked ones.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn keys(&self) -> sqlx::Result<Vec<ApiKey>> {
        let rows =
            sqlx::query("SELECT id, name, scope, created_at, revoked_at FROM api_keys ORDER BY created_at, name")
                .fetch_all(&self.reads)
                .await?;
        rows.iter().map(read).collect()
    }

    /// Returns `true` if a key was ever created. From then on the API requires one, even if all are revoked.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn has_keys(&self) -> sqlx::Result<bool> {
        let row = sqlx::query("SELECT 1 FROM api_keys LIMIT 1").fetch_optional(&self.reads).await?;
        Ok(row.is_some())
    }

    /// Returns the valid key with this secret.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn find_key(&self, key: &str) -> sqlx::Result<Option<ApiKey>> {
        let row = sqlx::query(
            "SELECT id, name, scope, created_at, revoked_at FROM api_keys WHERE hash = $1 AND revoked_at IS NULL",
        )
        .bind(hash(key))
        .fetch_optional(&self.reads)
        .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &AnyRow) -> sqlx::Result<ApiKey> {
    let scope: String = row.try_get("scope")?;
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        scope: Scope::parse(&scope).ok_or_else(|| sqlx::Error::Decode(format!("unknown scope `{scope}`").into()))?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Timestamp::from_millis),
    })
}
