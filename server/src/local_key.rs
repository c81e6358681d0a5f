//! API key that the backend in a desktop app requires from callers on this machine.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use autamedica_api::local_key_file;
use ring::digest::{SHA256, digest};

use crate::files::create_private_folder;
use crate::secret::{Secret, random_secret};

/// Prefix of local keys, so that leaked ones are recognized.
const PREFIX: &str = "aml_";

/// A new key and its file, which only this user can read. The file is removed on drop.
#[derive(Debug)]
pub struct LocalKey {
    secret: Secret,
    file: PathBuf,
}

impl LocalKey {
    /// Creates a key for the backend on this port. Replaces the key of an earlier start.
    ///
    /// # Errors
    /// If the folder or the file can't be written.
    pub fn create(folder: &Path, port: u16) -> io::Result<Self> {
        create_private_folder(folder)?;
        let secret = Secret::new(format!("{PREFIX}{}", random_secret::<32>().expose()));
        // Temporary files are only readable by this user, and stay so after the rename.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(secret.expose().as_bytes())?;
        let path = folder.join(local_key_file(port));
        file.persist(&path).map_err(|error| error.error)?;
        Ok(Self { secret, file: path })
    }

    /// Returns `true` if the token is this key. Compares hashes, so that the timing reveals nothing about the key.
    pub fn is(&self, token: &str) -> bool {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        hash(token).as_ref() == hash(self.secret.expose()).as_ref()
    }

    /// Removes the file if it still contains this key.
    pub fn remove(&self) {
        // A later start may have replaced the file.
        if std::fs::read_to_string(&self.file).is_ok_and(|text| self.is(&text)) {
            // A failure is harmless: a key without a backend has no effect.
            let _ = std::fs::remove_file(&self.file);
        }
    }
}

impl Drop for LocalKey {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn each_start_has_a_new_key_readable_by_this_user_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = LocalKey::create(&data, 8888).unwrap();
        let file = data.join(local_key_file(8888));
        let old = std::fs::read_to_string(&file).unwrap();
        assert!(first.is(&old) && !format!("{first:?}").contains(&old));
        let second = LocalKey::create(&data, 8888).unwrap();
        let new = std::fs::read_to_string(&file).unwrap();
        assert!(second.is(&new) && !second.is(&old) && !second.is(""));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        drop(first);
        assert!(file.exists(), "the newer start's key stays");
        drop(second);
        assert!(!file.exists());
    }
}
