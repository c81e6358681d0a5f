//! One recording from its request to its end: the task that has its recorder.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{
    RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder, RecordingState, Role, Timestamp, room_name,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::process::{Recorder, is_recorder, recover};
use super::storage::StorageError;
use super::{Recordings, announce, store_away};
use crate::error::Result;
use crate::state::AppState;
use crate::store::{PartState, StoredPart, StoredRecording};

/// How often a recorder that dies at once is started again before the recording is given up.
const MOST_CRASHES: u32 = 5;
/// A recorder that lived so long didn't die at once.
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// How often the room's metadata is compared: an SFU that restarts has forgotten it.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(5);
/// How long until a storage that doesn't encrypt is tried again.
const UNENCRYPTED_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long a recorder may take to finish its file before the server ends without it: it finishes by itself.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// What this task knows beside the database.
struct Drive {
    state: AppState,
    recordings: Arc<Recordings>,
    id: String,
    recorder: Option<Running>,
    /// Whether parts from before this task were looked for.
    recovered: bool,
    crashes: u32,
    /// How often storing failed.
    tries: u32,
    not_before: Instant,
    ended: watch::Receiver<bool>,
    announced: Option<(StoredRecording, Vec<String>, Instant)>,
}

/// A recorder at work.
struct Running {
    process: Recorder,
    part: StoredPart,
    since: Instant,
    /// What it was told last.
    told: Option<RecorderCommand>,
    /// Whom it may record.
    people: BTreeSet<String>,
}

impl Running {
    /// Tells it whom it may record, unless it knows: who has just come isn't in the file until they consent.
    async fn only(&mut self, people: BTreeSet<String>) {
        let command = RecorderCommand::Only { people: people.clone() };
        if people != self.people && self.process.tell(command).await.is_ok() {
            self.people = people;
        }
    }
}

/// Drives a recording until nothing is left to do, or the server ends.
pub async fn drive(state: AppState, recordings: Arc<Recordings>, id: String, mut ended: watch::Receiver<bool>) {
    let mut drive = Drive {
        state,
        recordings: recordings.clone(),
        id,
        recorder: None,
        recovered: false,
        crashes: 0,
        tries: 0,
        not_before: Instant::now(),
        ended: ended.clone(),
        announced: None,
    };
    loop {
        match drive.step().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, recording = drive.id, "a recording can't be driven; trying again"),
        }
        let event = tokio::select! {
            event = next(&mut drive.recorder) => event,
            () = recordings.next_look() => continue,
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => break,
        };
        if let Err(error) = drive.take(event).await {
            tracing::warn!(%error, recording = drive.id, "a recorder's news can't be noted");
        }
    }
    drive.leave().await;
}

/// What the recorder says, or `None` for its end. Without one, nothing ever comes.
async fn next(recorder: &mut Option<Running>) -> Option<RecorderEvent> {
    match recorder {
        Some(running) => running.process.next().await,
        None => std::future::pending().await,
    }
}

impl Drive {
    /// Looks at the recording and does what is due. `false` when nothing is left to do.
    async fn step(&mut self) -> Result<bool> {
        let store = self.state.store.clone();
        let Some(recording) = store.recording(&self.id).await? else { return Ok(false) };
        if !self.recovered && self.recorder.is_none() && recording.state != RecordingState::Asking {
            if !self.recover().await? {
                return Ok(true);
            }
            self.recovered = true;
        }
        let over = store.consultation(&recording.consultation).await?.is_none_or(|stored| stored.is_over());
        let ended = over || self.room_is_over(&recording).await?;
        match recording.state {
            RecordingState::Asking | RecordingState::Starting if over => {
                store.move_recording(&self.id, &[recording.state], RecordingState::Cancelled).await?;
            }
            RecordingState::Asking => {}
            RecordingState::Recording | RecordingState::Paused if ended => {
                store.move_recording(&self.id, &[recording.state], RecordingState::Stopping).await?;
            }
            RecordingState::Starting | RecordingState::Recording | RecordingState::Paused => {
                self.record(&recording).await?;
            }
            RecordingState::Stopping => self.stop().await?,
            RecordingState::Storing => {
                self.tell_room(&recording, Vec::new()).await;
                self.store(&recording).await?;
                return Ok(true);
            }
            _ => {
                // It was cancelled or refused, perhaps with a recorder on its way.
                self.tell_room(&recording, Vec::new()).await;
                if self.recorder.is_some() {
                    self.stop().await?;
                    return Ok(true);
                }
                return Ok(false);
            }
        }
        let Some(recording) = store.recording(&self.id).await? else { return Ok(false) };
        let asked = match recording.state {
            RecordingState::Asking | RecordingState::Starting | RecordingState::Paused => {
                self.asked(&recording).await?
            }
            _ => Vec::new(),
        };
        self.tell_room(&recording, asked).await;
        Ok(true)
    }

