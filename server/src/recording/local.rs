//! A recording that a recorder of ours makes, a process on this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use autamedica_api::{RecorderCommand, RecorderEvent, RecorderOrder, RecordingState, Role, room_name};
use tokio::time::{Instant, sleep};

use super::drive::{Case, Crashes, Way, answered};
use super::files;
use super::process::Recorder;
use super::recordings::Registered;
use super::recover::recover;
use crate::error::Result;
use crate::store::{PartState, StoredPart, StoredRecording};

/// How long a recorder may take to finish its file before the server ends without it: it finishes by itself.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// How long the recorder goes on with the people it knows while the database doesn't say who consents now. Then it pauses.
const CONSENT_LASTS: Duration = Duration::from_secs(10);

/// What is known beside the database.
pub struct Local {
    /// The recorder's program.
    program: PathBuf,
    /// Where it writes.
    folder: PathBuf,
    recorder: Option<Running>,
    /// Whether every part of this recording is known to have an end, other than the running recorder's.
    recovered: bool,
    crashes: Crashes,
}

/// A recorder at work.
struct Running {
    process: Recorder,
    since: Instant,
    /// What it was told last.
    told: Option<RecorderCommand>,
    /// Whom it may record.
    people: BTreeSet<String>,
    /// When the database last said who consents.
    people_read: Instant,
    progress: PartProgress,
    _registered: Registered,
    /// The number of the newest end-to-end key that it has.
    key_index: u32,
}

/// What the recorder said, and how much of it the database knows.
struct PartProgress {
    part: StoredPart,
    /// Whether the database has `part` as it stands.
    is_part_saved: bool,
    /// The state of the recording that the database doesn't know yet.
    moved: Option<RecordingState>,
    /// The problem, or the end of one, that the database doesn't know yet.
    problem: Option<Option<String>>,
}

impl PartProgress {
    fn of(part: StoredPart) -> Self {
        Self { part, is_part_saved: true, moved: None, problem: None }
    }

    /// Takes in what a recorder says. Nothing is awaited, so nothing is lost.
    fn take(&mut self, recording: &str, event: RecorderEvent) {
        match event {
            RecorderEvent::Started { at } => {
                self.part.started_at = Some(at);
                self.moved = Some(RecordingState::Recording);
            }
            RecorderEvent::Progress { bytes, seconds } => (self.part.bytes, self.part.seconds) = (bytes, seconds),
            RecorderEvent::Paused => self.moved = Some(RecordingState::Paused),
            RecorderEvent::Resumed => self.moved = Some(RecordingState::Recording),
            RecorderEvent::Problem { what, message } => {
                tracing::warn!(recording, ?what, message, "a recorder has a problem");
                let name = serde_json::to_value(what).ok();
                let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
                self.problem = Some((name != "connection-back").then(|| name.to_owned()));
                return;
            }
            RecorderEvent::Finished(part) => self.part.finish(&part),
        }
        self.is_part_saved = false;
    }

    /// Writes to the database what it doesn't know yet. What fails is written the next time.
    async fn save(&mut self, case: &Case) -> Result<()> {
        let store = &case.state.store;
        if !self.is_part_saved {
            store.update_part(&self.part).await?;
            self.is_part_saved = true;
        }
        if let Some(to) = self.moved {
            let from = [RecordingState::Starting, RecordingState::Recording, RecordingState::Paused];
            let from: Vec<_> = from.into_iter().filter(|state| *state != to).collect();
            store.move_recording(&case.id, &from, to).await?;
            self.moved = None;
        }
        if let Some(problem) = &self.problem {
            store.recording_problem(&case.id, problem.as_deref()).await?;
            self.problem = None;
        }
        Ok(())
    }
}

impl Running {
    /// Tells it whom it may record, unless it knows: who has just come isn't in the file until they consent.
    async fn only(&mut self, people: BTreeSet<String>) {
        self.people_read = Instant::now();
        let command = RecorderCommand::Only { people: people.clone() };
        if people != self.people && self.process.tell(command).await.is_ok() {
            self.people = people;
        }
    }

    /// Has it record, or pause.
    async fn pause(&mut self, pause: bool) {
        let wanted = if pause { RecorderCommand::Pause } else { RecorderCommand::Resume };
        let told = self.told.as_ref().unwrap_or(&RecorderCommand::Resume);
        if *told != RecorderCommand::Stop && *told != wanted && self.process.tell(wanted.clone()).await.is_ok() {
            self.told = Some(wanted);
        }
    }

    /// Has it finish its file.
    async fn stop(&mut self) {
        let is_told = self.told == Some(RecorderCommand::Stop);
        if !is_told && self.process.tell(RecorderCommand::Stop).await.is_ok() {
            self.told = Some(RecorderCommand::Stop);
        }
    }

    /// Hands it the consultation's end-to-end key, unless it has that one.
    async fn key(&mut self, case: &Case, recording: &StoredRecording) -> Result<()> {
        let stored = answered(case.state.store.consultation(&recording.consultation)).await?;
        let Some(stored) = stored else { return Ok(()) };
        let index = stored.key_index;
        if index != self.key_index
            && let Some(key) = case.state.store.e2ee_key(&stored)?
            && self.process.tell(RecorderCommand::Key { key, index }).await.is_ok()
        {
            self.key_index = index;
        }
        Ok(())
    }
}

impl Way for Local {
    /// What the recorder says, or `None` for its end.
    type News = Option<RecorderEvent>;

    async fn prepare(&mut self, case: &Case, recording: &StoredRecording) -> Result<bool> {
        if self.recovered || self.recorder.is_some() || recording.state == RecordingState::Asking {
            return Ok(true);
        }
        self.recovered = recover(case, &self.program, &self.folder).await?;
        Ok(self.recovered)
    }

