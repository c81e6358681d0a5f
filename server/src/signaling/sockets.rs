//! Counters of open sockets, with limits in total and per user.

use std::sync::Arc;

use autamedica_api::Id;

use crate::counts::{Counted, Counts};

/// Maximum number of sockets.
const MAX_SOCKETS: usize = 10_000;
/// Maximum number of sockets per user.
const MAX_PER_USER: usize = 8;

/// Counters of open sockets.
#[derive(Debug, Default)]
pub struct Sockets(Arc<Counts<Id>>);

/// An open socket; dropping it decrements the counters.
pub type OpenSocket = Counted<Id>;

impl Sockets {
    /// Counts a socket. Returns `None` if there are too many.
    pub fn open(&self, user: &Id) -> Option<OpenSocket> {
        self.0.open(user.clone(), MAX_SOCKETS, MAX_PER_USER)
    }

    /// Returns the number of open sockets.
    pub fn count(&self) -> usize {
        self.0.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_per_user_are_limited() {
        let sockets = Sockets::default();
        let id = |text: &str| Id::new(text).unwrap();
        let open: Vec<_> = (0..MAX_PER_USER).map(|_| sockets.open(&id("a")).unwrap()).collect();
        assert!(sockets.open(&id("a")).is_none());
        let other = sockets.open(&id("b")).unwrap();
        assert_eq!(sockets.count(), MAX_PER_USER + 1);
        drop((open, other));
        assert_eq!(sockets.count(), 0);
        assert!(sockets.open(&id("a")).is_some());
    }
}
