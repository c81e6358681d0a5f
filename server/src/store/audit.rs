//! Audit log: append-only, with a hash chain over the entries.

use autamedica_api::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::Store;
use super::audit_head::{AuditHead, advance};
use crate::vault::Vault;

/// An event for the audit log. Contains ids only: no names, tokens, codes or chat messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// Actor, such as `key:front-desk`, `doctor:d-1` or `server`.
    pub actor: String,
    /// Action, such as `consultation.create`.
    pub action: &'static str,
    /// Id of the consultation.
    pub consultation_id: Option<String>,
    /// Person or object that the action concerns.
    pub subject: Option<String>,
    /// IP address of the actor.
    pub origin: Option<String>,
    /// `ok`, or the reason of a refusal.
    pub outcome: &'static str,
}

impl AuditEvent {
    /// Creates a successful event.
    pub fn ok(actor: impl Into<String>, action: &'static str) -> Self {
        let actor = actor.into();
        Self { actor, action, consultation_id: None, subject: None, origin: None, outcome: "ok" }
    }

    /// Sets the consultation.
    pub fn consultation(mut self, id: impl ToString) -> Self {
        self.consultation_id = Some(id.to_string());
        self
    }

    /// Sets the person or object that the action concerns.
    pub fn subject(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// Sets the outcome.
    pub fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }
}

/// Entry of the audit log; also a line of `audit export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Number of the entry, from 1.
    pub seq: i64,
    /// Time of the event.
    pub at: Timestamp,
    /// Actor.
    pub actor: String,
    /// Action.
    pub action: String,
    /// Id of the consultation.
    pub consultation_id: Option<String>,
    /// Person or object that the action concerns.
    pub subject: Option<String>,
    /// IP address of the actor.
    pub origin: Option<String>,
    /// `ok`, or the reason of a refusal.
    pub outcome: String,
    /// Hash over this entry and the previous hash.
    pub hash: String,
}

/// Kinds of tampering with the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// An entry was changed or inserted.
    #[error("entry {0} was changed or inserted")]
    Changed(i64),
    /// Entries are missing or out of order.
    #[error("entry {expected} is missing (entry {found} follows)")]
    Missing {
        /// Expected number.
        expected: i64,
        /// Number found.
        found: i64,
    },
    /// Entries at the end are missing.
    #[error("the log ends at entry {found}, but {expected} were written")]
    Truncated {
        /// Expected number of entries.
        expected: i64,
        /// Actual number of entries.
        found: i64,
    },
    /// The head doesn't match its seal: the log was truncated and the head changed accordingly.
    #[error("the log's head, entry {0}, was changed: entries after it may be missing")]
    Head(i64),
    /// Since the head was noted, the log was restored from an older state or replaced.
    #[error("entry {0} differs from the noted one: the log was restored or replaced since")]
    Restored(i64),
    /// The noted head belongs to another log.
    #[error("the seal of the noted head, entry {0}, wasn't made with this master key")]
    Foreign(i64),
}

/// Appends an entry within the caller's transaction, so that an action and its entry are atomic.
///
/// # Errors
/// [`sqlx::Error`] if a query fails.
pub async fn append(connection: &mut AnyConnection, vault: &Vault, event: AuditEvent) -> sqlx::Result<()> {
    // The update locks the head's row until the transaction ends, which serializes the entries.
    let row = sqlx::query("UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash, seal")
        .fetch_one(&mut *connection)
        .await?;
    let mut head = AuditHead::read(&row)?;
    head.seq -= 1;
    let mut entry = AuditEntry {
        seq: head.seq + 1,
        at: Timestamp::now(),
        actor: event.actor,
        action: event.action.to_owned(),
        consultation_id: event.consultation_id,
        subject: event.subject,
        origin: event.origin,
        outcome: event.outcome.to_owned(),
        hash: String::new(),
    };
    entry.hash = vault.chain(&head.hash, &entry.hashed_content());
    advance(&mut *connection, vault, &head, entry.seq, &entry.hash).await?;
    sqlx::query(
        "INSERT INTO audit (seq, at, actor, action, consultation_id, subject, origin, outcome, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(entry.seq)
    .bind(entry.at.as_millis())
    .bind(entry.actor)
    .bind(entry.action)
    .bind(entry.consultation_id)
    .bind(entry.subject)
    .bind(entry.origin)
    .bind(entry.outcome)
    .bind(entry.hash)
    .execute(connection)
    .await?;
    Ok(())
}

impl AuditEntry {
    /// Returns the part of the entry that the hash covers.
    fn hashed_content(&self) -> String {
        let Self { seq, at, actor, action, consultation_id, subject, origin, outcome, hash: _ } = self;
        serde_json::to_string(&(seq, at.as_millis(), actor, action, consultation_id, subject, origin, outcome))
            .expect("numbers and texts always become JSON")
    }

    fn read(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            at: Timestamp::from_millis(row.try_get("at")?),
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            consultation_id: row.try_get("consultation_id")?,
            subject: row.try_get("subject")?,
            origin: row.try_get("origin")?,
            outcome: row.try_get("outcome")?,
            hash: row.try_get("hash")?,
        })
    }
}

