//! Files of recordings.

use autamedica_api::{RecordedPart, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;
use super::recordings::{decode_error, timestamp};

/// A file of a recording in the database.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPart {
    /// Id of the recording.
    pub recording: String,
    /// Number of the part, from 1.
    pub number: u32,
    /// State of the file.
    pub state: PartState,
    /// LiveKit's id of the egress that writes the file, if one does; empty while it is unknown.
    pub egress: Option<String>,
    /// Time of the first frame.
    pub started_at: Option<Timestamp>,
    /// Path or key of the file.
    pub file: Option<String>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// URL of the stored file.
    pub location: Option<String>,
    /// Encryption of the stored file.
    pub encryption: Option<String>,
    /// State of an unfinished upload.
    pub upload: Option<String>,
}

/// State of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// A recorder writes the file, or did when it or the server crashed.
    Writing,
    /// An egress has stopped recording and uploads the file.
    Ending,
    /// The file is complete and not stored yet.
    Finished,
    /// The file is stored and verified.
    Stored,
    /// The file was deleted or is missing; the recording's state and problem tell which.
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
    /// Returns the parts of a recording, in order.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn parts(&self, recording: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!("SELECT {PARTS} FROM recording_parts WHERE recording_id = $1 ORDER BY number");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(recording).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
    }

    /// Inserts a part. Returns `false` if another server has inserted it.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn insert_part(&self, part: &StoredPart) -> sqlx::Result<bool> {
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

    /// Returns the part that an egress writes, by the egress's id or by the file's name, which is known before the id.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn part_of_egress(&self, egress: &str, file: &str) -> sqlx::Result<Option<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE egress_id = $1 OR (egress_id = '' AND file = $2) LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(egress).bind(file).fetch_optional(&self.reads).await?;
        row.as_ref().map(read_part).transpose()
    }

    /// Stores the current state of a part.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
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

    /// Deletes a part without a file.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn delete_part(&self, recording: &str, number: u32) -> sqlx::Result<()> {
        self.pool
            .execute(
                sqlx::query("DELETE FROM recording_parts WHERE recording_id = $1 AND number = $2")
                    .bind(recording)
                    .bind(i64::from(number)),
            )
            .await?;
        Ok(())
    }

    /// Returns unfinished parts in `owner`'s finished recordings.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn unfinished_parts(&self, owner: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE state IN ('writing', 'finished') AND egress_id IS NULL \
             AND recording_id IN (SELECT id FROM recordings WHERE owner = $1 \
             AND state IN ('ready', 'failed', 'refused', 'cancelled', 'deleted')) ORDER BY recording_id, number"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
    }

    /// Returns the stored parts of `owner`'s recordings, except recordings with known missing parts.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn stored_parts(&self, owner: &str) -> sqlx::Result<Vec<StoredPart>> {
        let sql = format!(
            "SELECT {PARTS} FROM recording_parts WHERE state = 'stored' AND recording_id IN \
             (SELECT id FROM recordings WHERE owner = $1 AND state = 'ready' \
             AND (problem IS NULL OR problem <> 'part-missing')) ORDER BY recording_id, number"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(owner).fetch_all(&self.reads).await?;
        rows.iter().map(read_part).collect()
    }

    /// Signs the download URL of a part, valid until `expires` (milliseconds since 1970).
    pub fn sign_link(&self, recording: &str, number: u32, expires: i64) -> String {
        self.vault.sign_link(&format!("{recording}/{number}/{expires}"))
    }

    /// Returns `true` if the signature of a download URL is valid.
    pub fn is_signed_link(&self, recording: &str, number: u32, expires: i64, signature: &str) -> bool {
        self.vault.is_signed_link(&format!("{recording}/{number}/{expires}"), signature)
    }
}

impl StoredPart {
    /// Creates a part that is being written.
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

    /// Returns `true` while a recorder or an egress works on the part.
    pub fn is_in_progress(&self) -> bool {
        matches!(self.state, PartState::Writing | PartState::Ending)
    }

    /// Returns `true` if the part has a file, or may have one.
    pub fn has_file(&self) -> bool {
        self.state != PartState::Gone
    }

    /// Returns the part without its file.
    pub fn without_file(self) -> Self {
        Self { state: PartState::Gone, file: None, location: None, upload: None, seconds: 0.0, bytes: 0, ..self }
    }

    /// Marks the part as complete.
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
        number: row.try_get::<i64, _>("number")?.try_into().map_err(decode_error)?,
        state: all
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| decode_error(format!("unknown state `{state}`")))?,
        egress: row.try_get("egress_id")?,
        started_at: timestamp(row, "started_at")?,
        file: row.try_get("file")?,
        seconds: row.try_get("seconds")?,
        bytes: row.try_get::<i64, _>("bytes")?.try_into().map_err(decode_error)?,
        sha256: row.try_get("sha256")?,
        location: row.try_get("location")?,
        encryption: row.try_get("encryption")?,
        upload: row.try_get("upload")?,
    })
}
