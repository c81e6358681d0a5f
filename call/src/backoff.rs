//! Exponential backoff.

use std::time::Duration;

/// Returns the pause after this many failures in a row: `first`, doubled each time, up to `most`.
pub(super) fn pause(first: Duration, failures: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failures)).min(most)
}
