//! Hashes of files, and build stamps with the hash of a built program.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 of a file in lower-case hexadecimal.
///
/// # Errors
/// The file can't be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Returns `true` if the file exists with this hash.
pub fn has_sha256(path: &Path, expected: &str) -> bool {
    sha256(path).is_ok_and(|found| found == expected)
}

/// Writes the build stamp of a program: its version and hash.
///
/// # Errors
/// The program can't be read, or the stamp can't be written.
pub fn write_stamp(program: &Path, version: &str) -> Result<()> {
    let text = stamp(program, version).with_context(|| format!("reading {}", program.display()))?;
    let path = stamp_path(program);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// Returns `true` if the program is unchanged since setup built this version.
pub fn matches_stamp(program: &Path, version: &str) -> bool {
    let stored = std::fs::read_to_string(stamp_path(program));
    stored.is_ok_and(|stored| program.is_file() && stored.starts_with(&format!("{version} ")))
}

fn stamp(program: &Path, version: &str) -> io::Result<String> {
    Ok(format!("{version} sha256:{}\n", sha256(program)?))
}

fn stamp_path(program: &Path) -> PathBuf {
    program.with_extension("built")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_sha_256() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&file).unwrap(), expected);
        assert!(has_sha256(&file, expected));
        std::fs::write(&file, "abd").unwrap();
        assert!(!has_sha256(&file, expected));
        assert!(!has_sha256(&folder.path().join("none"), expected));
    }

    #[test]
    fn a_changed_program_does_not_match_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server");
        std::fs::write(&program, "built").unwrap();
        assert!(!matches_stamp(&program, "1.0"), "there is no stamp");
        write_stamp(&program, "1.0").unwrap();
        assert!(matches_stamp(&program, "1.0"));
        assert!(!matches_stamp(&program, "1.1"), "another version");
        // Of the same size.
        std::fs::write(&program, "other").unwrap();
        assert!(!matches_stamp(&program, "1.0"));
    }
}
