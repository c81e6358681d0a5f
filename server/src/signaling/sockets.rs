//! How many sockets are open, in all and of each person.

use std::sync::Arc;

use autamedica_api::Id;

use crate::counts::{Counted, Counts};

/// How many may be open in all.
const MOST: usize = 10_000;
/// How many one person may have open.
const MOST_OF_ONE: usize = 8;

/// Counts open sockets.
#[derive(Debug, Default)]
pub struct Sockets(Arc<Counts<Id>>);

/// An open socket; dropped, it counts no more.
pub type OpenSocket = Counted<Id>;

impl Sockets {
    /// Counts one more of this user. `None` when there are too many already.
    pub fn open(&self, user: &Id) -> Option<OpenSocket> {
        self.0.open(user.clone(), MOST, MOST_OF_ONE)
    }

    /// Number of open ones.
    pub fn count(&self) -> usize {
        self.0.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_cannot_take_all() {
        let sockets = Sockets::default();
        let id = |text: &str| Id::new(text).unwrap();
        let open: Vec<_> = (0..MOST_OF_ONE).map(|_| sockets.open(&id("a")).unwrap()).collect();
        assert!(sockets.open(&id("a")).is_none());
        let other = sockets.open(&id("b")).unwrap();
        assert_eq!(sockets.count(), MOST_OF_ONE + 1);
        drop((open, other));
        assert_eq!(sockets.count(), 0);
        assert!(sockets.open(&id("a")).is_some());
    }
}
