//! Driver of a recording: a task per recording, from the request to the stored files, for every backend.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ConsultationState, RecordingState};
use tokio::sync::watch;
use tokio::time::Instant;

use super::recordings::Recordings;
use super::storage_error::StorageError;
use super::{announce, upload};
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{StoredConsultation, StoredPart, StoredRecording};

/// Number of crashes in a row after which a recording is given up.
const MAX_CRASHES: u32 = 5;
/// Running time after which a crash doesn't count as one in a row.
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// Interval for repeating announcements, because a restarted SFU loses the rooms' metadata.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(5);
/// Delay before a storage that doesn't encrypt is tried again.
const UNENCRYPTED_RETRY_DELAY: Duration = Duration::from_secs(60 * 60);

/// Timeout for reading the consents from the database.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for a database query, with a timeout.
///
/// # Errors
/// [`Error::Database`] if the query fails, and [`Error::Internal`] after the timeout.
pub(super) async fn query_with_timeout<T>(read: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let read = tokio::time::timeout(READ_TIMEOUT, read).await;
    Ok(read.map_err(|_| Error::Internal("the database doesn't answer in time"))??)
}

/// States in which a backend records.
pub(super) const IN_PROGRESS: [RecordingState; 3] =
    [RecordingState::Starting, RecordingState::Recording, RecordingState::Paused];

/// A recording and its context.
pub(super) struct Job {
    /// State of the server.
    pub state: AppState,
    /// Recording settings of the server.
    pub recordings: Arc<Recordings>,
    /// Id of the recording.
    pub id: String,
}

impl Job {
    /// Returns the identities that must answer: the patient, even before joining, and present participants without
    /// consent.
    async fn asked(&self, recording: &StoredRecording) -> Result<Vec<String>> {
        let mut asked = self.state.store.without_consent(&recording.consultation).await?;
        if recording.state == RecordingState::Asking
            && let Some(stored) = self.state.store.consultation(&recording.consultation).await?
            && !asked.iter().any(|identity| identity == stored.patient_id.as_str())
        {
            asked.push(stored.patient_id.to_string());
        }
        Ok(asked)
    }
}

/// A recording backend. The driver decides when it records.
pub(super) trait Backend: Send {
    /// Event of the backend.
    type Event: Send;

    /// Recovers parts of an earlier run. Returns `false` while that is in progress.
    fn prepare(&mut self, job: &Job, recording: &StoredRecording) -> impl Future<Output = Result<bool>> + Send;

    /// Records or, with `pause`, doesn't.
    fn record(
        &mut self,
        job: &Job,
        recording: &StoredRecording,
        pause: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Handles a database failure: state and consents of the recording are unknown.
    fn on_database_failure(&mut self, job: &Job) -> impl Future<Output = ()> + Send;

    /// Stops recording and finishes the files. Returns `false` while that is in progress.
    fn stop(&mut self, job: &Job) -> impl Future<Output = Result<bool>> + Send;

    /// Waits for the next event. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Self::Event> + Send;

    /// Processes an event.
    fn handle(&mut self, job: &Job, event: Self::Event) -> impl Future<Output = Result<()>> + Send;

    /// Handles the shutdown of the server.
    fn shutdown(self, job: &Job) -> impl Future<Output = ()> + Send;
}

/// Crashes in a row, and the delay before the next start.
pub(super) struct Crashes {
    number: u32,
    not_before: Instant,
}

impl Default for Crashes {
    fn default() -> Self {
        Self { number: 0, not_before: Instant::now() }
    }
}

impl Crashes {
    /// Returns `true` after the delay.
    pub fn may_start(&self) -> bool {
        Instant::now() >= self.not_before
    }

    /// Counts a crash and reports the problem. After [`MAX_CRASHES`] in a row the recording stops.
    pub async fn record(&mut self, job: &Job, problem: &str, since: Instant) -> Result<()> {
        self.number = if since.elapsed() > STABLE_AFTER { 1 } else { self.number + 1 };
        // At least a second, because file names have second precision.
        self.not_before = Instant::now() + Duration::from_secs(1 << self.number.min(4));
        job.state.store.set_recording_problem(&job.id, Some(problem)).await?;
        if self.number >= MAX_CRASHES {
            tracing::error!(recording = job.id, problem, "recording given up after repeated crashes");
            job.state.store.transition_recording(&job.id, &IN_PROGRESS, RecordingState::Stopping).await?;
        }
        Ok(())
    }
}

/// State of the driver task.
struct Drive<B> {
    job: Job,
    backend: B,
    /// Number of failed attempts to store the files.
    failed_attempts: u32,
    not_before: Instant,
    ended: watch::Receiver<bool>,
    announced: Option<(StoredRecording, Vec<String>, Instant)>,
}

/// Drives a recording until it is finished or the server shuts down.
pub(super) async fn drive(job: Job, backend: impl Backend, mut ended: watch::Receiver<bool>) {
    let recordings = job.recordings.clone();
    let not_before = Instant::now();
    let mut drive = Drive { job, backend, failed_attempts: 0, not_before, ended: ended.clone(), announced: None };
    loop {
        match drive.step().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, recording = drive.job.id, "driving a recording failed; retrying");
                drive.backend.on_database_failure(&drive.job).await;
            }
        }
        let event = tokio::select! {
            event = drive.backend.next() => event,
            () = recordings.changed_or_poll() => continue,
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => break,
        };
        if let Err(error) = drive.backend.handle(&drive.job, event).await {
            tracing::warn!(%error, recording = drive.job.id, "processing a recording event failed");
        }
    }
    drive.backend.shutdown(&drive.job).await;
}

