//! Files of a recording: paths of its parts, and recovery after a killed recorder.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use autamedica_api::{RecordedPart, RecorderOrder};

use crate::error::RecorderError;
use crate::remux;

/// One part of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Matroska file, which exists until it is remuxed to an MP4 file in the same folder.
    pub matroska: PathBuf,
}

impl Part {
    /// Creates the part of an order, and its folder with mode 0700.
    ///
    /// # Errors
    /// [`RecorderError::BadOrder`] for an invalid name or an existing part, [`RecorderError::File`] or
    /// [`RecorderError::DiskFull`] when the folder can't be created.
    pub fn of(order: &RecorderOrder) -> Result<Self, RecorderError> {
        let plain = !order.name.is_empty()
            && !order.name.starts_with('.')
            && order.name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign));
        if !plain {
            return Err(RecorderError::BadOrder("the name must be letters, digits, `-`, `_` and `.`".into()));
        }
        let folder = &order.directory;
        if !folder.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder).map_err(RecorderError::file(folder))?;
            // The umask may have removed permissions of the owner.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(RecorderError::file(folder))?;
        }
        let matroska = folder.join(format!("{}.part{}.mkv", order.name, order.part));
        if matroska.exists() || matroska.with_extension("mp4").exists() {
            return Err(RecorderError::BadOrder("the part exists".into()));
        }
        Ok(Self { matroska })
    }

    /// Lists all parts of a recording (`DIR/NAME`) in order, finished or not.
    fn all(recording: &Path) -> Result<Vec<Self>, RecorderError> {
        let name = recording.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = match recording.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut parts = std::collections::BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(RecorderError::file(folder))? {
            let path = entry.map_err(RecorderError::file(folder))?.path();
            let number = path.file_name().and_then(|file| part_number(file.to_str()?, name));
            if let Some(number) = number {
                parts.insert(number, Self { matroska: path.with_extension("mkv") });
            }
        }
        Ok(parts.into_values().collect())
    }

    /// Remuxes the part to MP4, or describes the existing MP4.
    ///
    /// # Errors
    /// [`RecorderError::DiskFull`], [`RecorderError::File`], [`RecorderError::GStreamer`] or [`RecorderError::Timeout`]. The
    /// Matroska file is kept.
    pub fn finish(&self) -> Result<RecordedPart, RecorderError> {
        if self.matroska.exists() {
            remux::to_mp4(&self.matroska)
        } else {
            remux::describe(&self.matroska.with_extension("mp4"))
        }
    }

    /// Describes the Matroska file.
    pub(crate) fn describe_matroska(&self) -> Result<RecordedPart, RecorderError> {
        remux::describe(&self.matroska)
    }
}

/// Parses N of `NAME.partN.mkv` and `NAME.partN.mp4`.
fn part_number(file: &str, name: &str) -> Option<u32> {
    let rest = file.strip_prefix(name)?.strip_prefix(".part")?;
    let number = rest.strip_suffix(".mkv").or_else(|| rest.strip_suffix(".mp4"))?;
    number.parse().ok()
}

/// Finishes all parts of a recording (`DIR/NAME`). Returns the results in order.
///
/// # Errors
/// [`RecorderError::File`] when the folder can't be read, [`RecorderError::NoSuchRecording`] when there is no part.
pub fn recover(recording: &Path) -> Result<Vec<Result<RecordedPart, RecorderError>>, RecorderError> {
    let parts = Part::all(recording)?;
    if parts.is_empty() {
        return Err(RecorderError::NoSuchRecording(recording.to_owned()));
    }
    Ok(parts.iter().map(Part::finish).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(directory: &Path, name: &str) -> RecorderOrder {
        RecorderOrder {
            url: String::new(),
            token: String::new(),
            e2ee_key: None,
            e2ee_key_index: 0,
            directory: directory.to_owned(),
            name: name.to_owned(),
            part: 2,
            people: std::collections::BTreeSet::new(),
            language: "es".to_owned(),
            roles: std::collections::BTreeMap::new(),
            names: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_part_has_a_private_folder_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("deep/recordings");
        let part = Part::of(&order(&directory, "one")).unwrap();
        assert_eq!(part.matroska, directory.join("one.part2.mkv"));
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(directory.join("one.part2.mp4"), "").unwrap();
        assert!(matches!(Part::of(&order(&directory, "one")), Err(RecorderError::BadOrder(_))));
        for name in ["", "../one", "a/b", ".hidden", "with space"] {
            assert!(Part::of(&order(&directory, name)).is_err(), "{name}");
        }
    }

    #[test]
    fn only_parts_of_the_recording_are_listed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.part10.mkv", "a.part2.mp4", "a.part2.mkv", "a.part1.mp4", "ab.part1.mkv", "a.part1.mp4.partial"]
        {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let names: Vec<_> =
            Part::all(&folder.path().join("a")).unwrap().into_iter().map(|part| part.matroska).collect();
        assert_eq!(names, ["a.part1.mkv", "a.part2.mkv", "a.part10.mkv"].map(|name| folder.path().join(name)));
        assert!(matches!(recover(&folder.path().join("none")), Err(RecorderError::NoSuchRecording(_))));
    }
}
