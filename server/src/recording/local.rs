//! Recording by our recorder, a process on this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use autamedica_api::{RecorderCommand, RecorderEvent, RecorderOrder, RecordingState, Role, room_name};
use tokio::time::{Instant, sleep};

use super::drive::{Backend, Crashes, Job, query_with_timeout};
use super::files;
use super::process::Recorder;
use super::recordings::Registered;
use super::recover::recover;
use crate::error::Result;
use crate::store::{PartState, StoredPart, StoredRecording};

/// Maximum time that a shutdown waits for a recorder to finish its file. It continues without the server.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
/// Time during which the recorder continues with the known consents while the database fails. Then it pauses.
const CONSENT_VALIDITY: Duration = Duration::from_secs(10);

/// State of the backend besides the database.
pub struct Local {
    /// Path of the recorder.
    program: PathBuf,
    /// Folder of the recorder's files.
    folder: PathBuf,
    recorder: Option<Running>,
    /// `true` if all parts except the running recorder's are finished or recovered.
    recovered: bool,
    crashes: Crashes,
}

/// A running recorder.
struct Running {
    process: Recorder,
    since: Instant,
    /// Last command, other than consents and keys.
    last_command: Option<RecorderCommand>,
    /// Identities that it may record.
    allowed: BTreeSet<String>,
    /// Time at which the consents were last read.
    consents_read_at: Instant,
    progress: PartProgress,
    _registered: Registered,
    /// Index of the newest end-to-end key that it has.
    key_index: u32,
}

/// State of a part as reported by the recorder, with the changes that aren't stored yet.
struct PartProgress {
    part: StoredPart,
    /// `true` if the database contains `part` as it is.
    is_part_saved: bool,
    /// State of the recording that isn't stored yet.
    unsaved_state: Option<RecordingState>,
    /// Problem, or end of a problem, that isn't stored yet.
    unsaved_problem: Option<Option<String>>,
}

impl PartProgress {
    fn new(part: StoredPart) -> Self {
        Self { part, is_part_saved: true, unsaved_state: None, unsaved_problem: None }
    }

    /// Processes an event of the recorder. Doesn't await, so that cancellation loses no event.
    fn apply(&mut self, recording: &str, event: RecorderEvent) {
        match event {
            RecorderEvent::Started { at } => {
                self.part.started_at = Some(at);
                self.unsaved_state = Some(RecordingState::Recording);
            }
            RecorderEvent::Progress { bytes, seconds } => (self.part.bytes, self.part.seconds) = (bytes, seconds),
            RecorderEvent::Paused => self.unsaved_state = Some(RecordingState::Paused),
            RecorderEvent::Resumed => self.unsaved_state = Some(RecordingState::Recording),
            RecorderEvent::Problem { what, message } => {
                tracing::warn!(recording, ?what, message, "recorder reported a problem");
                let name = serde_json::to_value(what).ok();
                let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
                self.unsaved_problem = Some((name != "connection-back").then(|| name.to_owned()));
                return;
            }
            RecorderEvent::Finished(part) => self.part.finish(&part),
        }
        self.is_part_saved = false;
    }

    /// Stores all changes. Failed ones are retried by the next call.
    async fn save(&mut self, job: &Job) -> Result<()> {
        let store = &job.state.store;
        if !self.is_part_saved {
            store.update_part(&self.part).await?;
            self.is_part_saved = true;
        }
        if let Some(to) = self.unsaved_state {
            let from = [RecordingState::Starting, RecordingState::Recording, RecordingState::Paused];
            let from: Vec<_> = from.into_iter().filter(|state| *state != to).collect();
            store.transition_recording(&job.id, &from, to).await?;
            self.unsaved_state = None;
        }
        if let Some(problem) = &self.unsaved_problem {
            store.set_recording_problem(&job.id, problem.as_deref()).await?;
            self.unsaved_problem = None;
        }
        Ok(())
    }
}

