//! The one clock that capture times are read from.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in microseconds since 1970 of the system's clock: comparable between processes of one machine.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
