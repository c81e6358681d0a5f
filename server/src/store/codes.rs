//! Join codes: secrets of links, and eight-digit kiosk codes.

use autamedica_api::{Id, Role, Timestamp};
use sqlx::{AnyConnection, Row};

use super::Store;
use super::consultation::StoredConsultation;
use crate::secret::{Secret, random_bytes, random_secret};

/// Time before the appointment from which codes work.
const VALID_BEFORE: i64 = 15 * MINUTE;
/// Time after the planned end until which links work. Long, because appointments are often delayed.
const LINK_VALID_AFTER: i64 = 12 * 60 * MINUTE;
/// Time after the planned end until which kiosk codes work. Shorter, because eight digits are weaker.
const KIOSK_VALID_AFTER: i64 = 60 * MINUTE;
/// Validity of codes without an appointment: links and kiosk codes.
const UNSCHEDULED_LINK_VALIDITY: i64 = 24 * 60 * MINUTE;
const UNSCHEDULED_KIOSK_VALIDITY: i64 = 120 * MINUTE;
const MINUTE: i64 = 60_000;
/// Default duration of an appointment.
pub const DEFAULT_DURATION_MINUTES: u32 = 30;
/// Number of attempts to find a free kiosk code. With a million codes in use, an attempt collides with a probability of
/// 1 %.
const MAX_KIOSK_ATTEMPTS: u32 = 10;

/// Kind of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// Code of a link: 256 random bits.
    Link,
    /// Kiosk code: eight digits.
    Kiosk,
}

impl CodeKind {
    /// Parses a text into kind and code. People type eight digits with spaces or hyphens.
    pub fn parse(text: &str) -> (Self, String) {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_kiosk = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_kiosk { (Self::Kiosk, digits) } else { (Self::Link, text.to_owned()) }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Kiosk => "kiosk",
        }
    }
}

/// New codes of a consultation. They are only stored as hashes.
#[derive(Debug)]
pub struct NewCodes {
    /// Code of the patient's link.
    pub patient: Secret,
    /// Code of the doctor's link.
    pub doctor: Secret,
    /// The patient's kiosk code.
    pub kiosk: Secret,
}

/// Properties of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// Id of the consultation.
    pub consultation: Id,
    /// Role of the user.
    pub role: Role,
    /// Id of the observer; patient and doctor follow from the role.
    pub observer: Option<Id>,
    /// Start of the validity.
    pub valid_from: Timestamp,
    /// End of the validity.
    pub expires_at: Timestamp,
    /// `true` if the code was revoked.
    pub revoked: bool,
}

/// Returns the validity of a consultation's codes, in milliseconds since 1970.
fn validity_of(kind: CodeKind, now: Timestamp, stored: &StoredConsultation) -> (i64, i64) {
    validity(kind, now, stored.scheduled_at, stored.duration_minutes.unwrap_or(DEFAULT_DURATION_MINUTES))
}

/// Returns the validity of codes, in milliseconds since 1970.
fn validity(kind: CodeKind, now: Timestamp, scheduled_at: Option<Timestamp>, duration_minutes: u32) -> (i64, i64) {
    let Some(start) = scheduled_at.map(Timestamp::as_millis) else {
        let validity = if kind == CodeKind::Link { UNSCHEDULED_LINK_VALIDITY } else { UNSCHEDULED_KIOSK_VALIDITY };
        return (now.as_millis(), now.as_millis().saturating_add(validity));
    };
    let after = if kind == CodeKind::Link { LINK_VALID_AFTER } else { KIOSK_VALID_AFTER };
    let end = start.saturating_add(i64::from(duration_minutes) * MINUTE).saturating_add(after);
    (start.saturating_sub(VALID_BEFORE), end)
}