    /// Whether both sides have left for good: then there is nothing more to record.
    async fn room_is_over(&self, recording: &StoredRecording) -> Result<bool> {
        let stored = self.state.store.consultation(&recording.consultation).await?;
        Ok(stored.is_none_or(|stored| stored.state == autamedica_api::ConsultationState::Ended))
    }

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

    /// Keeps a recorder at work, and quiet while somebody is there who hasn't consented.
    async fn record(&mut self, recording: &StoredRecording) -> Result<()> {
        let pause = !self.state.store.without_consent(&recording.consultation).await?.is_empty();
        let Some(running) = &mut self.recorder else {
            if Instant::now() >= self.not_before && !pause {
                self.start(recording).await?;
            }
            return Ok(());
        };
        running.only(self.state.store.with_consent(&recording.consultation).await?).await;
        let wanted = if pause { RecorderCommand::Pause } else { RecorderCommand::Resume };
        if running.told.as_ref().unwrap_or(&RecorderCommand::Resume) != &wanted
            && running.process.tell(wanted.clone()).await.is_ok()
        {
            running.told = Some(wanted);
        }
        Ok(())
    }

    async fn start(&mut self, recording: &StoredRecording) -> Result<()> {
        let (state, id) = (&self.state, &recording.consultation);
        let Some(stored) = state.store.consultation(id).await? else { return Ok(()) };
        // Only a room that is open has something to record.
        if state.sfu.open_rooms(vec![room_name(id)]).await?.is_empty() {
            return Ok(());
        }
        let parts = state.store.parts(&self.id).await?;
        let number = parts.last().map_or(1, |part| part.number + 1);
        let order = RecorderOrder {
            url: state.sfu.signaling_url().to_owned(),
            token: state.sfu.recorder_token(id, &self.id)?,
            e2ee_key: state.store.e2ee_key(&stored)?,
            directory: self.recordings.folder.clone(),
            name: self.id.clone(),
            part: number,
            language: "es".to_owned(),
            names: [(&stored.patient_id, Role::Patient), (&stored.doctor_id, Role::Doctor)]
                .map(|(user, role)| (user.to_string(), role_name(role).to_owned()))
                .into(),
        };
        let process = match Recorder::start(&self.recordings.program, &order).await {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(%error, "the recorder can't be started");
                return self.crashed(Instant::now()).await;
            }
        };
        state.store.begin_part(&self.id, number, process.pid()).await?;
        let part = StoredPart {
            recording: self.id.clone(),
            number,
            state: PartState::Writing,
            pid: process.pid(),
            started_at: None,
            file: None,
            seconds: 0.0,
            bytes: 0,
            sha256: None,
            location: None,
            encryption: None,
            upload: None,
        };
        let people = state.store.with_consent(id).await?;
        let mut running = Running { process, part, since: Instant::now(), told: None, people: BTreeSet::new() };
        running.only(people).await;
        self.recorder = Some(running);
        Ok(())
    }

    /// Takes in what the recorder said, or its end.
    async fn take(&mut self, event: Option<RecorderEvent>) -> Result<()> {
        let store = self.state.store.clone();
        let Some(running) = &mut self.recorder else { return Ok(()) };
        let recording = [RecordingState::Starting, RecordingState::Paused];
        match event {
            Some(RecorderEvent::Started { at }) => {
                running.part.started_at = Some(at);
                store.update_part(&running.part).await?;
                store.move_recording(&self.id, &recording, RecordingState::Recording).await?;
            }
            Some(RecorderEvent::Progress { bytes, seconds }) => {
                (running.part.bytes, running.part.seconds) = (bytes, seconds);
                store.update_part(&running.part).await?;
            }
            Some(RecorderEvent::Paused) => {
                store.move_recording(&self.id, &[RecordingState::Recording], RecordingState::Paused).await?;
            }
            Some(RecorderEvent::Resumed) => {
                store.move_recording(&self.id, &[RecordingState::Paused], RecordingState::Recording).await?;
            }
            Some(RecorderEvent::Problem { what, message }) => {
                tracing::warn!(recording = self.id, ?what, message, "a recorder has a problem");
                let name = serde_json::to_value(what).ok();
                let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
                let problem = (name != "connection-back").then_some(name);
                store.recording_problem(&self.id, problem).await?;
            }
            Some(RecorderEvent::Finished(part)) => {
                running.part.finish(&part);
                store.update_part(&running.part).await?;
            }
            None => {
                let Some(running) = self.recorder.take() else { return Ok(()) };
                running.process.ended().await;
                if running.part.state == PartState::Writing {
                    self.crashed(running.since).await?;
                }
            }
        }
        Ok(())
    }

    /// A recorder ended without finishing its file: what it left is recovered, and another goes on in a new part.
    async fn crashed(&mut self, since: Instant) -> Result<()> {
        self.crashes = if since.elapsed() > STABLE_AFTER { 1 } else { self.crashes + 1 };
        // At least a second, so that two parts never begin in the same one.
        self.not_before = Instant::now() + Duration::from_secs(1 << self.crashes.min(4));
        self.recovered = false;
        self.state.store.recording_problem(&self.id, Some("recorder-crashed")).await?;
        if self.crashes >= MOST_CRASHES {
            tracing::error!(recording = self.id, "the recorder dies again and again; the recording is given up");
            let from = [RecordingState::Starting, RecordingState::Recording, RecordingState::Paused];
            self.state.store.move_recording(&self.id, &from, RecordingState::Stopping).await?;
        }
        Ok(())
    }

    /// Makes whole files of what dead recorders left. `false` while one of them still writes.
    async fn recover(&self) -> Result<bool> {
        let parts = self.state.store.parts(&self.id).await?;
        let unfinished: Vec<_> = parts.into_iter().filter(|part| part.state == PartState::Writing).collect();
        if unfinished.is_empty() {
            return Ok(true);
        }
        let program = &self.recordings.program;
        if unfinished.iter().any(|part| part.pid.is_some_and(|pid| is_recorder(pid, program))) {
            return Ok(false);
        }
        let found = recover(program, &self.recordings.folder, &self.id).await;
        let found = found.unwrap_or_else(|error| {
            tracing::error!(%error, "what a dead recorder left can't be recovered");
            Vec::new()
        });
        for mut part in unfinished {
            match found.iter().find(|found| is_part(found, part.number)) {
                Some(found) => {
                    part.finish(found);
                    self.state.store.update_part(&part).await?;
                }
                // It died before it wrote anything.
                None if part.started_at.is_none() => self.state.store.forget_part(&self.id, part.number).await?,
                None => {
                    tracing::error!(recording = self.id, part = part.number, "a part of a recording is missing");
                    self.state.store.recording_problem(&self.id, Some("part-missing")).await?;
                    self.state.store.forget_part(&self.id, part.number).await?;
                }
            }
        }
        Ok(true)
    }

    /// Has the recorder finish. When none is left, the files are the recording.
    async fn stop(&mut self) -> Result<()> {
        if let Some(running) = &mut self.recorder {
            if running.told != Some(RecorderCommand::Stop) && running.process.tell(RecorderCommand::Stop).await.is_ok()
            {
                running.told = Some(RecorderCommand::Stop);
            }
            return Ok(());
        }
        if !self.recovered && !self.recover().await? {
            return Ok(());
        }
        let is_empty = self.state.store.parts(&self.id).await?.is_empty();
        let next = if is_empty { RecordingState::Failed } else { RecordingState::Storing };
        self.state.store.move_recording(&self.id, &[RecordingState::Stopping], next).await?;
        Ok(())
    }

    /// Brings the files to where they are kept, again and again until they are there.
    async fn store(&mut self, recording: &StoredRecording) -> Result<()> {
        if Instant::now() < self.not_before {
            return Ok(());
        }
        let mut ended = self.ended.clone();
        let stored = tokio::select! {
            stored = store_away::store(&self.state, &self.recordings, recording) => stored?,
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
        match announce::announce(&self.state, recording, asked.clone()).await {
            Ok(()) => self.announced = Some((recording.clone(), asked, Instant::now())),
            Err(error) => tracing::debug!(%error, "a room can't be told of its recording; trying again"),
        }
    }

    /// The server ends: the recorder is told to stop, and its file is taken if it is quick. If not, the next start finds it.
    async fn leave(mut self) {
        let Some(running) = &mut self.recorder else { return };
        if running.process.tell(RecorderCommand::Stop).await.is_err() {
            return;
        }
        let finish = async {
            while let Some(event) = next(&mut self.recorder).await {
                if let Err(error) = self.take(Some(event)).await {
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

/// What people are called in the picture: a role, because the server knows no names.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::Patient => "Paciente",
        Role::Doctor => "Médico/a",
    }
}

/// Whether a recovered file is this part's: `NAME.partN.mp4`.
fn is_part(found: &RecordedPart, number: u32) -> bool {
    let name = found.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').any(|piece| piece == format!("part{number}"))
}

/// When a part began, for its name.
pub(super) fn begun(part: &StoredPart, recording: &StoredRecording) -> Timestamp {
    part.started_at.or(recording.started_at).unwrap_or(recording.requested_at)
}
