/// The two people in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Doctor,
    Patient,
}

impl Role {
    /// Both, the doctor first.
    pub const ALL: [Self; 2] = [Self::Doctor, Self::Patient];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Patient => "patient",
        }
    }

    /// What they write in the chat when the call is run to be measured.
    pub fn chat_line(self) -> &'static str {
        match self {
            Self::Doctor => "Buenos días. ¿Me ve y me oye bien?",
            Self::Patient => "Buenos días, doctora. Sí, perfectamente.",
        }
    }
}