impl Store {
    /// Creates new codes for a consultation. Earlier ones stay valid.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn create_codes(&self, consultation: &StoredConsultation) -> sqlx::Result<NewCodes> {
        let mut transaction = self.pool.begin().await?;
        let codes = self.insert_codes(&mut transaction, consultation).await?;
        transaction.commit().await?;
        Ok(codes)
    }

    /// Creates new codes for a consultation within the caller's transaction.
    pub(super) async fn insert_codes(
        &self,
        connection: &mut AnyConnection,
        stored: &StoredConsultation,
    ) -> sqlx::Result<NewCodes> {
        let now = Timestamp::now();
        let mut codes =
            NewCodes { patient: random_secret::<32>(), doctor: random_secret::<32>(), kiosk: random_kiosk_code() };
        let (link_from, link_until) = validity_of(CodeKind::Link, now, stored);
        let (kiosk_from, kiosk_until) = validity_of(CodeKind::Kiosk, now, stored);
        let sql = format!("{INSERT} {NEW_CODE_ROWS} {REUSE_EXPIRED}");
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.as_millis()).bind(stored.id.as_str());
        insert = insert.bind(link_from).bind(link_until).bind(kiosk_from).bind(kiosk_until);
        for code in [&codes.patient, &codes.doctor, &codes.kiosk] {
            insert = insert.bind(self.vault.hash_code(code.expose()));
        }
        if insert.execute(&mut *connection).await?.rows_affected() < 3 {
            self.ensure_kiosk_code(connection, stored, &mut codes, now).await?;
        }
        Ok(codes)
    }

    /// Creates the code of an observer's link within the caller's transaction.
    pub(super) async fn insert_observer_code(
        &self,
        connection: &mut AnyConnection,
        stored: &StoredConsultation,
        user: &Id,
    ) -> sqlx::Result<Secret> {
        let (now, code) = (Timestamp::now(), random_secret::<32>());
        let (from, until) = validity_of(CodeKind::Link, now, stored);
        sqlx::query(
            "INSERT INTO join_codes (hash, kind, consultation_id, role, user_id, valid_from, expires_at, created_at) \
             VALUES ($1, 'link', $2, 'observer', $3, $4, $5, $6)",
        )
        .bind(self.vault.hash_code(code.expose()))
        .bind(stored.id.as_str())
        .bind(user.as_str())
        .bind(from)
        .bind(until)
        .bind(now.as_millis())
        .execute(connection)
        .await?;
        Ok(code)
    }

    /// Creates another kiosk code if the first one belongs to another consultation.
    async fn ensure_kiosk_code(
        &self,
        connection: &mut AnyConnection,
        stored: &StoredConsultation,
        codes: &mut NewCodes,
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let hash = self.vault.hash_code(codes.kiosk.expose());
        if belongs_to(connection, &hash, stored, now).await? {
            return Ok(());
        }
        let (from, until) = validity_of(CodeKind::Kiosk, now, stored);
        let sql = format!("{INSERT} ($1, 'kiosk', $2, 'patient', $3, $4, $5) {REUSE_EXPIRED}");
        for _ in 0..MAX_KIOSK_ATTEMPTS {
            codes.kiosk = random_kiosk_code();
            let insert = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).bind(self.vault.hash_code(codes.kiosk.expose()));
            let insert = insert.bind(stored.id.as_str()).bind(from).bind(until).bind(now.as_millis());
            if insert.execute(&mut *connection).await?.rows_affected() == 1 {
                return Ok(());
            }
        }
        Err(sqlx::Error::Protocol("no eight-digit code is free".to_owned()))
    }

    /// Returns the properties of a code; `None` if it is unknown.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn find_code(&self, kind: CodeKind, code: &str) -> sqlx::Result<Option<StoredCode>> {
        let row = sqlx::query(
            "SELECT consultation_id, role, user_id, valid_from, expires_at, revoked_at FROM join_codes \
             WHERE hash = $1 AND kind = $2",
        )
        .bind(self.vault.hash_code(code))
        .bind(kind.as_str())
        .fetch_optional(&self.reads)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let consultation = Id::new(row.try_get::<String, _>("consultation_id")?);
        let role: Result<Role, _> = row.try_get::<String, _>("role")?.parse();
        let observer = row.try_get::<Option<String>, _>("user_id")?.map(Id::new).transpose();
        Ok(Some(StoredCode {
            observer: observer.map_err(|error| sqlx::Error::Decode(error.into()))?,
            consultation: consultation.map_err(|error| sqlx::Error::Decode(error.into()))?,
            role: role.map_err(|error| sqlx::Error::Decode(error.into()))?,
            valid_from: Timestamp::from_millis(row.try_get("valid_from")?),
            expires_at: Timestamp::from_millis(row.try_get("expires_at")?),
            revoked: row.try_get::<Option<i64>, _>("revoked_at")?.is_some(),
        }))
    }
}

const INSERT: &str =
    "INSERT INTO join_codes (hash, kind, consultation_id, role, valid_from, expires_at, created_at) VALUES";
/// Reuses an expired code, and keeps a valid one.
const REUSE_EXPIRED: &str = "ON CONFLICT (hash) DO UPDATE SET consultation_id = excluded.consultation_id, valid_from = excluded.valid_from, \
     expires_at = excluded.expires_at, created_at = excluded.created_at, revoked_at = NULL \
     WHERE join_codes.expires_at < excluded.created_at";

/// Rows of a consultation's new codes. Parameters: `$1` current time, `$2` consultation, `$3`–`$6` validity of links
/// and kiosk code, `$7`–`$9` hashes of patient's link, doctor's link and kiosk code.
const NEW_CODE_ROWS: &str = "($7, 'link', $2, 'patient', $3, $4, $1), ($8, 'link', $2, 'doctor', $3, $4, $1), \
     ($9, 'kiosk', $2, 'patient', $5, $6, $1)";

