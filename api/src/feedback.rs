use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Role, Timestamp};

/// The body of `POST /api/consultations/{id}/feedback`: how a person found the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// From 1, bad, to 5, good.
    #[serde(deserialize_with = "crate::whole::required")]
    #[schema(minimum = 1, maximum = 5)]
    pub stars: u32,
    /// What wasn't good.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub reasons: Vec<FeedbackReason>,
}

/// What somebody in a consultation said about the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenFeedback {
    /// The user's id.
    pub identity: Id,
    /// Their role.
    pub role: Role,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub feedback: Feedback,
}

/// What wasn't good about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FeedbackReason {
    /// They heard the other badly.
    HeardBadly,
    /// They were heard badly.
    WasHeardBadly,
    /// Echo.
    Echo,
    /// The picture was bad.
    BadPicture,
    /// The picture stood still.
    Frozen,
    /// The call broke off.
    Dropped,
    /// It was hard to get in.
    HardToJoin,
    /// Something else.
    Other,
}
