//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The top folder of this checkout.
pub fn root() -> PathBuf {
    // Cargo sets it when it runs us; the compile-time value serves a run without cargo.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Tools that setup installed for this checkout alone.
pub fn tools() -> PathBuf {
    root().join(".tools")
}

/// The cargo that runs us, in the workspace's folder.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Cargo describes us to ourselves in these. Build scripts that look at them (ring's) would run again, and all that
    // depends on them compile again, each time a person builds by hand and then through us.
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

/// The first program of this name on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| path.is_file())
}
