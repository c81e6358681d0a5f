use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::{Mutex, MutexGuard};

/// Locks for changes of rooms' metadata. The SFU only replaces it as a whole, so a change is a read and a write, and
/// concurrent changes would overwrite each other.
#[derive(Debug, Default)]
pub struct MetadataLocks([Mutex<()>; 32]);

impl MetadataLocks {
    /// Acquires the lock of a room. Several rooms may share one.
    pub async fn lock(&self, room: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let index = hasher.finish() as usize % self.0.len();
        self.0[index].lock().await
    }
}
