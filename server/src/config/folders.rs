//! Folder of the server's files.

use std::path::PathBuf;

/// Returns the folder of the server's files according to the environment; `None` without a home folder.
pub fn data_folder() -> Option<PathBuf> {
    data_dir(&|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

/// Returns `AUTAMEDICA_DATA_DIR`, systemd's state folder, or a folder in the user's data folder.
pub(super) fn data_dir(get: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(folder) = get("AUTAMEDICA_DATA_DIR").or_else(|| get("STATE_DIRECTORY")) {
        return Some(folder.into());
    }
    let base = if cfg!(windows) {
        get("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        get("HOME").map(|home| PathBuf::from(home).join("Library/Application Support"))
    } else {
        get("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| get("HOME").map(|home| PathBuf::from(home).join(".local/share")))
    };
    base.map(|base| base.join("autamedica"))
}
