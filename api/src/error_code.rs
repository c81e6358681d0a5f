use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Defines [`ErrorCode`], and [`ErrorCode::ALL`] with the same texts.
macro_rules! error_codes {
    ($(#[doc = $text:literal] $code:ident,)+) => {
        /// Error codes in [`Failure::code`](crate::Failure::code). Codes are added, never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $(#[doc = $text] $code,)+
            /// A code that this build doesn't know. Only received, never sent.
            #[serde(other)]
            Unknown,
        }

        impl ErrorCode {
            /// All codes that are sent, with status and meaning, for the documentation.
            pub const ALL: &[(Self, &str)] = &[$((Self::$code, $text.trim_ascii_start()),)+];
        }
    };
}

error_codes! {
    /// 400: the body isn't JSON.
    InvalidJson,
    /// 400: the JSON lacks a field, or a field breaks its rule.
    InvalidRequest,
    /// 400: an id isn't 1–128 letters, digits, `-`, `_` or `.`.
    InvalidId,
    /// 401: no credentials, or invalid or revoked credentials.
    Unauthorized,
    /// 403: the caller is known but not allowed to do this.
    Forbidden,
    /// 404: no such route.
    NotFound,
    /// 404: no such consultation.
    ConsultationNotFound,
    /// 404: no such room.
    RoomNotFound,
    /// 404: no participant with this identity is in the room.
    ParticipantNotFound,
    /// 405: the route exists, but not with this method.
    MethodNotAllowed,
    /// 409: the consultation exists with other people or other settings.
    ConsultationConflict,
    /// 409: the patient and the doctor are one person.
    SamePerson,
    /// 409: the consultation has two observers already.
    TooManyObservers,
    /// 409: a peer-to-peer consultation doesn't support this.
    PeerToPeer,
    /// 409: the doctor has ended the consultation.
    ConsultationEnded,
    /// 409: the consultation was cancelled.
    ConsultationCancelled,
    /// 401: no such join code.
    InvalidCode,
    /// 410: the join code is revoked or expired.
    CodeExpired,
    /// 403: it is too early; links work from 15 minutes before the appointment.
    TooEarly,
    /// 404: no such recording.
    RecordingNotFound,
    /// 409: the consultation already has an active recording.
    RecordingActive,
    /// 409: the consultation has no active recording.
    RecordingNotActive,
    /// 409: the patient has refused to be recorded within the last minute.
    ConsentRefused,
    /// 409: the consultation is encrypted end to end, and this server's recorder has no key.
    RecordingEncrypted,
    /// 413: the body is larger than the limit.
    BodyTooLarge,
    /// 415: the body must be `application/json`.
    UnsupportedMediaType,
    /// 429: too many requests; `Retry-After` says when to retry.
    RateLimited,
    /// 501: recording isn't configured on this server.
    RecordingUnavailable,
    /// 503: the SFU doesn't answer.
    SfuUnavailable,
    /// 503: the database doesn't answer.
    DatabaseUnavailable,
    /// 503: the storage of recordings doesn't answer.
    StorageUnavailable,
    /// 503: the request took too long.
    Timeout,
    /// 500: a fault of the server; its log has the request's id.
    Internal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_and_a_meaning() {
        for (code, text) in ErrorCode::ALL {
            let (status, meaning) = text.split_once(": ").unwrap();
            assert!((400..600).contains(&status.parse().unwrap()) && meaning.ends_with('.'), "{code:?}: {text}");
        }
    }
}
