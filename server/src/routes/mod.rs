//! Routes of the REST API, one module per group.

mod check;
mod consultations;
mod control;
mod day;
mod feedback;
mod health;
mod ice;
mod join;
mod metrics;
mod observers;
mod openapi;
mod pages;
mod participant;
mod quality;
mod recording;
mod rooms;
mod sfu_admission;
mod sfu_events;
mod transport;

use autamedica_api::ErrorCode;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::error::Error;
use crate::extract::BODY_LIMIT;
use crate::limits::{RateLimit, limit};
use crate::state::AppState;
use crate::{layers, signaling};

/// Limits and allowed origins of the API.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Limit for all requests.
    pub all: RateLimit,
    /// Limit for attempts to use a code.
    pub codes: RateLimit,
    /// Limit for network checks.
    pub checks: RateLimit,
    /// Origins of the web pages that may call the API.
    pub origins: Vec<HeaderValue>,
}

/// Creates the router with all routes and fallbacks.
pub fn router(state: AppState, limits: Limits, ended: &watch::Receiver<bool>) -> Router {
    let proxied = &state.proxies.clone();
    // All routes that take a code share one limit, so that there is no second way to guess.
    let guessable = join::router().merge(limit(check::router(), limits.checks, proxied, ended));
    let limited = Router::new()
        .merge(join::enter_router())
        .merge(consultations::router())
        .merge(control::router())
        .merge(day::router())
        .merge(feedback::router())
        .merge(limit(guessable, limits.codes, proxied, ended))
        .merge(ice::router())
        .merge(metrics::router())
        .merge(observers::router())
        .merge(openapi::router())
        .merge(pages::router())
        .merge(participant::router())
        .merge(quality::router())
        .merge(recording::router())
        .merge(rooms::router())
        .merge(transport::router());
    let metrics = state.metrics.clone();
    let signaling = signaling::router(&state, ended.clone());
    let routes = limit(limited, limits.all, proxied, ended)
        // Health probes, the proxy's admission requests and the SFU's events must not be delayed.
        .merge(health::router())
        .merge(sfu_admission::router())
        .merge(sfu_events::router())
        .fallback(async || Error::refused(ErrorCode::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Error::refused(ErrorCode::MethodNotAllowed, "this address doesn't take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state);
    // Long polling exceeds the time limit of other requests.
    let sockets = limit(signaling, limits.all, proxied, ended);
    layers::add_middleware(routes, metrics, &limits.origins).merge(layers::allow_origins(sockets, &limits.origins))
}
