use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Creates an empty folder in `parent` for incomplete downloads and builds, after removing that of a killed setup.
pub fn partial_folder(parent: &Path) -> Result<PathBuf> {
    let folder = parent.join("partial");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}
