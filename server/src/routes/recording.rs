//! Recording routes: the doctor starts, stops, downloads and deletes; recorded participants consent.

use autamedica_api::{
    Done, ErrorCode, Failure, GiveConsent, Id, Recording, RecordingList, RecordingPart, RecordingStarted,
    RecordingState, RecordingStopped, Role, StartRecording, StopAnswer, StopRecording, Success, Timestamp, room_name,
};
use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderValue, header, request::Parts};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::consultations::{check_not_finished, check_uses_sfu, find};
use crate::caller::{Caller, Participant, Permission};
use crate::error::{Error, Result};
use crate::extract::{Json, OptionalJson, PathId, Query};
use crate::recording::{self, Recordings};
use crate::state::AppState;
use crate::store::{PartState, RequestOutcome, StoredPart, StoredRecording};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/recording/start", post(start))
        .route("/api/consultations/{id}/recording/stop", post(stop))
        .route("/api/consultations/{id}/recording/consent", post(consent))
        .route("/api/consultations/{id}/recordings", get(list))
        .route("/api/consultations/{id}/recordings/{recordingId}", get(details).delete(delete))
        .route("/recordings/{recordingId}/{part}", get(fetch))
}

/// Starts recording once the patient has consented. They are asked now unless they have consented before.
#[utoipa::path(post, path = "/api/consultations/{id}/recording/start", tag = "recording", params(("id" = Id, Path)),
    request_body = StartRecording,
    responses((status = 200, body = Success<RecordingStarted>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn start(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    Json(body): Json<StartRecording>,
) -> Result<axum::Json<Success<RecordingStarted>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    if body.room_name != room_name(&id) {
        return Err(Error::refused(ErrorCode::RoomNotFound, "`roomName` isn't this consultation's room"));
    }
    let stored = find(&state, &id).await?;
    let recordings = recordings(&state)?;
    check_not_finished(&stored)?;
    check_uses_sfu(&stored)?;
    if stored.sealed_key.is_some() && !recordings.supports_e2ee() {
        let message =
            "this consultation is encrypted end to end, and this server's recorder, LiveKit Egress, has no key";
        return Err(Error::refused(ErrorCode::RecordingEncrypted, message));
    }
    match state.store.request_recording(&id, recordings.owner(), caller.audit_event("recording.start")).await? {
        RequestOutcome::New(recording) => {
            recordings.changed();
            Ok(axum::Json(Success::new(RecordingStarted {
                egress_id: recording.id.clone(),
                recording_id: recording.id,
                state: recording.state,
                status: recording.state,
                requested_at: recording.requested_at,
            })))
        }
        RequestOutcome::Active => {
            Err(Error::refused(ErrorCode::RecordingActive, "this consultation is being recorded"))
        }
        RequestOutcome::Refused => {
            let message = "the patient doesn't want to be recorded; they can be asked again in a minute";
            Err(Error::refused(ErrorCode::ConsentRefused, message))
        }
        RequestOutcome::Finished => Err(Error::refused(ErrorCode::ConsultationEnded, "this consultation has ended")),
    }
}

/// Stops recording, and returns the future location of the file.
#[utoipa::path(post, path = "/api/consultations/{id}/recording/stop", tag = "recording", params(("id" = Id, Path)),
    request_body = Option<StopRecording>,
    responses((status = 200, body = StopAnswer), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn stop(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    body: OptionalJson<StopRecording>,
) -> Result<axum::Json<StopAnswer>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    find(&state, &id).await?;
    let recordings = recordings(&state)?;
    if let Some(wanted) = body.0.egress_id {
        if wanted.is_empty() {
            let detail = "`egressId` is empty; omit it to stop the active recording".to_owned();
            return Err(Error::MissingFields { summary: "Missing egressId".to_owned(), detail });
        }
        let recordings = state.store.recordings_of(&id).await?;
        if !recordings.iter().any(|recording| recording.id == wanted && recording.state.is_active()) {
            return Err(Error::refused(
                ErrorCode::RecordingNotActive,
                "`egressId` isn't an active recording of this consultation",
            ));
        }
    }
    let Some(stopped) = state.store.stop_recording(&id, caller.audit_event("recording.stop")).await? else {
        return Err(Error::refused(ErrorCode::RecordingNotActive, "this consultation isn't being recorded"));
    };
    recordings.changed();
    let first = state.store.parts(&stopped.id).await?.into_iter().next();
    let key = first.filter(|_| stopped.state == RecordingState::Stopping).map(|part| recording::key(&part, &stopped));
    let data = RecordingStopped {
        location: key.map(|key| recordings.storage.location(&key)),
        recording_id: stopped.id,
        state: stopped.state,
        stopped_at: stopped.stopped_at.unwrap_or_else(Timestamp::now),
    };
    Ok(axum::Json(StopAnswer { success: true, message: "Recording stopped".to_owned(), data }))
}

/// Stores a participant's answer to the question for consent, authorized by their token. A later answer replaces it.
#[utoipa::path(post, path = "/api/consultations/{id}/recording/consent", tag = "recording", params(("id" = Id, Path)),
    request_body = GiveConsent,
    responses((status = 200, body = Success<Done>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn consent(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
    Json(given): Json<GiveConsent>,
) -> Result<axum::Json<Success<Done>>> {
    if caller.consultation != id || caller.role == Role::Doctor {
        return Err(Error::refused(ErrorCode::Forbidden, "only the patient of this consultation answers this"));
    }
    let is_language = (2..=16).contains(&given.language.len())
        && given.language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_language {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`language` must be such as `es` or `en-GB`"));
    }
    let event = crate::store::AuditEvent::ok(format!("{}:{}", caller.role, caller.user), "recording.consent");
    state.store.record_consent(&id, &caller.user, &given, event).await?;
    if let Some(recordings) = &state.recordings {
        recordings.changed();
    }
    Ok(axum::Json(Success::new(Done {})))
}

/// Returns the recordings of a consultation.
#[utoipa::path(get, path = "/api/consultations/{id}/recordings", tag = "recording", params(("id" = Id, Path)),
    responses((status = 200, body = Success<RecordingList>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn list(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<axum::Json<Success<RecordingList>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    find(&state, &id).await?;
    let mut recordings = Vec::new();
    for recording in state.store.recordings_of(&id).await? {
        let parts = state.store.parts(&recording.id).await?;
        recordings.push(to_response(recording, parts, Vec::new()));
    }
    Ok(axum::Json(Success::new(RecordingList { recordings })))
}

/// Returns a recording, with download URLs valid for five minutes.
#[utoipa::path(get, path = "/api/consultations/{id}/recordings/{recordingId}", tag = "recording",
    params(("id" = Id, Path), ("recordingId" = Id, Path)),
    responses((status = 200, body = Success<Recording>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn details(
    State(state): State<AppState>,
    PathRecording { id, recording }: PathRecording,
    caller: Caller,
) -> Result<axum::Json<Success<Recording>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let recording = find_recording(&state, &id, &recording).await?;
    let parts = state.store.parts(&recording.id).await?;
    let links = match &state.recordings {
        Some(recordings) if recording.state != RecordingState::Deleted => {
            recording::links(&state, recordings, &parts).await
        }
        _ => Vec::new(),
    };
    if links.iter().any(Option::is_some) {
        let event = caller.audit_event("recording.link").consultation(&id);
        state.store.audit(event.subject(format!("recording:{}", recording.id))).await?;
    }
    Ok(axum::Json(Success::new(to_response(recording, parts, links))))
}

/// Deletes a recording's files. The recording stays listed as deleted.
#[utoipa::path(delete, path = "/api/consultations/{id}/recordings/{recordingId}", tag = "recording",
    params(("id" = Id, Path), ("recordingId" = Id, Path)),
    responses((status = 200, body = Success<Done>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn delete(
    State(state): State<AppState>,
    PathRecording { id, recording }: PathRecording,
    caller: Caller,
) -> Result<axum::Json<Success<Done>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let recording = find_recording(&state, &id, &recording).await?;
    if recording.state.is_active() || recording.state == RecordingState::Storing {
        return Err(Error::refused(ErrorCode::RecordingActive, "this recording isn't finished yet"));
    }
    let recordings = recordings(&state)?;
    if recording.state != RecordingState::Deleted {
        recording::delete(&state, recordings, &recording, caller.audit_event("recording.delete")).await?;
    }
    Ok(axum::Json(Success::new(Done {})))
}

/// Query of a signed download URL.
#[derive(Deserialize)]
struct SignedQuery {
    expires: i64,
    signature: String,
}

/// Serves a file for a signed URL, with support for range requests. The URL is the authorization, so the route isn't in
/// the API's description.
async fn fetch(
    State(state): State<AppState>,
    Path((id, number)): Path<(String, u32)>,
    Query(SignedQuery { expires, signature }): Query<SignedQuery>,
    request: Request,
) -> Result<Response> {
    if expires < Timestamp::now().as_millis() || !state.store.is_signed_link(&id, number, expires, &signature) {
        return Err(Error::refused(ErrorCode::Forbidden, "this link doesn't work any more"));
    }
    let part = state.store.parts(&id).await?.into_iter().find(|part| part.number == number);
    let file = part.and_then(|part| state.recordings.as_ref()?.file(&part)).filter(|file| file.is_file());
    let file = file.ok_or_else(|| Error::refused(ErrorCode::RecordingNotFound, "there is no such recording here"))?;
    let mime = "video/mp4".parse().map_err(|_| Error::Internal("a media type isn't one"))?;
    let Ok(answer) = ServeFile::new_with_mime(file, &mime).oneshot(request).await;
    let mut answer = answer.map(axum::body::Body::new).into_response();
    let save = HeaderValue::from_static("inline; filename=\"consultation.mp4\"");
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, save);
    Ok(answer)
}

fn recordings(state: &AppState) -> Result<&Recordings> {
    let none = || Error::refused(ErrorCode::RecordingUnavailable, "this server doesn't record");
    state.recordings.as_deref().ok_or_else(none)
}

async fn find_recording(state: &AppState, id: &Id, recording: &Id) -> Result<StoredRecording> {
    find(state, id).await?;
    let found = state.store.recording(recording.as_str()).await?.filter(|found| found.consultation == *id);
    found.ok_or_else(|| Error::refused(ErrorCode::RecordingNotFound, "there is no such recording"))
}

fn to_response(recording: StoredRecording, parts: Vec<StoredPart>, links: Vec<Option<String>>) -> Recording {
    let links = links.into_iter().chain(std::iter::repeat(None));
    let parts: Vec<_> = parts
        .into_iter()
        .zip(links)
        .map(|(part, download_url)| RecordingPart {
            number: part.number,
            stored: part.state == PartState::Stored,
            duration_seconds: part.seconds,
            size_bytes: part.bytes,
            sha256: part.sha256,
            location: part.location,
            encryption: part.encryption,
            download_url,
        })
        .collect();
    let only = if let [only] = &parts[..] { Some(only) } else { None };
    let problem = recording.current_problem().map(str::to_owned);
    Recording {
        sha256: only.and_then(|part| part.sha256.clone()),
        download_url: only.and_then(|part| part.download_url.clone()),
        duration_seconds: parts.iter().map(|part| part.duration_seconds).sum(),
        size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
        parts,
        recording_id: recording.id,
        consultation_id: recording.consultation,
        state: recording.state,
        problem,
        requested_at: recording.requested_at,
        started_at: recording.started_at,
        stopped_at: recording.stopped_at,
    }
}

/// Consultation and recording in the path.
pub(super) struct PathRecording {
    id: Id,
    recording: Id,
}

impl FromRequestParts<AppState> for PathRecording {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let path = Path::<(Id, Id)>::from_request_parts(parts, state).await;
        path.map(|Path((id, recording))| Self { id, recording }).map_err(|_| {
            Error::refused(ErrorCode::InvalidId, format!("an id in the path {}", autamedica_api::InvalidId))
        })
    }
}
