//! Clock of capture times.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the system's time in µs since 1970, comparable between processes of one machine.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
