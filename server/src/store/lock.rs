//! Lock file of a SQLite database, so that only one server uses it.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::Database;
use crate::files::private_folder;

/// Lock of a database file. The operating system releases it when the process ends.
#[derive(Debug)]
pub struct DatabaseLock {
    _file: File,
}

/// Error of locking a database.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server uses the database.
    #[error("{database} is in use by another server ({holder}): stop that one, or set another `AUTAMEDICA_DATA_DIR`")]
    InUse {
        /// Path of the database.
        database: String,
        /// Process id and address of the other server.
        holder: String,
    },
    /// The lock file can't be used.
    #[error("the lock {path} can't be taken")]
    File {
        /// Path of the lock file.
        path: String,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl DatabaseLock {
    /// Locks a database file for the server at `address`. Returns `None` for databases without a file.
    ///
    /// # Errors
    /// [`LockError::InUse`] if another server has locked it, and [`LockError::File`] if the lock file can't be created,
    /// read or locked.
    pub fn acquire(database: &Database, address: SocketAddr) -> Result<Option<Self>, LockError> {
        let Database::File(database) = database else { return Ok(None) };
        let path = lock_path(database);
        let failed = |source| LockError::File { path: path.display().to_string(), source };
        if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folder(folder).map_err(failed)?;
        }
        let mut file = open(&path).map_err(failed)?;
        match Ok::<(), TryLockError>(()) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is optional.
                let _ = file.read_to_string(&mut holder);
                return Err(LockError::InUse {
                    database: database.display().to_string(),
                    holder: if holder.is_empty() { "which is starting".to_owned() } else { holder },
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let text = format!("process {}, http://{address}", std::process::id());
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            // The lock works without the text, which only needs disk space.
            tracing::warn!(%error, "writing the lock file failed");
        }
        Ok(Some(Self { _file: file }))
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::File(folder.path().join("a.db"));
        let take = |port| DatabaseLock::acquire(&database, SocketAddr::from(([127, 0, 0, 1], port)));
        let held = take(1234).unwrap();
        let refused = take(5678).unwrap_err().to_string();
        let holder = format!("process {}, http://127.0.0.1:1234", std::process::id());
        assert!(refused.contains("a.db") && refused.contains(&holder), "{refused}");
        drop(held);
        take(5678).unwrap();
        assert!(DatabaseLock::acquire(&Database::Memory, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap().is_none());
    }
}
