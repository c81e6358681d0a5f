//! The app's own files: in the platform's config folder, written whole or not at all, for this user alone.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, choose_base_strategy};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The app's folder below the platform's config folder (`~/.config` on Linux, or `XDG_CONFIG_HOME`).
const FOLDER: &str = "autamedica";

/// The folder that the app keeps its files in; it may not exist yet.
///
/// # Errors
/// When this user has no home.
pub fn config_folder() -> io::Result<PathBuf> {
    let folders = choose_base_strategy().map_err(|error| io::Error::new(ErrorKind::NotFound, error))?;
    Ok(folders.config_dir().join(FOLDER))
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept<T> {
    /// There is no such file yet.
    Nothing,
    /// This.
    Value(T),
    /// Something that can't be read; it was put aside here, so that nothing of it is lost.
    Broken(PathBuf),
}

impl<T> Kept<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Broken(_) => None,
        }
    }
}

/// Reads a JSON file. One that isn't understood is renamed to `….broken`.
///
/// # Errors
/// When the file is there but can't be read.
pub fn load<T: DeserializeOwned>(file: &Path) -> io::Result<Kept<T>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::Nothing),
        Err(error) => return Err(error),
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Kept::Value(value)),
        Err(error) => {
            let mut aside = file.as_os_str().to_owned();
            aside.push(".broken");
            let aside = PathBuf::from(aside);
            // The category and place only: the text itself may hold a secret.
            let (line, column) = (error.line(), error.column());
            tracing::warn!(file = %file.display(), line, column, "not understood, put aside");
            fs::rename(file, &aside)?;
            Ok(Kept::Broken(aside))
        }
    }
}

/// Writes a JSON file: its readers see the old one or the new one, never a part. Only this user may read it.
///
/// # Errors
/// When the disk doesn't take it; the old file is still there then.
pub fn save(file: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = file.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "no folder"))?;
    fs::create_dir_all(folder)?;
    // A new temporary file is for its user alone (0600), and keeps that when it takes the other's name.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, value)?;
    new.write_all(b"\n")?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Whether this file belongs to the user that this process runs as.
#[cfg(unix)]
pub fn is_of_this_user(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // SAFETY: a plain system call without arguments.
    let user = unsafe { libc::geteuid() };
    fs::metadata(file).is_ok_and(|metadata| metadata.uid() == user)
}

/// Whether this file belongs to the user that this process runs as; here the folder's own rights decide.
#[cfg(not(unix))]
pub fn is_of_this_user(_: &Path) -> bool {
    true
}

/// Whether users other than the owner may read this file.
#[cfg(unix)]
pub fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Whether users other than the owner may read this file; here the folder's own rights decide.
#[cfg(not(unix))]
pub fn is_open_to_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/down/it.json");
        assert_eq!(load::<Vec<u8>>(&file).unwrap(), Kept::Nothing);
        for value in [vec![1_u8, 2], vec![3]] {
            save(&file, &value).unwrap();
            assert_eq!(load(&file).unwrap(), Kept::Value(value));
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
        let Kept::Broken(aside) = load::<Vec<u8>>(&file).unwrap() else { panic!("it is broken") };
        assert_eq!(fs::read_to_string(aside).unwrap(), "[1, 2");
        assert_eq!(load::<Vec<u8>>(&file).unwrap(), Kept::Nothing);
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
        assert_eq!(load(&file).unwrap(), Kept::Value(1_u8));
    }
}
