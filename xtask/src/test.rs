//! The whole suite, on a machine without a display.

use anyhow::Result;
use clap::Args;

use crate::step;
use crate::workspace::cargo;

/// What to run of it.
#[derive(Args)]
pub struct Options {
    /// Passed to `cargo test`, such as `-p autamedica-engine` or `--test e2e`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds every program, then runs the tests.
///
/// # Errors
/// When something doesn't compile or a test fails.
pub fn run(options: &Options) -> Result<()> {
    // Tests start our programs as a person does, and cargo builds only those of the package under test.
    step::show("Building all programs", cargo().args(["build", "--workspace", "--bins"]))?;
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
