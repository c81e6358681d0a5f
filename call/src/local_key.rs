//! API key of the backend that this user's app runs on this machine.

use std::net::Ipv4Addr;
use std::path::Path;

use autamedica_api::local_key_file;
use autamedica_text::Secret;
use url::{Host, Url};

use crate::file_access;

/// Returns whether an address is on this machine.
pub fn is_this_machine(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Reads the key of a backend on this machine from the app's data folder. There is none unless such a backend is
/// running or was killed.
pub fn read(folder: &Path, server: &Url) -> Option<Secret> {
    if !is_this_machine(server) {
        return None;
    }
    let file = folder.join(local_key_file(server.port_or_known_default()?));
    let key = std::fs::read_to_string(&file).ok()?;
    if !file_access::is_of_this_user(&file) || file_access::is_open_to_others(&file) {
        tracing::warn!(file = %file.display(), "key ignored: accessible to other users");
        return None;
    }
    Some(Secret::new(key.trim()))
}

/// Returns the address to which a key of this machine may be sent. `localhost` may also mean `::1`, where another
/// user's program may listen on the same port; the app's backend listens on `127.0.0.1`.
pub fn address(server: &Url) -> Url {
    let mut address = server.clone();
    if matches!(server.host(), Some(Host::Domain(_))) && address.set_ip_host(Ipv4Addr::LOCALHOST.into()).is_err() {
        tracing::debug!("address has no host");
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn only_a_private_file_counts_and_only_for_this_machine() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(local_key_file(8888));
        let read = |server: &str| read(folder.path(), &url(server)).map(|key| key.expose().to_owned());
        assert_eq!(read("http://localhost:8888"), None);
        std::fs::write(&file, "aml_x\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read("http://localhost:8888").as_deref(), Some("aml_x"));
        assert_eq!(read("http://localhost:8889"), None);
        assert_eq!(read("http://clinic.example:8888"), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read("http://localhost:8888"), None);
    }

    #[test]
    fn the_key_goes_to_one_address_of_this_machine() {
        assert_eq!(address(&url("http://localhost:8888/a")).as_str(), "http://127.0.0.1:8888/a");
        for kept in ["http://127.0.0.2:1/", "http://[::1]:1/"] {
            assert_eq!(address(&url(kept)).as_str(), kept);
        }
    }
}
