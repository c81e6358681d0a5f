//! List of this machine's devices.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use autamedica_lab::built_program;

#[test]
fn a_reader_of_the_list_that_has_read_enough_is_no_failure() -> Result<()> {
    let mut command = Command::new(built_program("autamedica")?);
    // The child gets no camera, sound server or display of the machine.
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("PULSE_SERVER", "unix:/nonexistent");
    let mut listing = command.arg("--list-devices").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Closes the pipe early, as `head -0` does.
    drop(listing.stdout.take());
    let mut complaints = String::new();
    listing.stderr.take().context("standard error")?.read_to_string(&mut complaints)?;
    let status = listing.wait()?;
    ensure!(status.success() && !complaints.contains("panicked"), "{status}: {complaints}");
    Ok(())
}
