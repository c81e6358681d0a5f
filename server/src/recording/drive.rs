//! One recording from its request to its end: the task that has it made, in whatever way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ConsultationState, RecordingState};
use tokio::sync::watch;
use tokio::time::Instant;

use super::recordings::Recordings;
use super::storage_error::StorageError;
use super::{announce, store_away};
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{StoredConsultation, StoredPart, StoredRecording};

/// How often what dies at once is started again before the recording is given up.
const MOST_CRASHES: u32 = 5;
/// What lived so long didn't die at once.
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// How often the room's metadata is compared: an SFU that restarts has forgotten it.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(5);
/// How long until a storage that doesn't encrypt is tried again.
const UNENCRYPTED_PAUSE: Duration = Duration::from_secs(60 * 60);

/// How long the database may take to say who consents.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Waits for what is read from the database, but not for ever.
///
/// # Errors
/// When the database fails, or doesn't answer in time.
pub(super) async fn answered<T>(read: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let read = tokio::time::timeout(READ_WITHIN, read).await;
    Ok(read.map_err(|_| Error::Internal("the database doesn't answer in time"))??)
}

/// The states of a recording that is made.
pub(super) const MAKING: [RecordingState; 3] =
    [RecordingState::Starting, RecordingState::Recording, RecordingState::Paused];

/// Which recording.
pub(super) struct Case {
    /// The server.
    pub state: AppState,
    /// What it records with.
    pub recordings: Arc<Recordings>,
    /// The recording's id.
    pub id: String,
}

impl Case {
    /// Who must answer: the patient, also before they come, and whoever else is there without having consented.
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

/// A way to make a recording. When, and whether at all, isn't its business.
pub(super) trait Way: Send {
    /// What it hears while it works.
    type News: Send;

    /// Looks what became of what was begun before. `false` as long as nothing else can be done.
    fn prepare(&mut self, case: &Case, recording: &StoredRecording) -> impl Future<Output = Result<bool>> + Send;

    /// Has it recorded, or during a pause not.
    fn record(
        &mut self,
        case: &Case,
        recording: &StoredRecording,
        pause: bool,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The database doesn't say how the recording stands, and who consents to it.
    fn doubt(&mut self, case: &Case) -> impl Future<Output = ()> + Send;

    /// Has what is recorded finished. `false` while something is still at work.
    fn stop(&mut self, case: &Case) -> impl Future<Output = Result<bool>> + Send;

    /// Waits for news. Can be waited for beside other things.
    fn next(&mut self) -> impl Future<Output = Self::News> + Send;

    /// Takes news in.
    fn take(&mut self, case: &Case, news: Self::News) -> impl Future<Output = Result<()>> + Send;

    /// The server ends.
    fn leave(self, case: &Case) -> impl Future<Output = ()> + Send;
}

/// What died, and when it may be started again.
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
    /// Whether it is time.
    pub fn may_start(&self) -> bool {
        Instant::now() >= self.not_before
    }

    /// What was started then has died: it is told, and too often in a row is the end of the recording.
    pub async fn note(&mut self, case: &Case, problem: &str, since: Instant) -> Result<()> {
        self.number = if since.elapsed() > STABLE_AFTER { 1 } else { self.number + 1 };
        // At least a second, so that two parts never begin in the same one.
        self.not_before = Instant::now() + Duration::from_secs(1 << self.number.min(4));
        case.state.store.recording_problem(&case.id, Some(problem)).await?;
        if self.number >= MOST_CRASHES {
            tracing::error!(recording = case.id, problem, "it dies again and again; the recording is given up");
            case.state.store.move_recording(&case.id, &MAKING, RecordingState::Stopping).await?;
        }
        Ok(())
    }
}

/// What this task knows beside the database.
struct Drive<W> {
    case: Case,
    way: W,
    /// How often storing failed.
    tries: u32,
    not_before: Instant,
    ended: watch::Receiver<bool>,
    announced: Option<(StoredRecording, Vec<String>, Instant)>,
}

/// Drives a recording until nothing is left to do, or the server ends.
pub(super) async fn drive(case: Case, way: impl Way, mut ended: watch::Receiver<bool>) {
    let recordings = case.recordings.clone();
    let not_before = Instant::now();
    let mut drive = Drive { case, way, tries: 0, not_before, ended: ended.clone(), announced: None };
    loop {
        match drive.step().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, recording = drive.case.id, "a recording can't be driven; trying again");
                drive.way.doubt(&drive.case).await;
            }
        }
        let news = tokio::select! {
            news = drive.way.next() => news,
            () = recordings.next_look() => continue,
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => break,
        };
        if let Err(error) = drive.way.take(&drive.case, news).await {
            tracing::warn!(%error, recording = drive.case.id, "a recording's news can't be noted");
        }
    }
    drive.way.leave(&drive.case).await;
}