/// Number of entries read at once.
const PAGE_SIZE: i64 = 1000;

impl Store {
    /// Appends an entry in its own transaction.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn audit(&self, event: AuditEvent) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        append(&mut transaction, &self.vault, event).await?;
        transaction.commit().await
    }

    /// Returns a page of entries after number `seq`, in order.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn audit_after(&self, seq: i64) -> sqlx::Result<Vec<AuditEntry>> {
        let rows = sqlx::query(
            "SELECT seq, at, actor, action, consultation_id, subject, origin, outcome, hash FROM audit \
             WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(PAGE_SIZE)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(AuditEntry::read).collect()
    }

    /// Verifies the chain and the head's seal. Returns the number of entries, or the first tampering.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn verify_audit(&self) -> sqlx::Result<Result<i64, Tampering>> {
        let head = self.audit_head().await?;
        let chain = self.verify_chain().await?;
        Ok(chain.and_then(|last| if head.is_sealed(&self.vault) { Ok(last) } else { Err(Tampering::Head(head.seq)) }))
    }

    /// As [`verify_audit`](Self::verify_audit), and checks that the log still contains a noted head.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn verify_audit_since(&self, noted: &AuditHead) -> sqlx::Result<Result<i64, Tampering>> {
        if !noted.seal.is_empty() && !noted.is_sealed(&self.vault) {
            return Ok(Err(Tampering::Foreign(noted.seq)));
        }
        let row =
            sqlx::query("SELECT hash FROM audit WHERE seq = $1").bind(noted.seq).fetch_optional(&self.reads).await?;
        let hash: Option<String> = row.map(|row| row.try_get("hash")).transpose()?;
        if hash.is_none_or(|hash| !hash.eq_ignore_ascii_case(&noted.hash)) {
            return Ok(Err(Tampering::Restored(noted.seq)));
        }
        self.verify_audit().await
    }

    /// Verifies the chain up to the head, without the head's seal.
    pub(super) async fn verify_chain(&self) -> sqlx::Result<Result<i64, Tampering>> {
        // The head is read first, so that entries added meanwhile are ignored.
        let head = self.audit_head().await?;
        let (end, end_hash) = (head.seq, head.hash);
        let (mut last, mut hash) = (0, String::new());
        while last < end {
            let page = self.audit_after(last).await?;
            if page.is_empty() {
                return Ok(Err(Tampering::Truncated { expected: end, found: last }));
            }
            for entry in page {
                if last == end {
                    break;
                }
                if entry.seq != last + 1 {
                    return Ok(Err(Tampering::Missing { expected: last + 1, found: entry.seq }));
                }
                if entry.hash != self.vault.chain(&hash, &entry.hashed_content()) {
                    return Ok(Err(Tampering::Changed(entry.seq)));
                }
                (last, hash) = (entry.seq, entry.hash);
            }
        }
        Ok(if hash == end_hash { Ok(last) } else { Err(Tampering::Changed(last)) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Database;

    async fn log_of(entries: usize) -> Store {
        let store = Store::open(&Database::Memory, Arc::new(Vault::ephemeral())).await.unwrap();
        for number in 0..entries {
            store.audit(AuditEvent::ok("server", "test").subject(number)).await.unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), Ok(i64::try_from(entries).unwrap()));
        store
    }

    /// Returns the result of the verification after this SQL.
    async fn after(sql: &'static str) -> Result<i64, Tampering> {
        let store = log_of(5).await;
        let mut transaction = store.pool.begin().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        store.verify_audit().await.unwrap()
    }

    #[tokio::test]
    async fn tampering_is_found() {
        let changed = |entry| Err(Tampering::Changed(entry));
        assert_eq!(after("UPDATE audit SET outcome = 'denied' WHERE seq = 3").await, changed(3));
        assert_eq!(after("UPDATE audit SET at = at + 1 WHERE seq = 5").await, changed(5));
        assert_eq!(after("UPDATE audit SET subject = NULL WHERE seq = 1").await, changed(1));
        let swap = "UPDATE audit SET seq = -2 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; \
                    UPDATE audit SET seq = 3 WHERE seq = -2";
        assert_eq!(after(swap).await, changed(2));
        let missing = |expected, found| Err(Tampering::Missing { expected, found });
        assert_eq!(after("DELETE FROM audit WHERE seq = 1").await, missing(1, 2));
        assert_eq!(after("DELETE FROM audit WHERE seq = 4").await, missing(4, 5));
        assert_eq!(after("DELETE FROM audit WHERE seq > 3").await, Err(Tampering::Truncated { expected: 5, found: 3 }));
        assert_eq!(after("DELETE FROM audit").await, Err(Tampering::Truncated { expected: 5, found: 0 }));
        let copy = "INSERT INTO audit SELECT 6, at, actor, action, consultation_id, subject, origin, outcome, hash \
                    FROM audit WHERE seq = 5; UPDATE audit_head SET seq = 6";
        assert_eq!(after(copy).await, changed(6));
        // The log is truncated, and the head points to the last remaining entry.
        let cut = "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)";
        assert_eq!(after(cut).await, Err(Tampering::Head(3)));
        assert_eq!(after("UPDATE audit_head SET seal = ''").await, Err(Tampering::Head(5)));
    }

    #[tokio::test]
    async fn entries_after_a_cut_do_not_hide_it() {
        let store = log_of(5).await;
        let mut transaction = store.pool.begin().await.unwrap();
        let cut = "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)";
        sqlx::raw_sql(cut).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        for _ in 0..2 {
            store.audit(AuditEvent::ok("server", "test")).await.unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), Err(Tampering::Head(5)));
    }

    #[tokio::test]
    async fn a_noted_head_reveals_a_restored_log() {
        let store = log_of(3).await;
        let old = store.audit_head().await.unwrap();
        store.audit(AuditEvent::ok("server", "test")).await.unwrap();
        let noted = store.audit_head().await.unwrap();
        let plain = AuditHead { seal: String::new(), ..noted.clone() };
        for head in [&old, &noted, &plain] {
            assert_eq!(store.verify_audit_since(head).await.unwrap(), Ok(4));
        }
        let foreign = AuditHead { seal: "00".repeat(32), ..noted.clone() };
        assert_eq!(store.verify_audit_since(&foreign).await.unwrap(), Err(Tampering::Foreign(4)));
        // The whole log is restored from an older state, including its seal.
        let mut transaction = store.pool.begin().await.unwrap();
        sqlx::query("DELETE FROM audit WHERE seq > 3").execute(&mut *transaction).await.unwrap();
        let head = sqlx::query("UPDATE audit_head SET seq = $1, hash = $2, seal = $3");
        head.bind(old.seq).bind(&old.hash).bind(&old.seal).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(store.verify_audit().await.unwrap(), Ok(3));
        assert_eq!(store.verify_audit_since(&noted).await.unwrap(), Err(Tampering::Restored(4)));
        // The log grows again, differently.
        store.audit(AuditEvent::ok("server", "test").subject("other")).await.unwrap();
        assert_eq!(store.verify_audit_since(&noted).await.unwrap(), Err(Tampering::Restored(4)));
    }

    /// A valid log from a version without seals is sealed and audited once; one with a broken chain isn't sealed.
    #[tokio::test]
    async fn an_old_log_is_sealed_if_its_chain_is_valid() {
        let store = log_of(3).await;
        let run = async |sql: &'static str| {
            let mut transaction = store.pool.begin().await.unwrap();
            sqlx::raw_sql(sql).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
        };
        run("UPDATE audit_head SET seal = ''").await;
        for _ in 0..2 {
            store.seal_old_log().await.unwrap();
            assert_eq!(store.verify_audit().await.unwrap(), Ok(4));
        }
        assert_eq!(store.audit_after(3).await.unwrap()[0].action, "audit.seal");
        run("UPDATE audit_head SET seal = ''; UPDATE audit SET outcome = 'denied' WHERE seq = 2").await;
        store.seal_old_log().await.unwrap();
        assert_eq!(store.verify_audit().await.unwrap(), Err(Tampering::Changed(2)));
        assert_eq!(store.audit_head().await.unwrap().seal, "");
    }

    #[tokio::test]
    async fn a_log_longer_than_a_page_verifies() {
        log_of(2 * usize::try_from(PAGE_SIZE).unwrap() + 1).await;
    }

    #[tokio::test]
    async fn concurrent_entries_form_one_chain() {
        let store = log_of(0).await;
        let appends = (0..50).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.audit(AuditEvent::ok("server", "test").subject(number)).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await.unwrap().unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), Ok(50));
    }
}
