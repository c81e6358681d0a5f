//! Owner and permissions of files with secrets.

use std::fs;
use std::path::Path;

/// Returns whether this process's user owns the file.
#[cfg(unix)]
pub fn is_of_this_user(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // SAFETY: plain system call without arguments.
    let user = unsafe { libc::geteuid() };
    fs::metadata(file).is_ok_and(|metadata| metadata.uid() == user)
}

/// Returns `true`: the folder's permissions decide on this system.
#[cfg(not(unix))]
pub fn is_of_this_user(_: &Path) -> bool {
    true
}

/// Returns whether users other than the owner may access this file.
#[cfg(unix)]
pub fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Returns `false`: the folder's permissions decide on this system.
#[cfg(not(unix))]
pub fn is_open_to_others(_: &Path) -> bool {
    false
}
