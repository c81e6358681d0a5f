//! Automatic checks: format, file lengths, import cycles, warnings, documentation and licences.

mod modules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::{self, say};
use crate::workspace::{cargo, find_program, root};

/// Maximum length of a file that doesn't state a reason at its top.
const MAX_LINES: usize = 500;
const REASON: &str = "Long because:";

/// Runs all checks and reports every failure.
///
/// # Errors
/// A check fails.
pub fn run() -> Result<()> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    // As it is shipped: without the full app. In the workspace the two share the client.
    let mut kiosk = cargo();
    kiosk.args(["clippy", "--package", "autamedica-kiosk", "--", "--deny", "warnings"]);
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    let checks = [
        step::show("Format", cargo().args(["fmt", "--all", "--check"])),
        file_lengths(&root()),
        circles(&root()),
        step::show("Warnings", &mut clippy),
        step::show("Warnings of the kiosk", &mut kiosk),
        step::show("Documentation", &mut doc),
        licences(),
    ];
    let failures: Vec<_> = checks.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    if !failures.is_empty() {
        bail!("lint failed:\n  {}", failures.join("\n  "));
    }
    say("Lint is clean");
    Ok(())
}

/// Crates that may still contain import cycles.
const TANGLED: [&str; 3] = ["call", "client", "recorder"];

/// Checks that no file of a crate imports itself, even indirectly.
fn circles(root: &Path) -> Result<()> {
    say("Circles of imports");
    let mut crates = vec![root.to_owned()];
    for entry in fs::read_dir(root).with_context(|| format!("reading {}", root.display()))? {
        crates.push(entry?.path());
    }
    let is_checked = |folder: &PathBuf| {
        folder.join("Cargo.toml").exists() && !TANGLED.iter().any(|tangled| root.join(tangled) == *folder)
    };
    let mut found = Vec::new();
    for folder in crates.into_iter().filter(is_checked) {
        let src = folder.join("src");
        for circle in modules::circles(&src)? {
            let file = |file: &PathBuf| src.join(file).strip_prefix(root).unwrap_or(file).display().to_string();
            found.push(circle.iter().map(file).collect::<Vec<_>>().join(" "));
        }
    }
    if !found.is_empty() {
        bail!("files that import each other in a circle:\n    {}", found.join("\n    "));
    }
    Ok(())
}

/// Checks licences, sources and duplicates against `deny.toml`; needs no network.
fn licences() -> Result<()> {
    if find_program("cargo-deny").is_none() {
        say("Licences: not checked, cargo-deny isn't installed (`cargo install cargo-deny --locked`)");
        return Ok(());
    }
    step::show("Licences", cargo().args(["deny", "--offline", "check", "licenses", "bans", "sources"]))
}

/// Checks that each source file is short or states a reason.
fn file_lengths(root: &Path) -> Result<()> {
    say("File lengths");
    let mut long = Vec::new();
    for file in sources(root)? {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let lines = text.lines().count();
        if lines > MAX_LINES && !text.lines().take(10).any(|line| line.contains(REASON)) {
            long.push(format!("{} has {lines} lines", file.strip_prefix(root).unwrap_or(&file).display()));
        }
    }
    if !long.is_empty() {
        bail!("over {MAX_LINES} lines without `{REASON}` at the top: {}", long.join(", "));
    }
    Ok(())
}

/// Returns all source files written by hand.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // Built, fetched and hidden folders contain no such files. Symlinks lead to files that are counted
            // elsewhere.
            if name.starts_with('.') || matches!(name, "target" | "node_modules") || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if matches!(path.extension().and_then(|it| it.to_str()), Some("rs" | "mjs" | "js" | "html" | "c")) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        fs::create_dir(&source).unwrap();
        let lines = |count: usize| "//\n".repeat(count);
        fs::write(source.join("short.rs"), lines(MAX_LINES)).unwrap();
        fs::write(source.join("excused.rs"), format!("//! {REASON} a table.\n{}", lines(MAX_LINES))).unwrap();
        fs::create_dir(folder.path().join("target")).unwrap();
        fs::write(folder.path().join("target/generated.rs"), lines(MAX_LINES + 1)).unwrap();
        file_lengths(folder.path()).unwrap();

        fs::write(source.join("long.rs"), lines(MAX_LINES + 1)).unwrap();
        let error = file_lengths(folder.path()).unwrap_err().to_string();
        assert!(error.contains("long.rs has 501 lines") && !error.contains("excused"), "{error}");
    }
}
