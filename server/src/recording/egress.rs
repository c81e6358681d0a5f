//! Recording by LiveKit's egress, started through the SFU's API and followed by webhooks.
//!
//! The state is in the database, so any server can continue. Without webhooks, the SFU is polled.

use std::convert::Infallible;
use std::time::Duration;

use autamedica_api::{RecordingState, Timestamp, room_name};
use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::sync::watch;
use tokio::time::Instant;

use super::drive::{Backend, Crashes, IN_PROGRESS, Job};
use super::foreign::{self, file_of};
use super::storage::Storage;
use super::upload::key;
use crate::error::Result;
use crate::sfu::is_answer;
use crate::state::AppState;
use crate::store::{PartState, StoredPart, StoredRecording};

/// Interval for polling the SFU for its egresses, and for repeating a stop request.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Time after which an egress counts as lost if the SFU doesn't know it or it doesn't stop.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Interval for listing all egresses of the SFU, which finds foreign ones without webhooks.
const LIST_INTERVAL: Duration = Duration::from_secs(5);

/// State of the backend besides the database.
#[derive(Default)]
pub struct Egress {
    crashes: Crashes,
    /// Number of the part in progress, and when it was first seen. If its row is gone, the egress failed.
    current_part: Option<(u32, Instant)>,
    /// Time of the last poll.
    polled_at: Option<Instant>,
    /// Times of the first and the last stop request.
    stop_requests: Option<(Instant, Instant)>,
}

impl Backend for Egress {
    /// Events arrive as webhooks and are processed there.
    type Event = Infallible;

    async fn prepare(&mut self, job: &Job, recording: &StoredRecording) -> Result<bool> {
        let parts = job.state.store.parts(&job.id).await?;
        if parts.iter().any(StoredPart::is_in_progress) && self.polled_at.is_none_or(|at| at.elapsed() >= POLL_INTERVAL)
        {
            self.polled_at = Some(Instant::now());
            poll(&job.state, recording, &parts).await?;
        }
        Ok(true)
    }

    /// Keeps an egress running. Egress can't pause, so it is stopped for a pause, and the next one writes a new part.
    async fn record(&mut self, job: &Job, recording: &StoredRecording, pause: bool) -> Result<()> {
        let store = &job.state.store;
        let parts = store.parts(&job.id).await?;
        if let Some((_, since)) =
            self.current_part.take_if(|(number, _)| parts.iter().all(|part| part.number != *number))
        {
            return self.crashes.record(job, "egress-failed", since).await;
        }
        match parts.iter().find(|part| part.state == PartState::Writing) {
            Some(part) if pause => self.request_stop(job, part).await,
            Some(part) => {
                self.stop_requests = None;
                self.current_part.get_or_insert((part.number, Instant::now()));
                Ok(())
            }
            None if pause => {
                self.stop_requests = None;
                store.transition_recording(&job.id, &[RecordingState::Recording], RecordingState::Paused).await?;
                Ok(())
            }
            None if self.crashes.may_start() => self.start(job, recording, &parts).await,
            None => Ok(()),
        }
    }

    /// Does nothing, because egress can't pause: participants who join meanwhile are recorded until the database
    /// answers.
    async fn on_database_failure(&mut self, _: &Job) {}

    async fn stop(&mut self, job: &Job) -> Result<bool> {
        let parts = job.state.store.parts(&job.id).await?;
        if let Some(part) = parts.iter().find(|part| part.state == PartState::Writing) {
            self.request_stop(job, part).await?;
        }
        Ok(!parts.iter().any(StoredPart::is_in_progress))
    }

    async fn next(&mut self) -> Infallible {
        std::future::pending().await
    }

    async fn handle(&mut self, _: &Job, event: Infallible) -> Result<()> {
        match event {}
    }

    /// Does nothing: the egress continues, and the next start or another server takes over.
    async fn shutdown(self, _: &Job) {}
}

impl Egress {
    async fn start(&mut self, job: &Job, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
        let (state, room) = (&job.state, room_name(&recording.consultation));
        let Storage::S3(bucket) = &job.recordings.storage else { return Ok(()) };
        // Only open rooms can be recorded.
        if state.sfu.open_rooms(vec![room.clone()]).await?.is_empty() {
            return Ok(());
        }
        let number = parts.last().map_or(1, |part| part.number + 1);
        let mut part = StoredPart { egress: Some(String::new()), ..StoredPart::new(&job.id, number) };
        part.started_at = Some(Timestamp::now());
        let key = key(&part, recording);
        // Two parts with the same start second would have the same name. The insert lets only one server begin a part.
        let is_taken = parts.iter().any(|other| other.file.as_deref() == Some(&key));
        part.file = Some(key.clone());
        if is_taken || !state.store.insert_part(&part).await? {
            return Ok(());
        }
        match state.sfu.start_egress(&room, &key, bucket.for_egress()).await {
            Ok(info) => {
                self.current_part = Some((number, Instant::now()));
                process_info(state, &info).await
            }
            Err(error) => {
                tracing::error!(%error, recording = job.id, "starting an egress failed");
                if !is_answer(&error) {
                    // The egress may have started all the same; the poll finds out.
                    return Ok(state.store.set_recording_problem(&job.id, Some("egress-unavailable")).await?);
                }
                state.store.delete_part(&job.id, number).await?;
                self.crashes.record(job, "egress-unavailable", Instant::now()).await?;
                // Reports a recording that never began at once, without further attempts.
                if recording.state == RecordingState::Starting {
                    state.store.transition_recording(&job.id, &IN_PROGRESS, RecordingState::Stopping).await?;
                }
                Ok(())
            }
        }
    }