impl<B: Backend> Drive<B> {
    /// Performs the next action for the recording's state. Returns `false` when it is finished.
    async fn step(&mut self) -> Result<bool> {
        let (job, store) = (&self.job, self.job.state.store.clone());
        let Some(recording) = query_with_timeout(store.recording(&job.id)).await? else { return Ok(false) };
        if !self.backend.prepare(job, &recording).await? {
            return Ok(true);
        }
        // Recovery may have changed the state.
        let Some(recording) = query_with_timeout(store.recording(&job.id)).await? else { return Ok(false) };
        let consultation = query_with_timeout(store.consultation(&recording.consultation)).await?;
        let is_finished = consultation.as_ref().is_none_or(StoredConsultation::is_finished);
        // A recording also ends when both sides have left.
        let has_ended = is_finished || consultation.is_none_or(|stored| stored.state == ConsultationState::Ended);
        match recording.state {
            RecordingState::Asking | RecordingState::Starting if is_finished => {
                store.transition_recording(&job.id, &[recording.state], RecordingState::Cancelled).await?;
            }
            RecordingState::Asking => {}
            RecordingState::Recording | RecordingState::Paused if has_ended => {
                store.transition_recording(&job.id, &[recording.state], RecordingState::Stopping).await?;
            }
            RecordingState::Starting | RecordingState::Recording | RecordingState::Paused => {
                // Starting the backend may take a while, so the room is informed first.
                if recording.state == RecordingState::Starting {
                    let asked = job.asked(&recording).await?;
                    self.announce(&recording, asked).await;
                }
                // Nothing is recorded while a participant without consent is present.
                let pause = !query_with_timeout(store.without_consent(&recording.consultation)).await?.is_empty();
                self.backend.record(&self.job, &recording, pause).await?;
            }
            RecordingState::Stopping => {
                if self.backend.stop(job).await? {
                    let has_file = store.parts(&job.id).await?.iter().any(StoredPart::has_file);
                    let next = if !has_file { RecordingState::Failed } else { RecordingState::Storing };
                    store.transition_recording(&job.id, &[RecordingState::Stopping], next).await?;
                }
            }
            RecordingState::Storing => {
                self.announce(&recording, Vec::new()).await;
                // Recovery may have found another part.
                if self.backend.stop(&self.job).await? {
                    self.store(&recording).await?;
                }
                return Ok(true);
            }
            _ => {
                self.announce(&recording, Vec::new()).await;
                // A cancelled or refused recording may have a starting recorder.
                if !self.backend.stop(&self.job).await? {
                    return Ok(true);
                }
                if matches!(recording.state, RecordingState::Refused | RecordingState::Cancelled) {
                    upload::discard(&self.job.state, &self.job.recordings, &recording).await?;
                }
                return Ok(false);
            }
        }
        let Some(recording) = store.recording(&self.job.id).await? else { return Ok(false) };
        let asked = match recording.state {
            RecordingState::Asking | RecordingState::Starting | RecordingState::Paused => {
                self.job.asked(&recording).await?
            }
            _ => Vec::new(),
        };
        self.announce(&recording, asked).await;
        Ok(true)
    }

    /// Stores the files, with increasing delays between attempts.
    async fn store(&mut self, recording: &StoredRecording) -> Result<()> {
        if Instant::now() < self.not_before {
            return Ok(());
        }
        let mut ended = self.ended.clone();
        let stored = tokio::select! {
            stored = upload::store(&self.job.state, &self.job.recordings, recording) => stored?,
            // The upload's state is stored, and the next start continues it.
            _ = ended.wait_for(|end| *end) => return Ok(()),
        };
        // The next step announces the end and finishes.
        let Err(error) = stored else { return Ok(()) };
        self.failed_attempts += 1;
        let pause = match error {
            // Only the operator can fix this. Until then, as little as possible is sent there.
            StorageError::NotEncrypted => UNENCRYPTED_RETRY_DELAY,
            _ => Duration::from_secs(1 << self.failed_attempts.min(6)),
        };
        self.not_before = Instant::now() + pause;
        Ok(())
    }

    /// Announces the recording to the room after a change and periodically.
    async fn announce(&mut self, recording: &StoredRecording, asked: Vec<String>) {
        let is_known = self.announced.as_ref().is_some_and(|(known, known_asked, at)| {
            known == recording && *known_asked == asked && at.elapsed() < ANNOUNCE_INTERVAL
        });
        if is_known {
            return;
        }
        match announce::announce(&self.job.state, recording, asked.clone()).await {
            Ok(()) => self.announced = Some((recording.clone(), asked, Instant::now())),
            Err(error) => tracing::debug!(%error, "announcing a recording failed; retrying"),
        }
    }
}
