//! Kiosk: its supervisor, and the program with the window.

mod supervise;

use std::process::ExitCode;

use anyhow::{Context, Result};
use autamedica_api::Role;
use autamedica_call::Entrance;
use autamedica_call::backend::Backend;
use autamedica_client::kiosk;
use autamedica_client::pairing::{Pairing, PairingFile};
use autamedica_client::program::{self, CommonArgs, Run, Setup};
use clap::Parser;

/// AutaMedica kiosk: a patient types a code and talks.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    /// Set in the process that a supervisor restarts after a crash.
    #[arg(long, hide = true)]
    supervised: bool,
}

fn main() -> Result<ExitCode> {
    program::log();
    let cli = Cli::parse();
    if cli.common.run_without_window(PairingFile::Kiosk)? {
        return Ok(ExitCode::SUCCESS);
    }
    if !cli.supervised {
        return supervise::run();
    }
    run(&cli.common)?;
    Ok(ExitCode::SUCCESS)
}

fn run(args: &CommonArgs) -> Result<()> {
    let folder = Setup::folder();
    let pairing = folder.as_deref().map(|folder| Pairing::load(folder, PairingFile::Kiosk)).transpose();
    let setup = Setup::new(args, folder, pairing.context("this kiosk's pairing")?.flatten(), None);
    let role = Role::Patient;
    let run = Run::start(args, role)?;
    let entrance = Entrance {
        backend: Backend::new().context("preparing to ask the backend")?,
        server: setup.server.clone(),
        start_backend: None,
        key: setup.key.clone(),
        transport: None,
        refuses_doctors: true,
    };
    let calls = Box::new(run.calls(args, &setup, role, entrance));
    let shown = kiosk::run(run.options(args, setup, role, |_| {}), calls);
    run.end(args, shown, std::future::ready(()))
}
