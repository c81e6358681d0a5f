//! The files of recordings.

use autamedica_api::{RecordedPart, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;
use super::recordings::{moment, wrong};

/// A file of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPart {
    /// Whose.
    pub recording: String,
    /// 1, 2, 3, …
    pub number: u32,
    /// `writing`, `finished` or `stored`.
    pub state: PartState,
    /// The process that writes it, or wrote it.
    pub pid: Option<u32>,
    /// The egress that makes it, if one does, by LiveKit's id; empty as long as that isn't known.
    pub egress: Option<String>,
    /// The moment of its first picture.
    pub started_at: Option<Timestamp>,
    /// Where it lies until it is stored.
    pub file: Option<String>,
    /// Its length in seconds.
    pub seconds: f64,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: Option<String>,
    /// Where it is kept.
    pub location: Option<String>,
    /// How it is encrypted there.
    pub encryption: Option<String>,
    /// An upload that has begun.
    pub upload: Option<String>,
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// A recorder writes it, or did when its server died.
    Writing,
    /// An egress records nothing more into it, and hasn't brought it to the bucket yet.
    Ending,
    /// It is whole, and still where it was written.
    Finished,
    /// It is where it is kept, and was checked there.
    Stored,
}

impl PartState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Ending => "ending",
            Self::Finished => "finished",
            Self::Stored => "stored",
        }
    }
}

const PARTS: &str = "recording_id, number, state, pid, egress_id, started_at, file, seconds, bytes, sha256, location, encryption, upload";

impl Store {
    /// The files of a recording, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn parts(&self, recording: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!("SELECT {PARTS} FROM recording_parts WHERE recording_id = $1 ORDER BY number");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(recording).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
    }

    /// Somebody begins to write a file. `false` when another server does already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_part(&self, part: &StoredPart) -> sqlx::Result<bool> {
        let done = sqlx::query(
            "INSERT INTO recording_parts (recording_id, number, state, pid, egress_id, started_at, file) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&part.recording)
        .bind(i64::from(part.number))
        .bind(part.state.as_str())
        .bind(part.pid.map(i64::from))
        .bind(&part.egress)
        .bind(part.started_at.map(Timestamp::as_millis))
        .bind(&part.file)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The file that an egress makes: by the egress's id, or by the file's name, which is known before the id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn part_of_egress(&self, egress: &str, file: &str) -> sqlx::Result<Option<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE egress_id = $1 OR (egress_id = '' AND file = $2) LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(egress).bind(file).fetch_optional(&self.reads).await?;
        row.as_ref().map(read_part).transpose()
    }

    /// Notes a file as it stands now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_part(&self, part: &StoredPart) -> sqlx::Result<()> {
        sqlx::query(
            "UPDATE recording_parts SET state = $1, started_at = $2, file = $3, seconds = $4, bytes = $5, sha256 = $6, \
             location = $7, encryption = $8, upload = $9, egress_id = $10 WHERE recording_id = $11 AND number = $12",
        )
        .bind(part.state.as_str())
        .bind(part.started_at.map(Timestamp::as_millis))
        .bind(&part.file)
        .bind(part.seconds)
        .bind(i64::try_from(part.bytes).unwrap_or(i64::MAX))
        .bind(&part.sha256)
        .bind(&part.location)
        .bind(&part.encryption)
        .bind(&part.upload)
        .bind(&part.egress)
        .bind(&part.recording)
        .bind(i64::from(part.number))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets a file of which nothing was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_part(&self, recording: &str, number: u32) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM recording_parts WHERE recording_id = $1 AND number = $2")
            .bind(recording)
            .bind(i64::from(number))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The signature of a link to a file, good until `expires` (milliseconds since 1970).
    pub fn sign_link(&self, recording: &str, number: u32, expires: i64) -> String {
        self.vault.sign_link(&format!("{recording}/{number}/{expires}"))
    }

    /// Whether a link to a file is one of ours.
    pub fn is_link(&self, recording: &str, number: u32, expires: i64, signature: &str) -> bool {
        self.vault.is_link(&format!("{recording}/{number}/{expires}"), signature)
    }
}

impl StoredPart {
    /// One that begins to be written.
    pub fn new(recording: &str, number: u32) -> Self {
        Self {
            recording: recording.to_owned(),
            number,
            state: PartState::Writing,
            pid: None,
            egress: None,
            started_at: None,
            file: None,
            seconds: 0.0,
            bytes: 0,
            sha256: None,
            location: None,
            encryption: None,
            upload: None,
        }
    }

    /// Whether something still works on it.
    pub fn is_made(&self) -> bool {
        matches!(self.state, PartState::Writing | PartState::Ending)
    }

    /// It is whole.
    pub fn finish(&mut self, part: &RecordedPart) {
        self.state = PartState::Finished;
        self.file = Some(part.file.to_string_lossy().into_owned());
        self.seconds = part.seconds;
        self.bytes = part.bytes;
        self.sha256 = Some(part.sha256.clone());
    }
}

fn read_part(row: &AnyRow) -> sqlx::Result<StoredPart> {
    let state: String = row.try_get("state")?;
    let all = [PartState::Writing, PartState::Ending, PartState::Finished, PartState::Stored];
    Ok(StoredPart {
        recording: row.try_get("recording_id")?,
        number: row.try_get::<i64, _>("number")?.try_into().map_err(wrong)?,
        state: all
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| wrong(format!("unknown state `{state}`")))?,
        pid: row.try_get::<Option<i64>, _>("pid")?.and_then(|pid| pid.try_into().ok()),
        egress: row.try_get("egress_id")?,
        started_at: moment(row, "started_at")?,
        file: row.try_get("file")?,
        seconds: row.try_get("seconds")?,
        bytes: row.try_get::<i64, _>("bytes")?.try_into().map_err(wrong)?,
        sha256: row.try_get("sha256")?,
        location: row.try_get("location")?,
        encryption: row.try_get("encryption")?,
        upload: row.try_get("upload")?,
    })
}
