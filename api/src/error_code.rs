use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Error codes in [`Failure::code`](crate::Failure::code). Codes are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the body isn't JSON.
    InvalidJson,
    /// 400: the JSON lacks a field, or a field breaks its rule.
    InvalidRequest,
    /// 400: an id isn't 1–128 letters, digits, `-`, `_` or `.`.
    InvalidId,
    /// 401: no credentials, or credentials that aren't valid (any more).
    Unauthorized,
    /// 403: the caller is known but not allowed to do this.
    Forbidden,
    /// 404: no such route.
    NotFound,
    /// 404: no such consultation.
    ConsultationNotFound,
    /// 404: no such room.
    RoomNotFound,
    /// 404: nobody of that identity is in the room.
    ParticipantNotFound,
    /// 405: the route exists, but not with this method.
    MethodNotAllowed,
    /// 409: the consultation exists with other people or other settings.
    ConsultationConflict,
    /// 409: the patient and the doctor are one person.
    SamePerson,
    /// 409: the consultation has two observers already.
    TooManyObservers,
    /// 409: the consultation's media goes from peer to peer, where this can't be done.
    PeerToPeer,
    /// 409: the consultation was ended for everybody.
    ConsultationEnded,
    /// 409: the consultation was cancelled.
    ConsultationCancelled,
    /// 401: no such join code.
    InvalidCode,
    /// 410: the join code was revoked, used up or is too old.
    CodeExpired,
    /// 403: it is too early; links work from 15 minutes before the appointment.
    TooEarly,
    /// 404: no such recording.
    RecordingNotFound,
    /// 409: the consultation already has an active recording.
    RecordingActive,
    /// 409: the consultation has no active recording.
    RecordingNotActive,
    /// 409: the patient refused to be recorded a moment ago.
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
    /// A code that this build doesn't know. Only received, never sent.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// All codes that are sent, with status and meaning, for the documentation.
    pub const ALL: &[(Self, &str)] = &[
        (Self::InvalidJson, "400: the body isn't JSON."),
        (Self::InvalidRequest, "400: the JSON lacks a field, or a field breaks its rule."),
        (Self::InvalidId, "400: an id isn't 1–128 letters, digits, `-`, `_` or `.`."),
        (Self::Unauthorized, "401: no proof of who is calling, or one that isn't valid (any more)."),
        (Self::Forbidden, "403: known, but not allowed to do this."),
        (Self::NotFound, "404: no such route."),
        (Self::ConsultationNotFound, "404: no such consultation."),
        (Self::RoomNotFound, "404: no such room."),
        (Self::ParticipantNotFound, "404: nobody of that identity is in the room."),
        (Self::MethodNotAllowed, "405: the route exists, but not with this method."),
        (Self::ConsultationConflict, "409: the consultation exists with other people or other settings."),
        (Self::SamePerson, "409: the patient and the doctor are one person."),
        (Self::TooManyObservers, "409: the consultation has two observers already."),
        (Self::PeerToPeer, "409: the consultation's media goes from peer to peer, where this can't be done."),
        (Self::ConsultationEnded, "409: the consultation was ended for everybody."),
        (Self::ConsultationCancelled, "409: the consultation was cancelled."),
        (Self::InvalidCode, "401: no such join code."),
        (Self::CodeExpired, "410: the join code was revoked, used up or is too old."),
        (Self::TooEarly, "403: it is too early; links work from 15 minutes before the appointment."),
        (Self::RecordingNotFound, "404: no such recording."),
        (Self::RecordingActive, "409: a recording of this consultation goes on already."),
        (Self::RecordingNotActive, "409: no recording of this consultation goes on."),
        (Self::ConsentRefused, "409: the patient refused to be recorded a moment ago."),
        (
            Self::RecordingEncrypted,
            "409: the consultation is encrypted end to end, and this server's recorder has no key.",
        ),
        (Self::BodyTooLarge, "413: the body is larger than the limit."),
        (Self::UnsupportedMediaType, "415: the body must be `application/json`."),
        (Self::RateLimited, "429: too many requests; `Retry-After` says when to come back."),
        (Self::RecordingUnavailable, "501: this server records nothing."),
        (Self::SfuUnavailable, "503: the SFU doesn't answer."),
        (Self::DatabaseUnavailable, "503: the database doesn't answer."),
        (Self::StorageUnavailable, "503: the storage of recordings doesn't answer."),
        (Self::Timeout, "503: the request took too long."),
        (Self::Internal, "500: a fault of the server; its log has the request's id."),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_and_none_twice() {
        // The schema lists the variants, so a forgotten one is found.
        let schema = serde_json::to_value(<ErrorCode as utoipa::PartialSchema>::schema()).unwrap();
        let variants = schema["enum"].as_array().unwrap();
        let documented: std::collections::BTreeSet<_> =
            ErrorCode::ALL.iter().map(|(code, _)| serde_json::to_value(code).unwrap().to_string()).collect();
        assert_eq!(documented.len(), ErrorCode::ALL.len());
        assert_eq!(documented.len() + 1, variants.len(), "all but `unknown`");
    }
}
