//! Reasons for which the signaling server refuses something.

use serde_json::Value;

use crate::state::Refusal;
use crate::text::shorten;

/// Codes of refusals that another attempt with the same token doesn't change.
const FINAL: [&str; 8] = [
    "unauthorized",
    "forbidden",
    "invalid_id",
    "invalid_request",
    "room_not_found",
    "consultation_not_found",
    "consultation_ended",
    "consultation_cancelled",
];

/// Reason in `room-left` when another connection of the same user took the place of this one.
const REPLACED: &str = "replaced";
/// Codes of consultations that are over.
const OVER: [&str; 2] = ["consultation_ended", "consultation_cancelled"];

/// Reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// Code for programs. Servers of other makers have none.
    code: Option<String>,
    /// Text for people.
    pub(crate) message: String,
}

impl Reason {
    /// Reads the payload of an `error` event.
    pub(crate) fn of_event(data: &Value) -> Self {
        let code = data["code"].as_str().filter(|code| is_code(code)).map(str::to_owned);
        Self { code, message: shorten(data["message"].as_str().unwrap_or_default()) }
    }

    /// Reads the payload of a `room-left` event, which has only a code.
    pub(crate) fn of_removal(data: &Value) -> Self {
        let reason = data["reason"].as_str().unwrap_or_default();
        Self { code: Some(reason).filter(|code| is_code(code)).map(str::to_owned), message: shorten(reason) }
    }

    /// Reads the text of a `connect_error`, in which our server puts a code and `: ` first.
    pub(crate) fn of_text(text: &str) -> Self {
        match text.split_once(": ") {
            Some((code, message)) if is_code(code) => Self { code: Some(code.to_owned()), message: shorten(message) },
            _ => Self { code: None, message: shorten(text) },
        }
    }

    /// Returns `true` if another attempt with the same token will be refused as well.
    pub(crate) fn is_final(&self) -> bool {
        self.code.as_deref().is_some_and(|code| FINAL.contains(&code))
    }

    /// Refusal that ends the call.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self.code.as_deref() {
            Some(REPLACED) => Refusal::Replaced,
            Some(code) if OVER.contains(&code) => Refusal::Over,
            _ => Refusal::Room(self.message),
        }
    }

    pub(crate) fn has_code(&self) -> bool {
        self.code.is_some()
    }
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_some_codes_are_final() {
        for (text, code, message, is_final) in [
            ("unauthorized: bad token", Some("unauthorized"), "bad token", true),
            ("rate_limited: wait", Some("rate_limited"), "wait", false),
            ("internal: try again", Some("internal"), "try again", false),
            ("Invalid namespace", None, "Invalid namespace", false),
            ("Not now: busy", None, "Not now: busy", false),
            ("", None, "", false),
        ] {
            let reason = Reason::of_text(text);
            assert_eq!((reason.code.as_deref(), reason.message.as_str()), (code, message), "{text}");
            assert_eq!(reason.is_final(), is_final, "{text}");
        }
    }

    #[test]
    fn an_error_event_may_have_a_code() {
        let reason = Reason::of_event(&json!({ "message": "over", "code": "consultation_ended" }));
        assert!(reason.is_final() && reason.has_code());
        let reason = Reason::of_event(&json!({ "message": "Failed to join room" }));
        assert!(!reason.is_final() && !reason.has_code());
    }
}
