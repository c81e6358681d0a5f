//! Foreign egresses: egresses in our rooms that this server didn't start. LiveKit lets every holder of a token with
//! `roomRecord`, such as a doctor, start one into a bucket of their own.

use autamedica_api::{RoomProblem, RoomProblemKind, Timestamp, consultation_of};
use livekit_protocol::{EgressInfo, EgressStatus, egress_info};

use super::announce::announce_problem;
use crate::error::Result;
use crate::sfu::is_answer;
use crate::state::AppState;
use crate::store::AuditEvent;

/// Stops a foreign egress in one of our rooms, announces the problem and adds an audit entry. Each outcome is audited
/// once, and retries repeat failed steps.
///
/// # Errors
/// [`Error::Sfu`](crate::error::Error::Sfu) if stopping or announcing fails;
/// [`Error::Database`](crate::error::Error::Database). The next webhook or poll retries.
pub(super) async fn stop(state: &AppState, info: &EgressInfo) -> Result<()> {
    let Some(id) = consultation_of(&info.room_name) else { return Ok(()) };
    // Other applications may share the SFU.
    if state.store.consultation(&id).await?.is_none() {
        return Ok(());
    }
    let is_active = matches!(info.status(), EgressStatus::EgressStarting | EgressStatus::EgressActive);
    // Our own egress without a file has no row any more, but events about it may still arrive.
    if !is_active && file_of(info).starts_with(&format!("consultations/{id}-")) {
        return Ok(());
    }
    let (outcome, stopped) = if is_active { stop_egress_of(state, info).await } else { ("ended", Ok(())) };
    tracing::error!(consultation = %id, egress = info.egress_id, outcome, "foreign egress in a consultation's room");
    let problem = RoomProblem { what: RoomProblemKind::ForeignRecording, at: Timestamp::now() };
    let announced = announce_problem(state, &info.room_name, problem).await;
    let event =
        AuditEvent::ok("unknown", "egress.foreign").consultation(&id).subject(format!("egress:{}", info.egress_id));
    state.store.audit_once(&format!("foreign-egress:{}:{outcome}", info.egress_id), event.outcome(outcome)).await?;
    stopped.and(announced)
}

/// Stops an egress. Returns the outcome for the audit log, and an error if a retry is necessary.
async fn stop_egress_of(state: &AppState, info: &EgressInfo) -> (&'static str, Result<()>) {
    let Err(error) = state.sfu.stop_egress(&info.egress_id).await else { return ("stopped", Ok(())) };
    tracing::warn!(%error, egress = info.egress_id, "stopping an egress failed");
    // The egress has ended, or its worker doesn't react. Removed from the room, it records nothing.
    let is_removed = is_answer(&error) && state.sfu.remove(&info.room_name, &info.egress_id).await.is_ok();
    ("running", if is_removed { Ok(()) } else { Err(error.into()) })
}

/// Returns the key of the object that an egress writes.
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