    /// Requests an egress to stop, repeatedly until it does or counts as lost.
    async fn request_stop(&mut self, job: &Job, part: &StoredPart) -> Result<()> {
        self.current_part = None;
        let now = Instant::now();
        let (since, last) = self.stop_requests.unwrap_or((now, now));
        if self.stop_requests.is_some() && last.elapsed() < POLL_INTERVAL {
            return Ok(());
        }
        self.stop_requests = Some((since, now));
        // An empty id means that the egress is being started; the next step has the id.
        let Some(egress) = part.egress.as_deref().filter(|egress| !egress.is_empty()) else { return Ok(()) };
        match job.state.sfu.stop_egress(egress).await {
            Ok(info) => process_info(&job.state, &info).await,
            Err(error) => {
                tracing::warn!(%error, recording = job.id, "stopping an egress failed");
                if since.elapsed() > LOST_AFTER { finish_lost(&job.state, part).await } else { Ok(()) }
            }
        }
    }
}

/// Polls the SFU for the state of a recording's egresses.
async fn poll(state: &AppState, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
    let known = match state.sfu.egresses(&room_name(&recording.consultation)).await {
        Ok(known) => Some(known),
        Err(error) => {
            tracing::warn!(%error, "listing a recording's egresses failed; retrying");
            None
        }
    };
    for info in known.iter().flatten() {
        process_info(state, info).await?;
    }
    for part in parts.iter().filter(|part| part.is_in_progress()) {
        let is_this = |info: &EgressInfo| {
            part.egress.as_ref() == Some(&info.egress_id) || part.file.as_deref() == Some(file_of(info))
        };
        let is_known = match &known {
            Some(known) => known.iter().any(is_this),
            // An egress with an id exists.
            None => part.egress.as_ref().is_some_and(|id| !id.is_empty()),
        };
        let age = Timestamp::now().as_millis() - part.started_at.map_or(0, Timestamp::as_millis);
        if !is_known && u128::try_from(age).is_ok_and(|age| age > LOST_AFTER.as_millis()) {
            finish_lost(state, part).await?;
        }
    }
    Ok(())
}

/// Finishes the part of a lost egress with what it uploaded.
async fn finish_lost(state: &AppState, part: &StoredPart) -> Result<()> {
    tracing::error!(recording = part.recording, part = part.number, "egress lost");
    state.store.set_recording_problem(&part.recording, Some("egress-failed")).await?;
    Ok(state.store.update_part(&StoredPart { state: PartState::Finished, ..part.clone() }).await?)
}

/// Processes the state of an egress from a webhook or an API answer. Idempotent and safe out of order. Stops a foreign
/// egress in a consultation's room.
///
/// # Errors
/// [`Error::Database`](crate::error::Error::Database), and [`Error::Sfu`](crate::error::Error::Sfu) if stopping a
/// foreign egress fails.
pub async fn process_info(state: &AppState, info: &EgressInfo) -> Result<()> {
    let store = &state.store;
    // Empty ids stand for egresses that are being started.
    if info.egress_id.is_empty() {
        return Ok(());
    }
    let Some(mut part) = store.part_of_egress(&info.egress_id, file_of(info)).await? else {
        if true {
            return Ok(());
        }
        return foreign::stop(state, info).await;
    };
    let before = part.clone();
    part.egress = Some(info.egress_id.clone());
    let file = info.file_results.first().filter(|file| file.size > 0);
    match info.status() {
        _ if !part.is_in_progress() => return Ok(()),
        EgressStatus::EgressStarting => {}
        EgressStatus::EgressActive if part.state == PartState::Writing => {
            let from = [RecordingState::Starting, RecordingState::Paused];
            store.transition_recording(&part.recording, &from, RecordingState::Recording).await?;
        }
        EgressStatus::EgressActive => {}
        EgressStatus::EgressEnding => part.state = PartState::Ending,
        EgressStatus::EgressComplete
        | EgressStatus::EgressLimitReached
        | EgressStatus::EgressFailed
        | EgressStatus::EgressAborted => {
            if !info.error.is_empty() {
                tracing::warn!(recording = part.recording, error = info.error, "egress reported an error");
                store.set_recording_problem(&part.recording, Some("egress-failed")).await?;
            }
            let Some(file) = file else { return Ok(store.delete_part(&part.recording, part.number).await?) };
            part.state = PartState::Finished;
            part.bytes = file.size.try_into().unwrap_or(0);
            part.seconds = Duration::from_nanos(file.duration.try_into().unwrap_or(0)).as_secs_f64();
        }
    }
    if part != before {
        store.update_part(&part).await?;
    }
    Ok(())
}

/// Polls an external SFU for its egresses until the server shuts down.
pub async fn watch_egresses(state: AppState, mut ended: watch::Receiver<bool>) {
    // The embedded SFU has no egress workers.
    if state.sfu.is_managed() {
        return;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LIST_INTERVAL) => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
        match state.sfu.active_egresses().await {
            Ok(active) => {
                for info in active {
                    if let Err(error) = process_info(&state, &info).await {
                        tracing::warn!(%error, egress = info.egress_id, "processing an egress failed; retrying");
                    }
                }
            }
            // Most SFUs have no egress and answer with an error.
            Err(error) => tracing::debug!(%error, "listing egresses failed"),
        }
    }
}
