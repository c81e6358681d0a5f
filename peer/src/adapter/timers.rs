//! Timers of the adapter.

use std::time::Duration;

use tokio::time::Instant;

/// Time for a native peer's hello. Without one the peer is a browser.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for the hello of a native peer with whom signaling was interrupted.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a peer to return that lost its signaling without ending the call. Media may go on meanwhile.
pub(super) const ABSENCE_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of attempts to join again while the server still counts the old connection.
pub(super) const REJOIN_INTERVAL: Duration = Duration::from_millis(500);

/// Timer, with the number of the presence that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    Hello(u64),
    Confirm(u64),
    Absence(u64),
    Rejoin,
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

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0.retain(|(_, other)| *other != timer);
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
