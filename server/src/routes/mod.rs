//! One file per group of routes; each has its own `router()`.

mod consultations;
mod health;
mod recording;
mod rooms;

use autamedica_api::ErrorCode;
use axum::Router;
use axum::extract::DefaultBodyLimit;

use crate::error::Error;
use crate::state::AppState;

/// The largest body anybody needs, in bytes, with room to spare.
const BODY_LIMIT: usize = 64 * 1024;

/// Every route, with the answers to what is no route.
pub fn router(state: AppState) -> Router {
    let routes = Router::new()
        .merge(health::router())
        .merge(consultations::router())
        .merge(recording::router())
        .merge(rooms::router())
        .fallback(async || Error::refused(ErrorCode::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Error::refused(ErrorCode::MethodNotAllowed, "this address doesn't take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state);
    crate::layers::wrap(routes)
}
