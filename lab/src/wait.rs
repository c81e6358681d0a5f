use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Time after which a test counts as hanging.
pub const HANG_GUARD: Duration = Duration::from_secs(25);

/// Polls `check` until it returns a value.
///
/// # Errors
/// `guard` passes without a value; the message names `what`.
pub fn wait_until<T>(what: &str, guard: Duration, mut check: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = check() {
            return Ok(value);
        }
        if started.elapsed() > guard {
            bail!("{what}: nothing within {guard:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns a TCP port of the loopback address that was free a moment ago.
///
/// # Errors
/// The system has no free port.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("asking for a free port")?;
    Ok(listener.local_addr()?.port())
}
