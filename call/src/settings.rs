//! Audio and video settings of calls.

use autamedica_engine::{AudioProcessingOptions, VideoEncoding};
use autamedica_media::CameraFormat;
use serde::{Deserialize, Serialize};

use super::VideoCodecChoice;

/// Audio and video settings of a call. The caller stores them between calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallSettings {
    /// Cancels the speaker's echo in the microphone.
    pub echo_cancellation: bool,
    /// Suppresses steady noise in the microphone.
    pub noise_suppression: bool,
    /// Levels the microphone's volume.
    pub auto_gain_control: bool,
    /// Maximum quality of our camera; a weak connection reduces it.
    pub picture: PictureQuality,
    /// Width and height to request of our camera; `None` follows the quality.
    pub camera_size: Option<(u32, u32)>,
    /// Video codec of our camera.
    pub video_codec: VideoCodecChoice,
}

impl Default for CallSettings {
    /// All processing on, standard quality.
    fn default() -> Self {
        Self {
            echo_cancellation: true,
            noise_suppression: true,
            auto_gain_control: true,
            picture: PictureQuality::default(),
            camera_size: None,
            video_codec: VideoCodecChoice::default(),
        }
    }
}

impl CallSettings {
    /// Returns the format to request of the camera, which delivers the nearest that it has.
    pub fn camera_format(&self) -> CameraFormat {
        let format = self.picture.format();
        match self.camera_size {
            // The file may have any value.
            Some((width, height)) => {
                CameraFormat { width: width.clamp(64, 7680), height: height.clamp(36, 4320), ..format }
            }
            None => format,
        }
    }

    /// Returns the options of the audio processing. The high-pass filter has no drawback and is always on.
    pub(super) fn processing(&self) -> AudioProcessingOptions {
        AudioProcessingOptions {
            echo_cancellation: self.echo_cancellation,
            noise_suppression: self.noise_suppression,
            auto_gain_control: self.auto_gain_control,
            high_pass_filter: true,
        }
    }
}

/// Quality of our camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureQuality {
    /// 640x360, up to 600 kbps.
    Low,
    /// 1280x720, up to 2.5 Mbps.
    #[default]
    Standard,
    /// 1920x1080, up to 2.5 Mbps.
    High,
}

impl PictureQuality {
    /// All qualities, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Standard, Self::High];

    fn format(self) -> CameraFormat {
        let (width, height) = match self {
            Self::Low => (640, 360),
            Self::Standard => (1280, 720),
            Self::High => (1920, 1080),
        };
        CameraFormat { width, height, fps: 30 }
    }

    /// Returns the encoding: at most 500 kbit/s to 2.5 Mbit/s at 30 frames a second, as the mission requires.
    pub(super) fn encoding(self) -> VideoEncoding {
        let max_bitrate = match self {
            Self::Low => 600_000,
            Self::Standard | Self::High => 2_500_000,
        };
        VideoEncoding { max_bitrate, max_framerate: 30.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_older_version_are_completed() {
        let old: CallSettings = serde_json::from_str(r#"{"noise_suppression": false, "picture": "high"}"#).unwrap();
        let expected =
            CallSettings { noise_suppression: false, picture: PictureQuality::High, ..CallSettings::default() };
        assert_eq!(old, expected);
        assert_eq!(old.camera_format(), CameraFormat { width: 1920, height: 1080, fps: 30 });
        let small: CallSettings = serde_json::from_str(r#"{"camera_size": [800, 600]}"#).unwrap();
        assert_eq!(small.camera_format(), CameraFormat { width: 800, height: 600, fps: 30 });
    }
}
