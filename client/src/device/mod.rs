//! Cameras, microphones, speakers and screens, each of which may vanish and come back.

/// Which device to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The system's default.
    #[default]
    Default,
    /// The one whose name is, or contains, this text.
    Named(String),
    /// The built-in test source: a moving test card, a tone, a counting speaker.
    Test,
    /// No device.
    None,
}

impl std::str::FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "default" | "" => Self::Default,
            "test" => Self::Test,
            "none" => Self::None,
            name => Self::Named(name.to_owned()),
        })
    }
}

/// How a device is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// Not asked for.
    #[default]
    Off,
    /// Being opened.
    Starting,
    /// Delivering.
    On {
        /// The device's name, for people.
        name: String,
    },
    /// Not delivering; the device task keeps trying where that can help.
    Failed(DeviceProblem),
}

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProblem {
    /// There is none, or none of that name.
    NotFound,
    /// Another program has it.
    Busy,
    /// The system refuses us.
    Denied,
    /// It was there and is gone.
    Unplugged,
    /// It is there but delivers nothing.
    Silent,
    /// It has no format we can use.
    Unsupported,
    /// The driver reported something else; the log has it.
    Failed,
}
