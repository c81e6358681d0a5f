//! Settings of a person, stored between runs.

use std::io;
use std::path::Path;

use autamedica_call::{CallSettings, DeviceChoices};
use autamedica_media::{DeviceChoice, DeviceKind, DeviceLists};
use serde::{Deserialize, Serialize};

use crate::i18n::Language;
use crate::storage::{self, Loaded};

/// Name of the file in the config folder.
pub const FILE: &str = "settings.json";

/// All settings. Missing fields have their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Language; `None` is the system's.
    pub language: Option<Language>,
    /// Selected camera.
    #[serde(with = "Choice")]
    pub camera: DeviceChoice,
    /// Selected microphone.
    #[serde(with = "Choice")]
    pub microphone: DeviceChoice,
    /// Selected speaker.
    #[serde(with = "Choice")]
    pub speaker: DeviceChoice,
    /// Audio and video settings of calls.
    pub call: CallSettings,
    /// Doctors: join without the check.
    pub skip_check: bool,
    /// Doctors: effect of the hang-up button while others are in the call.
    pub hang_up: HangUp,
    /// Size of all elements in percent, 100 to 200.
    pub text_percent: u16,
    /// No animations.
    pub reduced_motion: bool,
    /// Theme outside a call.
    pub theme: ThemeSetting,
    /// Origins of the servers that the person approved, newest first.
    pub approved_servers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: None,
            camera: DeviceChoice::Default,
            microphone: DeviceChoice::Default,
            speaker: DeviceChoice::Default,
            call: CallSettings::default(),
            skip_check: false,
            hang_up: HangUp::default(),
            text_percent: 100,
            reduced_motion: false,
            theme: ThemeSetting::default(),
            approved_servers: Vec::new(),
        }
    }
}

impl Settings {
    /// Offered values of [`text_percent`](Self::text_percent).
    pub const TEXT_PERCENTS: [u16; 5] = [100, 125, 150, 175, 200];

    /// Returns the factor of all sizes. Limited, because the file may have any value.
    pub fn text_scale(&self) -> f32 {
        f32::from(self.text_percent.clamp(100, 200)) / 100.0
    }

    /// Adds identifiers to devices that were selected by name.
    pub fn identify_devices(&mut self, lists: &DeviceLists) {
        lists.identify(DeviceKind::Camera, &mut self.camera);
        lists.identify(DeviceKind::Microphone, &mut self.microphone);
        lists.identify(DeviceKind::Speaker, &mut self.speaker);
    }

    /// Returns the selected devices.
    pub fn devices(&self) -> DeviceChoices {
        DeviceChoices {
            camera: self.camera.clone(),
            microphone: self.microphone.clone(),
            speaker: self.speaker.clone(),
        }
    }
}

/// Effect of a doctor's hang-up button while others are in the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HangUp {
    /// Asks and remembers the answer.
    #[default]
    Ask,
    /// Leaves the others in the call.
    Leave,
    /// Ends the consultation for all participants.
    EndForAll,
}

impl HangUp {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Ask, Self::Leave, Self::EndForAll];
}

/// Theme outside a call; a call is always dark, so that faces stand out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThemeSetting {
    /// Light.
    #[default]
    Light,
    /// Dark.
    Dark,
    /// The system's theme.
    System,
}

impl ThemeSetting {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::System];
}

/// File format of a selected device.
#[derive(Serialize, Deserialize)]
#[serde(remote = "DeviceChoice", rename_all = "camelCase")]
enum Choice {
    Default,
    Named(String),
    Known { id: String, name: String },
    Test,
    None,
}

/// Loads the settings from this folder.
///
/// # Errors
/// When reading or renaming the file fails.
pub fn load(folder: &Path) -> io::Result<Loaded<Settings>> {
    storage::load(&folder.join(FILE))
}

/// Saves the settings in this folder.
///
/// # Errors
/// When writing fails.
pub fn save(folder: &Path, settings: &Settings) -> io::Result<()> {
    storage::save(&folder.join(FILE), settings)
}

#[cfg(test)]
mod tests {
    use autamedica_call::PictureQuality;

    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap(), Loaded::Nothing);
        let settings = Settings {
            language: Some(Language::English),
            camera: DeviceChoice::Named("Logitech".into()),
            microphone: DeviceChoice::Known { id: "alsa_input.usb-1".into(), name: "Headset (2)".into() },
            speaker: DeviceChoice::None,
            call: CallSettings { picture: PictureQuality::High, ..CallSettings::default() },
            text_percent: 150,
            theme: ThemeSetting::System,
            approved_servers: vec!["https://clinic.example".into()],
            ..Settings::default()
        };
        save(folder.path(), &settings).unwrap();
        assert_eq!(load(folder.path()).unwrap(), Loaded::Value(settings));
    }

    #[test]
    fn an_older_or_newer_file_is_understood() {
        let read = |text| serde_json::from_str::<Settings>(text).unwrap();
        assert_eq!(read("{}"), Settings::default());
        let newer =
            r#"{"skipCheck": true, "someday": [1], "call": {"echo_cancellation": false}, "camera": {"named": "test"}}"#;
        let settings = read(newer);
        assert!(settings.skip_check && !settings.call.echo_cancellation && settings.call.auto_gain_control);
        assert_eq!(settings.camera, DeviceChoice::Named("test".into()), "a device may be called so");
    }

    #[test]
    fn no_file_makes_text_unusable() {
        for (percent, scale) in [(0, 1.0), (100, 1.0), (175, 1.75), (65535, 2.0)] {
            assert_eq!(Settings { text_percent: percent, ..Settings::default() }.text_scale(), scale);
        }
    }
}
