use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Role, Timestamp};

/// Body of `POST /api/consultations/{id}/feedback`: a participant's rating of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// Rating from 1 (bad) to 5 (good).
    #[serde(deserialize_with = "crate::whole::required")]
    #[schema(minimum = 1, maximum = 5)]
    pub stars: u32,
    /// Problems that the participant reports.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub reasons: Vec<FeedbackReason>,
}

/// Feedback of a participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenFeedback {
    /// The participant's identity.
    pub identity: Id,
    /// The participant's role.
    pub role: Role,
    /// Time of the feedback.
    pub at: Timestamp,
    /// The feedback itself.
    #[serde(flatten)]
    pub feedback: Feedback,
}

/// Problem of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FeedbackReason {
    /// The other participants were hard to hear.
    HeardBadly,
    /// The participant was hard to hear.
    WasHeardBadly,
    /// There was an echo.
    Echo,
    /// The video quality was bad.
    BadPicture,
    /// The video froze.
    Frozen,
    /// The call was disconnected.
    Dropped,
    /// Joining was difficult.
    HardToJoin,
    /// Another problem.
    Other,
}
