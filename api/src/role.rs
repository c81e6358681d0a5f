use serde::{Deserialize, Serialize};

/// Who somebody is in a consultation. The SFU and the backend enforce what follows from it
/// (through the token's grants); a client only mirrors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May publish camera and microphone, subscribe and chat.
    Patient,
    /// May also share the screen, record and remove people.
    Doctor,
    /// Sees and hears: an interpreter, a companion, a student. May publish camera and microphone and chat while the doctor lets
    /// them.
    Observer,
}

impl Role {
    /// The name used in tokens, reports and on the command line.
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

/// No role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role must be `patient`, `doctor` or `observer`")]
pub struct UnknownRole;
