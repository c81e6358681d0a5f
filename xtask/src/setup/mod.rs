//! Installs missing dependencies. Each part first checks what is installed.

mod apt;
mod engine;
mod go;
mod hash;
mod literal;
mod needs;
mod partial;
#[cfg(target_os = "linux")]
mod photographs;
mod platform;
mod python;
mod python_tools;
mod s3;
mod sfu;
mod web;

use std::fs::{self, File, TryLockError};

use anyhow::{Context, Result, bail};
pub use needs::Needs;
#[cfg(target_os = "linux")]
pub use photographs::photographs;
pub use web::browser;

use crate::step::say;
use crate::workspace::tools;

/// Installs the missing dependencies of `needs`. Takes a fraction of a second if there are none.
///
/// # Errors
/// A dependency can't be installed. The message names it and the command that would fix it.
pub fn run(needs: Needs) -> Result<()> {
    run_while(needs, || Ok(()))
}

/// Installs the missing dependencies of `needs`, and runs `build` in parallel once its dependencies are installed:
/// installing mostly waits for the network.
///
/// # Errors
/// As [`run`], or those of `build`. A failed installation is reported at once; the build continues, so that the next one
/// is short.
pub fn run_while(needs: Needs, build: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let _lock = lock()?;
    apt::install(needs)?;
    engine::install()?;
    std::thread::scope(|scope| {
        let build = scope.spawn(build);
        let installed = install_programs(needs);
        if let Err(error) = &installed {
            say(format_args!("Setup failed: {error:#}"));
        }
        let built = build.join().unwrap_or_else(|_| bail!("the build's thread panicked"));
        installed.and(built)
    })
}

/// Installs the programs that are only needed at run time.
fn install_programs(needs: Needs) -> Result<()> {
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

/// Locks out concurrent setups of this checkout. The kernel releases the lock when the process ends.
fn lock() -> Result<File> {
    fs::create_dir_all(tools()).with_context(|| format!("creating {}", tools().display()))?;
    let path = tools().join("setup.lock");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say("Waiting for another setup of this checkout to end"),
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("locking {}", path.display())),
    }
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
