//! Packages of the browser tests, pinned by `tests/web/package-lock.json`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step::{self, say};
use crate::workspace::{find_program, root};

/// Supported browsers in order of preference.
pub const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Minimum major version of Node.js.
const MIN_NODE_MAJOR: u32 = 18;

/// Returns the browser for the tests: `AUTAMEDICA_BROWSER`, else the first supported one on the search path.
///
/// # Errors
/// No browser is installed.
pub fn browser() -> Result<PathBuf> {
    let named = std::env::var_os("AUTAMEDICA_BROWSER").map(PathBuf::from);
    named
        .or_else(|| BROWSERS.iter().find_map(|name| find_program(name)))
        .context("a browser is missing for tests/web: install Chromium or Chrome")
}

/// Installs the packages of `tests/web`, unless they are installed from the same lock file.
pub fn install() -> Result<()> {
    let folder = root().join("tests/web");
    let lock = fs::read(folder.join("package-lock.json")).context("reading tests/web/package-lock.json")?;
    // Written after a successful installation.
    let installed = folder.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        say("Packages of the browser tests are installed");
        return Ok(());
    }
    check_node()?;
    browser()?;
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    step::run("Installing the packages of the browser tests", npm, "Check the network: `npm ping`.")?;
    fs::write(&installed, lock).with_context(|| format!("writing {}", installed.display()))
}

fn check_node() -> Result<()> {
    let answer = Command::new("node").arg("--version").stdin(Stdio::null()).output();
    let version = answer.ok().map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    let major: Option<u32> =
        version.as_deref().and_then(|version| version.trim_start_matches('v').split('.').next()?.parse().ok());
    match (major, version) {
        (Some(major), _) if major >= MIN_NODE_MAJOR => Ok(()),
        (Some(_), Some(version)) => {
            bail!("Node.js {version} is too old for tests/web: install {MIN_NODE_MAJOR} or newer")
        }
        _ => bail!("Node.js is missing for tests/web: install {MIN_NODE_MAJOR} or newer, with npm"),
    }
}
