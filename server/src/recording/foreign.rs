//! Egresses of our rooms that none of our recordings asked for. LiveKit lets whoever holds a token with `roomRecord` start one,
//! into a bucket of theirs, and a doctor's token has it.

use autamedica_api::{RoomProblem, RoomProblemKind, Timestamp, consultation_of};
use livekit_protocol::{EgressInfo, EgressStatus, egress_info};

use super::announce::announce_problem;
use crate::error::Result;
use crate::sfu::is_answer;
use crate::state::AppState;
use crate::store::Event;

/// Stops an egress that isn't ours, if it is in one of our rooms. The room is told, and what became of it is put on record: each
/// outcome once, so that an entry that couldn't be written is made up for by the next.
///
/// # Errors
/// When it can't be stopped, or the database fails. The next webhook or look tries again.
pub(super) async fn stop(state: &AppState, info: &EgressInfo) -> Result<()> {
    let Some(id) = consultation_of(&info.room_name) else { return Ok(()) };
    // Somebody else may share the SFU.
    if state.store.consultation(&id).await?.is_none() {
        return Ok(());
    }
    let is_at_work = matches!(info.status(), EgressStatus::EgressStarting | EgressStatus::EgressActive);
    // One of ours that ended without a file is forgotten, and may be told of again.
    if !is_at_work && file_of(info).starts_with(&format!("consultations/{id}-")) {
        return Ok(());
    }
    let (outcome, stopped) = if is_at_work { halt(state, info).await } else { ("ended", Ok(())) };
    tracing::error!(consultation = %id, egress = info.egress_id, outcome, "an egress that this server didn't start");
    let problem = RoomProblem { what: RoomProblemKind::ForeignRecording, at: Timestamp::now() };
    let told = announce_problem(state, &info.room_name, problem).await;
    let by = Event::ok("unknown", "egress.foreign").consultation(&id).subject(format!("egress:{}", info.egress_id));
    state.store.audit_once(&format!("foreign-egress:{}:{outcome}", info.egress_id), by.outcome(outcome)).await?;
    stopped.and(told)
}

/// Has an egress stop: the outcome for the audit log, and whether another look is due.
async fn halt(state: &AppState, info: &EgressInfo) -> (&'static str, Result<()>) {
    let Err(error) = state.sfu.stop_egress(&info.egress_id).await else { return ("stopped", Ok(())) };
    tracing::warn!(%error, egress = info.egress_id, "an egress can't be told to stop");
    // It has ended meanwhile, or its worker doesn't obey. Without its place in the room it records nothing.
    let is_out = is_answer(&error) && state.sfu.remove(&info.room_name, &info.egress_id).await.is_ok();
    ("running", if is_out { Ok(()) } else { Err(error.into()) })
}

/// The object that an egress records into.
pub(super) fn file_of(info: &EgressInfo) -> &str {
    if let Some(file) = info.file_results.first().filter(|file| !file.filename.is_empty()) {
        return &file.filename;
    }
    match &info.request {
        Some(egress_info::Request::RoomComposite(request)) => {
            request.file_outputs.first().map_or("", |output| &output.filepath)
        }
        _ => "",
    }
}
