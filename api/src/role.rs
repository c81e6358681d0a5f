use serde::{Deserialize, Serialize};

/// Role of a participant. SFU and backend enforce its permissions (through the token's grants); clients only display
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May publish camera and microphone, subscribe and chat.
    Patient,
    /// May also share the screen, record and remove participants.
    Doctor,
    /// May subscribe, such as an interpreter, a companion or a student. May publish camera and microphone and chat
    /// while the doctor permits it.
    Observer,
}

impl Role {
    /// Returns the name used in tokens, reports and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Doctor => "doctor",
            Self::Observer => "observer",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "patient" => Ok(Self::Patient),
            "doctor" => Ok(Self::Doctor),
            "observer" => Ok(Self::Observer),
            _ => Err(UnknownRole),
        }
    }
}

/// Error of a text that isn't a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role must be `patient`, `doctor` or `observer`")]
pub struct UnknownRole;
