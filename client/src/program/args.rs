//! Command line that the programs share.

use std::path::PathBuf;

use anyhow::{Context, Result};
use autamedica_api::Role;
use autamedica_call::{DeviceChoices, VideoCodecChoice};
use autamedica_media::audio::{list_microphones, list_speakers};
use autamedica_media::{DeviceChoice, list_cameras, list_screens};
use url::Url;

use super::operator;
use crate::i18n::Language;
use crate::pairing::PairingFile;
use crate::storage::config_folder;

/// Options of both programs.
#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    /// Address of the backend. Default: the one that this app is paired with, else `http://localhost:8888`. If it is on
    /// this machine and nothing answers, the app starts the bundled backend; a kiosk doesn't.
    #[arg(long, value_name = "URL")]
    pub server: Option<Url>,
    /// Camera: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<DeviceChoice>,
    /// Microphone: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME")]
    pub microphone: Option<DeviceChoice>,
    /// Speaker: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME")]
    pub speaker: Option<DeviceChoice>,
    /// Video codec of the camera: `auto` (H.264, or VP8 where that doesn't work), `h264` or `vp8`. Default: from the
    /// settings.
    #[arg(long, env = "AUTAMEDICA_VIDEO_CODEC", value_name = "CODEC")]
    pub video_codec: Option<VideoCodecChoice>,
    /// Language, `es` or `en`. Default: from the settings, else the system's, else Spanish.
    #[arg(long)]
    pub lang: Option<Language>,
    /// Clinic's name, shown at the top of the screens instead of the app's.
    #[arg(long, env = "AUTAMEDICA_CLINIC", value_name = "NAME")]
    pub clinic: Option<String>,
    /// List the devices and exit.
    #[arg(long)]
    pub list_devices: bool,
    /// Pair this app with the clinic at `--server`: asks for the key that its operator created, and stores it.
    #[arg(long, requires = "server")]
    pub pair: bool,
    /// Set the PIN that ends a kiosk, and exit.
    #[arg(long)]
    pub set_pin: bool,
    /// Write the measurements to this file when the app ends.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Exit after this many seconds.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Window title.
    #[arg(long, hide = true)]
    pub title: Option<String>,
    /// Chat message to send once the other side has joined.
    #[arg(long, hide = true)]
    pub say: Option<String>,
}

impl CommonArgs {
    /// Does what needs no window: lists devices, pairs or sets the PIN. Returns whether one of these was requested.
    ///
    /// # Errors
    /// It failed.
    pub fn run_without_window(&self, file: PairingFile) -> Result<bool> {
        if self.list_devices {
            list_devices()?;
        } else if self.pair {
            let server = self.server.clone().context("which clinic? Give its address with `--server`")?;
            operator::pair(&config_folder()?, file, server)?;
        } else if self.set_pin {
            operator::set_pin(&config_folder()?)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Returns the devices named here, else those of the settings.
    pub fn devices(&self, set: DeviceChoices) -> DeviceChoices {
        DeviceChoices {
            camera: self.camera.clone().unwrap_or(set.camera),
            microphone: self.microphone.clone().unwrap_or(set.microphone),
            speaker: self.speaker.clone().unwrap_or(set.speaker),
        }
    }

    /// Returns the window title, which is unique if a doctor's and a patient's window share a screen.
    pub fn title(&self, role: Role) -> String {
        self.title.clone().unwrap_or_else(|| match role {
            Role::Doctor => "AutaMedica · Doctor".to_owned(),
            Role::Patient | Role::Observer => "AutaMedica".to_owned(),
        })
    }
}

fn list_devices() -> Result<()> {
    use std::io::Write;
    let screens = list_screens().into_iter().map(|screen| screen.name).collect();
    let lists = [
        ("Cameras", list_cameras()),
        ("Microphones", list_microphones()),
        ("Speakers", list_speakers()),
        ("Screens", screens),
    ];
    let mut text = String::new();
    for (kind, names) in lists {
        text.push_str(&format!("{kind}:\n"));
        text.extend(names.iter().map(|name| format!("  {name}\n")));
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing the list of devices"),
    }
}
