//! Pairing with a clinic's backend, by an API key for a kiosk or a clinic PC that the operator creates.

use std::io;
use std::path::{Path, PathBuf};

use autamedica_call::Secret;
use autamedica_call::file_access::is_open_to_others;
use autamedica_call::local_key::is_this_machine;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::storage::{self, Loaded};

/// Backend and API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Address of the backend.
    pub server: Url,
    /// API key. A kiosk's redeems kiosk codes, a clinic PC's lists the day's consultations.
    pub key: Secret,
}

/// File format.
#[derive(Serialize, Deserialize)]
struct Stored {
    server: String,
    key: String,
}

/// File in the config folder. A kiosk and a clinic PC on one machine have separate keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingFile {
    /// Of a clinic PC.
    Desk,
    /// Of a kiosk.
    Kiosk,
}

impl PairingFile {
    fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk.json",
            Self::Kiosk => "kiosk.json",
        }
    }
}

/// Reason for which a pairing cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// Keys must not be sent to this address.
    #[error("a key is sent to `https` addresses only, or to this machine; {0} is neither")]
    NotSafe(Url),
    /// The file is malformed and was renamed.
    #[error("the pairing wasn't understood and was put aside as {}; pair again", .0.display())]
    Broken(PathBuf),
    /// Other users can read the file.
    #[error("other users can read {}; make it yours alone (chmod 600), or pair again", .0.display())]
    Open(PathBuf),
    /// Reading or writing failed.
    #[error("the pairing can't be read or written")]
    Io(#[from] io::Error),
}

impl Pairing {
    /// Saves the pairing in this folder, readable by this user only.
    ///
    /// # Errors
    /// [`PairingError::NotSafe`] when the key would be sent unencrypted; [`PairingError::Io`].
    pub fn save(&self, folder: &Path, file: PairingFile) -> Result<(), PairingError> {
        if !is_safe(&self.server) {
            return Err(PairingError::NotSafe(self.server.clone()));
        }
        let stored = Stored { server: self.server.to_string(), key: self.key.expose().to_owned() };
        Ok(storage::save(&folder.join(file.name()), &stored)?)
    }

    /// Loads the pairing from this folder, if there is one.
    ///
    /// # Errors
    /// [`PairingError::Broken`], [`PairingError::Open`], [`PairingError::NotSafe`] or [`PairingError::Io`].
    pub fn load(folder: &Path, file: PairingFile) -> Result<Option<Self>, PairingError> {
        let file = folder.join(file.name());
        let stored: Stored = match storage::load(&file)? {
            Loaded::Nothing => return Ok(None),
            Loaded::Broken(aside) => return Err(PairingError::Broken(aside)),
            Loaded::Value(stored) => stored,
        };
        if is_open_to_others(&file) {
            return Err(PairingError::Open(file));
        }
        let server = Url::parse(&stored.server).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if !is_safe(&server) {
            return Err(PairingError::NotSafe(server));
        }
        Ok(Some(Self { server, key: Secret::new(stored.key) }))
    }
}

/// Returns whether a key can be sent there without being intercepted.
fn is_safe(server: &Url) -> bool {
    server.scheme() == "https" || (server.scheme() == "http" && is_this_machine(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(server: &str) -> Pairing {
        Pairing { server: Url::parse(server).unwrap(), key: Secret::new("am_very-secret") }
    }

    #[test]
    fn a_pairing_is_kept_for_this_user_alone_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Pairing::load(folder.path(), PairingFile::Kiosk).unwrap(), None);
        let pairing = pairing("https://clinic.example/");
        pairing.save(folder.path(), PairingFile::Kiosk).unwrap();
        assert!(!is_open_to_others(&folder.path().join(PairingFile::Kiosk.name())));
        assert!(!format!("{pairing:?}").contains("very-secret"));
        assert_eq!(Pairing::load(folder.path(), PairingFile::Kiosk).unwrap(), Some(pairing));
        assert_eq!(Pairing::load(folder.path(), PairingFile::Desk).unwrap(), None);
    }

    #[test]
    fn a_key_isnt_sent_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let saved = |server| pairing(server).save(folder.path(), PairingFile::Kiosk);
        assert!(matches!(saved("http://clinic.example/"), Err(PairingError::NotSafe(_))));
        assert!(matches!(saved("http://localhost.example/"), Err(PairingError::NotSafe(_))));
        for server in ["http://localhost:8888/", "http://127.0.0.1:1/", "http://[::1]:1/"] {
            saved(server).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_isnt_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        pairing("https://clinic.example/").save(folder.path(), PairingFile::Kiosk).unwrap();
        let file = folder.path().join(PairingFile::Kiosk.name());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Pairing::load(folder.path(), PairingFile::Kiosk), Err(PairingError::Open(_))));
    }
}
