//! The whole suite, on a machine without a display.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::step;
use crate::workspace::{cargo, root};

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

/// Runs the tests, with every program built.
///
/// # Errors
/// When a test doesn't compile or fails.
pub fn run(options: &Options) -> Result<()> {
    let mut test = cargo();
    // A run takes long enough to want to know all that fails.
    test.args(["test", "--no-fail-fast"]);
    if !options.arguments.iter().any(|argument| argument == "-p" || argument.starts_with("--package")) {
        test.arg("--workspace");
    }
    test.args(&options.arguments);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        // A test with media in it keeps two cores busy, and measures.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        test.env("RUST_TEST_THREADS", (cores / 2).max(1).to_string());
    }
    // No test may lean on the display, the sound card or the session of whoever runs it.
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS"] {
        test.env_remove(variable);
    }
    step::show("Running all tests", &mut test)
}
