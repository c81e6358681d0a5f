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
    /// How far it has come.
    pub state: PartState,
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
    /// It has no file any more: that was deleted, or is missing, as the recording's state and problem say.
    Gone,
}

impl PartState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Ending => "ending",
            Self::Finished => "finished",
            Self::Stored => "stored",
            Self::Gone => "gone",
        }
    }
}

const PARTS: &str =
    "recording_id, number, state, egress_id, started_at, file, seconds, bytes, sha256, location, encryption, upload";

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
        let insert = sqlx::query(
            "INSERT INTO recording_parts (recording_id, number, state, egress_id, started_at, file) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(&part.recording)
        .bind(i64::from(part.number))
        .bind(part.state.as_str())
        .bind(&part.egress)
        .bind(part.started_at.map(Timestamp::as_millis))
        .bind(&part.file);
        Ok(self.pool.execute(insert).await? == 1)
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
        self.pool.execute(sqlx::query(
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
        .bind(i64::from(part.number)))
        .await?;
        Ok(())
    }

    /// Forgets a file of which nothing was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_part(&self, recording: &str, number: u32) -> sqlx::Result<()> {
        self.pool
            .execute(
                sqlx::query("DELETE FROM recording_parts WHERE recording_id = $1 AND number = $2")
                    .bind(recording)
                    .bind(i64::from(number)),
            )
            .await?;
        Ok(())
    }

    /// The parts of `owner`'s recorders that have no end, of recordings that nothing drives any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn left_parts(&self, owner: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE state IN ('writing', 'finished') AND egress_id IS NULL \
             AND recording_id IN (SELECT id FROM recordings WHERE owner = $1 \
             AND state IN ('ready', 'failed', 'refused', 'cancelled', 'deleted')) ORDER BY recording_id, number"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
    }

    /// The parts of `owner`'s recordings that are kept, and of which nothing else is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept_parts(&self, owner: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE state = 'stored' AND recording_id IN \
             (SELECT id FROM recordings WHERE owner = $1 AND state = 'ready' \
             AND (problem IS NULL OR problem <> 'part-missing')) ORDER BY recording_id, number"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
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

    /// Whether it has a file, or may have one.
    pub fn has_file(&self) -> bool {
        self.state != PartState::Gone
    }

    /// The same without its file.
    pub fn gone(self) -> Self {
        Self { state: PartState::Gone, file: None, location: None, upload: None, seconds: 0.0, bytes: 0, ..self }
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
    let all = [PartState::Writing, PartState::Ending, PartState::Finished, PartState::Stored, PartState::Gone];
    Ok(StoredPart {
        recording: row.try_get("recording_id")?,
        number: row.try_get::<i64, _>("number")?.try_into().map_err(wrong)?,
        state: all
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| wrong(format!("unknown state `{state}`")))?,
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
