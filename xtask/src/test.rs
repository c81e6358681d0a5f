//! Runs all tests, on a machine without a display.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::failed::FailedTests;
use crate::step;
use crate::workspace::cargo;

/// Maximum number of failed tests that are run again. On a busy machine few tests fail; with broken code many do.
const MAX_RERUNS: usize = 5;

/// Options of the tests.
#[derive(Args)]
pub struct Options {
    /// Arguments for `cargo test`, such as `-p autamedica-engine` or `--test e2e`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds all programs. The tests start them, and cargo builds only those of the tested package.
///
/// # Errors
/// A program doesn't compile.
pub fn build() -> Result<()> {
    step::show("Building all programs", cargo().args(["build", "--workspace", "--bins"]))
}

/// Runs the tests; all programs must be built. Few failed tests run once more, alone.
///
/// # Errors
/// A test doesn't compile or fails.
pub fn run(options: &Options) -> Result<()> {
    let mut failed = FailedTests::default();
    let first = step::watch("Running all tests", &mut test_command(&options.arguments), |line| failed.parse_line(line));
    let few = (1..=MAX_RERUNS).contains(&failed.names.len());
    let Err(error) = first else { return Ok(()) };
    if !options.arguments.is_empty() || !few || failed.targets.is_empty() {
        return Err(error);
    }
    step::say(format_args!("Failed: {}", failed.names.join(", ")));
    for target in &failed.targets {
        let mut again = target.clone();
        again.extend(["--", "--exact"].map(str::to_owned));
        again.extend(failed.names.iter().cloned());
        step::show("Running the failed tests alone", &mut test_command(&again))?;
    }
    step::say(format_args!("Passed alone, but failed before: {}", failed.names.join(", ")));
    Ok(())
}

fn test_command(arguments: &[String]) -> Command {
    let mut test = cargo();
    // A run takes long, so it shows all failures.
    test.args(["test", "--no-fail-fast"]);
    if !arguments.iter().any(|argument| argument == "-p" || argument.starts_with("--package")) {
        test.arg("--workspace");
    }
    test.args(arguments);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // A test with media needs two cores, and measures times.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        test.env("RUST_TEST_THREADS", (cores / 2).max(1).to_string());
    }
    // Tests must not use the user's display, sound card or session.
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS"] {
        test.env_remove(variable);
    }
    test
}
