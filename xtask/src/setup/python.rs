//! Downloads with pip, which checks hashes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::apt;
use crate::step;

/// Finds Python with pip.
///
/// # Errors
/// Python or pip is missing. The message contains the command that installs them.
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

/// Finds Python with pip, and installs it on Debian if missing.
///
/// # Errors
/// As [`find`], or the installation fails.
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
    /// unpacks it there, and returns the unpacked folder. pip refuses a file with another SHA-256. `version` is that of
    /// Python which the wheel is for, where it isn't for all.
    ///
    /// # Errors
    /// The download or the unpacking fails.
    pub fn fetch_wheel(
        &self,
        requirement: &str,
        tag: &str,
        version: Option<&str>,
        sha256: &str,
        folder: &Path,
    ) -> Result<PathBuf> {
        let pins = folder.join("requirements.txt");
        std::fs::write(&pins, format!("{requirement} --hash=sha256:{sha256}\n"))
            .with_context(|| format!("writing {}", pins.display()))?;
        let mut pip = self.command(&["-m", "pip", "download", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar=off", "--platform", tag]);
        if let Some(version) = version {
            pip.args(["--implementation=cp", "--python-version", version]);
        }
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
        step::run("Unpacking the wheel", unzip, "Is the disk full? Try again.")?;
        Ok(unpacked)
    }

    /// Installs the packages of a requirements file into `folder`, for `PYTHONPATH`. pip refuses packages and hashes
    /// that the file doesn't list.
    ///
    /// # Errors
    /// pip fails.
    pub fn install_packages(&self, name: &str, requirements: &Path, folder: &Path) -> Result<()> {
        let mut pip = self.command(&["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--require-hashes", "--only-binary=:all:", "--progress-bar=off", "--target"]).arg(folder);
        pip.arg("--requirement").arg(requirements);
        let fix = "Check the network, or where pip looks for packages: `python3 -m pip config list`.";
        step::run(&format!("Installing {name}"), pip, fix)?;
        Ok(())
    }
}