impl Running {
    /// Updates the identities that it may record. New participants aren't recorded until they consent.
    async fn set_allowed(&mut self, allowed: BTreeSet<String>) {
        self.consents_read_at = Instant::now();
        let command = RecorderCommand::Only { people: allowed.clone() };
        if allowed != self.allowed && self.process.send(command).await.is_ok() {
            self.allowed = allowed;
        }
    }

    /// Pauses or resumes recording.
    async fn pause(&mut self, pause: bool) {
        let wanted = if pause { RecorderCommand::Pause } else { RecorderCommand::Resume };
        let last = self.last_command.as_ref().unwrap_or(&RecorderCommand::Resume);
        if *last != RecorderCommand::Stop && *last != wanted && self.process.send(wanted.clone()).await.is_ok() {
            self.last_command = Some(wanted);
        }
    }

    /// Stops recording and finishes the file.
    async fn stop(&mut self) {
        let is_stopping = self.last_command == Some(RecorderCommand::Stop);
        if !is_stopping && self.process.send(RecorderCommand::Stop).await.is_ok() {
            self.last_command = Some(RecorderCommand::Stop);
        }
    }

    /// Sends the consultation's end-to-end key, unless it has that one.
    async fn send_key(&mut self, job: &Job, recording: &StoredRecording) -> Result<()> {
        let stored = query_with_timeout(job.state.store.consultation(&recording.consultation)).await?;
        let Some(stored) = stored else { return Ok(()) };
        let index = stored.key_index;
        if index != self.key_index
            && let Some(key) = job.state.store.e2ee_key(&stored)?
            && self.process.send(RecorderCommand::Key { key, index }).await.is_ok()
        {
            self.key_index = index;
        }
        Ok(())
    }
}

impl Backend for Local {
    /// Event of the recorder, or `None` after it has ended.
    type Event = Option<RecorderEvent>;

    async fn prepare(&mut self, job: &Job, recording: &StoredRecording) -> Result<bool> {
        if self.recovered || self.recorder.is_some() || recording.state == RecordingState::Asking {
            return Ok(true);
        }
        self.recovered = recover(job, &self.program, &self.folder).await?;
        Ok(self.recovered)
    }

    /// Keeps a recorder running, paused if `pause`.
    async fn record(&mut self, job: &Job, recording: &StoredRecording, pause: bool) -> Result<()> {
        let Some(running) = &mut self.recorder else {
            if self.crashes.may_start() && !pause {
                self.start(job, recording).await?;
            }
            return Ok(());
        };
        running.set_allowed(query_with_timeout(job.state.store.with_consent(&recording.consultation)).await?).await;
        running.pause(pause).await;
        // The consents come first, because a failure to get the key must not delay them.
        let key = running.send_key(job, recording).await;
        running.progress.save(job).await?;
        key
    }

    async fn on_database_failure(&mut self, job: &Job) {
        let Some(running) = &mut self.recorder else { return };
        if false
            && running.consents_read_at.elapsed() >= CONSENT_VALIDITY
            && running.last_command != Some(RecorderCommand::Pause)
        {
            tracing::warn!(recording = job.id, "recording paused: consents can't be read from the database");
            running.pause(true).await;
        }
    }

    async fn stop(&mut self, job: &Job) -> Result<bool> {
        if let Some(running) = &mut self.recorder {
            running.stop().await;
            running.progress.save(job).await?;
            return Ok(false);
        }
        Ok(self.recovered || recover(job, &self.program, &self.folder).await?)
    }

    async fn next(&mut self) -> Option<RecorderEvent> {
        match &mut self.recorder {
            Some(running) => running.process.next().await,
            // Without a recorder there are no events.
            None => std::future::pending().await,
        }
    }

    /// Processes an event of the recorder, or its end.
    async fn handle(&mut self, job: &Job, event: Option<RecorderEvent>) -> Result<()> {
        if let (Some(event), Some(running)) = (event, &mut self.recorder) {
            running.progress.apply(&job.id, event);
            return running.progress.save(job).await;
        }
        let Some(mut running) = self.recorder.take() else { return Ok(()) };
        // If storing the end fails, the part is recovered from its file.
        self.recovered = false;
        running.process.wait().await;
        let is_finished = running.progress.part.state != PartState::Writing;
        let saved = running.progress.save(job).await;
        if !is_finished {
            // The recorder crashed: its part is recovered, and another recorder writes the next part.
            self.crashes.record(job, "recorder-crashed", running.since).await?;
        }
        saved
    }

