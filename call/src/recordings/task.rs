//! Task that follows the recordings of a consultation. Awaits only its inboxes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ErrorCode, RecordingList};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::transfer::{FetchError, Source, blocking, fetch};
use super::{
    Copies, DeleteProblem, FetchProblem, Listed, PartId, Player, Purpose, RecordingsCommand, RecordingsOptions,
    RecordingsState, Transfer,
};
use crate::Wake;
use crate::backend::BackendError;
use crate::job::ends_in_event;

/// Interval of polling the backend: a recording may be active or being stored.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

enum Event {
    Listed(Result<RecordingList, BackendError>),
    /// Progress of a transfer: its number, bytes so far, total bytes.
    Progress(PartId, u64, u64, u64),
    /// End of a transfer, with its number.
    Ended(PartId, u64, Result<Transfer, FetchError>),
    Deleted(String, Result<(), BackendError>),
}

struct Task {
    options: RecordingsOptions,
    state: RecordingsState,
    events: mpsc::UnboundedSender<Event>,
    jobs: JoinSet<()>,
    /// A request for the list is pending.
    asking: bool,
    /// Running transfers with their numbers, which tell events of cancelled ones apart.
    transfers: HashMap<PartId, (u64, AbortHandle)>,
    transfer_count: u64,
}

pub(super) async fn run(
    options: RecordingsOptions,
    state: RecordingsState,
    mut commands: mpsc::UnboundedReceiver<RecordingsCommand>,
    shown: watch::Sender<Arc<RecordingsState>>,
    wake: Wake,
) {
    let _guard = PanicGuard { shown: shown.clone(), wake: wake.clone() };
    let (events, mut inbox) = mpsc::unbounded_channel();
    let (jobs, transfers) = Default::default();
    let mut task = Task { options, state, events, jobs, asking: false, transfers, transfer_count: 0 };
    let mut poll = interval(POLL_INTERVAL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => task.on_command(command),
                None => return,
            },
            // Never ends, because the task has a sender itself.
            Some(event) = inbox.recv() => task.on_event(event),
            _ = poll.tick() => task.list(),
        }
        while task.jobs.try_join_next().is_some() {}
        if **shown.borrow() != task.state {
            shown.send_replace(Arc::new(task.state.clone()));
            wake();
        }
    }
}

/// Shows after a panic of the task that the state is no longer updated.
struct PanicGuard {
    shown: watch::Sender<Arc<RecordingsState>>,
    wake: Wake,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shown.send_modify(|shown| {
                let mut state = RecordingsState::clone(shown);
                state.list = next(state.list, Err(BackendError::TaskFailed));
                for transfer in state.transfers.values_mut().filter(|it| matches!(it, Transfer::InProgress { .. })) {
                    *transfer = Transfer::Failed(FetchProblem::Unreachable);
                }
                *shown = Arc::new(state);
            });
            (self.wake)();
        }
    }
}

