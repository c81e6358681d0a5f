//! Test lab: a real display, sound card, camera and SFU on a machine that has none.
//!
//! Each part is a child process that ends with its owner, even if the owner is killed. Only `xtask` and the tests use
//! this crate; it is no part of the product.

mod browser;
mod camera;
pub mod child;
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

/// Returns the path of a workspace file. The search starts at the running executable, which lives in `target`.
///
/// # Errors
/// No folder above the executable contains the file.
pub fn workspace_file(relative: &str) -> Result<PathBuf> {
    let exe = std::env::current_exe().context("finding this executable")?;
    exe.ancestors()
        .map(|folder| folder.join(relative))
        .find(|path| path.exists())
        .with_context(|| format!("`{relative}` is missing: run `cargo xtask setup`"))
}

/// Returns a program that cargo built into the folder of the running executable, or the one above it (tests live in
/// `deps`).
///
/// # Errors
/// The program hasn't been built.
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
