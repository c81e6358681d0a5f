#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Doctor,
    Patient,
}

impl Role {
    pub const ALL: [Self; 2] = [Self::Doctor, Self::Patient];

    /// Returns the name for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Patient => "patient",
        }
    }

    /// Returns the chat message that the participant sends in measured calls.
    pub fn chat_line(self) -> &'static str {
        match self {
            Self::Doctor => "Buenos días. ¿Me ve y me oye bien?",
            Self::Patient => "Buenos días, doctora. Sí, perfectamente.",
        }
    }
}
