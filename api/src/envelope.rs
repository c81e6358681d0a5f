use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorCode;

/// A good answer: `{"success": true, "data": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Success<T> {
    /// Always `true`.
    pub success: bool,
    /// What was asked for.
    pub data: T,
}

impl<T> Success<T> {
    /// Wraps `data`.
    pub const fn new(data: T) -> Self {
        Self { success: true, data }
    }
}

/// A refusal or failure: `{"success": false, "error": {"code": "…", "message": "…"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Always `false`.
    pub success: bool,
    /// What went wrong.
    pub error: FailureBody,
}

/// What went wrong: a stable code for programs and a message for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureBody {
    /// Stable; programs decide by it.
    pub code: ErrorCode,
    /// For a person who reads a log; it may change.
    pub message: String,
}

impl Failure {
    /// Wraps a code and its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { success: false, error: FailureBody { code, message: message.into() } }
    }
}

/// The data of an answer that has nothing to say but that it was done: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {}
