//! Recording by LiveKit's egress, started through the SFU's API and followed by webhooks.
//!
//! The state is in the database, so any server can continue. Without webhooks, the SFU is polled.

use std::convert::Infallible;
use std::time::Duration;

use autamedica_api::{RecordingState, Timestamp, room_name};
use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::sync::watch;
use tokio::time::Instant;

use super::drive::{Case, Crashes, MAKING, Way};
use super::foreign::{self, file_of};
use super::storage::Storage;
use super::store_away::key;
use crate::error::Result;
use crate::sfu::is_answer;
use crate::state::AppState;
use crate::store::{PartState, StoredPart, StoredRecording};

/// Interval for polling the SFU for its egresses, and for repeating a stop request.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Time after which an egress counts as lost if the SFU doesn't know it or it doesn't stop.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Interval for listing all egresses of the SFU, which finds foreign ones without webhooks.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// State of the backend besides the database.
#[derive(Default)]
pub struct Egress {
    crashes: Crashes,
    /// Number of the part in progress, and when it was first seen. If its row is gone, the egress failed.
    at_work: Option<(u32, Instant)>,
    /// Time of the last poll.
    asked: Option<Instant>,
    /// Times of the first and the last stop request.
    stopping: Option<(Instant, Instant)>,
}

impl Way for Egress {
    /// Events arrive as webhooks and are processed there.
    type News = Infallible;

    async fn prepare(&mut self, case: &Case, recording: &StoredRecording) -> Result<bool> {
        let parts = case.state.store.parts(&case.id).await?;
        if parts.iter().any(StoredPart::is_made) && self.asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            self.asked = Some(Instant::now());
            ask(&case.state, recording, &parts).await?;
        }
        Ok(true)
    }

    /// Keeps an egress running. Egress can't pause, so it is stopped for a pause, and the next one writes a new part.
    async fn record(&mut self, case: &Case, recording: &StoredRecording, pause: bool) -> Result<()> {
        let store = &case.state.store;
        let parts = store.parts(&case.id).await?;
        if let Some((_, since)) = self.at_work.take_if(|(at_work, _)| parts.iter().all(|part| part.number != *at_work))
        {
            return self.crashes.note(case, "egress-failed", since).await;
        }
        match parts.iter().find(|part| part.state == PartState::Writing) {
            Some(part) if pause => self.end(case, part).await,
            Some(part) => {
                self.stopping = None;
                self.at_work.get_or_insert((part.number, Instant::now()));
                Ok(())
            }
            None if pause => {
                self.stopping = None;
                store.move_recording(&case.id, &[RecordingState::Recording], RecordingState::Paused).await?;
                Ok(())
            }
            None if self.crashes.may_start() => self.start(case, recording, &parts).await,
            None => Ok(()),
        }
    }

    /// Does nothing, because egress can't pause: participants who join meanwhile are recorded until the database
    /// answers.
    async fn doubt(&mut self, _: &Case) {}

    async fn stop(&mut self, case: &Case) -> Result<bool> {
        let parts = case.state.store.parts(&case.id).await?;
        if let Some(part) = parts.iter().find(|part| part.state == PartState::Writing) {
            self.end(case, part).await?;
        }
        Ok(!parts.iter().any(StoredPart::is_made))
    }

    async fn next(&mut self) -> Infallible {
        std::future::pending().await
    }

    async fn take(&mut self, _: &Case, news: Infallible) -> Result<()> {
        match news {}
    }

    /// Does nothing: the egress continues, and the next start or another server takes over.
    async fn leave(self, _: &Case) {}
}

impl Egress {
    async fn start(&mut self, case: &Case, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
        let (state, room) = (&case.state, room_name(&recording.consultation));
        let Storage::S3(bucket) = &case.recordings.storage else { return Ok(()) };
        // Only open rooms can be recorded.
        if state.sfu.open_rooms(vec![room.clone()]).await?.is_empty() {
            return Ok(());
        }
        let number = parts.last().map_or(1, |part| part.number + 1);
        let mut part = StoredPart { egress: Some(String::new()), ..StoredPart::new(&case.id, number) };
        part.started_at = Some(Timestamp::now());
        let key = key(&part, recording);
        // Two parts with the same start second would have the same name. The insert lets only one server begin a part.
        let is_taken = parts.iter().any(|other| other.file.as_deref() == Some(&key));
        part.file = Some(key.clone());
        if is_taken || !state.store.begin_part(&part).await? {
            return Ok(());
        }
        match state.sfu.start_egress(&room, &key, bucket.for_egress()).await {
            Ok(info) => {
                self.at_work = Some((number, Instant::now()));
                take_in(state, &info).await
            }
            Err(error) => {
                tracing::error!(%error, recording = case.id, "starting an egress failed");
                if !is_answer(&error) {
                    // The egress may have started all the same; the poll finds out.
                    return Ok(state.store.recording_problem(&case.id, Some("egress-unavailable")).await?);
                }
                state.store.forget_part(&case.id, number).await?;
                self.crashes.note(case, "egress-unavailable", Instant::now()).await?;
                // Reports a recording that never began at once, without further attempts.
                if recording.state == RecordingState::Starting {
                    state.store.move_recording(&case.id, &MAKING, RecordingState::Stopping).await?;
                }
                Ok(())
            }
        }
    }

