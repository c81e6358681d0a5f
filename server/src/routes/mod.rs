//! One file per group of routes; each has its own `router()`.

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
mod place;
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

/// Who may call, and how often.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests of every kind.
    pub all: RateLimit,
    /// Tries of a code.
    pub codes: RateLimit,
    /// Checks of the network.
    pub checks: RateLimit,
    /// The web pages whose scripts may call.
    pub origins: Vec<HeaderValue>,
}

/// Every route, with the answers to what is no route.
pub fn router(state: AppState, limits: Limits, ended: &watch::Receiver<bool>) -> Router {
    let proxied = &state.proxies.clone();
    // Whatever takes a code shares one limit, so that there is no second way to guess.
    let guessable = join::router().merge(limit(check::router(), limits.checks, proxied, ended));
    let limited = Router::new()
        .merge(join::entering())
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
        .merge(place::router())
        .merge(quality::router())
        .merge(recording::router())
        .merge(rooms::router())
        .merge(transport::router());
    let metrics = state.metrics.clone();
    let signaling = signaling::router(&state, ended.clone());
    let routes = limit(limited, limits.all, proxied, ended)
        // Neither the proxy's probes and questions nor the SFU's events are held up.
        .merge(health::router())
        .merge(sfu_admission::router())
        .merge(sfu_events::router())
        .fallback(async || Error::refused(ErrorCode::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Error::refused(ErrorCode::MethodNotAllowed, "this address doesn't take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state);
    // A socket's requests wait for news, far longer than others may take.
    let sockets = limit(signaling, limits.all, proxied, ended);
    layers::wrap(routes, metrics, &limits.origins).merge(layers::share(sockets, &limits.origins))
}
