//! Join codes: the secrets of links, and the eight digits that are typed at a kiosk.

use autamedica_api::{Id, Role, Timestamp};
use sqlx::{AnyConnection, Row};

use super::{Event, Store, StoredConsultation, append, rows};
use crate::secret::{Secret, random_bytes};

/// Links and kiosk codes work from this long before the appointment.
const EARLY: i64 = 15 * MINUTE;
/// Links still work this long after it should have ended; doctors run late.
const LINK_AFTER: i64 = 12 * 60 * MINUTE;
/// Eight digits are weaker, so they live shorter.
const KIOSK_AFTER: i64 = 60 * MINUTE;
/// Without an appointment, links work for a day and kiosk codes for two hours.
const UNSCHEDULED_LINK: i64 = 24 * 60 * MINUTE;
const UNSCHEDULED_KIOSK: i64 = 120 * MINUTE;
const MINUTE: i64 = 60_000;
/// When no duration is said.
pub const DEFAULT_DURATION_MINUTES: u32 = 30;
/// How often a free eight-digit code is looked for: even with a million in use, one try in a hundred hits one.
const KIOSK_ATTEMPTS: u32 = 10;

/// What kind of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// In a link: 256 random bits.
    Link,
    /// Typed: eight digits.
    Kiosk,
}

impl CodeKind {
    /// Which kind a text is, and the code in it: people write eight digits with spaces or hyphens.
    pub fn read(text: &str) -> (Self, String) {
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

/// The codes of one consultation, fresh, the only time that they are seen.
#[derive(Debug)]
pub struct FreshCodes {
    /// For the patient's link.
    pub patient: Secret,
    /// For the doctor's link.
    pub doctor: Secret,
    /// The patient's, typed at a kiosk.
    pub kiosk: Secret,
}

/// What a code that exists stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCode {
    /// Where it leads.
    pub consultation: Id,
    /// As whom.
    pub role: Role,
    /// From when it works.
    pub valid_from: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A row of the table of codes.
struct NewCode<'a> {
    hash: String,
    kind: CodeKind,
    consultation: &'a Id,
    role: Role,
    window: (i64, i64),
}

/// When codes of this kind work, in milliseconds since 1970.
fn window(kind: CodeKind, now: Timestamp, scheduled_at: Option<Timestamp>, duration_minutes: u32) -> (i64, i64) {
    let Some(start) = scheduled_at.map(Timestamp::as_millis) else {
        let life = if kind == CodeKind::Link { UNSCHEDULED_LINK } else { UNSCHEDULED_KIOSK };
        return (now.as_millis(), now.as_millis().saturating_add(life));
    };
    let after = if kind == CodeKind::Link { LINK_AFTER } else { KIOSK_AFTER };
    let end = start.saturating_add(i64::from(duration_minutes) * MINUTE).saturating_add(after);
    (start.saturating_sub(EARLY), end)
}

impl Store {
    /// Makes fresh codes for a consultation; the earlier ones stay good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_codes(&self, consultation: &StoredConsultation) -> sqlx::Result<FreshCodes> {
        let mut transaction = self.pool.begin().await?;
        let codes = self.insert_codes(&mut transaction, &[consultation]).await?;
        transaction.commit().await?;
        codes.into_iter().next().ok_or(sqlx::Error::RowNotFound)
    }

    /// Makes fresh codes for each of these consultations, in their order.
    pub(super) async fn insert_codes(
        &self,
        connection: &mut AnyConnection,
        consultations: &[&StoredConsultation],
    ) -> sqlx::Result<Vec<FreshCodes>> {
        let now = Timestamp::now();
        let mut fresh: Vec<FreshCodes> = Vec::new();
        for _ in consultations {
            // Two rows of one statement can't be the same.
            let kiosk = other_than(|kiosk| fresh.iter().any(|codes| codes.kiosk == *kiosk));
            fresh.push(FreshCodes { patient: Secret::random::<32>(), doctor: Secret::random::<32>(), kiosk });
        }
        let mut new = Vec::new();
        for (stored, codes) in consultations.iter().zip(&fresh) {
            new.push(self.row(CodeKind::Link, Role::Patient, &codes.patient, stored, now));
            new.push(self.row(CodeKind::Link, Role::Doctor, &codes.doctor, stored, now));
            new.push(self.row(CodeKind::Kiosk, Role::Patient, &codes.kiosk, stored, now));
        }
        if new.is_empty() {
            return Ok(fresh);
        }
        let all_were_free = insert(connection, &new, now).await? == new.len();
        for (stored, codes) in consultations.iter().zip(&mut fresh) {
            let kiosk = self.vault.hash_code(codes.kiosk.expose());
            let mut is_free = all_were_free || belongs_to(connection, &kiosk, stored, now).await?;
            for _ in 0..KIOSK_ATTEMPTS {
                if is_free {
                    break;
                }
                codes.kiosk = eight_digits();
                let row = self.row(CodeKind::Kiosk, Role::Patient, &codes.kiosk, stored, now);
                is_free = insert(connection, &[row], now).await? == 1;
            }
            if !is_free {
                return Err(sqlx::Error::Protocol("no eight-digit code is free".to_owned()));
            }
        }
        Ok(fresh)
    }

