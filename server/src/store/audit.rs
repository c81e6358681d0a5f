//! The audit log: appended to, never changed, each entry's hash covering the one before.

use autamedica_api::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::{Store, rows};
use crate::vault::Vault;

/// Something that happened. Ids only: no names, no tokens, no codes, no chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Who did it, such as `key:front-desk`, `doctor:d-1` or `server`.
    pub actor: String,
    /// What, such as `consultation.create`.
    pub action: &'static str,
    /// In which consultation.
    pub consultation_id: Option<String>,
    /// To whom or what.
    pub subject: Option<String>,
    /// From which address.
    pub origin: Option<String>,
    /// `ok`, or why it was refused.
    pub outcome: &'static str,
}

impl Event {
    /// A thing that went well; the rest can be set on the fields.
    pub fn ok(actor: impl Into<String>, action: &'static str) -> Self {
        let actor = actor.into();
        Self { actor, action, consultation_id: None, subject: None, origin: None, outcome: "ok" }
    }

    /// In this consultation.
    pub fn consultation(mut self, id: impl ToString) -> Self {
        self.consultation_id = Some(id.to_string());
        self
    }

    /// To this person or thing.
    pub fn subject(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// With this outcome instead of `ok`.
    pub fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }
}

/// An entry as it stands in the log; also a line of `audit export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// 1, 2, 3, …
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Where.
    pub consultation_id: Option<String>,
    /// To whom or what.
    pub subject: Option<String>,
    /// From which address.
    pub origin: Option<String>,
    /// `ok`, or why it was refused.
    pub outcome: String,
    /// The chain's link.
    pub hash: String,
}

/// What is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// An entry was changed, or put in by hand.
    #[error("entry {0} isn't what was written")]
    Changed(i64),
    /// Entries are missing or out of order.
    #[error("entry {expected} is missing (entry {found} follows)")]
    Missing {
        /// The number that should come.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// Entries at the end are missing.
    #[error("the log ends at entry {found}, but {expected} were written")]
    Cut {
        /// How many there should be.
        expected: i64,
        /// How many there are.
        found: i64,
    },
}

/// Appends to the log within the caller's transaction, so that a thing and its entry happen together.
///
/// # Errors
/// When the database fails.
pub async fn append(connection: &mut AnyConnection, vault: &Vault, event: Event) -> sqlx::Result<()> {
    append_all(connection, vault, vec![event]).await
}

/// As [`append`], of several things that happen in one transaction.
///
/// # Errors
/// When the database fails.
pub async fn append_all(connection: &mut AnyConnection, vault: &Vault, events: Vec<Event>) -> sqlx::Result<()> {
    let number = i64::try_from(events.len()).unwrap_or(i64::MAX);
    // The update locks the head's row until the transaction ends: entries come one after the other.
    let head = sqlx::query("UPDATE audit_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash")
        .bind(number)
        .fetch_one(&mut *connection)
        .await?;
    let before: i64 = head.try_get::<i64, _>("seq")? - number;
    let mut hash: String = head.try_get("hash")?;
    let sql = format!(
        "INSERT INTO audit (seq, at, actor, action, consultation_id, subject, origin, outcome, hash) VALUES {}",
        rows(events.len(), 9)
    );
    let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (seq, event) in (before + 1..).zip(events) {
        let mut entry = AuditEntry {
            seq,
            at: Timestamp::now(),
            actor: event.actor,
            action: event.action.to_owned(),
            consultation_id: event.consultation_id,
            subject: event.subject,
            origin: event.origin,
            outcome: event.outcome.to_owned(),
            hash: String::new(),
        };
        entry.hash = vault.chain(&hash, &entry.covered());
        hash.clone_from(&entry.hash);
        insert = insert
            .bind(entry.seq)
            .bind(entry.at.as_millis())
            .bind(entry.actor)
            .bind(entry.action)
            .bind(entry.consultation_id)
            .bind(entry.subject)
            .bind(entry.origin)
            .bind(entry.outcome)
            .bind(entry.hash);
    }
    sqlx::query("UPDATE audit_head SET hash = $1 WHERE id = 1").bind(hash).execute(&mut *connection).await?;
    insert.execute(connection).await?;
    Ok(())
}

impl AuditEntry {
    /// What the hash covers: all but itself.
    fn covered(&self) -> String {
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

/// How many entries are read at once.
const PAGE: i64 = 1000;

impl Store {
    /// Appends one entry on its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, event: Event) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        append(&mut transaction, &self.vault, event).await?;
        transaction.commit().await
    }

    /// Entries after number `seq`, in order, a page of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_after(&self, seq: i64) -> sqlx::Result<Vec<AuditEntry>> {
        let rows = sqlx::query(
            "SELECT seq, at, actor, action, consultation_id, subject, origin, outcome, hash FROM audit \
             WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(PAGE)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(AuditEntry::read).collect()
    }

    /// Walks the whole chain and says how many entries are good, or what is the first that isn't.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self) -> sqlx::Result<Result<i64, Tampering>> {
        // The end first: entries that come meanwhile are after it.
        let head = sqlx::query("SELECT seq, hash FROM audit_head WHERE id = 1").fetch_one(&self.reads).await?;
        let (end, end_hash): (i64, String) = (head.try_get("seq")?, head.try_get("hash")?);
        let (mut last, mut hash) = (0, String::new());
        while last < end {
            let page = self.audit_after(last).await?;
            if page.is_empty() {
                return Ok(Err(Tampering::Cut { expected: end, found: last }));
            }
            for entry in page {
                if last == end {
                    break;
                }
                if entry.seq != last + 1 {
                    return Ok(Err(Tampering::Missing { expected: last + 1, found: entry.seq }));
                }
                if entry.hash != self.vault.chain(&hash, &entry.covered()) {
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
            store.audit(Event::ok("server", "test").subject(number)).await.unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), Ok(i64::try_from(entries).unwrap()));
        store
    }

    /// What `verify` says after this SQL.
    async fn after(sql: &'static str) -> Result<i64, Tampering> {
        let store = log_of(5).await;
        sqlx::raw_sql(sql).execute(&store.pool).await.unwrap();
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
        assert_eq!(after("DELETE FROM audit WHERE seq > 3").await, Err(Tampering::Cut { expected: 5, found: 3 }));
        assert_eq!(after("DELETE FROM audit").await, Err(Tampering::Cut { expected: 5, found: 0 }));
        let copy = "INSERT INTO audit SELECT 6, at, actor, action, consultation_id, subject, origin, outcome, hash \
                    FROM audit WHERE seq = 5; UPDATE audit_head SET seq = 6";
        assert_eq!(after(copy).await, changed(6));
    }

    #[tokio::test]
    async fn a_log_longer_than_a_page_verifies() {
        log_of(2 * usize::try_from(PAGE).unwrap() + 1).await;
    }

    #[tokio::test]
    async fn entries_made_at_once_make_one_chain() {
        let store = log_of(0).await;
        let appends = (0..50).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.audit(Event::ok("server", "test").subject(number)).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await.unwrap().unwrap();
        }
        assert_eq!(store.verify_audit().await.unwrap(), Ok(50));
    }
}
