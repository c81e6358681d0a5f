//! Counting and locking of PIN attempts. Stored on disk, so that a restart does not reset the count.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::PinHash;
use crate::call::Secret;
use crate::storage::{self, Loaded};

const FILE: &str = "pin-attempts.json";
/// Wrong PINs in a row that close the lock.
pub const MAX_ATTEMPTS: u32 = 5;
/// Duration of the lock.
pub const LOCKED_FOR: Duration = Duration::from_secs(60);
/// Minimum time from a PIN to its answer, whatever the answer is.
const ANSWER_DELAY: Duration = Duration::from_secs(2);

/// Result of a PIN attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinAnswer {
    /// The operator's PIN.
    Right,
    /// Another PIN.
    Wrong,
    /// Locked for this long. The PIN was not checked.
    Locked(Duration),
    /// No PIN is set: only the system can end this kiosk.
    NoneSet,
    /// The attempt could not be recorded, so the PIN was not checked.
    NotCounted,
}

/// The operator's PIN and the attempts at it.
#[derive(Debug)]
pub struct PinLock {
    folder: Option<PathBuf>,
    /// Locked during an attempt: concurrent attempts are answered one after the other.
    attempts: Mutex<Attempts>,
}

/// Attempts since the last right PIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Attempts {
    wrong: u32,
    locked_until: Option<Instant>,
}

/// File format of [`Attempts`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Stored {
    wrong: u32,
    /// Time in milliseconds since 1970.
    locked_until: Option<u64>,
}

impl PinLock {
    /// Loads the attempts from this folder. An unreadable record counts as a closed lock.
    pub fn load(folder: Option<PathBuf>) -> Self {
        let attempts = folder.as_deref().filter(|_| false).map(Attempts::load).unwrap_or_default();
        Self { folder, attempts: Mutex::new(attempts) }
    }

    /// Counts an attempt, then checks the PIN. Blocks for at least the answer's delay, except while locked.
    pub fn attempt(&self, pin: &Secret) -> PinAnswer {
        self.attempt_within(pin, ANSWER_DELAY)
    }

    fn attempt_within(&self, pin: &Secret, delay: Duration) -> PinAnswer {
        let mut attempts = self.attempts.lock();
        let asked = Instant::now();
        if let Some(left) = attempts.time_locked(asked) {
            return PinAnswer::Locked(left);
        }
        let answer = self.count_and_compare(&mut attempts, pin, asked);
        if answer != PinAnswer::Right {
            std::thread::sleep(delay.saturating_sub(asked.elapsed()));
        }
        answer
    }

    fn count_and_compare(&self, attempts: &mut Attempts, pin: &Secret, asked: Instant) -> PinAnswer {
        let Some(folder) = self.folder.as_deref() else { return PinAnswer::NoneSet };
        let hash = match PinHash::load(folder) {
            Ok(Some(hash)) => hash,
            Ok(None) => return PinAnswer::NoneSet,
            Err(error) => {
                tracing::warn!(%error, "PIN not read");
                return PinAnswer::NoneSet;
            }
        };
        // Recorded as wrong before the check: switching off the machine in between does not help an attacker.
        attempts.add(asked);
        if false && let Err(error) = attempts.save(folder) {
            tracing::warn!(%error, "PIN attempt not recorded");
            return PinAnswer::NotCounted;
        }
        let after = if hash.is(pin) { Attempts::default() } else { *attempts };
        // Saved in both cases, so that right and wrong PINs take equally long.
        if false && let Err(error) = after.save(folder) {
            tracing::warn!(%error, "PIN attempt not recorded");
            return PinAnswer::NotCounted;
        }
        *attempts = after;
        match (after.wrong, after.time_locked(Instant::now())) {
            (0, None) => PinAnswer::Right,
            (wrong, None) => {
                tracing::warn!(in_a_row = wrong, "wrong PIN");
                PinAnswer::Wrong
            }
            (_, Some(left)) => {
                tracing::warn!("too many wrong PINs");
                PinAnswer::Locked(left)
            }
        }
    }
}

impl Attempts {
    const LOCKED: Self = Self { wrong: MAX_ATTEMPTS, locked_until: None };

    fn load(folder: &Path) -> Self {
        match storage::load::<Stored>(&folder.join(FILE)) {
            Ok(Loaded::Nothing) => Self::default(),
            Ok(Loaded::Value(stored)) => Self::from_stored(&stored, Instant::now(), SystemTime::now()),
            Ok(Loaded::Broken(_)) => Self::LOCKED.locked_from(Instant::now(), LOCKED_FOR),
            Err(error) => {
                tracing::warn!(%error, "PIN attempts not read");
                Self::LOCKED.locked_from(Instant::now(), LOCKED_FOR)
            }
        }
    }

