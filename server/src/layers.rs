//! Middleware of all routes: request id, log line, time limit and security headers.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ErrorCode, Id};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tracing::Instrument;

use crate::error::Error;
use crate::metrics::Metrics;

/// Identifies a request in the log and in its answer. A proxy may set it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Time limit of an answer. Longer than a call of the SFU's API may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Time limit of a handler. Handlers continue after the answer's time limit, so that their work isn't interrupted, but
/// not forever, because a body may never arrive.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);

/// Adds the middleware to `routes`.
pub fn add_middleware(routes: Router, metrics: Arc<Metrics>, origins: &[HeaderValue]) -> Router {
    allow_origins(routes, origins)
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| Error::Internal("a handler panicked").into_response()))
        .layer(middleware::from_fn_with_state(metrics, handle))
}

/// Allows cross-origin requests from `origins`, without cookies, because cookies don't authenticate anybody here.
pub fn allow_origins(routes: Router, origins: &[HeaderValue]) -> Router {
    if origins.is_empty() {
        return routes;
    }
    routes.layer(
        CorsLayer::new()
            .allow_origin(origins.to_vec())
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING])
            .expose_headers([REQUEST_ID, header::RETRY_AFTER]),
    )
}

async fn handle(State(metrics): State<Arc<Metrics>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).and_then(|id| Id::new(id).ok());
    let id = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), String::from);
    let id_header = HeaderValue::from_str(&id).expect("ids are plain ASCII");
    request.headers_mut().insert(REQUEST_ID, id_header.clone());

    // Logs the route instead of the path, because paths contain ids and arbitrary input.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), route);
    async move {
        let start = Instant::now();
        // Runs in its own task, so that a disconnecting caller doesn't cancel the handler.
        let work = tokio::spawn(timeout(HANDLER_TIMEOUT, next.run(request)).in_current_span());
        let mut response = match timeout(RESPONSE_TIMEOUT, work).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => Error::Internal("a request's task ended early").into_response(),
            Err(_) | Ok(Ok(Err(_))) => Error::refused(ErrorCode::Timeout, "the request took too long").into_response(),
        };
        let status = response.status().as_u16();
        let duration = start.elapsed();
        metrics.count(status, duration);
        let millis = duration.as_millis();
        tracing::info!(status, millis, "request answered");
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id_header);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // Answers contain tokens.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        response
    }
    .instrument(span)
    .await
}
