//! Schemathesis, which tries the backend's API with everything that its description allows and forbids.

use std::fs;

use anyhow::{Context, Result};

use super::python;
use crate::step::say;
use crate::workspace::tools;

const VERSION: &str = "4.32.5";

/// Installs it into `.tools/schemathesis`, unless this version is there.
pub fn install() -> Result<()> {
    let folder = tools().join("schemathesis");
    let installed = folder.join(VERSION);
    if installed.is_dir() {
        say("Schemathesis is there");
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    // Renamed when whole, so that a half installation is never taken for one.
    let packages = folder.join(format!(".unfinished-{}", std::process::id()));
    python::find_or_install()?.install_packages(&format!("schemathesis=={VERSION}"), &packages)?;
    fs::rename(&packages, &installed).with_context(|| format!("making {}", installed.display()))
}
