//! Installs what a fresh machine lacks. Each part looks first and does nothing when all is there.

mod apt;
mod engine;
mod go;
mod literal;
mod platform;
mod python;
mod python_tools;
mod s3;
mod sfu;
mod web;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
pub use web::browser;

use crate::step::say;
use crate::workspace::tools;

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
    let _lock = lock()?;
    apt::install(needs)?;
    engine::install()?;
    if needs >= Needs::Demo {
        sfu::install()?;
    }
    if needs >= Needs::Tests {
        web::install()?;
        python_tools::install()?;
        s3::install()?;
    }
    Ok(())
}

/// Two of us at once would install the same things twice over each other; the kernel frees this when we end.
fn lock() -> Result<File> {
    fs::create_dir_all(tools()).with_context(|| format!("making {}", tools().display()))?;
    let path = tools().join("setup.lock");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say("Waiting for another setup of this checkout to end"),
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("locking {}", path.display())),
    }
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// An empty folder in `parent` for what isn't whole yet. What a killed setup left there goes.
fn partial_folder(parent: &Path) -> Result<PathBuf> {
    let folder = parent.join("partial");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
