//! The places where the programs that the backend starts are looked for: the SFU and the recorder.

use std::env;
use std::path::{Path, PathBuf};

use crate::config::data_folder;

/// Finds a program by its name without the system's suffix.
pub fn find(name: &str) -> Option<PathBuf> {
    let places = Places {
        named: env::var_os("AUTAMEDICA_PROGRAMS_DIR").filter(|value| !value.is_empty()).map(PathBuf::from),
        program: env::current_exe().ok(),
        data: data_folder(),
        path: env::var_os("PATH").iter().flat_map(env::split_paths).collect(),
        is_development: cfg!(debug_assertions),
    };
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    places.folders().map(|folder| folder.join(&name)).find(|program| program.is_file())
}

/// What decides where programs are looked for.
struct Places {
    /// The setting.
    named: Option<PathBuf>,
    /// Our own program.
    program: Option<PathBuf>,
    data: Option<PathBuf>,
    /// The search path.
    path: Vec<PathBuf>,
    is_development: bool,
}

impl Places {
    /// The folders, in order. Only a development build also looks above its own program, where the checkout is, and on the
    /// search path: what other users may write must not run as this one.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let own = self.program.as_deref().and_then(Path::parent);
        let data = self.data.as_ref().map(|data| data.join("bin"));
        let above = self.program.iter().flat_map(|program| program.ancestors().skip(2)).flat_map(|folder| {
            // Cargo puts programs into the folder above its tests, and setup its tools into the checkout's.
            [folder.to_owned(), folder.join(".tools/bin")]
        });
        let development = above.chain(self.path.iter().cloned()).filter(|_| self.is_development);
        let folders = self.named.iter().cloned().chain(own.map(Path::to_owned)).chain(data).chain(development);
        folders.filter(|folder| folder.is_absolute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(is_development: bool) -> Vec<PathBuf> {
        let places = Places {
            named: Some("/named".into()),
            program: Some("/checkout/target/release/autamedica-server".into()),
            data: Some("/data".into()),
            path: vec!["/usr/bin".into(), ".".into()],
            is_development,
        };
        places.folders().collect()
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
