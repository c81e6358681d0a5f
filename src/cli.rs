//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use autamedica_api::{Id, JoinLink, Role};
use autamedica_client::call::{DeviceChoices, JoinTarget, Secret};
use autamedica_client::device::DeviceChoice;
use autamedica_client::i18n::Language;
use clap::Parser;
use url::Url;

/// AutaMedica video consultation.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The link you were sent (`https://…/join#…` or `autamedica://join…`).
    pub link: Option<String>,
    /// As whom: `patient` or `doctor`.
    #[arg(long, default_value = "patient")]
    pub role: Role,
    /// Join this consultation at once (for QA, against a backend on this machine).
    #[arg(long, value_name = "ID", conflicts_with_all = ["link", "url"])]
    pub consultation: Option<Id>,
    /// The backend. When it is on this machine and nothing answers, the bundled one is started.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8888")]
    pub server: Url,
    /// Any LiveKit room: the SFU's address. Needs a token.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with = "link")]
    pub url: Option<String>,
    /// The token for that room. Better given in the environment, where other users don't see it.
    #[arg(long, env = "AUTAMEDICA_TOKEN", hide_env_values = true, requires = "url")]
    pub token: Option<String>,
    /// Camera: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub camera: DeviceChoice,
    /// Microphone: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub microphone: DeviceChoice,
    /// Speaker: part of its name, `test` or `none`.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub speaker: DeviceChoice,
    /// Language, `es` or `en`; the system's by default, Spanish when it is neither.
    #[arg(long)]
    pub lang: Option<Language>,
    /// Full screen, larger, nothing to get wrong.
    #[arg(long)]
    pub kiosk: bool,
    /// List the devices and end.
    #[arg(long)]
    pub list_devices: bool,
    /// Write what was measured to this file when the app ends.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// The window's title.
    #[arg(long, hide = true)]
    pub title: Option<String>,
    /// A chat line to send once the other side is there.
    #[arg(long, hide = true)]
    pub say: Option<String>,
}

impl Cli {
    /// What to join at once, if anything.
    ///
    /// # Errors
    /// When the link isn't one of ours.
    pub fn target(&self) -> Result<Option<JoinTarget>> {
        if let Some(link) = &self.link {
            let link = JoinLink::parse(link).context("the link can't be used: please copy it again, whole")?;
            return Ok(Some(JoinTarget::Link(link)));
        }
        if let Some(id) = &self.consultation {
            return Ok(Some(JoinTarget::Consultation { id: id.clone(), role: self.role }));
        }
        match (&self.url, &self.token) {
            (Some(url), Some(token)) => {
                Ok(Some(JoinTarget::Room { url: url.clone(), token: Secret::new(token), role: self.role }))
            }
            (Some(_), None) => bail!("`--url` needs a token: set `AUTAMEDICA_TOKEN` or give `--token`"),
            (None, _) => Ok(None),
        }
    }

    /// The chosen devices.
    pub fn devices(&self) -> DeviceChoices {
        DeviceChoices {
            camera: self.camera.clone(),
            microphone: self.microphone.clone(),
            speaker: self.speaker.clone(),
        }
    }

    /// The window's title: unique where a doctor's and a patient's window share a screen.
    pub fn title(&self) -> String {
        self.title.clone().unwrap_or_else(|| match self.role {
            Role::Doctor => "AutaMedica · Doctor".to_owned(),
            Role::Patient => "AutaMedica".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"autamedica").chain(arguments))
    }

    #[test]
    fn the_documented_forms_are_understood() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = parse(&["--role", "doctor", "--consultation", "4821", "--camera", "test", "--lang", "en"]).unwrap();
        assert_eq!(cli.devices().camera, DeviceChoice::Test);
        assert!(matches!(cli.target().unwrap(), Some(JoinTarget::Consultation { role: Role::Doctor, .. })));
        assert!(parse(&[]).unwrap().target().unwrap().is_none());
        assert!(parse(&["https://elsewhere.example/"]).unwrap().target().is_err());
        assert!(parse(&["--role", "nurse"]).is_err());
        assert!(parse(&["--consultation", "a b"]).is_err());
    }

    #[test]
    fn a_token_is_never_shown() {
        let cli = parse(&["--url", "ws://127.0.0.1:1", "--token", "very-secret"]).unwrap();
        let target = cli.target().unwrap();
        assert!(!format!("{target:?}").contains("very-secret"));
    }
}
