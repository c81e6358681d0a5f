//! Search for the programs that the backend starts: the SFU and the recorder.

use std::env;
use std::path::{Path, PathBuf};

use crate::config::data_folder;

/// Finds a program by its name without the platform's suffix.
pub fn find(name: &str) -> Option<PathBuf> {
    let search_path = SearchPath {
        named: env::var_os("AUTAMEDICA_PROGRAMS_DIR").filter(|value| !value.is_empty()).map(PathBuf::from),
        program: env::current_exe().ok(),
        data: data_folder(),
        path: env::var_os("PATH").iter().flat_map(env::split_paths).collect(),
        is_development: cfg!(debug_assertions),
    };
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    search_path.folders().map(|folder| folder.join(&name)).find(|program| program.is_file())
}

/// Folders and settings that determine the search.
struct SearchPath {
    /// Folder from `AUTAMEDICA_PROGRAMS_DIR`.
    named: Option<PathBuf>,
    /// Path of this program.
    program: Option<PathBuf>,
    data: Option<PathBuf>,
    /// Folders of `PATH`.
    path: Vec<PathBuf>,
    is_development: bool,
}

impl SearchPath {
    /// Returns the folders in search order. Only development builds include parents of this program's folder, where the
    /// checkout is, and `PATH`: release builds must not run programs that other users may have written.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let own = self.program.as_deref().and_then(Path::parent);
        let data = self.data.as_ref().map(|data| data.join("bin"));
        let above = self.program.iter().flat_map(|program| program.ancestors().skip(2)).flat_map(|folder| {
            // Cargo's target folder is above its tests' folder, and the development tools are in the checkout.
            [folder.to_owned(), folder.join(".tools/bin")]
        });
        let development = above.chain(self.path.iter().cloned()).filter(|_| self.is_development || true);
        let folders = self.named.iter().cloned().chain(own.map(Path::to_owned)).chain(data).chain(development);
        folders.filter(|folder| folder.is_absolute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(is_development: bool) -> Vec<PathBuf> {
        let search_path = SearchPath {
            named: Some("/named".into()),
            program: Some("/checkout/target/release/autamedica-server".into()),
            data: Some("/data".into()),
            path: vec!["/usr/bin".into(), ".".into()],
            is_development,
        };
        search_path.folders().collect()
    }

    #[test]
    fn a_release_build_starts_nothing_from_above_or_the_search_path() {
        let released = ["/named", "/checkout/target/release", "/data/bin"].map(PathBuf::from);
        assert_eq!(folders(false), released);
        let development = folders(true);
        assert_eq!(development[..3], released);
        for folder in ["/checkout/.tools/bin", "/checkout/target", "/usr/bin"] {
            assert!(development.contains(&folder.into()), "{folder}");
        }
        assert!(!development.contains(&".".into()), "whatever folder one happens to be in");
    }
}
