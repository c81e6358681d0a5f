//! The whole suite, on a machine without a display.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::failed::Failed;
use crate::step;
use crate::workspace::{cargo, root};

/// The most failed tests that are run again: media beside a busy neighbour fails in ones, broken code in tens.
const MAX_RERUNS: usize = 5;

/// What to run of it.
#[derive(Args)]
pub struct Options {
    /// Passed to `cargo test`, such as `-p autamedica-engine` or `--test e2e`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The kiosk's build has the same name as the app's: it is made first, and put in a place of its own. All but the client
/// and the app are the same in both, and compile once.
fn build_kiosk() -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--features", "autamedica/kiosk"];
    step::show("Building the kiosk", cargo().args(build))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let (built, kept) = (target.join("debug").join(program()), target.join("kiosk"));
    fs::create_dir_all(&kept).with_context(|| format!("making {}", kept.display()))?;
    fs::copy(&built, kept.join(program())).with_context(|| format!("copying {}", built.display()))?;
    Ok(())
}

fn program() -> String {
    format!("autamedica{}", std::env::consts::EXE_SUFFIX)
}

/// Builds every program. Tests start them as a person does, and cargo builds only those of the package under test.
///
/// # Errors
/// When something doesn't compile.
pub fn build() -> Result<()> {
    build_kiosk()?;
    step::show("Building all programs", cargo().args(["build", "--workspace", "--bins"]))
}

/// Runs the tests, with every program built. What fails of the whole suite runs once more, by itself.
///
/// # Errors
/// When a test doesn't compile or fails.
pub fn run(options: &Options) -> Result<()> {
    let mut failed = Failed::default();
    let first = step::watch("Running all tests", &mut test_command(&options.arguments), |line| failed.take(line));
    let few = (1..=MAX_RERUNS).contains(&failed.tests.len());
    let Err(error) = first else { return Ok(()) };
    if !options.arguments.is_empty() || !few || failed.targets.is_empty() {
        return Err(error);
    }
    step::say(format_args!("Failed: {}", failed.tests.join(", ")));
    for target in &failed.targets {
        let mut again = target.clone();
        again.extend(["--", "--exact"].map(str::to_owned));
        again.extend(failed.tests.iter().cloned());
        step::show("Running them by themselves", &mut test_command(&again))?;
    }
    step::say(format_args!("Passed by themselves, and each is a fault to find: {}", failed.tests.join(", ")));
    Ok(())
}

fn test_command(arguments: &[String]) -> Command {
    let mut test = cargo();
    // A run takes long enough to want to know all that fails.
    test.args(["test", "--no-fail-fast"]);
    if !arguments.iter().any(|argument| argument == "-p" || argument.starts_with("--package")) {
        test.arg("--workspace");
    }
    test.args(arguments);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // A test with media in it keeps two cores busy, and measures.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        test.env("RUST_TEST_THREADS", (cores / 2).max(1).to_string());
    }
    // No test may lean on the display, the sound card or the session of whoever runs it.
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS"] {
        test.env_remove(variable);
    }
    test
}
