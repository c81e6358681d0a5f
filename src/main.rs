//! Desktop app: parses the command line and connects the parts.

mod backend;
mod cli;
#[cfg(unix)]
mod instance;
mod links;

use std::path::Path;

use anyhow::{Context, Result};
use autamedica_api::Role;
use autamedica_call::backend::Backend;
use autamedica_call::recordings::Copies;
use autamedica_call::{Entrance, Secret};
use autamedica_client::app::{AppOptions, UiHandle};
use autamedica_client::full::{self, NativeDesk, recent};
use autamedica_client::pairing::{Pairing, PairingFile};
use autamedica_client::program::{self, Run, Setup};
use autamedica_client::{kiosk, storage};
use clap::Parser;

use crate::cli::Cli;

fn main() -> Result<()> {
    program::log();
    let cli = Cli::parse();
    if cli.common.run_without_window(PairingFile::Desk)? {
        return Ok(());
    }
    if cli.target.register {
        return links::register();
    }
    match window(&cli) {
        Some(window) => run(&cli, window),
        None => Ok(()),
    }
}

/// Permission to open a window.
#[derive(Default)]
struct Window {
    #[cfg(unix)]
    listening: Option<instance::Listening>,
}

impl Window {
    #[cfg(unix)]
    fn serve(self, window: &UiHandle) {
        if let Some(listening) = self.listening {
            listening.serve(window.clone());
        }
    }

    #[cfg(not(unix))]
    fn serve(self, _: &UiHandle) {}
}

/// Returns `None` when this user's window is open already; it then received the link and came to the front.
#[cfg(unix)]
fn window(cli: &Cli) -> Option<Window> {
    if cli.is_run_of_its_own() {
        return Some(Window::default());
    }
    let Ok(folder) = storage::config_folder() else { return Some(Window::default()) };
    match instance::take(&folder, cli.target.link.as_deref()) {
        Ok(instance::Instance::First(listening)) => Some(Window { listening: Some(listening) }),
        Ok(instance::Instance::HandedOver) => None,
        Err(error) => {
            tracing::warn!(%error, "single window not set up: other processes can't hand over links");
            Some(Window::default())
        }
    }
}

#[cfg(not(unix))]
fn window(_: &Cli) -> Option<Window> {
    Some(Window::default())
}

fn run(cli: &Cli, window: Window) -> Result<()> {
    let folder = Setup::folder();
    let pairing = folder.as_deref().and_then(pairing);
    let setup = Setup::new(&cli.common, folder.clone(), pairing, cli.target.desk_key.as_ref().map(Secret::new));
    let role = cli.target.role.unwrap_or(if setup.paired { Role::Doctor } else { Role::Patient });
    let start = cli.target.start(role)?;
    let run = Run::start(&cli.common, role)?;
    let bundled = backend::BundledBackend::default();
    let client = Backend::new().context("preparing to ask the backend")?;
    let entrance = Entrance {
        backend: client.with_local_keys(autamedica_server::data_folder()),
        server: setup.server.clone(),
        start_backend: Some(bundled.starter()),
        key: setup.key.clone(),
        transport: cli.target.transport,
        refuses_doctors: false,
    };
    let calls = Box::new(run.calls(&cli.common, &setup, role, entrance.clone()));
    let options = run.options(&cli.common, setup, role, move |shown| window.serve(shown));
    let recent = folder.as_deref().map(recent::load).unwrap_or_default();
    let options = AppOptions { start, recent, more_texts: full::more_texts, ..options };
    let shown = if cli.kiosk {
        kiosk::run(options, calls)
    } else {
        let runtime = run.runtime().clone();
        full::run(options, calls, Box::new(NativeDesk { runtime, entrance, folder, copies: Copies::of_user() }))
    };
    run.end(&cli.common, shown, bundled.stop())
}

/// Loads the pairing of this clinic PC. Without it, the app can still use links.
fn pairing(folder: &Path) -> Option<Pairing> {
    Pairing::load(folder, PairingFile::Desk)
        .inspect_err(|error| tracing::warn!(%error, "pairing not usable"))
        .unwrap_or_default()
}
