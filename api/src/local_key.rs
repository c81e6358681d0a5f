//! The key between programs of one user on one machine.

/// Name of the file, in the app's data folder, with the key of the backend that serves on this port of this machine.
///
/// A backend that a desktop app starts inside itself writes it at each start, readable by its user alone, and serves
/// nobody on this machine who doesn't send it as `Authorization: Bearer …`.
pub fn local_key_file(port: u16) -> String {
    format!("local-{port}.key")
}