    /// Requests an egress to stop, repeatedly until it does or counts as lost.
    async fn end(&mut self, case: &Case, part: &StoredPart) -> Result<()> {
        self.at_work = None;
        let now = Instant::now();
        let (since, told) = self.stopping.unwrap_or((now, now));
        if self.stopping.is_some() && told.elapsed() < ASK_EVERY {
            return Ok(());
        }
        self.stopping = Some((since, now));
        // An empty id means that the egress is being started; the next step has the id.
        let Some(egress) = part.egress.as_deref().filter(|egress| !egress.is_empty()) else { return Ok(()) };
        match case.state.sfu.stop_egress(egress).await {
            Ok(info) => take_in(&case.state, &info).await,
            Err(error) => {
                tracing::warn!(%error, recording = case.id, "stopping an egress failed");
                if since.elapsed() > LOST_AFTER { lost(&case.state, part).await } else { Ok(()) }
            }
        }
    }
}

/// Polls the SFU for the state of a recording's egresses.
async fn ask(state: &AppState, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
    let known = match state.sfu.egresses(&room_name(&recording.consultation)).await {
        Ok(known) => Some(known),
        Err(error) => {
            tracing::warn!(%error, "listing a recording's egresses failed; retrying");
            None
        }
    };
    for info in known.iter().flatten() {
        take_in(state, info).await?;
    }
    for part in parts.iter().filter(|part| part.is_made()) {
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
            lost(state, part).await?;
        }
    }
    Ok(())
}

/// Finishes the part of a lost egress with what it uploaded.
async fn lost(state: &AppState, part: &StoredPart) -> Result<()> {
    tracing::error!(recording = part.recording, part = part.number, "egress lost");
    state.store.recording_problem(&part.recording, Some("egress-failed")).await?;
    Ok(state.store.update_part(&StoredPart { state: PartState::Finished, ..part.clone() }).await?)
}

/// Processes the state of an egress from a webhook or an API answer. Idempotent and safe out of order. Stops a foreign
/// egress in a consultation's room.
///
/// # Errors
/// [`Error::Database`](crate::error::Error::Database), and [`Error::Sfu`](crate::error::Error::Sfu) if stopping a
/// foreign egress fails.
pub async fn take_in(state: &AppState, info: &EgressInfo) -> Result<()> {
    let store = &state.store;
    // Empty ids stand for egresses that are being started.
    if info.egress_id.is_empty() {
        return Ok(());
    }
    let Some(mut part) = store.part_of_egress(&info.egress_id, file_of(info)).await? else {
        return foreign::stop(state, info).await;
    };
    let before = part.clone();
    part.egress = Some(info.egress_id.clone());
    let file = info.file_results.first().filter(|file| file.size > 0);
    match info.status() {
        _ if !part.is_made() => return Ok(()),
        EgressStatus::EgressStarting => {}
        EgressStatus::EgressActive if part.state == PartState::Writing => {
            let from = [RecordingState::Starting, RecordingState::Paused];
            store.move_recording(&part.recording, &from, RecordingState::Recording).await?;
        }
        EgressStatus::EgressActive => {}
        EgressStatus::EgressEnding => part.state = PartState::Ending,
        EgressStatus::EgressComplete
        | EgressStatus::EgressLimitReached
        | EgressStatus::EgressFailed
        | EgressStatus::EgressAborted => {
            if !info.error.is_empty() {
                tracing::warn!(recording = part.recording, error = info.error, "egress reported an error");
                store.recording_problem(&part.recording, Some("egress-failed")).await?;
            }
            let Some(file) = file else { return Ok(store.forget_part(&part.recording, part.number).await?) };
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
            () = tokio::time::sleep(LIST_EVERY) => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
        match state.sfu.active_egresses().await {
            Ok(active) => {
                for info in active {
                    if let Err(error) = take_in(&state, &info).await {
                        tracing::warn!(%error, egress = info.egress_id, "processing an egress failed; retrying");
                    }
                }
            }
            // Most SFUs have no egress and answer with an error.
            Err(error) => tracing::debug!(%error, "listing egresses failed"),
        }
    }
}
