//! Installs what a fresh machine lacks. Each part looks first and does nothing when all is there.

mod apt;
mod engine;
mod literal;
mod platform;
mod python;
mod sfu;
mod web;

use anyhow::Result;

/// How much has to be there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Needs {
    /// Enough to compile everything.
    Build,
    /// And to run a call, with or without a display.
    Demo,
    /// And for the tests: a sound card, a camera and a browser.
    Tests,
}

/// Brings the machine to where `needs` is met. Takes a fraction of a second when it is already.
///
/// # Errors
/// The message names what is missing, and the command that would fix it.
pub fn run(needs: Needs) -> Result<()> {
    apt::install(needs)?;
    engine::install()?;
    if needs >= Needs::Demo {
        sfu::install()?;
    }
    if needs >= Needs::Tests {
        web::install()?;
    }
    Ok(())
}
