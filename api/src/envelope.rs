use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorCode;

/// Successful answer: `{"success": true, "data": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Success<T> {
    /// Always `true`.
    pub success: bool,
    /// Result of the request.
    pub data: T,
}

impl<T> Success<T> {
    /// Wraps `data`.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// Error answer: `{"success": false, "error": "…", "code": "…", "message": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Always `false`.
    pub success: bool,
    /// Summary for people; may change.
    pub error: String,
    /// Code for programs; stable.
    pub code: ErrorCode,
    /// Detail for log readers; may change.
    pub message: String,
}

impl Failure {
    /// Creates a failure with the same text as summary and detail.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { success: false, error: message.clone(), code, message }
    }
}

/// Empty data of an answer, `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {}
