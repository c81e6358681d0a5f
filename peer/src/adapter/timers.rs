//! Timers of the adapter.

use std::time::Duration;

use tokio::time::Instant;

/// Time for a native peer's hello where the server doesn't tell who is native. Without one the peer is a browser.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for the hello of a user of whom the server tells that it is native.
pub(super) const NATIVE_HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the hello of a native peer with whom signaling was interrupted. Media goes on meanwhile.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a peer to return that lost its signaling without ending the call. Media may go on meanwhile.
pub(super) const ABSENCE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the answer to an attempt to join.
pub(super) const JOIN_TIMEOUT: Duration = Duration::from_secs(4);
/// First and longest wait between attempts to join.
const REJOIN_WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Maximum number of attempts to join after a passing refusal.
const MAX_REJOINS: u32 = 20;

/// Timer, with the number of the presence that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    Hello(u64),
    Confirm(u64),
    Absence(u64),
    Rejoin,
}

/// Attempts to join again, which wait longer each time.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Time until the next attempt. `None` when there were enough.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let wait = REJOIN_WAIT.0.saturating_mul(1 << self.attempts.min(16)).min(REJOIN_WAIT.1);
        self.attempts += 1;
        (self.attempts <= MAX_REJOINS).then_some(wait)
    }
}

/// Running timers.
#[derive(Debug, Default)]
pub(super) struct Timers(Vec<(Instant, Timer)>);

impl Timers {
    /// Starts a timer, or starts it again.
    pub(super) fn start(&mut self, after: Duration, timer: Timer) {
        self.stop(timer);
        self.0.push((Instant::now() + after, timer));
    }

    /// Stops a timer. Returns `true` if it was running.
    pub(super) fn stop(&mut self, timer: Timer) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, other)| *other != timer);
        self.0.len() < before
    }

    /// Returns `true` if a timer is running.
    pub(super) fn runs(&self, timer: Timer) -> bool {
        self.0.iter().any(|(_, other)| *other == timer)
    }

    /// Time of the next timer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// Removes and returns a timer that has expired.
    pub(super) fn expired(&mut self) -> Option<Timer> {
        let now = Instant::now();
        let index = self.0.iter().position(|(at, _)| *at <= now)?;
        Some(self.0.swap_remove(index).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_to_join_wait_longer_each_time_and_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next()).take(100).collect();
        assert_eq!(waits.len(), MAX_REJOINS as usize);
        assert_eq!((waits[0], waits.last().copied()), (REJOIN_WAIT.0, Some(REJOIN_WAIT.1)));
        assert!(waits.is_sorted());
    }
}
