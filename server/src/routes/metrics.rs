use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::caller::{Caller, Permission};
use crate::error::Result;
use crate::metrics::gauge;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/metrics", get(metrics))
}

/// Returns metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain"), (status = "4XX", body = autamedica_api::Failure)),
    security((), ("key" = [])))]
pub(super) async fn metrics(State(state): State<AppState>, caller: Caller) -> Result<Response> {
    caller.require(&state, Permission::Read).await?;
    let mut text = String::new();
    state.metrics.write(&mut text);
    let (sfu, by_state) = tokio::join!(state.sfu.is_reachable(), state.store.count_by_state());
    let by_state: Vec<_> =
        by_state?.into_iter().map(|(state, number)| (format!("state=\"{state}\""), number)).collect();
    gauge(&mut text, "autamedica_consultations", "Consultations in the database, event state.", &by_state);
    let stars = state.store.count_feedback().await?;
    let stars: Vec<_> = stars.into_iter().map(|(stars, number)| (format!("stars=\"{stars}\""), number)).collect();
    gauge(&mut text, "autamedica_feedback", "Participants' feedback, event stars from 1 (bad) to 5 (good).", &stars);
    let recordings = state.store.count_recordings().await?;
    let recordings: Vec<_> =
        recordings.into_iter().map(|(state, number)| (format!("state=\"{state}\""), number)).collect();
    gauge(&mut text, "autamedica_recordings", "Recordings, event state.", &recordings);
    gauge(&mut text, "autamedica_sfu_up", "1 if the SFU answers, otherwise 0.", &[(String::new(), i64::from(sfu))]);
    let uptime = i64::try_from(state.started.elapsed().as_secs()).unwrap_or(i64::MAX);
    gauge(&mut text, "autamedica_uptime_seconds", "Seconds since the server started.", &[(String::new(), uptime)]);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
