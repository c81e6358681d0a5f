//! The test lab: a real display, sound card, camera and SFU on a machine that has none.
//!
//! Everything here is a child process that ends with its owner, also when the owner is killed. Used by `xtask` and by
//! the tests; no part of the product.

mod browser;
mod camera;
mod descendants;
mod display;
mod process;
mod screen_reader;
mod sfu;
mod sound;
mod wait;

pub use browser::browser;
pub use camera::{CameraMode, VirtualCamera, set_camera_mode};
pub use descendants::{Listed, cpu_time, descendants, listed, wait_until_gone};
pub use display::Display;
pub use process::Process;
pub use screen_reader::{Control, ScreenReader};
pub use sfu::Sfu;
pub use sound::SoundCard;
pub use wait::{HANG_GUARD, free_port, wait_until};

use std::path::PathBuf;

use anyhow::{Context, Result};

/// A file of the workspace, found from the running executable (which lives in its `target` folder).
///
/// # Errors
/// When no folder above the executable holds it.
pub fn workspace_file(relative: &str) -> Result<PathBuf> {
    let exe = std::env::current_exe().context("finding this executable")?;
    exe.ancestors()
        .map(|folder| folder.join(relative))
        .find(|path| path.exists())
        .with_context(|| format!("`{relative}` is missing: run `cargo xtask setup`"))
}

/// A program that cargo built into the folder of the running executable, or the one above it (tests live in `deps`).
///
/// # Errors
/// When it hasn't been built.
pub fn built_program(name: &str) -> Result<PathBuf> {
    let exe = std::env::current_exe().context("finding this executable")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    exe.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
        .with_context(|| format!("`{name}` isn't built: run `cargo build --workspace --bins`"))
}
