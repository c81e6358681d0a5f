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

/// A refusal or failure: `{"success": false, "error": "…", "code": "…", "message": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Always `false`.
    pub success: bool,
    /// Summary for a person; it may change.
    pub error: String,
    /// Stable; programs decide by it.
    pub code: ErrorCode,
    /// Detail for a person who reads a log; it may change.
    pub message: String,
}

impl Failure {
    /// Makes a failure whose summary is its detail, too.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { success: false, error: message.clone(), code, message }
    }
}

/// The data of an answer that has nothing to say but that it was done: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {}
