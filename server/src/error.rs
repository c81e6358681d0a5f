use autamedica_api::{ErrorCode, Failure};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError};

/// Error of a request handler. The answer contains what the caller can act on; internal causes are only logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is invalid or refused.
    #[error("{message}")]
    Refused {
        /// Error code of the answer; determines the HTTP status.
        code: ErrorCode,
        /// Message for the caller.
        message: String,
    },
    /// The body lacks required fields.
    #[error("{summary}: {detail}")]
    MissingFields {
        /// Sentence with all required fields.
        summary: String,
        /// Sentence with the missing fields.
        detail: String,
    },
    /// A call of the SFU's API failed.
    #[error("the SFU's API failed")]
    Sfu(#[from] ServiceError),
    /// Creating a token failed.
    #[error("creating a token failed")]
    Token(#[from] livekit_api::access_token::AccessTokenError),
    /// A database query failed.
    #[error("a database query failed")]
    Database(#[from] sqlx::Error),
    /// A sealed value was sealed with another master key.
    #[error("a sealed end-to-end key can't be opened")]
    Sealed(#[from] crate::vault::CannotOpen),
    /// An internal invariant is violated.
    #[error("{0}")]
    Internal(&'static str),
}

/// Result of a request handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates a refusal.
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

/// Returns the HTTP status of an error code.
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

/// Returns `true` if the SFU rejects this server's tokens, because the API key differs or because a wrong clock makes
/// them invalid.
fn rejects_our_tokens(error: &ServiceError) -> bool {
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
            Self::Sfu(cause) if rejects_our_tokens(cause) => tracing::error!(
                error = %cause,
                "the SFU rejects this server's tokens: the API keys or the clocks of the two machines differ"
            ),
            Self::Sfu(cause) => tracing::warn!(error = %cause, "request to the SFU failed"),
            Self::Token(cause) => tracing::error!(error = %cause, "creating a token failed"),
            Self::Database(cause) => tracing::error!(error = %cause, "database query failed"),
            Self::Sealed(cause) => tracing::error!(error = %cause, "opening a sealed value failed"),
            Self::Internal(cause) => tracing::error!(cause, "internal error"),
        }
        let failure = match self {
            Self::Refused { message, .. } => Failure::new(code, message),
            Self::MissingFields { summary, detail } => Failure { error: summary, ..Failure::new(code, detail) },
            Self::Sfu(cause) if rejects_our_tokens(&cause) => Failure::new(
                code,
                "the media server rejects this server's tokens: check the API key and the clocks of both machines",
            ),
            Self::Sfu(_) => Failure::new(code, "the media server doesn't answer; try again in a moment"),
            Self::Database(_) => Failure::new(code, "the database doesn't answer; try again in a moment"),
            Self::Token(_) | Self::Sealed(_) | Self::Internal(_) => Failure::new(code, "internal error of the server"),
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
