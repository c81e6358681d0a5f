//! The key that the backend inside a desktop app asks of callers on this machine.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use autamedica_api::local_key_file;
use ring::digest::{SHA256, digest};

use crate::files::private_folder;
use crate::secret::Secret;

/// Beginning of such a key, so that a leaked one is recognised.
const PREFIX: &str = "aml_";

/// A fresh key, in a file that only this user can read. The file is removed when this is dropped.
#[derive(Debug)]
pub struct LocalKey {
    secret: Secret,
    file: PathBuf,
}

impl LocalKey {
    /// Makes a key for the backend at this port, in place of the one of an earlier start.
    ///
    /// # Errors
    /// When the folder or the file can't be written.
    pub fn create(folder: &Path, port: u16) -> io::Result<Self> {
        private_folder(folder)?;
        let secret = Secret::new(format!("{PREFIX}{}", Secret::random::<32>().expose()));
        // Temporary files are made for this user's eyes only, and stay so under their final name.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(secret.expose().as_bytes())?;
        let path = folder.join(local_key_file(port));
        file.persist(&path).map_err(|error| error.error)?;
        Ok(Self { secret, file: path })
    }

    /// Whether a caller sent this key. Hashes are compared, so that the time taken tells nothing of the key.
    pub fn is(&self, token: &str) -> bool {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        hash(token).as_ref() == hash(self.secret.expose()).as_ref()
    }

    /// Removes the file, when it is still this key's.
    pub fn remove(&self) {
        // A later start may have written its own key by now. That one stays.
        if std::fs::read_to_string(&self.file).is_ok_and(|text| self.is(&text)) {
            // A file that stays opens nothing: its backend is gone.
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
    fn each_start_has_a_fresh_key_for_this_user_alone() {
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
