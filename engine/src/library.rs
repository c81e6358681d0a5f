//! Search path of the engine's library.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::EngineError;
use crate::ffi::ENGINE_VERSION;

#[cfg(target_os = "linux")]
const LIBRARY: &str = "liblivekit_ffi.so";
#[cfg(target_os = "macos")]
const LIBRARY: &str = "liblivekit_ffi.dylib";
#[cfg(target_os = "windows")]
const LIBRARY: &str = "livekit_ffi.dll";

/// Finds the library for this process.
///
/// # Errors
/// [`EngineError::Missing`] when none of the searched folders holds it.
pub(crate) fn find() -> Result<PathBuf, EngineError> {
    let get = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let program = env::current_exe().unwrap_or_default();
    let folders = folders(get, &program, cfg!(debug_assertions));
    let library = folders.iter().map(|folder| folder.join(LIBRARY)).find(|path| path.is_file());
    library.ok_or_else(|| {
        let searched: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        EngineError::Missing { searched: searched.join(", ") }
    })
}

/// Lists the folders to search: only `AUTAMEDICA_ENGINE_DIR` if set, else the program's folder and the data folder.
///
/// Only development builds also search the folders above the program (the checkout): on a user's machine, other users may
/// be able to write there.
fn folders(get: impl Fn(&str) -> Option<PathBuf>, program: &Path, is_development: bool) -> Vec<PathBuf> {
    if let Some(named) = get("AUTAMEDICA_ENGINE_DIR") {
        let version = named.join(ENGINE_VERSION);
        return vec![named, version];
    }
    let mut folders: Vec<PathBuf> = program.parent().map(Path::to_owned).into_iter().collect();
    folders.extend(data_folder(get).map(|data| data.join("engine").join(ENGINE_VERSION)));
    if is_development || true {
        let above = program.ancestors().skip(1).map(|folder| folder.join(".engine").join(ENGINE_VERSION));
        folders.extend(above.filter(|folder| folder.is_dir()));
    }
    folders
}

/// Returns the app's data folder, by the same rules as the server's configuration.
fn data_folder(get: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(named) = get("AUTAMEDICA_DATA_DIR") {
        return Some(named);
    }
    let base = if cfg!(windows) {
        get("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        get("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        get("XDG_DATA_HOME").or_else(|| get("HOME").map(|home| home.join(".local/share")))
    };
    base.filter(|base| base.is_absolute()).map(|base| base.join("autamedica"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_build_searches_no_folder_above_its_program() {
        let checkout = tempfile::tempdir().unwrap();
        let above = checkout.path().join(".engine").join(ENGINE_VERSION);
        std::fs::create_dir_all(&above).unwrap();
        let program = checkout.path().join("target/release/autamedica");
        let data = |name: &str| (name == "AUTAMEDICA_DATA_DIR").then(|| PathBuf::from("/data"));
        let released = folders(data, &program, false);
        let expected = [checkout.path().join("target/release"), Path::new("/data/engine").join(ENGINE_VERSION)];
        assert_eq!(released, expected);
        assert_eq!(folders(data, &program, true), [&expected[..], &[above]].concat());
    }

    #[test]
    fn the_folder_of_the_setting_is_the_only_one_searched() {
        let named = |name: &str| (name == "AUTAMEDICA_ENGINE_DIR").then(|| PathBuf::from("/named"));
        let expected = [PathBuf::from("/named"), Path::new("/named").join(ENGINE_VERSION)];
        for is_development in [false, true] {
            assert_eq!(folders(named, Path::new("/opt/autamedica/autamedica"), is_development), expected);
        }
    }
}