    fn row<'a>(
        &self,
        kind: CodeKind,
        role: Role,
        code: &Secret,
        stored: &'a StoredConsultation,
        now: Timestamp,
    ) -> NewCode<'a> {
        let duration = stored.duration_minutes.unwrap_or(DEFAULT_DURATION_MINUTES);
        let window = window(kind, now, stored.scheduled_at, duration);
        NewCode { hash: self.vault.hash_code(code.expose()), kind, consultation: &stored.id, role, window }
    }

    /// What a code stands for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_code(&self, kind: CodeKind, code: &str) -> sqlx::Result<Option<StoredCode>> {
        let row = sqlx::query(
            "SELECT consultation_id, role, valid_from, expires_at, revoked_at FROM join_codes \
             WHERE hash = $1 AND kind = $2",
        )
        .bind(self.vault.hash_code(code))
        .bind(kind.as_str())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let consultation = Id::new(row.try_get::<String, _>("consultation_id")?);
        let role: Result<Role, _> = row.try_get::<String, _>("role")?.parse();
        Ok(Some(StoredCode {
            consultation: consultation.map_err(|error| sqlx::Error::Decode(error.into()))?,
            role: role.map_err(|error| sqlx::Error::Decode(error.into()))?,
            valid_from: Timestamp::from_millis(row.try_get("valid_from")?),
            expires_at: Timestamp::from_millis(row.try_get("expires_at")?),
            revoked: row.try_get::<Option<i64>, _>("revoked_at")?.is_some(),
        }))
    }

    /// Revokes every link and kiosk code of a consultation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_codes(&self, id: &Id, by: Event) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        revoke_all(&mut transaction, id, Timestamp::now()).await?;
        append(&mut transaction, &self.vault, by.consultation(id)).await?;
        transaction.commit().await
    }
}

/// Inserts codes, and says how many of them were free. One that can't work any more is taken over.
async fn insert(connection: &mut AnyConnection, codes: &[NewCode<'_>], now: Timestamp) -> sqlx::Result<usize> {
    let sql = format!(
        "INSERT INTO join_codes (hash, kind, consultation_id, role, valid_from, expires_at, created_at) VALUES {} \
         ON CONFLICT (hash) DO UPDATE SET consultation_id = excluded.consultation_id, valid_from = excluded.valid_from, \
         expires_at = excluded.expires_at, created_at = excluded.created_at, revoked_at = NULL \
         WHERE join_codes.expires_at < excluded.created_at",
        rows(codes.len(), 7)
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for NewCode { hash, kind, consultation, role, window: (valid_from, expires_at) } in codes {
        query = query.bind(hash).bind(kind.as_str()).bind(consultation.as_str()).bind(role.as_str());
        query = query.bind(valid_from).bind(expires_at).bind(now.as_millis());
    }
    let inserted = query.execute(connection).await?.rows_affected();
    Ok(usize::try_from(inserted).unwrap_or(usize::MAX))
}

/// Whether the code of this hash is the one that was made for this consultation now.
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

pub(super) async fn move_window(
    connection: &mut AnyConnection,
    id: &Id,
    scheduled_at: Timestamp,
    duration_minutes: u32,
) -> sqlx::Result<()> {
    for kind in [CodeKind::Link, CodeKind::Kiosk] {
        let (valid_from, expires_at) = window(kind, Timestamp::now(), Some(scheduled_at), duration_minutes);
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

/// Eight digits that aren't `taken`.
fn other_than(taken: impl Fn(&Secret) -> bool) -> Secret {
    loop {
        let digits = eight_digits();
        if !taken(&digits) {
            return digits;
        }
    }
}

/// Each of the hundred million codes as likely as any other.
fn eight_digits() -> Secret {
    const CODES: u32 = 100_000_000;
    // Numbers above the last whole multiple would make small codes likelier.
    const FAIR: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let number = u32::from_be_bytes(random_bytes());
        if number < FAIR {
            return Secret::new(format!("{:08}", number % CODES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_work_around_the_appointment() {
        let now = Timestamp::from_millis(0);
        let start = Timestamp::from_millis(100 * 60 * MINUTE);
        assert_eq!(window(CodeKind::Link, now, None, 30), (0, 24 * 60 * MINUTE));
        assert_eq!(window(CodeKind::Kiosk, now, None, 30), (0, 120 * MINUTE));
        let begin = start.as_millis() - 15 * MINUTE;
        assert_eq!(window(CodeKind::Link, now, Some(start), 30), (begin, start.as_millis() + (30 + 720) * MINUTE));
        assert_eq!(window(CodeKind::Kiosk, now, Some(start), 30), (begin, start.as_millis() + 90 * MINUTE));
    }

    #[test]
    fn kiosk_codes_have_eight_digits() {
        for _ in 0..1000 {
            let code = eight_digits();
            assert!(code.expose().len() == 8 && code.expose().bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
