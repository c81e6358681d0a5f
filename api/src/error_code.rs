use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every code that `error.code` can hold. Codes are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the body isn't JSON.
    InvalidJson,
    /// 400: the JSON lacks a field, or a field breaks its rule.
    InvalidRequest,
    /// 400: an id isn't 1–128 letters, digits, `-`, `_` or `.`.
    InvalidId,
    /// 401: no proof of who is calling, or one that isn't valid (any more).
    Unauthorized,
    /// 403: known, but not allowed to do this.
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
    /// 413: the body is larger than the limit.
    BodyTooLarge,
    /// 415: the body must be `application/json`.
    UnsupportedMediaType,
    /// 429: too many requests; `Retry-After` says when to come back.
    RateLimited,
    /// 501: this server records nothing.
    RecordingUnavailable,
    /// 503: the SFU doesn't answer.
    SfuUnavailable,
    /// 503: the database doesn't answer.
    DatabaseUnavailable,
    /// 503: the request took too long.
    Timeout,
    /// 500: a fault of the server; its log has the request's id.
    Internal,
    /// A code that this build doesn't know yet (only ever read, never sent).
    #[serde(other)]
    Unknown,
}
