//! S3 server of the tests: SeaweedFS, built from its pinned source. It supports TLS and server-side encryption.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::go::Go;
use super::hash;
use super::partial::partial_folder;
use crate::step::{self, say};
use crate::workspace::tools;

const MODULE: &str = "github.com/seaweedfs/seaweedfs";
const VERSION: &str = "v0.0.0-20261109003541-7506e5f91cd6";
/// Checksum of the source.
const SUM: &str = "h1:LOYZFToHq9F7pSR6lkPGfkM8RmHlVFrzndKdhmNZjrU=";

/// Installs the S3 server in `.tools/bin`, unless it is there unchanged.
pub fn install() -> Result<()> {
    let target = tools().join("bin").join(format!("weed{}", std::env::consts::EXE_SUFFIX));
    if hash::matches_stamp(&target, VERSION) {
        say("S3 server SeaweedFS is installed");
        return Ok(());
    }
    let partial = partial_folder(&tools())?;
    let result = build(&partial).and_then(|program| {
        fs::create_dir_all(tools().join("bin")).context("creating .tools/bin")?;
        fs::rename(&program, &target).with_context(|| format!("moving the S3 server to {}", target.display()))?;
        hash::write_stamp(&target, VERSION)
    });
    // Removed after failures, too.
    let _ = fs::remove_dir_all(&partial);
    result.context("the S3 server is not installed")?;
    say("S3 server SeaweedFS installed in .tools/bin");
    Ok(())
}

/// Compiles SeaweedFS in the temporary `folder`.
fn build(folder: &Path) -> Result<PathBuf> {
    let go = Go::find_or_fetch(folder)?;
    let mut download = go.command(folder);
    download.args(["mod", "download", "-json", &format!("{MODULE}@{VERSION}")]).current_dir(folder);
    let output = step::run("Downloading SeaweedFS", download, Go::FIX)?;
    let start = output.find('{').context("go mod download printed no JSON")?;
    let source: serde_json::Value =
        serde_json::from_str(&output[start..]).context("parsing the output of go mod download")?;
    ensure!(source["Sum"] == SUM, "the checksum of SeaweedFS is not {SUM}: {}", source["Sum"]);
    let source_folder = source["Dir"].as_str().context("go mod download printed no Dir")?;
    // Built in its source folder, because `go install` refuses a go.mod with replacements.
    let program = folder.join(format!("weed{}", std::env::consts::EXE_SUFFIX));
    let mut build = go.command(folder);
    build.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&program).arg("./weed").current_dir(source_folder);
    step::run("Building SeaweedFS (some minutes on two cores)", build, Go::FIX)?;
    Ok(program)
}
