//! Test tools that are Python packages.

use std::fs;

use anyhow::{Context, Result};

use super::partial::partial_folder;
use super::python;
use crate::step::say;
use crate::workspace::tools;

/// A package with its dependencies, pinned by version and hash.
struct Tool {
    /// Name of its folder in `.tools`, and in messages.
    name: &'static str,
    version: &'static str,
    requirements: &'static str,
}

const TOOLS: [Tool; 1] = [
    // Property-based tests of the server's API from its OpenAPI description.
    Tool { name: "schemathesis", version: "4.32.5", requirements: include_str!("schemathesis.txt") },
];

/// Copy of the requirements in an installation, to detect changes.
const STAMP: &str = "requirements.txt";

/// Installs each tool into its own folder, unless it is installed from the same requirements.
pub fn install() -> Result<()> {
    for Tool { name, version, requirements } in TOOLS {
        let folder = tools().join(name);
        let installed = folder.join(version);
        if fs::read_to_string(installed.join(STAMP)).is_ok_and(|from| from == requirements) {
            say(format_args!("{name} is installed"));
            continue;
        }
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        // Renamed when complete, so that an interrupted installation is not mistaken for a complete one.
        let packages = partial_folder(&tools())?;
        fs::write(packages.join(STAMP), requirements)
            .with_context(|| format!("writing into {}", packages.display()))?;
        python::find_or_install()?.install_packages(name, &packages.join(STAMP), &packages)?;
        if installed.exists() {
            fs::remove_dir_all(&installed).with_context(|| format!("removing {}", installed.display()))?;
        }
        fs::rename(&packages, &installed).with_context(|| format!("creating {}", installed.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::TOOLS;

    #[test]
    fn everything_is_pinned_by_version_and_hash() {
        for tool in TOOLS {
            let lines = tool.requirements.replace("\\\n", " ");
            let packages: Vec<_> = lines.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
            assert!(packages.len() > 5, "{}: dependencies are missing", tool.name);
            for package in &packages {
                assert!(package.contains("==") && package.contains("--hash=sha256:"), "{package}");
            }
            let own = format!("{}=={}", tool.name, tool.version);
            assert!(packages.iter().any(|package| package.starts_with(&own)), "{own}");
            assert!(!tool.requirements.contains("://"), "the registry must not be fixed");
        }
    }
}
