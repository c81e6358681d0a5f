//! Files of the app, in the platform's config folder: written atomically and readable by this user only.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, choose_base_strategy};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Name of the app's folder in the platform's config folder (`~/.config` on Linux, or `XDG_CONFIG_HOME`).
const FOLDER: &str = "autamedica";

/// Returns the folder of the app's files, which may not exist yet.
///
/// # Errors
/// When this user has no home folder.
pub fn config_folder() -> io::Result<PathBuf> {
    let folders = choose_base_strategy().map_err(|error| io::Error::new(ErrorKind::NotFound, error))?;
    Ok(folders.config_dir().join(FOLDER))
}

/// Contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded<T> {
    /// The file does not exist.
    Nothing,
    /// Its value.
    Value(T),
    /// Malformed; the file was renamed to this path to preserve it.
    Broken(PathBuf),
}

impl<T> Loaded<T> {
    /// Returns the value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Broken(_) => None,
        }
    }
}

/// Loads a JSON file. Renames a malformed one to `….broken`.
///
/// # Errors
/// When reading or renaming the file fails.
pub fn load<T: DeserializeOwned>(file: &Path) -> io::Result<Loaded<T>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Loaded::Nothing),
        Err(error) => return Err(error),
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Loaded::Value(value)),
        Err(error) => {
            let mut aside = file.as_os_str().to_owned();
            aside.push(".broken");
            let aside = PathBuf::from(aside);
            // Without the message, which may quote a secret from the file.
            let (line, column) = (error.line(), error.column());
            tracing::warn!(file = %file.display(), line, column, "malformed file renamed");
            fs::rename(file, &aside)?;
            Ok(Loaded::Broken(aside))
        }
    }
}

/// Saves a JSON file atomically, readable by this user only.
///
/// # Errors
/// When writing fails; the old file is unchanged then.
pub fn save(file: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = file.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "no folder"))?;
    fs::create_dir_all(folder)?;
    // A temporary file is private (0600) and stays so after renaming.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, value)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use autamedica_call::file_access::is_open_to_others;

    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/down/it.json");
        assert_eq!(load::<Vec<u8>>(&file).unwrap(), Loaded::Nothing);
        for value in [vec![1_u8, 2], vec![3]] {
            save(&file, &value).unwrap();
            assert_eq!(load(&file).unwrap(), Loaded::Value(value));
            assert!(!is_open_to_others(&file));
        }
        let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[test]
    fn a_broken_file_is_put_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.json");
        fs::write(&file, "[1, 2").unwrap();
        let Loaded::Broken(aside) = load::<Vec<u8>>(&file).unwrap() else { panic!("it is broken") };
        assert_eq!(fs::read_to_string(aside).unwrap(), "[1, 2");
        assert_eq!(load::<Vec<u8>>(&file).unwrap(), Loaded::Nothing);
    }

    #[test]
    fn a_failed_save_leaves_the_old_one() {
        struct Unwritable;
        impl Serialize for Unwritable {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.json");
        save(&file, &1_u8).unwrap();
        assert!(save(&file, &Unwritable).is_err());
        assert_eq!(load(&file).unwrap(), Loaded::Value(1_u8));
    }
}
