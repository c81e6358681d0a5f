//! `cargo xtask`: all commands of contributors and CI, from an empty machine to a running call.

#[cfg(target_os = "linux")]
mod backend;
#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod demo;
mod failed;
mod lint;
mod setup;
mod step;
mod test;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};

use setup::Needs;

/// Builds, runs and checks AutaMedica. Every command first installs its missing dependencies.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install missing dependencies: system packages, the media engine, the SFU.
    Setup {
        /// Also install what the tests need: a sound card, a camera, a browser.
        #[arg(long)]
        tests: bool,
    },
    /// Run a consultation: SFU, backend, and the windows of a doctor and a patient.
    #[cfg(target_os = "linux")]
    Demo(demo::Options),
    /// Run benchmarks on this machine.
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run all tests, without a display.
    Test(test::Options),
    /// Check format, warnings, documentation, file lengths, and (with cargo-deny) licences.
    Lint,
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Setup { tests: false } => setup::run(Needs::Demo),
        Task::Setup { tests: true } => setup::run(Needs::Tests),
        #[cfg(target_os = "linux")]
        Task::Demo(options) => {
            setup::run_while(Needs::Demo, demo::build)?;
            demo::run(&options)
        }
        #[cfg(target_os = "linux")]
        Task::Bench(bench) => {
            setup::run(Needs::Tests)?;
            bench::run(&bench)
        }
        Task::Test(options) => {
            setup::run_while(Needs::Tests, test::build)?;
            test::run(&options)
        }
        Task::Lint => {
            setup::run(Needs::Build)?;
            lint::run()
        }
    }
}