/// Returns `true` if the code with this hash was just created for this consultation.
async fn belongs_to(
    connection: &mut AnyConnection,
    hash: &str,
    stored: &StoredConsultation,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let query = sqlx::query("SELECT 1 FROM join_codes WHERE hash = $1 AND consultation_id = $2 AND created_at = $3");
    let row = query.bind(hash).bind(stored.id.as_str()).bind(now.as_millis()).fetch_optional(connection).await?;
    Ok(row.is_some())
}

pub(super) async fn revoke_all(connection: &mut AnyConnection, id: &Id, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE join_codes SET revoked_at = $1 WHERE consultation_id = $2 AND revoked_at IS NULL")
        .bind(now.as_millis())
        .bind(id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn move_validity(
    connection: &mut AnyConnection,
    id: &Id,
    scheduled_at: Timestamp,
    duration_minutes: u32,
) -> sqlx::Result<()> {
    for kind in [CodeKind::Link, CodeKind::Kiosk] {
        let (valid_from, expires_at) = validity(kind, Timestamp::now(), Some(scheduled_at), duration_minutes);
        sqlx::query("UPDATE join_codes SET valid_from = $1, expires_at = $2 WHERE consultation_id = $3 AND kind = $4")
            .bind(valid_from)
            .bind(expires_at)
            .bind(id.as_str())
            .bind(kind.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Returns eight uniformly distributed random digits.
fn random_kiosk_code() -> Secret {
    const CODES: u32 = 100_000_000;
    // Rejects numbers above the last multiple, which would make small codes more likely.
    const LIMIT: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let number = u32::from_be_bytes(random_bytes());
        if number < LIMIT {
            return Secret::new(format!("{:08}", number % CODES));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::Database;
    use crate::store::{AuditEvent, NewConsultation};
    use crate::vault::Vault;

    #[test]
    fn codes_work_around_the_appointment() {
        let now = Timestamp::from_millis(0);
        let start = Timestamp::from_millis(100 * 60 * MINUTE);
        assert_eq!(validity(CodeKind::Link, now, None, 30), (0, 24 * 60 * MINUTE));
        assert_eq!(validity(CodeKind::Kiosk, now, None, 30), (0, 120 * MINUTE));
        let begin = start.as_millis() - 15 * MINUTE;
        assert_eq!(validity(CodeKind::Link, now, Some(start), 30), (begin, start.as_millis() + (30 + 720) * MINUTE));
        assert_eq!(validity(CodeKind::Kiosk, now, Some(start), 30), (begin, start.as_millis() + 90 * MINUTE));
    }

    #[tokio::test]
    async fn a_kiosk_code_of_another_consultation_is_replaced() {
        let store = Store::open(&Database::Memory, Arc::new(Vault::ephemeral())).await.unwrap();
        let create = async |id: &str| {
            let request = json!({"consultationId": id, "patientId": "p", "doctorId": "d"});
            let request = serde_json::from_value(request).unwrap();
            let event = AuditEvent::ok("local", "consultation.create");
            let new = NewConsultation {
                request,
                e2ee: false,
                language: autamedica_api::Language::Es,
                transport: autamedica_api::Transport::Sfu,
                room_sid: "RM_a".to_owned(),
                event,
            };
            store.create_consultation(new).await.unwrap()
        };
        let (one, other) = (create("one").await, create("other").await);
        let (taken, now) = (one.codes.unwrap().kiosk, Timestamp::now());
        let leads_to = async |code: &Secret| {
            store.find_code(CodeKind::Kiosk, code.expose()).await.unwrap().unwrap().consultation.to_string()
        };
        let link = || random_secret::<32>();
        let mut codes = NewCodes { patient: link(), doctor: link(), kiosk: Secret::new(taken.expose().to_owned()) };
        let mut connection = store.pool.begin().await.unwrap();
        store.ensure_kiosk_code(&mut connection, &other.stored, &mut codes, now).await.unwrap();
        assert!(codes.kiosk != taken);
        let replaced = Secret::new(codes.kiosk.expose().to_owned());
        store.ensure_kiosk_code(&mut connection, &other.stored, &mut codes, now).await.unwrap();
        connection.commit().await.unwrap();
        assert!(codes.kiosk == replaced);
        assert_eq!((leads_to(&taken).await, leads_to(&replaced).await), ("one".to_owned(), "other".to_owned()));
    }

    #[test]
    fn kiosk_codes_have_eight_digits() {
        for _ in 0..1000 {
            let code = random_kiosk_code();
            assert!(code.expose().len() == 8 && code.expose().bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