    /// Stops the recorder and waits briefly for its file. If that takes longer, the next start finds the file.
    async fn shutdown(mut self, job: &Job) {
        let Some(running) = &mut self.recorder else { return };
        if running.process.send(RecorderCommand::Stop).await.is_err() {
            return;
        }
        let finish = async {
            while let Some(event) = self.next().await {
                if let Err(error) = self.handle(job, Some(event)).await {
                    tracing::warn!(%error, "processing a recorder's last event failed");
                }
            }
        };
        tokio::select! {
            () = finish => {}
            () = sleep(FINISH_TIMEOUT) => tracing::info!("recorder continues to finish its file"),
        }
    }
}

impl Local {
    /// Creates a backend with this recorder and folder.
    pub fn new(program: PathBuf, folder: PathBuf) -> Self {
        Self { program, folder, recorder: None, recovered: false, crashes: Crashes::default() }
    }

    async fn start(&mut self, job: &Job, recording: &StoredRecording) -> Result<()> {
        let (state, id) = (&job.state, &recording.consultation);
        let Some(stored) = state.store.consultation(id).await? else { return Ok(()) };
        // Only open rooms can be recorded.
        if state.sfu.open_rooms(vec![room_name(id)]).await?.is_empty() {
            return Ok(());
        }
        let parts = state.store.parts(&job.id).await?;
        let on_disk = files::of(&self.folder, &job.id).unwrap_or_default();
        let numbers = parts.iter().map(|part| part.number).chain(on_disk.iter().map(|file| file.number));
        let part = StoredPart::new(&job.id, numbers.max().map_or(1, |number| number + 1));
        let number = part.number;
        // A row whose recorder doesn't start is removed by the next recovery.
        // The row is inserted first, so that every file has one.
        if !state.store.insert_part(&part).await? {
            return Ok(());
        }
        let observers = query_with_timeout(state.store.observers(id)).await?;
        // Read last, to be as new as possible. Without consents no recorder starts.
        let allowed: BTreeSet<String> = [&stored.patient_id, &stored.doctor_id].map(ToString::to_string).into();
        let order = RecorderOrder {
            url: state.sfu.signaling_url().to_owned(),
            token: state.sfu.recorder_token(id, &job.id)?,
            e2ee_key: state.store.e2ee_key(&stored)?,
            e2ee_key_index: stored.key_index,
            directory: self.folder.clone(),
            name: job.id.clone(),
            part: number,
            people: allowed.clone(),
            language: "es".to_owned(),
            // The server doesn't know names, only observers' labels.
            names: observers
                .iter()
                .filter_map(|observer| Some((observer.user.to_string(), observer.label.clone()?)))
                .collect(),
            roles: [(&stored.patient_id, Role::Patient), (&stored.doctor_id, Role::Doctor)]
                .into_iter()
                .chain(observers.iter().map(|observer| (&observer.user, Role::Observer)))
                .map(|(user, role)| (user.to_string(), role))
                .collect(),
        };
        let label = files::label(&job.id, number);
        let registered = Registered::new(&job.recordings, label.clone());
        let now = Instant::now();
        let mut process = match Recorder::spawn(&self.program, &label) {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(%error, "starting the recorder failed");
                return self.crashes.record(job, "recorder-crashed", now).await;
            }
        };
        drop(process.send_order(&order).await);
        query_with_timeout(state.store.with_consent(id)).await?;
        self.recorder.insert(Running {
            process,
            since: now,
            last_command: None,
            allowed,
            consents_read_at: now,
            key_index: stored.key_index,
            progress: PartProgress::new(part),
            _registered: registered,
        });
        Ok(())
    }
}
