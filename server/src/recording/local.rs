//! A recording that a recorder of ours makes, a process on this machine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder, RecordingState, Role, room_name};
use tokio::time::{Instant, sleep};

use super::drive::{Case, Crashes, Way};
use super::process::{Recorder, is_recorder, recover};
use crate::error::Result;
use crate::store::{PartState, StoredPart, StoredRecording};

/// How long a recorder may take to finish its file before the server ends without it: it finishes by itself.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// What is known beside the database.
pub struct Local {
    /// The recorder's program.
    program: PathBuf,
    /// Where it writes.
    folder: PathBuf,
    recorder: Option<Running>,
    /// Whether parts from before this task were looked for.
    recovered: bool,
    crashes: Crashes,
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

impl Way for Local {
    /// What the recorder says, or `None` for its end.
    type News = Option<RecorderEvent>;

    async fn prepare(&mut self, case: &Case, recording: &StoredRecording) -> Result<bool> {
        if self.recovered || self.recorder.is_some() || recording.state == RecordingState::Asking {
            return Ok(true);
        }
        self.recovered = self.recover(case).await?;
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
        running.only(case.state.store.with_consent(&recording.consultation).await?).await;
        let wanted = if pause { RecorderCommand::Pause } else { RecorderCommand::Resume };
        if running.told.as_ref().unwrap_or(&RecorderCommand::Resume) != &wanted
            && running.process.tell(wanted.clone()).await.is_ok()
        {
            running.told = Some(wanted);
        }
        Ok(())
    }

    async fn stop(&mut self, case: &Case) -> Result<bool> {
        if let Some(running) = &mut self.recorder {
            if running.told != Some(RecorderCommand::Stop) && running.process.tell(RecorderCommand::Stop).await.is_ok()
            {
                running.told = Some(RecorderCommand::Stop);
            }
            return Ok(false);
        }
        Ok(self.recovered || self.recover(case).await?)
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
        let store = case.state.store.clone();
        let Some(running) = &mut self.recorder else { return Ok(()) };
        let recording = [RecordingState::Starting, RecordingState::Paused];
        match event {
            Some(RecorderEvent::Started { at }) => {
                running.part.started_at = Some(at);
                store.update_part(&running.part).await?;
                store.move_recording(&case.id, &recording, RecordingState::Recording).await?;
            }
            Some(RecorderEvent::Progress { bytes, seconds }) => {
                (running.part.bytes, running.part.seconds) = (bytes, seconds);
                store.update_part(&running.part).await?;
            }
            Some(RecorderEvent::Paused) => {
                store.move_recording(&case.id, &[RecordingState::Recording], RecordingState::Paused).await?;
            }
            Some(RecorderEvent::Resumed) => {
                store.move_recording(&case.id, &[RecordingState::Paused], RecordingState::Recording).await?;
            }
            Some(RecorderEvent::Problem { what, message }) => {
                tracing::warn!(recording = case.id, ?what, message, "a recorder has a problem");
                let name = serde_json::to_value(what).ok();
                let name = name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown");
                let problem = (name != "connection-back").then_some(name);
                store.recording_problem(&case.id, problem).await?;
            }
            Some(RecorderEvent::Finished(part)) => {
                running.part.finish(&part);
                store.update_part(&running.part).await?;
            }
            None => {
                let Some(running) = self.recorder.take() else { return Ok(()) };
                running.process.ended().await;
                if running.part.state == PartState::Writing {
                    self.crashed(case, running.since).await?;
                }
            }
        }
        Ok(())
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
        let number = parts.last().map_or(1, |part| part.number + 1);
        let order = RecorderOrder {
            url: state.sfu.signaling_url().to_owned(),
            token: state.sfu.recorder_token(id, &case.id)?,
            e2ee_key: state.store.e2ee_key(&stored)?,
            directory: self.folder.clone(),
            name: case.id.clone(),
            part: number,
            language: "es".to_owned(),
            names: [(&stored.patient_id, Role::Patient), (&stored.doctor_id, Role::Doctor)]
                .map(|(user, role)| (user.to_string(), role_name(role).to_owned()))
                .into(),
        };
        let process = match Recorder::start(&self.program, &order).await {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(%error, "the recorder can't be started");
                return self.crashed(case, Instant::now()).await;
            }
        };
        let part = StoredPart { pid: process.pid(), ..StoredPart::new(&case.id, number) };
        state.store.begin_part(&part).await?;
        let people = state.store.with_consent(id).await?;
        let mut running = Running { process, part, since: Instant::now(), told: None, people: BTreeSet::new() };
        running.only(people).await;
        self.recorder = Some(running);
        Ok(())
    }

    /// A recorder ended without finishing its file: what it left is recovered, and another goes on in a new part.
    async fn crashed(&mut self, case: &Case, since: Instant) -> Result<()> {
        self.recovered = false;
        self.crashes.note(case, "recorder-crashed", since).await
    }

    /// Makes whole files of what dead recorders left. `false` while one of them still writes.
    async fn recover(&self, case: &Case) -> Result<bool> {
        let parts = case.state.store.parts(&case.id).await?;
        let unfinished: Vec<_> = parts.into_iter().filter(|part| part.state == PartState::Writing).collect();
        if unfinished.is_empty() {
            return Ok(true);
        }
        let program = &self.program;
        if unfinished.iter().any(|part| part.pid.is_some_and(|pid| is_recorder(pid, program))) {
            return Ok(false);
        }
        let found = recover(program, &self.folder, &case.id).await;
        let found = found.unwrap_or_else(|error| {
            tracing::error!(%error, "what a dead recorder left can't be recovered");
            Vec::new()
        });
        for mut part in unfinished {
            match found.iter().find(|found| is_part(found, part.number)) {
                Some(found) => {
                    part.finish(found);
                    case.state.store.update_part(&part).await?;
                }
                // It died before it wrote anything.
                None if part.started_at.is_none() => case.state.store.forget_part(&case.id, part.number).await?,
                None => {
                    tracing::error!(recording = case.id, part = part.number, "a part of a recording is missing");
                    case.state.store.recording_problem(&case.id, Some("part-missing")).await?;
                    case.state.store.forget_part(&case.id, part.number).await?;
                }
            }
        }
        Ok(true)
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
