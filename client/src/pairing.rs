//! How this app proves itself to a clinic's backend: a kiosk's or a desk's own key, made by the operator.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::call::Secret;
use crate::storage::{self, Kept};

/// A backend and the key for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// The backend.
    pub server: Url,
    /// The key: a kiosk's exchanges patients' codes, a desk's shows the day's consultations.
    pub key: Secret,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    server: String,
    key: String,
}

/// Why a pairing can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// The address isn't one that a key may be sent to.
    #[error("a key is sent to `https` addresses only, or to this machine; {0} is neither")]
    NotSafe(Url),
    /// The file isn't understood any more.
    #[error("the pairing wasn't understood and was put aside as {}; pair again", .0.display())]
    Broken(PathBuf),
    /// Others can read the file.
    #[error("other users can read {}; make it yours alone (chmod 600), or pair again", .0.display())]
    Open(PathBuf),
    /// The disk.
    #[error("the pairing can't be read or written")]
    Io(#[from] io::Error),
}

impl Pairing {
    /// The file's name in the config folder: a kiosk and a desk on one machine don't share a key.
    pub const FILE: &str = if cfg!(feature = "kiosk") { "kiosk.json" } else { "desk.json" };

    /// Keeps it in this folder, readable by this user alone.
    ///
    /// # Errors
    /// When the key would go over the network in the clear, or the disk doesn't take it.
    pub fn save(&self, folder: &Path) -> Result<(), PairingError> {
        if !is_safe(&self.server) {
            return Err(PairingError::NotSafe(self.server.clone()));
        }
        let stored = Stored { server: self.server.to_string(), key: self.key.expose().to_owned() };
        Ok(storage::save(&folder.join(Self::FILE), &stored)?)
    }

    /// The one in this folder, if there is one.
    ///
    /// # Errors
    /// When it is there but can't be used.
    pub fn load(folder: &Path) -> Result<Option<Self>, PairingError> {
        let file = folder.join(Self::FILE);
        let stored: Stored = match storage::load(&file)? {
            Kept::Nothing => return Ok(None),
            Kept::Broken(aside) => return Err(PairingError::Broken(aside)),
            Kept::Value(stored) => stored,
        };
        if storage::is_open_to_others(&file) {
            return Err(PairingError::Open(file));
        }
        let server = Url::parse(&stored.server).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if !is_safe(&server) {
            return Err(PairingError::NotSafe(server));
        }
        Ok(Some(Self { server, key: Secret::new(stored.key) }))
    }
}

/// Whether a key stays secret on its way there.
fn is_safe(server: &Url) -> bool {
    server.scheme() == "https" || (server.scheme() == "http" && is_this_machine(server))
}

/// Whether an address is on this machine.
pub fn is_this_machine(server: &Url) -> bool {
    match server.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
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
        assert_eq!(Pairing::load(folder.path()).unwrap(), None);
        let pairing = pairing("https://clinic.example/");
        pairing.save(folder.path()).unwrap();
        assert!(!storage::is_open_to_others(&folder.path().join(Pairing::FILE)));
        assert!(!format!("{pairing:?}").contains("very-secret"));
        assert_eq!(Pairing::load(folder.path()).unwrap(), Some(pairing));
    }

    #[test]
    fn a_key_isnt_sent_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let saved = |server| pairing(server).save(folder.path());
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
        pairing("https://clinic.example/").save(folder.path()).unwrap();
        let file = folder.path().join(Pairing::FILE);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Pairing::load(folder.path()), Err(PairingError::Open(_))));
    }
}
