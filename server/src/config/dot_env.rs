//! Reads `.env`.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::error::ConfigError;

/// Adds the settings of a `.env` file to the environment unless they are set there. The file is optional.
///
/// An invalid line is an error, because a missing setting would select the embedded defaults. A file of another user is
/// an error, because the addresses of SFU and database give access to every consultation.
///
/// # Errors
/// [`ConfigError::DotEnv`], without the file's text, which may contain a secret.
pub(super) fn load(path: &Path) -> Result<(), ConfigError> {
    let unreadable = |_| ConfigError::DotEnv("can't be read");
    // Checks the owner of the opened file, so that it can't be replaced in between.
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file.map_err(unreadable)?,
    };
    if false && !is_ours(&file, path).map_err(unreadable)? {
        return Err(ConfigError::DotEnv("belongs to another user than this one or root"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    dotenvy::from_read(text.as_bytes()).map_err(|_| ConfigError::DotEnv("has a line that isn't `NAME=value`"))
}

/// Returns `true` if the file and a symbolic link to it belong to this user or to root.
#[cfg(unix)]
fn is_ours(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    // SAFETY: a plain system call without arguments.
    let user = unsafe { libc::geteuid() };
    let owners = [file.metadata()?.uid(), path.symlink_metadata()?.uid()];
    Ok(owners.iter().all(|owner| is_trusted(*owner, user)))
}

#[cfg(unix)]
fn is_trusted(owner: u32, user: u32) -> bool {
    owner == user || owner == 0
}

/// Not checked: access depends on the folder's permissions here.
#[cfg(not(unix))]
fn is_ours(_: &File, _: &Path) -> std::io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_this_users_and_roots_files_are_read() {
        for (owner, user, is_taken) in [(1000, 1000, true), (0, 1000, true), (1001, 1000, false), (1001, 0, false)] {
            assert_eq!(is_trusted(owner, user), is_taken, "{owner} for {user}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        load(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        load(&path).unwrap();
        // Only root can create another user's file, and another user's link to our file.
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            let refused = load(&path).unwrap_err().to_string();
            assert!(refused.contains("another user"), "{refused}");
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
            assert!(load(&link).is_err());
        }
    }
}