impl Task {
    fn on_command(&mut self, command: RecordingsCommand) {
        match command {
            RecordingsCommand::Play(part) => self.play(part),
            RecordingsCommand::Save { part, to } => self.save(part, to),
            RecordingsCommand::Cancel(part) => {
                if let Some((_, transfer)) = self.transfers.remove(&part) {
                    transfer.abort();
                }
                self.state.transfers.remove(&part);
            }
            RecordingsCommand::Delete(recording) => self.delete(recording),
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Listed(answer) => {
                self.asking = false;
                let known = std::mem::replace(&mut self.state.list, Listed::Asking);
                self.state.list = next(known, answer);
            }
            Event::Progress(part, number, here, whole) => {
                let is_current = self.transfers.get(&part).is_some_and(|(current, _)| *current == number);
                if let Some(Transfer::InProgress { bytes, of, .. }) = self.state.transfers.get_mut(&part)
                    && is_current
                {
                    (*bytes, *of) = (here, whole);
                }
            }
            Event::Ended(part, number, result) => {
                if self.transfers.get(&part).is_none_or(|(current, _)| *current != number) {
                    return;
                }
                self.transfers.remove(&part);
                let outcome = result.unwrap_or_else(|error| {
                    // Without path and link: the path may name a person, the link is secret.
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "recording not fetched");
                    Transfer::Failed(error.problem())
                });
                self.state.transfers.insert(part, outcome);
            }
            Event::Deleted(recording, result) => {
                self.state.deleting.retain(|it| *it != recording);
                if let Err(error) = result {
                    tracing::warn!(%error, "recording not deleted");
                    self.state.not_deleted.insert(recording, delete_problem(&error));
                } else {
                    self.state.transfers.retain(|part, _| part.recording != recording);
                }
                self.list();
            }
        }
    }

    fn list(&mut self) {
        if std::mem::replace(&mut self.asking, true) {
            return;
        }
        let (entrance, id) = (self.options.entrance.clone(), self.options.consultation.clone());
        let events = self.events.clone();
        let work = async move {
            Event::Listed(entrance.backend.recordings(&entrance.server, &id, entrance.key.as_ref()).await)
        };
        self.jobs.spawn(ends_in_event(Event::Listed(Err(BackendError::TaskFailed)), report(events), work));
    }

    fn play(&mut self, part: PartId) {
        let (copies, player) = (self.options.copies.clone(), self.options.player.clone());
        self.transfer(part, Purpose::Play, |source, on_progress| play(source, copies, player, on_progress));
    }

    fn save(&mut self, part: PartId, to: PathBuf) {
        self.transfer(part, Purpose::Save, |source, on_progress| async move {
            let saved = fetch(&source, move |_| Ok(to), on_progress).await?;
            Ok(Transfer::Saved(saved))
        });
    }

    /// Starts to fetch a part, unless a transfer of it is running.
    fn transfer<F>(&mut self, part: PartId, purpose: Purpose, work: impl FnOnce(Source, OnProgress) -> F)
    where
        F: Future<Output = Result<Transfer, FetchError>> + Send + 'static,
    {
        if self.transfers.contains_key(&part) {
            return;
        }
        self.transfer_count += 1;
        let (number, events, progress_events) = (self.transfer_count, self.events.clone(), self.events.clone());
        let (entrance, consultation) = (self.options.entrance.clone(), self.options.consultation.clone());
        let progress_part = part.clone();
        let on_progress: OnProgress = Box::new(move |bytes, of| {
            let _ = progress_events.send(Event::Progress(progress_part.clone(), number, bytes, of));
        });
        let fetching = work(Source { entrance, consultation, part: part.clone() }, on_progress);
        let ended = part.clone();
        let task_failed = std::io::Error::other("the transfer broke off inside this program");
        let if_panics = Event::Ended(part.clone(), number, Err(FetchError::Disk(task_failed)));
        let work = async move { Event::Ended(ended, number, fetching.await) };
        let job = self.jobs.spawn(ends_in_event(if_panics, report(events), work));
        self.state.transfers.insert(part.clone(), Transfer::InProgress { purpose, bytes: 0, of: 0 });
        self.transfers.insert(part, (number, job));
    }

    fn delete(&mut self, recording: String) {
        if self.state.deleting.contains(&recording) {
            return;
        }
        self.state.not_deleted.remove(&recording);
        self.state.deleting.push(recording.clone());
        // Transfers of the recording would fail.
        for (_, (_, transfer)) in self.transfers.extract_if(|part, _| part.recording == recording) {
            transfer.abort();
        }
        self.state.transfers.retain(|part, _| part.recording != recording);
        let (entrance, id) = (self.options.entrance.clone(), self.options.consultation.clone());
        let (copies, events) = (self.options.copies.clone(), self.events.clone());
        let if_panics = Event::Deleted(recording.clone(), Err(BackendError::TaskFailed));
        let work = async move {
            let key = entrance.key.as_ref();
            let result = entrance.backend.delete_recording(&entrance.server, &id, &recording, key).await;
            if result.is_ok() {
                let gone = recording.clone();
                // Failures are logged there.
                let forget = move || {
                    copies.forget(&gone);
                    Ok(())
                };
                let _ = blocking(forget).await;
            }
            Event::Deleted(recording, result)
        };
        self.jobs.spawn(ends_in_event(if_panics, report(events), work));
    }
}

/// Returns a function that sends a job's event to the task.
fn report(events: mpsc::UnboundedSender<Event>) -> impl FnOnce(Event) + Send {
    // The receiver outlives the jobs.
    move |event| _ = events.send(event)
}

/// Callback with the bytes so far and the total bytes.
type OnProgress = Box<dyn Fn(u64, u64) + Send + Sync>;

/// Plays a part from a copy, which is fetched if needed.
async fn play(source: Source, copies: Copies, player: Player, on_progress: OnProgress) -> Result<Transfer, FetchError> {
    let (known, part) = (copies.clone(), source.part.clone());
    let file = match blocking(move || Ok(known.get(&part))).await? {
        Some(file) => file,
        None => {
            let destination = copies.clone();
            let file = fetch(&source, move |kind| destination.new_path(kind), on_progress).await?;
            copies.insert(source.part.clone(), file.clone());
            file
        }
    };
    player.open(&file).await.map_err(FetchError::NoPlayer)?;
    Ok(Transfer::Playing)
}

fn next(known: Listed, answer: Result<RecordingList, BackendError>) -> Listed {
    match answer {
        Ok(list) => Listed::Known(list.recordings),
        Err(BackendError::Refused { code: ErrorCode::Unauthorized | ErrorCode::Forbidden, .. }) => Listed::Refused,
        Err(error) => {
            tracing::debug!(%error, "recordings not listed");
            match known {
                Listed::Known(known) | Listed::Unreachable(known) => Listed::Unreachable(known),
                Listed::NoKey | Listed::Asking | Listed::Refused => Listed::Unreachable(Vec::new()),
            }
        }
    }
}

fn delete_problem(error: &BackendError) -> DeleteProblem {
    match error {
        BackendError::Refused { code, .. } => match code {
            ErrorCode::Unauthorized | ErrorCode::Forbidden => DeleteProblem::Denied,
            ErrorCode::RecordingActive => DeleteProblem::Unfinished,
            _ => DeleteProblem::Unreachable,
        },
        BackendError::Unreachable(_) | BackendError::InvalidResponse | BackendError::TaskFailed => {
            DeleteProblem::Unreachable
        }
    }
}