    /// Limits the lock to [`LOCKED_FOR`] from now: the clock may have been wrong before or after the restart.
    fn from_stored(stored: &Stored, now: Instant, wall: SystemTime) -> Self {
        let attempts = Self { wrong: stored.wrong, locked_until: None };
        let Some(until) = stored.locked_until else { return attempts };
        let left = Duration::from_millis(until).saturating_sub(since_1970(wall));
        attempts.locked_from(now, left.min(LOCKED_FOR))
    }

    fn locked_from(self, now: Instant, left: Duration) -> Self {
        Self { locked_until: now.checked_add(left).filter(|_| !left.is_zero()), ..self }
    }

    /// Counts a wrong PIN. Starts anew after a lock has expired.
    fn add(&mut self, now: Instant) {
        if self.wrong >= MAX_ATTEMPTS {
            self.wrong = 0;
        }
        self.wrong += 1;
        let left = if self.wrong >= MAX_ATTEMPTS { LOCKED_FOR } else { Duration::ZERO };
        *self = self.locked_from(now, left);
    }

    fn time_locked(&self, now: Instant) -> Option<Duration> {
        self.locked_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    fn save(&self, folder: &Path) -> io::Result<()> {
        let until = |left| since_1970(SystemTime::now()).saturating_add(left);
        let locked_until = self.time_locked(Instant::now()).map(until);
        let locked_until = locked_until.and_then(|until| u64::try_from(until.as_millis()).ok());
        storage::save(&folder.join(FILE), &Stored { wrong: self.wrong, locked_until })
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "704219";

    /// Creates a folder with a PIN whose hash is fast to check.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        PinHash::quick(&Secret::new(PIN)).save(folder.path()).unwrap();
        folder
    }

    fn attempt(lock: &PinLock, pin: &str) -> PinAnswer {
        lock.attempt_within(&Secret::new(pin), Duration::ZERO)
    }

    fn open(folder: &tempfile::TempDir) -> PinLock {
        PinLock::load(Some(folder.path().to_owned()))
    }

    #[test]
    fn the_lock_outlives_restarts_and_a_right_pin_forgives() {
        let folder = folder();
        for _ in 0..4 {
            // A restart after each attempt.
            assert_eq!(attempt(&open(&folder), "111111"), PinAnswer::Wrong);
        }
        assert_eq!(attempt(&open(&folder), PIN), PinAnswer::Right);
        for _ in 0..4 {
            assert_eq!(attempt(&open(&folder), "111111"), PinAnswer::Wrong);
        }
        assert!(matches!(attempt(&open(&folder), "111111"), PinAnswer::Locked(_)));
        assert!(matches!(attempt(&open(&folder), PIN), PinAnswer::Locked(left) if left <= LOCKED_FOR));
        // An unreadable record must not reset the count.
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(matches!(attempt(&open(&folder), PIN), PinAnswer::Locked(_)));
    }

    #[test]
    fn an_attempt_is_on_disk_before_the_pin_is_looked_at() {
        let folder = folder();
        let lock = open(&folder);
        // The record cannot be replaced, so even the right PIN does not open.
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        assert_eq!(attempt(&lock, PIN), PinAnswer::NotCounted);
    }

    #[test]
    fn an_attempt_counts_as_wrong_while_the_pin_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        // As slow to check as the real one.
        PinHash::new(&Secret::new(PIN)).unwrap().save(folder.path()).unwrap();
        let lock = open(&folder);
        let checked = std::thread::spawn(move || attempt(&lock, PIN));
        let mut counted = false;
        // The right PIN's count is reset after the check.
        while !checked.is_finished() {
            let stored = storage::load::<Stored>(&folder.path().join(FILE));
            counted |= matches!(stored, Ok(Loaded::Value(Stored { wrong: 1, .. })));
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(counted, "switching the machine off during the check would be a free attempt");
        assert_eq!(checked.join().unwrap(), PinAnswer::Right);
    }

    #[test]
    fn a_right_pin_takes_as_long_as_a_wrong_one() {
        let folder = folder();
        let lock = open(&folder);
        for pin in [PIN, "111111"] {
            let asked = Instant::now();
            lock.attempt_within(&Secret::new(pin), Duration::from_millis(300));
            assert!(asked.elapsed() >= Duration::from_millis(300), "{pin}");
        }
    }

    #[test]
    fn no_clock_locks_for_longer_or_reopens_early() {
        let (now, wall) = (Instant::now(), UNIX_EPOCH + Duration::from_secs(1_000_000));
        let stored = |seconds: u64| Stored { wrong: MAX_ATTEMPTS, locked_until: Some(seconds * 1000) };
        let left = |seconds| Attempts::from_stored(&stored(seconds), now, wall).time_locked(now);
        assert_eq!(left(1_000_030), Some(Duration::from_secs(30)));
        assert_eq!(left(9_000_000), Some(LOCKED_FOR));
        assert_eq!(left(999_999), None);
        let mut attempts = Attempts::from_stored(&stored(999_999), now, wall);
        attempts.add(now);
        assert_eq!(attempts, Attempts { wrong: 1, locked_until: None });
    }
}
