//! The consultations that a doctor was in lately: ids only, kept on this machine, forgotten on demand.

use std::io;
use std::path::Path;

use autamedica_api::Id;

use crate::storage;

const FILE: &str = "recent.json";
/// More than a screen shows isn't worth keeping.
const AT_MOST: usize = 5;

/// The newest first.
pub fn load(folder: &Path) -> Vec<Id> {
    match storage::load(&folder.join(FILE)) {
        Ok(kept) => kept.value().unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the recent consultations can't be read");
            Vec::new()
        }
    }
}

/// Keeps them.
///
/// # Errors
/// When the disk doesn't take them.
pub fn save(folder: &Path, recent: &[Id]) -> io::Result<()> {
    storage::save(&folder.join(FILE), &recent)
}

/// Puts a consultation first.
pub fn remember(recent: &mut Vec<Id>, id: &Id) {
    recent.retain(|known| known != id);
    recent.insert(0, id.clone());
    recent.truncate(AT_MOST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_comes_first_and_few_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut recent = load(folder.path());
        for n in [1, 2, 3, 2, 4, 5, 6] {
            remember(&mut recent, &Id::new(n.to_string()).unwrap());
        }
        save(folder.path(), &recent).unwrap();
        let names: Vec<_> = load(folder.path()).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["6", "5", "4", "2", "3"]);
    }
}
