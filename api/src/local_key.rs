//! API key for programs of the same user on the same machine.

/// Returns the name of the file, in the app's data folder, with the API key of the backend on this port.
///
/// A backend inside a desktop app writes the file at each start, readable by its user only. It rejects requests from
/// this machine without the header `Authorization: Bearer …` and this key.
pub fn local_key_file(port: u16) -> String {
    format!("local-{port}.key")
}
