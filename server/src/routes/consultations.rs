use autamedica_api::{Consultation, CreateConsultation, ErrorCode, Role, Success, room_name};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use crate::error::{Error, Result};
use crate::extract;
use crate::state::AppState;
use crate::token::Holder;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations/create", post(create))
}

/// Creates a consultation, or finds the one that is there, and gives both sides fresh tokens.
async fn create(
    State(state): State<AppState>,
    extract::Json(wanted): extract::Json<CreateConsultation>,
) -> Result<Json<Success<Consultation>>> {
    if wanted.patient_id == wanted.doctor_id {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`patientId` and `doctorId` must differ"));
    }
    let stored = state.store.create_consultation(&wanted).await?;
    if (&stored.patient_id, &stored.doctor_id) != (&wanted.patient_id, &wanted.doctor_id) {
        return Err(Error::refused(ErrorCode::ConsultationConflict, "this consultation exists with other people"));
    }
    let room = state.sfu.open_room(&room_name(&stored.id)).await?;
    let token = |role, user| state.sfu.token(&Holder { user, role, consultation: &stored.id });
    Ok(Json(Success::new(Consultation {
        patient_token: token(Role::Patient, &stored.patient_id)?,
        doctor_token: token(Role::Doctor, &stored.doctor_id)?,
        room_name: room.name,
        room_sid: room.sid,
        livekit_url: state.sfu.signaling_url().to_owned(),
        consultation_id: stored.id,
        patient_id: stored.patient_id,
        doctor_id: stored.doctor_id,
        created_at: stored.created_at,
    })))
}
