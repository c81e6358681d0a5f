use std::path::PathBuf;

use anyhow::{Result, bail};

/// Returns the browser that `cargo xtask setup --tests` installed, or `AUTAMEDICA_BROWSER`.
///
/// # Errors
/// Neither Chromium nor Chrome is installed.
pub fn browser() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("AUTAMEDICA_BROWSER") {
        return Ok(named.into());
    }
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    for name in ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] {
        if let Some(program) = folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()) {
            return Ok(program);
        }
    }
    bail!("no Chromium or Chrome on the search path: run `cargo xtask setup --tests`")
}
