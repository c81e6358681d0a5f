//! The SFU for development and tests: `livekit-server`, built from its pinned source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::go::Go;
use super::partial_folder;
use crate::step::{self, say};
use crate::workspace::{find_program, tools};

const VERSION: &str = "1.11.0";
const PACKAGE: &str = "github.com/livekit/livekit-server/cmd/server";
/// The source's checksum, as Go writes it into what it builds.
const MODULE: &str = "github.com/livekit/livekit-server\tv1.11.0\th1:mWa8MWwn7sBi0rBvf+jdB77s98BPGr0JsCtU+6XUYEA=";

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
    let go = Go::find_or_fetch(folder)?;
    let bin = folder.join("bin");
    let mut install = go.command(folder);
    install.args(["install", "-trimpath", "-ldflags=-s -w", &format!("{PACKAGE}@v{VERSION}")]);
    install.env("GOBIN", &bin).current_dir(folder);
    step::run(&format!("Building livekit-server {VERSION} (two minutes on two cores)"), install, Go::FIX)?;

    let program = bin.join(format!("server{}", std::env::consts::EXE_SUFFIX));
    ensure!(go.origin(&program)?.contains(MODULE), "livekit-server was built from other source than {MODULE:?}");
    Ok(program)
}
