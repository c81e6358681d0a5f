use autamedica_api::{ErrorCode, Failure};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError};

/// What a handler can fail with. Its answer says what the caller can act on; what went wrong inside is only logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong or refused.
    #[error("{message}")]
    Refused {
        /// The answer's status and `error.code`.
        code: ErrorCode,
        /// For the caller.
        message: String,
    },
    /// The body lacks fields that it must have.
    #[error("{summary}: {detail}")]
    MissingFields {
        /// Names every field that must be there.
        summary: String,
        /// Says what is wrong.
        detail: String,
    },
    /// The SFU didn't do what it should.
    #[error("the SFU failed")]
    Sfu(#[from] ServiceError),
    /// A token couldn't be made.
    #[error("a token couldn't be made")]
    Token(#[from] livekit_api::access_token::AccessTokenError),
    /// The database didn't do what it should.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A key that was sealed with another master key.
    #[error("an end-to-end key can't be opened")]
    Sealed(#[from] crate::vault::CannotOpen),
    /// A broken promise of our own.
    #[error("{0}")]
    Internal(&'static str),
}

/// What handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal.
    pub fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            Self::MissingFields { .. } => ErrorCode::InvalidRequest,
            Self::Sfu(_) => ErrorCode::SfuUnavailable,
            Self::Database(_) => ErrorCode::DatabaseUnavailable,
            Self::Token(_) | Self::Sealed(_) | Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

/// The status that goes with a code.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidJson | ErrorCode::InvalidRequest | ErrorCode::InvalidId => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized | ErrorCode::InvalidCode => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::TooEarly => StatusCode::FORBIDDEN,
        ErrorCode::NotFound
        | ErrorCode::ConsultationNotFound
        | ErrorCode::RoomNotFound
        | ErrorCode::ParticipantNotFound
        | ErrorCode::RecordingNotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::ConsultationConflict
        | ErrorCode::SamePerson
        | ErrorCode::TooManyObservers
        | ErrorCode::PeerToPeer
        | ErrorCode::ConsultationEnded
        | ErrorCode::ConsultationCancelled
        | ErrorCode::RecordingActive
        | ErrorCode::RecordingNotActive
        | ErrorCode::RecordingEncrypted
        | ErrorCode::ConsentRefused => StatusCode::CONFLICT,
        ErrorCode::CodeExpired => StatusCode::GONE,
        ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::RecordingUnavailable => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::SfuUnavailable
        | ErrorCode::DatabaseUnavailable
        | ErrorCode::StorageUnavailable
        | ErrorCode::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whether the SFU doesn't take our tokens: another key, or one of the clocks is wrong, so that they count as not valid yet or
/// any more.
fn refuses_us(error: &ServiceError) -> bool {
    let code = match error {
        ServiceError::Twirp(ServerError::Twirp(answer)) => answer.code.as_str(),
        _ => return false,
    };
    matches!(code, ServerErrorCode::UNAUTHENTICATED | ServerErrorCode::PERMISSION_DENIED)
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = self.code();
        match &self {
            Self::Refused { .. } | Self::MissingFields { .. } => {}
            Self::Sfu(cause) if refuses_us(cause) => tracing::error!(
                error = %cause,
                "the SFU refuses this server's tokens: the key is another one, or the clocks of both machines differ by minutes"
            ),
            Self::Sfu(cause) => tracing::warn!(error = %cause, "the SFU failed"),
            Self::Token(cause) => tracing::error!(error = %cause, "a token couldn't be made"),
            Self::Database(cause) => tracing::error!(error = %cause, "the database failed"),
            Self::Sealed(cause) => tracing::error!(error = %cause, "an end-to-end key can't be opened"),
            Self::Internal(cause) => tracing::error!(cause, "a broken promise"),
        }
        let failure = match self {
            Self::Refused { message, .. } => Failure::new(code, message),
            Self::MissingFields { summary, detail } => Failure { error: summary, ..Failure::new(code, detail) },
            Self::Sfu(cause) if refuses_us(&cause) => Failure::new(
                code,
                "the media server refuses this server's tokens: check the key, and that the clocks of both machines agree",
            ),
            Self::Sfu(_) => Failure::new(code, "the media server doesn't answer; try again in a moment"),
            Self::Database(_) => Failure::new(code, "the database doesn't answer; try again in a moment"),
            Self::Token(_) | Self::Sealed(_) | Self::Internal(_) => {
                Failure::new(code, "something went wrong on our side")
            }
        };
        let wait = (code == ErrorCode::RateLimited).then(|| HeaderValue::from_static("5"));
        let mut response = (status(code), Json(failure)).into_response();
        if code == ErrorCode::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}
