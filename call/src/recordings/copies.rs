//! Copies of recordings for a player, in a private folder that is deleted with the app.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::{BaseStrategy as _, choose_base_strategy};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::PartId;

/// Lock file that the owner of the folder holds.
const LOCK: &str = "in-use";

/// Copies of one app. Clones share them; dropping the last one deletes them.
#[derive(Clone, Debug)]
pub struct Copies {
    below: PathBuf,
    stored: Arc<Mutex<Stored>>,
}

#[derive(Debug, Default)]
struct Stored {
    /// Created with the first copy.
    folder: Option<Folder>,
    files: HashMap<PartId, PathBuf>,
    made: u32,
}

#[derive(Debug)]
struct Folder {
    // Released before the folder is deleted, as some systems require.
    _lock: File,
    directory: TempDir,
}

impl Copies {
    /// Stores copies in the user's cache folder: on disk, because a recording may have gigabytes.
    pub fn of_user() -> Self {
        let cache = choose_base_strategy().map(|folders| folders.cache_dir().join("autamedica"));
        Self::below(cache.unwrap_or_else(|_| std::env::temp_dir().join("autamedica")).join("played"))
    }

    /// Stores copies in this app's own folder below `folder`.
    pub fn below(folder: PathBuf) -> Self {
        Self { below: folder, stored: Arc::default() }
    }

    /// Returns the copy of a part, if it exists. Blocks on the disk.
    pub(super) fn get(&self, part: &PartId) -> Option<PathBuf> {
        self.stored.lock().files.get(part).filter(|file| file.is_file()).cloned()
    }

    /// Returns a path for a new copy with this extension. Its name is anonymous, because players remember names.
    ///
    /// # Errors
    /// When creating the folder fails.
    pub(super) fn new_path(&self, kind: &str) -> io::Result<PathBuf> {
        let mut stored = self.stored.lock();
        if stored.folder.is_none() {
            stored.folder = Some(make(&self.below)?);
        }
        stored.made += 1;
        let name = format!("autamedica-{}.{kind}", stored.made);
        let folder = stored.folder.as_ref().expect("invariant: made above");
        Ok(folder.directory.path().join(name))
    }

    /// Registers the copy of a part.
    pub(super) fn insert(&self, part: PartId, file: PathBuf) {
        self.stored.lock().files.insert(part, file);
    }

    /// Deletes the copies of a deleted recording.
    pub(super) fn forget(&self, recording: &str) {
        let mut stored = self.stored.lock();
        for (_, file) in stored.files.extract_if(|part, _| part.recording == recording) {
            if let Err(error) = fs::remove_file(file) {
                tracing::warn!(%error, "copy of a deleted recording not deleted before the app ends");
            }
        }
    }
}

/// Creates this app's folder and deletes those of apps that crashed.
fn make(below: &Path) -> io::Result<Folder> {
    fs::create_dir_all(below)?;
    // No other app creates a folder while this is locked: one that is not locked has no owner.
    let gate = File::create(below.join("lock"))?;
    gate.lock()?;
    for entry in fs::read_dir(below)? {
        let folder = entry?.path();
        let in_use = File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
        if folder.is_dir()
            && !in_use
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!(%error, "leftover copies of recordings not deleted");
        }
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let directory = builder.tempdir_in(below)?;
    let lock = File::create(directory.path().join(LOCK))?;
    lock.lock()?;
    Ok(Folder { _lock: lock, directory })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(recording: &str) -> PartId {
        PartId { recording: recording.into(), number: 1 }
    }

    fn copy(copies: &Copies, recording: &str) -> PathBuf {
        let file = copies.new_path("mp4").unwrap();
        fs::write(&file, "picture and sound").unwrap();
        copies.insert(part(recording), file.clone());
        file
    }

    #[test]
    fn copies_go_with_the_app_or_with_their_recording() {
        let folder = tempfile::tempdir().unwrap();
        let copies = Copies::below(folder.path().join("played"));
        let (first, second) = (copy(&copies, "a"), copy(&copies, "b"));
        assert_eq!(copies.get(&part("a")), Some(first.clone()));
        copies.forget("a");
        assert_eq!((copies.get(&part("a")), first.exists(), second.exists()), (None, false, true));
        let clone = copies.clone();
        drop(copies);
        assert!(second.exists());
        drop(clone);
        assert!(!second.exists() && !second.parent().unwrap().exists());
    }

    #[test]
    fn what_a_crashed_app_left_goes_with_the_next_copy_and_what_another_app_plays_stays() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("autamedica-1.mp4"), "somebody").unwrap();
        let other = Copies::below(folder.path().to_owned());
        let theirs = copy(&other, "theirs");
        assert!(!left.exists());
        let ours = Copies::below(folder.path().to_owned());
        copy(&ours, "ours");
        assert!(theirs.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_looks_into_the_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let copies = Copies::below(folder.path().to_owned());
        let file = copy(&copies, "a");
        let mode = fs::metadata(file.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
