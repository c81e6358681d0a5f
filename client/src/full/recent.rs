//! Ids of a doctor's recent consultations, stored on this machine and deleted on request.

use std::io;
use std::path::Path;

use autamedica_api::Id;

use crate::storage;

const FILE: &str = "recent.json";
/// Maximum number of ids, as many as the screen shows.
const MAX_RECENT: usize = 5;

/// Loads the ids, newest first.
pub fn load(folder: &Path) -> Vec<Id> {
    match storage::load(&folder.join(FILE)) {
        Ok(kept) => kept.value().unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "recent consultations not read");
            Vec::new()
        }
    }
}

/// Saves the ids.
///
/// # Errors
/// When writing fails.
pub fn save(folder: &Path, recent: &[Id]) -> io::Result<()> {
    storage::save(&folder.join(FILE), &recent)
}

/// Moves a consultation to the front.
pub fn remember(recent: &mut Vec<Id>, id: &Id) {
    recent.retain(|known| known != id);
    recent.insert(0, id.clone());
    recent.truncate(MAX_RECENT);
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
