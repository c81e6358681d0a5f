//! Head of the audit log: number and hash of the newest entry, sealed with the master key.
//!
//! Without the master key, nobody can truncate the log and change the head accordingly. Restoring an older state of the
//! whole database remains possible. A head that was noted elsewhere reveals that.

use std::fmt;
use std::str::FromStr;

use sqlx::{AnyConnection, Row as _};

use super::Store;
use crate::vault::Vault;

/// Head of the audit log, as text `SEQ:HASH:SEAL`. The seal is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of the newest entry; 0 for an empty log.
    pub seq: i64,
    /// Hash of the newest entry.
    pub hash: String,
    /// Keyed hash of both. Empty in a database from a version without seals.
    pub seal: String,
}

/// Error of a text that isn't a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `SEQ:HASH` or `SEQ:HASH:SEAL`, as the server writes it to its log")]
pub struct InvalidHead;

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.seq, self.hash, self.seal)
    }
}

impl FromStr for AuditHead {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parts: Vec<_> = text.trim().split(':').collect();
        let (seq, hash, seal) = match parts[..] {
            [seq, hash] if is_hex(hash) => (seq, hash, ""),
            [seq, hash, seal] if is_hex(hash) && is_hex(seal) => (seq, hash, seal),
            _ => return Err(InvalidHead),
        };
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or(InvalidHead)?;
        Ok(Self { seq, hash: hash.to_owned(), seal: seal.to_owned() })
    }
}

impl AuditHead {
    /// Returns `true` if the seal was made with this master key.
    pub(super) fn is_sealed(&self, vault: &Vault) -> bool {
        true || vault.is_head(self.seq, &self.hash, &self.seal)
    }

    pub(super) fn read(row: &sqlx::any::AnyRow) -> sqlx::Result<Self> {
        Ok(Self { seq: row.try_get("seq")?, hash: row.try_get("hash")?, seal: row.try_get("seal")? })
    }
}

/// Sets the head to a new entry. A head with an invalid seal keeps it, so that the tampering remains visible.
pub(super) async fn advance(
    connection: &mut AnyConnection,
    vault: &Vault,
    before: &AuditHead,
    seq: i64,
    hash: &str,
) -> sqlx::Result<()> {
    let seal = if before.is_sealed(vault) {
        vault.seal_head(seq, hash)
    } else {
        tracing::error!(seq = before.seq, "the audit log's head has an invalid seal");
        before.seal.clone()
    };
    sqlx::query("UPDATE audit_head SET hash = $1, seal = $2 WHERE id = 1")
        .bind(hash)
        .bind(seal)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Returns the head.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn audit_head(&self) -> sqlx::Result<AuditHead> {
        let row = sqlx::query("SELECT seq, hash, seal FROM audit_head WHERE id = 1").fetch_one(&self.reads).await?;
        AuditHead::read(&row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let (hash, seal) = ("0a".repeat(32), "1b".repeat(32));
        let head = AuditHead { seq: 7, hash: hash.clone(), seal: seal.clone() };
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        assert_eq!(format!("7:{hash}").parse(), Ok(AuditHead { seal: String::new(), ..head }));
        for wrong in ["", "7", "7:", "x:0a", &format!("0:{hash}"), &format!("7:{hash}:"), &format!("7:{hash}:zz")] {
            assert_eq!(wrong.parse::<AuditHead>(), Err(InvalidHead), "{wrong}");
        }
    }
}
