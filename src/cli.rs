//! Command line.

use anyhow::{Result, bail};
use autamedica_api::{Id, Pasted, Role, Transport, read_pasted};
use autamedica_call::{JoinTarget, Secret};
use autamedica_client::app::Start;
use autamedica_client::program::CommonArgs;
use clap::Parser;

/// AutaMedica video consultation.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// Target options.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Options of the kiosk too.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Run as a kiosk: full screen, larger controls, fewer choices.
    #[arg(long)]
    pub kiosk: bool,
}

/// Target to join.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    /// Join link (`https://…/join#…` or `autamedica://join…`).
    pub link: Option<String>,
    /// Role, `patient` or `doctor`. Default: doctor if this app is paired with a clinic, else patient.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Join this consultation at once (for QA, against a backend on this machine).
    #[arg(long, value_name = "ID", conflicts_with_all = ["link", "url"])]
    pub consultation: Option<Id>,
    /// The path of that consultation's media, if it is made: `sfu` or `p2p`. Default: as the backend has it.
    #[arg(long, value_parser = transport, requires = "consultation")]
    pub transport: Option<Transport>,
    /// Join any LiveKit room: address of its SFU. Needs a token.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with = "link")]
    pub url: Option<String>,
    /// Token for that room. Better set in the environment, where other users can't see it.
    #[arg(long, env = "AUTAMEDICA_TOKEN", hide_env_values = true, requires = "url")]
    pub token: Option<String>,
    /// Check camera, microphone, speaker and network first, as for a link.
    #[arg(long)]
    pub check: bool,
    /// API key of a desk, instead of the paired one. Better set in the environment.
    #[arg(long, env = "AUTAMEDICA_DESK_KEY", hide_env_values = true, value_name = "KEY")]
    pub desk_key: Option<String>,
    /// Register this program as the handler of `autamedica://` links, and exit.
    #[arg(long)]
    pub register: bool,
}

/// Parses a role that can be taken without a link; observers always have one.
fn role(text: &str) -> Result<Role, String> {
    match text.parse() {
        Ok(role @ (Role::Patient | Role::Doctor)) => Ok(role),
        _ => Err("the role must be `patient` or `doctor`".to_owned()),
    }
}

fn transport(text: &str) -> Result<Transport, String> {
    Transport::parse(text).ok_or_else(|| "the transport must be `sfu` or `p2p`".to_owned())
}

impl TargetArgs {
    /// Returns the first screen. A link leads to the check; a QA target is joined at once unless `--check` is given.
    ///
    /// # Errors
    /// `--url` is given without a token.
    pub fn start(&self, role: Role) -> Result<Start> {
        if let Some(link) = &self.link {
            // A person who clicks a link sees no terminal, so the window shows the problem.
            return Ok(match read_pasted(link) {
                Ok(Pasted::Link(link)) => Start::Check(JoinTarget::Link(link)),
                Ok(Pasted::Digits(digits)) => Start::Check(JoinTarget::Digits(Secret::new(digits))),
                Err(_) => Start::Unusable(link.clone()),
            });
        }
        let target = match (&self.consultation, &self.url, &self.token) {
            (Some(id), _, _) => JoinTarget::Consultation { id: id.clone(), role },
            (None, Some(url), Some(token)) => JoinTarget::Room { url: url.clone(), token: Secret::new(token), role },
            (None, Some(_), None) => bail!("`--url` needs a token: set `AUTAMEDICA_TOKEN` or give `--token`"),
            (None, None, _) => return Ok(Start::Home),
        };
        Ok(if self.check { Start::Check(target) } else { Start::Join(target) })
    }
}

impl Cli {
    /// Returns whether this run opens a window of its own beside an existing one, as the two sides of a QA call do.
    pub fn is_run_of_its_own(&self) -> bool {
        let TargetArgs { consultation, url, check, .. } = &self.target;
        let CommonArgs { camera, microphone, speaker, report, seconds, title, say, .. } = &self.common;
        let test = camera.is_some() || microphone.is_some() || speaker.is_some();
        let observed = report.is_some() || seconds.is_some() || title.is_some() || say.is_some();
        consultation.is_some() || url.is_some() || *check || self.kiosk || test || observed
    }
}

#[cfg(test)]
mod tests {
    use autamedica_call::DeviceChoices;
    use autamedica_media::DeviceChoice;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"autamedica").chain(arguments))
    }

    #[test]
    fn the_documented_forms_are_understood() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
        let cli = parse(&["--role", "doctor", "--consultation", "4821", "--camera", "test", "--lang", "en"]).unwrap();
        let set = DeviceChoices { speaker: DeviceChoice::Named("USB".into()), ..DeviceChoices::default() };
        let devices = cli.common.devices(set);
        assert_eq!(devices.camera, DeviceChoice::Test);
        assert_eq!(devices.speaker, DeviceChoice::Named("USB".into()));
        let start = cli.target.start(cli.target.role.unwrap()).unwrap();
        assert!(matches!(start, Start::Join(JoinTarget::Consultation { role: Role::Doctor, .. })));
        assert_eq!(parse(&[]).unwrap().target.start(Role::Patient).unwrap(), Start::Home);
        let unusable = "https://elsewhere.example/";
        let start = parse(&[unusable]).unwrap().target.start(Role::Patient).unwrap();
        assert_eq!(start, Start::Unusable(unusable.to_owned()), "told in the window");
        assert!(parse(&["--role", "nurse"]).is_err());
        assert!(parse(&["--consultation", "a b"]).is_err());
        assert!(parse(&["--pair"]).is_err(), "with whom?");
        let direct = parse(&["--consultation", "4821", "--transport", "p2p"]).unwrap();
        assert_eq!(direct.target.transport, Some(Transport::P2p));
        assert!(parse(&["--transport", "p2p"]).is_err(), "of which consultation?");
    }

    #[test]
    fn a_link_is_checked_first_and_a_qa_call_on_demand() {
        let link = "https://clinic.example/join#abcdefghijklmnopqrstuvwxyz";
        for link in [link.to_owned(), format!("<{link}>."), link.replace('#', "%23")] {
            let start = parse(&[&link]).unwrap().target.start(Role::Patient).unwrap();
            assert!(matches!(start, Start::Check(JoinTarget::Link(_))), "{link}");
        }
        let checked = parse(&["--consultation", "4821", "--check"]).unwrap();
        assert!(matches!(checked.target.start(Role::Patient).unwrap(), Start::Check(JoinTarget::Consultation { .. })));
    }

    #[test]
    fn a_clicked_link_goes_to_the_window_that_is_open_and_qa_has_several() {
        for shared in [&["https://clinic.example/join#x"][..], &[], &["--role", "doctor"], &["--lang", "en"]] {
            assert!(!parse(shared).unwrap().is_run_of_its_own(), "{shared:?}");
        }
        for own in [&["--consultation", "4821"][..], &["--camera", "test"], &["--report", "r.json"], &["--kiosk"]] {
            assert!(parse(own).unwrap().is_run_of_its_own(), "{own:?}");
        }
    }

    #[test]
    fn a_token_or_key_is_never_shown() {
        let cli = parse(&["--url", "ws://127.0.0.1:1", "--token", "very-secret"]).unwrap();
        let start = cli.target.start(Role::Patient).unwrap();
        assert!(!format!("{start:?}").contains("very-secret"));
    }
}
