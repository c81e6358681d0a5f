//! Python's package installer, as a download tool that checks hashes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::apt;
use crate::step;

/// Python with pip.
///
/// # Errors
/// When there is none, with the command that installs it.
fn find() -> Result<Python> {
    for names in [["python3"].as_slice(), &["python"], &["py", "-3"]] {
        let python = Python { command: names.iter().map(ToString::to_string).collect() };
        let mut probe = python.command(&["-m", "pip", "--version"]);
        if probe.stdin(Stdio::null()).output().is_ok_and(|answer| answer.status.success()) {
            return Ok(python);
        }
    }
    bail!("Python 3 with pip is missing: run `{}`", Python::FIX)
}

/// As [`find`], and on Debian installs it first when it is missing.
///
/// # Errors
/// As there.
pub fn find_or_install() -> Result<Python> {
    if let Ok(python) = find() {
        return Ok(python);
    }
    if cfg!(target_os = "linux") {
        apt::ensure(&apt::PYTHON.iter().collect::<Vec<_>>())?;
    }
    find()
}

/// A Python interpreter that has pip.
#[derive(Debug)]
pub struct Python {
    command: Vec<String>,
}

impl Python {
    const FIX: &str = if cfg!(target_os = "linux") {
        "apt-get install python3 python3-pip"
    } else if cfg!(target_os = "macos") {
        "xcode-select --install"
    } else {
        "winget install Python.Python.3.12"
    };

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(arguments);
        command
    }

    /// Downloads the wheel of `requirement` (`name==version`) for the platform that pip calls `tag` into `folder`,
    /// unpacks it there, and returns where. pip refuses a file whose SHA-256 differs.
    ///
    /// # Errors
    /// When the registry can't be reached or hasn't got that very file.
    pub fn fetch_wheel(&self, requirement: &str, tag: &str, sha256: &str, folder: &Path) -> Result<PathBuf> {
        let pins = folder.join("requirements.txt");
        std::fs::write(&pins, format!("{requirement} --hash=sha256:{sha256}\n"))
            .with_context(|| format!("writing {}", pins.display()))?;
        let mut pip = self.command(&["-m", "pip", "download", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar=off", "--platform", tag]);
        pip.arg("--dest").arg(folder).arg("--requirement").arg(&pins);
        let fix = "Check the network, or where pip looks for packages: `python3 -m pip config list`.";
        step::run(&format!("Downloading {requirement} ({tag})"), pip, fix)?;

        let wheel = std::fs::read_dir(folder)
            .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
            .with_context(|| format!("reading {}", folder.display()))?
            .into_iter()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .with_context(|| format!("pip left no wheel in {}", folder.display()))?;
        let unpacked = folder.join("unpacked");
        let mut unzip = self.command(&["-m", "zipfile", "--extract"]);
        unzip.arg(&wheel).arg(&unpacked);
        step::run("Unpacking it", unzip, "Is the disk full? Try again.")?;
        Ok(unpacked)
    }

    /// Installs `requirement` and what it needs into `folder`, for `PYTHONPATH`.
    ///
    /// # Errors
    /// When the registry can't be reached or hasn't got it.
    pub fn install_packages(&self, requirement: &str, folder: &Path) -> Result<()> {
        let mut pip = self.command(&["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--only-binary=:all:", "--progress-bar=off", "--target"]).arg(folder).arg(requirement);
        let fix = "Check the network, or where pip looks for packages: `python3 -m pip config list`.";
        step::run(&format!("Installing {requirement}"), pip, fix)?;
        Ok(())
    }
}
