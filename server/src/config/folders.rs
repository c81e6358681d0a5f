//! Where the server's own files live.

use std::path::PathBuf;

/// The folder of the server's own files, by the environment; `None` without a home.
pub fn data_folder() -> Option<PathBuf> {
    data_dir(&|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

/// Where the server's own files live: named, else systemd's state folder, else the user's data folder.
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
