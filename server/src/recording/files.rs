//! Files of the recorders in this server's folder: `RECORDING.partN.mkv`, later `RECORDING.partN.mp4`.

use std::io;
use std::path::{Path, PathBuf};

/// File of a recording in the recorders' folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFile {
    /// Id of the recording.
    pub recording: String,
    /// Number of the part.
    pub number: u32,
    /// Path of the file.
    pub path: PathBuf,
}

/// Returns the files of all recordings in a folder, without subfolders.
///
/// # Errors
/// If the folder can't be read.
pub fn all(folder: &Path) -> io::Result<Vec<PartFile>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some((recording, number)) = path.file_name().and_then(|name| parse(name.to_str()?)) {
            found.push(PartFile { recording: recording.to_owned(), number, path });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Returns the files of one recording.
///
/// # Errors
/// If the folder can't be read.
pub fn of(folder: &Path, recording: &str) -> io::Result<Vec<PartFile>> {
    let mut found = all(folder)?;
    found.retain(|file| file.recording == recording);
    Ok(found)
}

/// Parses the name of an MKV or MP4 file into recording id and part number.
fn parse(name: &str) -> Option<(&str, u32)> {
    let name = name.strip_suffix(".mkv").or_else(|| name.strip_suffix(".mp4"))?;
    parse_label(name)
}

/// Returns the label of a part's recorder: `RECORDING.partN`.
pub fn label(recording: &str, number: u32) -> String {
    format!("{recording}.part{number}")
}

/// Parses a label into recording id and part number.
pub fn parse_label(label: &str) -> Option<(&str, u32)> {
    let (recording, number) = label.rsplit_once(".part")?;
    let number = number.parse().ok()?;
    (!recording.is_empty()).then_some((recording, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_recordings_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("consultations")).unwrap();
        for name in ["a.part2.mkv", "a.part1.mp4", "b.part1.mkv", "a.part1.mp4.partial", "server-id", ".part1.mkv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = |files: Vec<PartFile>| files.into_iter().map(|file| label(&file.recording, file.number));
        assert_eq!(found(all(folder.path()).unwrap()).collect::<Vec<_>>(), ["a.part1", "a.part2", "b.part1"]);
        assert_eq!(found(of(folder.path(), "a").unwrap()).collect::<Vec<_>>(), ["a.part1", "a.part2"]);
        assert!(all(&folder.path().join("none")).is_err());
    }
}
