//! Tools of the tests that come as Python packages.

use std::fs;

use anyhow::{Context, Result};

use super::python;
use crate::step::say;
use crate::workspace::tools;

/// What is installed: the folder in `.tools`, the package, and its version.
const TOOLS: [(&str, &str, &str); 1] = [
    // Tries the backend's API with everything that its description allows and forbids.
    ("schemathesis", "schemathesis", "4.32.5"),
];

/// Installs each into a folder of its own, unless that version is there.
pub fn install() -> Result<()> {
    for (name, package, version) in TOOLS {
        let folder = tools().join(name);
        let installed = folder.join(version);
        if installed.is_dir() {
            say(format_args!("{name} is there"));
            continue;
        }
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        // Renamed when whole, so that a half installation is never taken for one.
        let packages = folder.join(format!(".unfinished-{}", std::process::id()));
        python::find_or_install()?.install_packages(&format!("{package}=={version}"), &packages)?;
        fs::rename(&packages, &installed).with_context(|| format!("making {}", installed.display()))?;
    }
    Ok(())
}
