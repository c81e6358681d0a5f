//! Socket.IO connections, counted from before authentication until their end, because clients can open and close
//! sockets repeatedly on one connection.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};

use crate::counts::{Counted, Counts};
use crate::limits::network;

/// Maximum number of connections.
const MAX_CONNECTIONS: usize = 10_000;
/// Maximum number of connections per address.
const MAX_PER_ADDRESS: usize = 512;
/// Maximum number of authentication attempts per connection. A refused client may retry with another token.
const MAX_ATTEMPTS: u32 = 5;
/// Number of messages allowed at once: a call's first candidates arrive together.
const BURST: u32 = 200;
/// Time after which one more message is allowed.
const PERIOD: Duration = Duration::from_millis(50);

/// Counters of open connections.
#[derive(Debug, Default)]
pub struct Sessions(Arc<Counts<IpAddr>>);

/// An open connection; dropping it decrements the counters.
#[derive(Debug)]
pub struct Session {
    attempts: AtomicU32,
    rate: DefaultDirectRateLimiter,
    _counted: Counted<IpAddr>,
}

impl Sessions {
    /// Counts a connection. Returns `None` if there are too many.
    pub fn open(&self, address: IpAddr) -> Option<Session> {
        let counted = self.0.open(network(address), MAX_CONNECTIONS, MAX_PER_ADDRESS)?;
        let quota = Quota::with_period(PERIOD).expect("the period isn't zero");
        let burst = NonZeroU32::new(BURST).expect("the burst isn't zero");
        let rate = DefaultDirectRateLimiter::direct(quota.allow_burst(burst));
        Some(Session { attempts: AtomicU32::new(0), rate, _counted: counted })
    }
}

impl Session {
    /// Returns `true` if another authentication attempt is allowed.
    pub fn may_authenticate(&self) -> bool {
        self.attempts.fetch_add(1, Ordering::Relaxed) < MAX_ATTEMPTS
    }

    /// Returns `true` if another message is allowed.
    pub fn may_send(&self) -> bool {
        self.rate.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_per_address_are_limited() {
        let sessions = Sessions::default();
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let open: Vec<_> = (0..MAX_PER_ADDRESS).map(|_| sessions.open(address(1)).unwrap()).collect();
        assert!(sessions.open(address(1)).is_none());
        assert!(sessions.open(address(2)).is_some());
        drop(open);
        assert!(sessions.open(address(1)).is_some());
    }

    #[test]
    fn attempts_and_messages_of_a_connection_are_limited() {
        let session = Sessions::default().open(IpAddr::from([192, 0, 2, 1])).unwrap();
        assert_eq!((0..10).filter(|_| session.may_authenticate()).count(), MAX_ATTEMPTS as usize);
        let sent = (0..2 * BURST).filter(|_| session.may_send()).count();
        assert!((BURST as usize..BURST as usize + 20).contains(&sent), "{sent}");
    }
}
