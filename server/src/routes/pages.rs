//! Web pages for people: the target of join links, and the API's documentation. They load nothing from other servers.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::state::AppState;

/// Allows scripts and styles of this server only: no inline code, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// Also forbids connections: `/join` never sends the code anywhere, not even to this server.
const JOIN_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

pub fn router() -> Router<AppState> {
    let html = "text/html; charset=utf-8";
    let script = "text/javascript; charset=utf-8";
    let style = "text/css; charset=utf-8";
    Router::new()
        .route("/join", get(async || page(html, JOIN_POLICY, include_str!("../../assets/join.html"))))
        .route("/assets/join.js", get(async || page(script, POLICY, include_str!("../../assets/join.js"))))
        .route("/docs", get(async || page(html, POLICY, include_str!("../../assets/docs.html"))))
        .route("/assets/docs.js", get(async || page(script, POLICY, include_str!("../../assets/docs.js"))))
        .route("/assets/page.css", get(async || page(style, POLICY, include_str!("../../assets/page.css"))))
}

fn page(kind: &'static str, policy: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] =
        [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-cache")];
    (headers, text)
}
