//! Connections of Socket.io, counted before anybody says whose they are, and until they are gone: the library lets a client end
//! and begin a socket again and again on one connection.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};

use crate::counts::{Counted, Counts};
use crate::limits::network;

/// How many may be open in all.
const MOST: usize = 10_000;
/// How many of one address.
const MOST_OF_ONE: usize = 512;
/// How often one may say whose it is: a client may come with a better token once it was refused.
const ATTEMPTS: u32 = 5;
/// How many messages in a row are fine: a call's first candidates come all at once.
const BURST: u32 = 200;
/// After that one each so often.
const PERIOD: Duration = Duration::from_millis(50);

/// Counts open connections.
#[derive(Debug, Default)]
pub struct Sessions(Arc<Counts<IpAddr>>);

/// An open connection; dropped, it counts no more.
#[derive(Debug)]
pub struct Session {
    attempts: AtomicU32,
    rate: DefaultDirectRateLimiter,
    _counted: Counted<IpAddr>,
}

impl Sessions {
    /// Counts one more of this address. `None` when there are too many already.
    pub fn open(&self, address: IpAddr) -> Option<Session> {
        let counted = self.0.open(network(address), MOST, MOST_OF_ONE)?;
        let quota = Quota::with_period(PERIOD).expect("the period isn't zero");
        let burst = NonZeroU32::new(BURST).expect("the burst isn't zero");
        let rate = DefaultDirectRateLimiter::direct(quota.allow_burst(burst));
        Some(Session { attempts: AtomicU32::new(0), rate, _counted: counted })
    }
}

impl Session {
    /// Whether it may say once more whose it is.
    pub fn may_enter(&self) -> bool {
        self.attempts.fetch_add(1, Ordering::Relaxed) < ATTEMPTS
    }

    /// Whether it may send one more message.
    pub fn may_send(&self) -> bool {
        self.rate.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_and_gives_back_what_it_took() {
        let sessions = Sessions::default();
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let open: Vec<_> = (0..MOST_OF_ONE).map(|_| sessions.open(address(1)).unwrap()).collect();
        assert!(sessions.open(address(1)).is_none());
        assert!(sessions.open(address(2)).is_some());
        drop(open);
        assert!(sessions.open(address(1)).is_some());
    }

    #[test]
    fn a_connection_says_five_times_whose_it_is_and_sends_so_much() {
        let session = Sessions::default().open(IpAddr::from([192, 0, 2, 1])).unwrap();
        assert_eq!((0..10).filter(|_| session.may_enter()).count(), ATTEMPTS as usize);
        let sent = (0..2 * BURST).filter(|_| session.may_send()).count();
        assert!((BURST as usize..BURST as usize + 20).contains(&sent), "{sent}");
    }
}
