//! Selection, state and names of devices.

/// Selected device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The system's default.
    #[default]
    Default,
    /// The device with this name, or whose name contains it.
    Named(String),
    /// The device with this identifier, or if there is none, with this name.
    Known {
        /// The system's identifier, which also tells devices of one name apart: the USB port of a camera, the sound
        /// server's name of a microphone or speaker.
        id: String,
        /// Name to display.
        name: String,
    },
    /// The built-in test source: a moving test card, a tone, a counting speaker.
    Test,
    /// No device.
    None,
}

impl DeviceChoice {
    /// Returns the name of a selected device.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) | Self::Known { name, .. } => Some(name),
            Self::Default | Self::Test | Self::None => None,
        }
    }

    /// Returns whether both select the same device: by identifier if both have one, else by name.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known { id, .. }, Self::Known { id: other, .. }) => id == other,
            _ if self.name().is_some() => self.name() == other.name(),
            _ => self == other,
        }
    }
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

/// State of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceState {
    /// Not requested.
    #[default]
    Off,
    /// Being opened.
    Starting,
    /// Delivering.
    On {
        /// Name to display.
        name: String,
    },
    /// Not delivering; retried where that can help.
    Failed(DeviceProblem),
}

/// Problem of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProblem {
    /// There is none, or none of that name.
    NotFound,
    /// Another program uses it.
    Busy,
    /// The system denies access.
    Denied,
    /// Disconnected while in use.
    Unplugged,
    /// Delivers nothing.
    Silent,
    /// Has no supported format.
    Unsupported,
    /// The driver reported another error, which is in the log.
    Failed,
}

/// Numbers the second and later of equal names: "C920", "C920 (2)".
fn number_duplicates(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|candidate| !all.contains(candidate));
        all.push(free.expect("invariant: endless numbers"));
    }
    all
}

/// Pairs devices with unique names, in their order. Numbers equal names by `place`, which does not depend on the order
/// in which the system lists them.
pub(crate) fn named<T, P: Ord>(
    devices: Vec<T>,
    name: impl Fn(&T) -> String,
    place: impl Fn(&T) -> P,
) -> Vec<(String, T)> {
    let mut by_place: Vec<usize> = (0..devices.len()).collect();
    by_place.sort_by_cached_key(|at| place(&devices[*at]));
    let names = number_duplicates(by_place.iter().map(|at| name(&devices[*at])));
    let mut names: Vec<(usize, String)> = by_place.into_iter().zip(names).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name).zip(devices).collect()
}

/// Returns the devices that a choice selects, best first; all unless it names one.
pub(crate) fn selected<T>(
    devices: Vec<T>,
    choice: &DeviceChoice,
    name: impl Fn(&T) -> String,
    id: impl Fn(&T) -> Option<String>,
) -> Vec<T> {
    match choice {
        DeviceChoice::Named(wanted) => by_name(devices, wanted, name),
        DeviceChoice::Known { id: wanted, name: named } => {
            let has_id = |device: &T| id(device).as_ref() == Some(wanted);
            if devices.iter().any(has_id) {
                return devices.into_iter().filter(has_id).collect();
            }
            devices.into_iter().filter(|device| name(device) == *named).collect()
        }
        DeviceChoice::Default | DeviceChoice::Test | DeviceChoice::None => devices,
    }
}

/// Returns the devices selected by name: the one with exactly this name, else those whose name contains it, ignoring
/// case.
fn by_name<T>(devices: Vec<T>, wanted: &str, name: impl Fn(&T) -> String) -> Vec<T> {
    if devices.iter().any(|device| name(device) == wanted) {
        return devices.into_iter().filter(|device| name(device) == wanted).collect();
    }
    let wanted = wanted.to_lowercase();
    devices.into_iter().filter(|device| name(device).to_lowercase().contains(&wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::{DeviceChoice, by_name, named, number_duplicates, selected};

    #[test]
    fn equal_names_are_numbered() {
        let names = ["C920", "C920", "Front", "C920", "C920 (2)"].map(str::to_owned);
        assert_eq!(number_duplicates(names), ["C920", "C920 (2)", "Front", "C920 (3)", "C920 (2) (2)"]);
    }

    #[test]
    fn numbers_follow_the_place_and_devices_stay_in_order() {
        let devices = vec![("C920", "usb-3"), ("Front", "pci"), ("C920", "usb-1")];
        let names = named(devices, |(name, _)| (*name).to_owned(), |(_, place)| *place);
        let names: Vec<_> = names.iter().map(|(name, (_, place))| (name.as_str(), *place)).collect();
        assert_eq!(names, [("C920 (2)", "usb-3"), ("Front", "pci"), ("C920", "usb-1")]);
    }

    #[test]
    fn an_identifier_comes_before_a_name_that_another_device_has_got() {
        let choice = DeviceChoice::Known { id: "usb-3".into(), name: "C920 (2)".into() };
        let find = |devices: &[(&'static str, &'static str)]| {
            let name = |device: &(&str, &str)| device.0.to_owned();
            selected(devices.to_vec(), &choice, name, |(_, id)| Some((*id).to_owned()))
        };
        assert_eq!(find(&[("C920", "usb-1"), ("C920 (2)", "usb-3")]), [("C920 (2)", "usb-3")]);
        assert_eq!(find(&[("C920", "usb-3"), ("C920 (2)", "usb-4")]), [("C920", "usb-3")], "its twin was unplugged");
        assert_eq!(find(&[("C920", "usb-1"), ("C920 (2)", "usb-7")]), [("C920 (2)", "usb-7")], "in another port");
        assert!(find(&[("C920", "usb-1")]).is_empty());
        assert!(choice.is_same(&DeviceChoice::Known { id: "usb-3".into(), name: "C920".into() }));
        assert!(choice.is_same(&DeviceChoice::Named("C920 (2)".into())));
        assert!(!choice.is_same(&DeviceChoice::Default) && DeviceChoice::Test.is_same(&DeviceChoice::Test));
    }

    #[test]
    fn the_very_name_comes_before_those_that_contain_it() {
        let devices = ["USB Camera", "USB", "Integrated usb cam"];
        let named = |wanted: &str| by_name(devices.to_vec(), wanted, ToString::to_string);
        assert_eq!(named("USB"), ["USB"]);
        assert_eq!(named("usb"), devices);
        assert_eq!(named("Integrated"), ["Integrated usb cam"]);
        assert!(named("Logitech").is_empty());
    }
}
