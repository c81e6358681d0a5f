//! Paths and programs of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

pub fn root() -> PathBuf {
    // Cargo sets the variable at run time; the compile-time value serves runs without cargo.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Returns the folder of tools that setup installed for this checkout only.
pub fn tools() -> PathBuf {
    root().join(".tools")
}

/// Returns a command of the cargo that runs this program, in the workspace's folder.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Cargo describes this program in these variables. Build scripts that read them (ring's) would run again, with all
    // their dependents, each time builds by hand and through xtask alternate.
    for (name, _) in std::env::vars_os() {
        let is_about_us = name.to_str().is_some_and(|name| {
            let names = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
            names.iter().any(|prefix| name.starts_with(prefix)) || name == "OUT_DIR"
        });
        if is_about_us {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns the first program of this name on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| path.is_file())
}
