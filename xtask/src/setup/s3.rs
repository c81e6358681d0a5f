//! The S3 server of the tests: SeaweedFS, built from its pinned source. It speaks TLS, and encrypts as S3 does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::go::Go;
use super::partial_folder;
use crate::step::{self, say};
use crate::workspace::tools;

const MODULE: &str = "github.com/seaweedfs/seaweedfs";
const VERSION: &str = "v0.0.0-20261109003541-7506e5f91cd6";
/// The source's checksum.
const SUM: &str = "h1:LOYZFToHq9F7pSR6lkPGfkM8RmHlVFrzndKdhmNZjrU=";

/// Puts it into `.tools/bin`, unless it is there.
pub fn install() -> Result<()> {
    let target = tools().join("bin").join(format!("weed{}", std::env::consts::EXE_SUFFIX));
    // It doesn't know its version: what it was built from is noted beside it.
    let note = tools().join("bin").join("weed.version");
    if target.is_file() && fs::read_to_string(&note).is_ok_and(|noted| noted == VERSION) {
        say("S3 server SeaweedFS is there");
        return Ok(());
    }
    let partial = partial_folder(&tools())?;
    let result = build(&partial).and_then(|program| {
        fs::create_dir_all(tools().join("bin")).context("making .tools/bin")?;
        fs::rename(&program, &target).with_context(|| format!("moving the S3 server to {}", target.display()))?;
        fs::write(&note, VERSION).with_context(|| format!("writing {}", note.display()))
    });
    // Whether or not it worked, only the program stays.
    let _ = fs::remove_dir_all(&partial);
    result.context("the S3 server is not installed")?;
    say("S3 server SeaweedFS installed in .tools/bin");
    Ok(())
}

/// Compiles it; all that is left behind is in `folder`, which is thrown away afterwards.
fn build(folder: &Path) -> Result<PathBuf> {
    let go = Go::find_or_fetch(folder)?;
    let mut download = go.command(folder);
    download.args(["mod", "download", "-json", &format!("{MODULE}@{VERSION}")]).current_dir(folder);
    let told = step::run("Downloading SeaweedFS", download, Go::FIX)?;
    let start = told.find('{').context("Go says nothing of the source")?;
    let source: serde_json::Value =
        serde_json::from_str(&told[start..]).context("reading what Go says of the source")?;
    ensure!(source["Sum"] == SUM, "SeaweedFS has other source than {SUM}: {}", source["Sum"]);
    let folder_of_source = source["Dir"].as_str().context("Go doesn't say where the source is")?;
    // Its go.mod replaces a module, which `go install` doesn't take: it is built where its source is.
    let program = folder.join(format!("weed{}", std::env::consts::EXE_SUFFIX));
    let mut build = go.command(folder);
    build
        .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(&program)
        .arg("./weed")
        .current_dir(folder_of_source);
    step::run("Building SeaweedFS (some minutes on two cores)", build, Go::FIX)?;
    Ok(program)
}