    /// Keeps a recorder at work, and quiet during a pause.
    async fn record(&mut self, case: &Case, recording: &StoredRecording, pause: bool) -> Result<()> {
        let Some(running) = &mut self.recorder else {
            if self.crashes.may_start() && !pause {
                self.start(case, recording).await?;
            }
            return Ok(());
        };
        running.only(answered(case.state.store.with_consent(&recording.consultation)).await?).await;
        running.pause(pause).await;
        // After the people: a key that can't be had holds up nobody's answer.
        let key = running.key(case, recording).await;
        running.progress.save(case).await?;
        key
    }

    async fn doubt(&mut self, case: &Case) {
        let Some(running) = &mut self.recorder else { return };
        if running.people_read.elapsed() >= CONSENT_LASTS && running.told != Some(RecorderCommand::Pause) {
            tracing::warn!(recording = case.id, "a recording pauses: the database doesn't say who consents");
            running.pause(true).await;
        }
    }

    async fn stop(&mut self, case: &Case) -> Result<bool> {
        if let Some(running) = &mut self.recorder {
            running.stop().await;
            running.progress.save(case).await?;
            return Ok(false);
        }
        self.recovered = recover(case, &self.program, &self.folder).await?;
        Ok(self.recovered)
    }

    async fn next(&mut self) -> Option<RecorderEvent> {
        match &mut self.recorder {
            Some(running) => running.process.next().await,
            // Without one, nothing ever comes.
            None => std::future::pending().await,
        }
    }

    /// Takes in what the recorder said, or its end.
    async fn take(&mut self, case: &Case, event: Option<RecorderEvent>) -> Result<()> {
        if let (Some(event), Some(running)) = (event, &mut self.recorder) {
            running.progress.take(&case.id, event);
            return running.progress.save(case).await;
        }
        let Some(mut running) = self.recorder.take() else { return Ok(()) };
        // If anything of its end can't be written, its part is recovered from its file.
        self.recovered = false;
        running.process.ended().await;
        let is_finished = running.progress.part.state != PartState::Writing;
        let saved = running.progress.save(case).await;
        if !is_finished {
            // It ended without finishing its file: what it left is recovered, and another goes on in a new part.
            self.crashes.note(case, "recorder-crashed", running.since).await?;
        }
        saved
    }

    /// The server ends: the recorder is told to stop, and its file is taken if it is quick. If not, the next start finds it.
    async fn leave(mut self, case: &Case) {
        let Some(running) = &mut self.recorder else { return };
        if running.process.tell(RecorderCommand::Stop).await.is_err() {
            return;
        }
        let finish = async {
            while let Some(event) = self.next().await {
                if let Err(error) = self.take(case, Some(event)).await {
                    tracing::warn!(%error, "a recorder's last news can't be noted");
                }
            }
        };
        tokio::select! {
            () = finish => {}
            () = sleep(FINISH_WITHIN) => tracing::info!("a recorder goes on finishing its file"),
        }
    }
}

impl Local {
    /// Of this recorder, into this folder.
    pub fn new(program: PathBuf, folder: PathBuf) -> Self {
        Self { program, folder, recorder: None, recovered: false, crashes: Crashes::default() }
    }

    async fn start(&mut self, case: &Case, recording: &StoredRecording) -> Result<()> {
        let (state, id) = (&case.state, &recording.consultation);
        let Some(stored) = state.store.consultation(id).await? else { return Ok(()) };
        // Only a room that is open has something to record.
        if state.sfu.open_rooms(vec![room_name(id)]).await?.is_empty() {
            return Ok(());
        }
        let parts = state.store.parts(&case.id).await?;
        let on_disk = files::of(&self.folder, &case.id).unwrap_or_default();
        let numbers = parts.iter().map(|part| part.number).chain(on_disk.iter().map(|file| file.number));
        let part = StoredPart::new(&case.id, numbers.max().map_or(1, |number| number + 1));
        let number = part.number;
        // A row of which no recorder comes is found and forgotten by the next look.
        self.recovered = false;
        // The row comes first: what a recorder writes is always known to somebody.
        if !state.store.begin_part(&part).await? {
            return Ok(());
        }
        let observers = answered(state.store.observers(id)).await?;
        // Last of all, so that it is as new as can be. Without it there is no recorder.
        let people = answered(state.store.with_consent(id)).await?;
        let order = RecorderOrder {
            url: state.sfu.signaling_url().to_owned(),
            token: state.sfu.recorder_token(id, &case.id)?,
            e2ee_key: state.store.e2ee_key(&stored)?,
            e2ee_key_index: stored.key_index,
            directory: self.folder.clone(),
            name: case.id.clone(),
            part: number,
            people: people.clone(),
            language: stored.language.as_str().to_owned(),
            // The server knows no names, only observers' labels.
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
        let label = files::label(&case.id, number);
        let registered = Registered::new(&case.recordings, label.clone());
        let now = Instant::now();
        let process = match Recorder::spawn(&self.program, &label) {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(%error, "the recorder can't be started");
                return self.crashes.note(case, "recorder-crashed", now).await;
            }
        };
        // From the process's first moment on it is known here; nothing was awaited since.
        let running = self.recorder.insert(Running {
            process,
            since: now,
            told: None,
            people,
            people_read: now,
            key_index: stored.key_index,
            progress: PartProgress::of(part),
            _registered: registered,
        });
        if let Err(error) = running.process.order(&order).await {
            tracing::error!(%error, "the recorder doesn't take its order");
        }
        Ok(())
    }
}
