//! SFU for development and tests: `livekit-server`, built from its pinned source.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::go::Go;
use super::hash;
use super::partial::partial_folder;
use crate::step::{self, say};
use crate::workspace::tools;

const VERSION: &str = "1.11.0";
const PACKAGE: &str = "github.com/livekit/livekit-server/cmd/server";
/// Module line with the checksum of the source, as Go embeds it in the program.
const MODULE: &str = "github.com/livekit/livekit-server\tv1.11.0\th1:mWa8MWwn7sBi0rBvf+jdB77s98BPGr0JsCtU+6XUYEA=";

/// Installs the SFU in `.tools/bin`, unless it is there unchanged or `LIVEKIT_SERVER_BIN` names another one.
pub fn install() -> Result<()> {
    let target = tools().join("bin").join(format!("livekit-server{}", std::env::consts::EXE_SUFFIX));
    // Used without a check of its version.
    if let Some(named) = std::env::var_os("LIVEKIT_SERVER_BIN").map(PathBuf::from).filter(|named| named.is_file()) {
        say(format_args!("SFU {} is used (LIVEKIT_SERVER_BIN)", named.display()));
        return Ok(());
    }
    if hash::matches_stamp(&target, VERSION) {
        say(format_args!("SFU livekit-server {VERSION} is installed"));
        return Ok(());
    }
    let partial = partial_folder(&tools())?;
    let result = build(&partial).and_then(|program| {
        fs::create_dir_all(tools().join("bin")).context("creating .tools/bin")?;
        fs::rename(&program, &target).with_context(|| format!("moving the SFU to {}", target.display()))?;
        hash::write_stamp(&target, VERSION)
    });
    // Removed after failures, too.
    let _ = fs::remove_dir_all(&partial);
    result.context("the SFU is not installed")?;
    say(format_args!("SFU livekit-server {VERSION} installed in .tools/bin"));
    Ok(())
}

/// Compiles the SFU in the temporary `folder`.
fn build(folder: &Path) -> Result<PathBuf> {
    let go = Go::find_or_fetch(folder)?;
    let bin = folder.join("bin");
    let mut install = go.command(folder);
    install.args(["install", "-trimpath", "-ldflags=-s -w", &format!("{PACKAGE}@v{VERSION}")]);
    install.env("GOBIN", &bin).current_dir(folder);
    step::run(&format!("Building livekit-server {VERSION} (two minutes on two cores)"), install, Go::FIX)?;

    let program = bin.join(format!("server{}", std::env::consts::EXE_SUFFIX));
    ensure!(go.origin(&program)?.contains(MODULE), "livekit-server was not built from {MODULE:?}");
    Ok(program)
}
