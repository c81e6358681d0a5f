//! Photographs for `cargo xtask bench picture`, from the package scikit-image: a portrait (NASA, public domain), a cat
//! and a cup of coffee (both CC0).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::partial::partial_folder;
use super::python;
use crate::workspace::tools;

const REQUIREMENT: &str = "scikit-image==0.25.2";
/// Any platform's wheel holds the photographs.
const TAG: &str = "manylinux_2_17_x86_64";
const PYTHON: &str = "3.11";
const SHA256: &str = "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641";
const FILES: [&str; 3] = ["astronaut.png", "chelsea.png", "coffee.png"];

/// Returns the folder of the photographs, which is filled if it is missing.
///
/// # Errors
/// The download fails.
pub fn photographs() -> Result<PathBuf> {
    let folder = tools().join("photographs");
    if folder.exists() {
        return Ok(folder);
    }
    let partial = partial_folder(&tools())?;
    let wheel = python::find_or_install()?.fetch_wheel(REQUIREMENT, TAG, Some(PYTHON), SHA256, &partial)?;
    let complete = partial.join("photographs");
    fs::create_dir_all(&complete).with_context(|| format!("creating {}", complete.display()))?;
    for file in FILES {
        let source = wheel.join("skimage/data").join(file);
        fs::copy(&source, complete.join(file)).with_context(|| format!("copying {}", source.display()))?;
    }
    fs::rename(&complete, &folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::remove_dir_all(&partial).with_context(|| format!("removing {}", partial.display()))?;
    Ok(folder)
}
