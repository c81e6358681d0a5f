use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::{Mutex, MutexGuard};

/// Locks for changes of rooms' metadata. The SFU only replaces it as a whole, so that a change is a read, then a write, and two at
/// once would lose one of them.
#[derive(Debug, Default)]
pub struct MetadataLocks([Mutex<()>; 32]);

impl MetadataLocks {
    /// The lock for a room. Some rooms share one.
    pub async fn lock(&self, room: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let index = hasher.finish() as usize % self.0.len();
        self.0[index].lock().await
    }
}
