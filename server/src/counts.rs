//! Limited counters per key, such as connections per address and sockets per user.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Number of open objects per key. Keys without objects are removed.
#[derive(Debug)]
pub struct Counts<K: Eq + Hash>(Mutex<HashMap<K, usize>>);

/// A counted object; dropping it decrements the counter.
#[derive(Debug)]
pub struct Counted<K: Eq + Hash> {
    key: K,
    counts: Arc<Counts<K>>,
}

impl<K: Eq + Hash> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// Increments a key's counter. Returns `None` if the total is `max_total` or the counter is `max_per_key` already.
    pub fn open(self: &Arc<Self>, key: K, max_total: usize, max_per_key: usize) -> Option<Counted<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.values().sum::<usize>() >= max_total || counts.get(&key).is_some_and(|own| *own >= max_per_key) {
            return None;
        }
        *counts.entry(key.clone()).or_default() += 1;
        Some(Counted { key, counts: self.clone() })
    }

    /// Returns the total over all keys.
    pub fn total(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_limited_and_decremented_on_drop() {
        let counts = Arc::<Counts<&str>>::default();
        let open: Vec<_> = (0..2).filter_map(|_| counts.open("a", 3, 2)).collect();
        assert!(open.len() == 2 && counts.open("a", 3, 2).is_none());
        let other = counts.open("b", 3, 2);
        assert!(other.is_some() && counts.open("c", 3, 2).is_none(), "three are all");
        assert_eq!(counts.total(), 3);
        drop((open, other));
        assert_eq!(counts.total(), 0);
        assert!(counts.0.lock().unwrap().is_empty() && counts.open("a", 3, 2).is_some());
    }
}