impl<W: Way> Drive<W> {
    /// Looks at the recording and does what is due. `false` when nothing is left to do.
    async fn step(&mut self) -> Result<bool> {
        let (case, store) = (&self.case, self.case.state.store.clone());
        let Some(recording) = answered(store.recording(&case.id)).await? else { return Ok(false) };
        if !self.way.prepare(case, &recording).await? {
            return Ok(true);
        }
        // News that were found may have moved it.
        let Some(recording) = answered(store.recording(&case.id)).await? else { return Ok(false) };
        let consultation = answered(store.consultation(&recording.consultation)).await?;
        let over = consultation.as_ref().is_none_or(StoredConsultation::is_over);
        // Also when both sides have left there is nothing more to record.
        let ended = over || consultation.is_none_or(|stored| stored.state == ConsultationState::Ended);
        match recording.state {
            RecordingState::Asking | RecordingState::Starting if over => {
                store.move_recording(&case.id, &[recording.state], RecordingState::Cancelled).await?;
            }
            RecordingState::Asking => {}
            RecordingState::Recording | RecordingState::Paused if ended => {
                store.move_recording(&case.id, &[recording.state], RecordingState::Stopping).await?;
            }
            RecordingState::Starting | RecordingState::Recording | RecordingState::Paused => {
                // To begin may take its time.
                if recording.state == RecordingState::Starting {
                    let asked = case.asked(&recording).await?;
                    self.tell_room(&recording, asked).await;
                }
                // Nothing is recorded while somebody is there who hasn't consented.
                let pause = !answered(store.without_consent(&recording.consultation)).await?.is_empty();
                self.way.record(&self.case, &recording, pause).await?;
            }
            RecordingState::Stopping => {
                if self.way.stop(case).await? {
                    let has_file = store.parts(&case.id).await?.iter().any(StoredPart::has_file);
                    let next = if !has_file { RecordingState::Failed } else { RecordingState::Storing };
                    store.move_recording(&case.id, &[RecordingState::Stopping], next).await?;
                }
            }
            RecordingState::Storing => {
                self.tell_room(&recording, Vec::new()).await;
                // A part may have been found only now.
                if self.way.stop(&self.case).await? {
                    self.store(&recording).await?;
                }
                return Ok(true);
            }
            _ => {
                self.tell_room(&recording, Vec::new()).await;
                // It was cancelled or refused, perhaps with a recorder on its way.
                if !self.way.stop(&self.case).await? {
                    return Ok(true);
                }
                if matches!(recording.state, RecordingState::Refused | RecordingState::Cancelled) {
                    store_away::discard(&self.case.state, &self.case.recordings, &recording).await?;
                }
                return Ok(false);
            }
        }
        let Some(recording) = store.recording(&self.case.id).await? else { return Ok(false) };
        let asked = match recording.state {
            RecordingState::Asking | RecordingState::Starting | RecordingState::Paused => {
                self.case.asked(&recording).await?
            }
            _ => Vec::new(),
        };
        self.tell_room(&recording, asked).await;
        Ok(true)
    }

    /// Brings the files to where they are kept, again and again until they are there.
    async fn store(&mut self, recording: &StoredRecording) -> Result<()> {
        if Instant::now() < self.not_before {
            return Ok(());
        }
        let mut ended = self.ended.clone();
        let stored = tokio::select! {
            stored = store_away::store(&self.case.state, &self.case.recordings, recording) => stored?,
            // What is uploaded so far is noted, and the next start goes on from there.
            _ = ended.wait_for(|end| *end) => return Ok(()),
        };
        // The next look tells the room that all is well, and ends.
        let Err(error) = stored else { return Ok(()) };
        self.tries += 1;
        let pause = match error {
            // Only the operator can change that; until then, the less is sent there the better.
            StorageError::NotEncrypted => UNENCRYPTED_PAUSE,
            _ => Duration::from_secs(1 << self.tries.min(6)),
        };
        self.not_before = Instant::now() + pause;
        Ok(())
    }

    /// Tells the room, when there is something new or it is time to look again.
    async fn tell_room(&mut self, recording: &StoredRecording, asked: Vec<String>) {
        let is_known = self.announced.as_ref().is_some_and(|(known, known_asked, at)| {
            known == recording && *known_asked == asked && at.elapsed() < ANNOUNCE_EVERY
        });
        if is_known {
            return;
        }
        match announce::announce(&self.case.state, recording, asked.clone()).await {
            Ok(()) => self.announced = Some((recording.clone(), asked, Instant::now())),
            Err(error) => tracing::debug!(%error, "a room can't be told of its recording; trying again"),
        }
    }
}
