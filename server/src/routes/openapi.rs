use autamedica_api::ErrorCode;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    check, consultations, control, day, feedback, health, ice, join, metrics, observers, participant, quality,
    recording, rooms, sfu_admission, sfu_events, transport,
};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/openapi.json", get(async || Json(Api::openapi())))
}

/// General part of the API's description; the list of error codes is appended.
const ABOUT: &str = r#"Video consultations between a patient and a doctor.

Every answer is {"success": true, "data": …} or {"success": false, "error": …, "code": …, "message": …}. Programs decide by code; error is a summary for people and message its detail; both may change.

Until the operator creates an API key, callers on the server's own machine need none. Otherwise send Authorization: Bearer with an API key, or, in a consultation, with the participant's own token.

"#;

#[derive(OpenApi)]
#[openapi(
    info(title = "AutaMedica", version = env!("CARGO_PKG_VERSION"), description = "See `Describe`"),
    paths(
        health::health,
        ice::ice_servers,
        consultations::create,
        day::list,
        consultations::details,
        consultations::change,
        consultations::queue,
        consultations::cancel,
        consultations::fresh_links,
        consultations::revoke_links,
        join::join,
        join::enter,
        participant::key,
        participant::presence,
        check::check,
        observers::add,
        observers::permit,
        transport::change,
        control::admit,
        control::refuse,
        control::remove,
        control::remove_from_room,
        control::mute,
        control::end,
        recording::start,
        recording::stop,
        recording::consent,
        recording::list,
        recording::details,
        recording::delete,
        rooms::active,
        rooms::stats,
        quality::add,
        feedback::add,
        metrics::metrics,
        sfu_admission::admission,
        sfu_events::receive,
    ),
    modifiers(&Security, &Describe)
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = |about: &str, format: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format(format)
                    .description(Some(about.to_owned()))
                    .build(),
            )
        };
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("key", bearer("An API key from the operator.", "amk_…"));
        components.add_security_scheme("token", bearer("A participant's own LiveKit token.", "JWT"));
        let livekit = ApiKeyValue::with_description("Authorization", "LiveKit's signature over the body.");
        components.add_security_scheme("livekit", SecurityScheme::ApiKey(ApiKey::Header(livekit)));
    }
}

struct Describe;

impl Modify for Describe {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let codes = ErrorCode::ALL.iter().map(|(code, about)| {
            let code = serde_json::to_value(code).ok();
            format!("{}: {about}", code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default())
        });
        api.info.description = Some(format!("{ABOUT}{}", codes.collect::<Vec<_>>().join("\n\n")));
    }
}
