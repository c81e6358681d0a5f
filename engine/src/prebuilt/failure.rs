//! Classification of the engine's error messages.

use std::time::Duration;

use crate::error::RoomError;
use crate::prebuilt::log::redact;

/// Classifies an error message of the engine by its prefix.
///
/// The FFI protocol carries errors as text only. In the pinned build the text begins with the variants of the engine's
/// error types (`EngineError`, `SignalError`), outermost first, and then the HTTP status if there is one. The rest is
/// ignored: it quotes addresses, ports and servers' answers, which may hold any word.
pub(super) fn classify(message: &str) -> RoomError {
    let text = redact(message);
    let mut cause = message;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| cause.strip_prefix(wrapper)) {
        cause = inner;
    }
    let is = |variants: &[&str]| variants.iter().any(|variant| cause.starts_with(variant));
    if let Some(status) = HTTP_ERRORS.iter().find_map(|variant| cause.strip_prefix(variant)) {
        let digits = status.split(' ').next().unwrap_or_default();
        return match digits.parse() {
            Ok(401_u16 | 403) => RoomError::NotAllowed(text),
            _ => RoomError::Unreachable(text),
        };
    }
    let timeouts = [
        "signal connection timed out",
        "transport timed out",
        "failed to receive ",
        "internal error: track publication timed out",
    ];
    if is(&["access token has invalid characters", "request error: NotAllowed"]) {
        RoomError::NotAllowed(text)
    } else if is(&["failed to parse the url: "]) {
        RoomError::InvalidUrl(text)
    } else if is(&timeouts) {
        RoomError::Timeout(Duration::ZERO)
    } else if is(&["room closed", "already closed", "engine is closed"]) {
        RoomError::Closed
    } else if is(&["transport connection error: ", "failed to retrieve region info: ", "ws failure: "]) {
        RoomError::Unreachable(text)
    } else if is(&["connection error: ", "transport closed", "failed to send message to the server"]) {
        RoomError::Disconnected(text)
    } else {
        RoomError::Other(text)
    }
}

/// Prefixes of error types that wrap another.
const WRAPPERS: [&str; 3] = ["room error ", "engine: ", "signal failure: "];
/// Prefixes of errors that are followed by an HTTP status.
const HTTP_ERRORS: [&str; 3] = ["client error: ", "server error: ", "handshake error: "];

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(message: &str) -> String {
        let debug = format!("{:?}", classify(message));
        debug.split('(').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn http_refusals_are_classified_by_status() {
        assert_eq!(classified("engine: signal failure: client error: 401 Unauthorized - no permissions"), "NotAllowed");
        assert_eq!(classified("engine: signal failure: client error: 403 Forbidden - "), "NotAllowed");
        assert_eq!(classified("request error: NotAllowed - does not have permission to update"), "NotAllowed");
        assert_eq!(classified("engine: signal failure: client error: 404 Not Found - 401"), "Unreachable");
        assert_eq!(classified("engine: signal failure: server error: 503 Service Unavailable - 403"), "Unreachable");
    }

    #[test]
    fn quoted_text_does_not_affect_the_classification() {
        let port = "engine: signal failure: transport connection error: url (http://127.0.0.1:14010/rtc) refused";
        assert_eq!(classified(port), "Unreachable");
        let host = "engine: signal failure: transport connection error: permission.example: dns error";
        assert_eq!(classified(host), "Unreachable");
        assert_eq!(classified("internal error: not allowed: timeout 403"), "Other");
    }

    #[test]
    fn an_unanswered_publication_is_a_timeout() {
        let unanswered = "room error engine: internal error: track publication timed out, no response received";
        assert_eq!(classified(unanswered), "Timeout");
    }
}
