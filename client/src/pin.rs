//! The operator's PIN of a kiosk: stored as a slow hash, behind a lock that counts attempts.

mod lock;

use std::io;
use std::num::NonZeroU32;
use std::path::Path;

use autamedica_text::Secret;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::storage::{self, Loaded};

pub use lock::{LOCKED_FOR, MAX_ATTEMPTS, PinAnswer, PinLock};

const FILE: &str = "pin.json";
/// OWASP's recommendation for PBKDF2 with SHA-256: about 0.2 s per attempt.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).expect("not zero");
/// Allowed numbers of digits.
pub const LENGTHS: std::ops::RangeInclusive<usize> = 6..=12;

/// Reason for which a PIN is not set.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Not 6 to 12 digits.
    #[error("a PIN has 6 to 12 digits")]
    Form,
    /// Easy to guess.
    #[error("this PIN is too easy to guess")]
    TooEasy,
    /// Creating the salt or saving failed.
    #[error("the PIN can't be kept")]
    Io(#[from] io::Error),
}

/// Hash of a PIN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinHash {
    iterations: NonZeroU32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PinHash {
    /// Hashes a PIN, slowly.
    ///
    /// # Errors
    /// [`PinError::Form`], [`PinError::TooEasy`]; [`PinError::Io`] without randomness.
    pub fn new(pin: &Secret) -> Result<Self, PinError> {
        let digits = pin.expose().as_bytes();
        if !LENGTHS.contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::Form);
        }
        if is_easy(digits) {
            return Err(PinError::TooEasy);
        }
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| io::Error::other("no randomness"))?;
        Ok(Self::derive(pin, ITERATIONS, salt))
    }

    fn derive(pin: &Secret, iterations: NonZeroU32, salt: [u8; 16]) -> Self {
        let mut hash = [0; 32];
        pbkdf2::derive(PBKDF2_HMAC_SHA256, iterations, &salt, pin.expose().as_bytes(), &mut hash);
        Self { iterations, salt, hash }
    }

    /// Hashes a PIN in one iteration, for fast tests.
    #[cfg(test)]
    fn quick(pin: &Secret) -> Self {
        Self::derive(pin, NonZeroU32::MIN, [7; 16])
    }

    /// Returns whether this is the PIN. Right and wrong PINs take equally long.
    pub fn is(&self, pin: &Secret) -> bool {
        pbkdf2::verify(PBKDF2_HMAC_SHA256, self.iterations, &self.salt, pin.expose().as_bytes(), &self.hash).is_ok()
    }

    /// Saves the hash in this folder.
    ///
    /// # Errors
    /// When writing fails.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        storage::save(&folder.join(FILE), self)
    }

    /// Loads the hash from this folder, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is malformed.
    pub fn load(folder: &Path) -> io::Result<Option<Self>> {
        match storage::load(&folder.join(FILE))? {
            Loaded::Nothing => Ok(None),
            Loaded::Value(hash) => Ok(Some(hash)),
            Loaded::Broken(aside) => Err(io::Error::other(format!("put aside as {}", aside.display()))),
        }
    }
}

/// Returns whether all digits are equal or consecutive, up or down.
fn is_easy(digits: &[u8]) -> bool {
    let steps: Vec<_> = digits.windows(2).map(|pair| i16::from(pair[1]) - i16::from(pair[0])).collect();
    [-1, 0, 1].iter().any(|step| steps.iter().all(|it| it == step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pin_opens_and_the_file_doesnt_hold_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(PinHash::load(folder.path()).unwrap(), None);
        let pin = Secret::new("704219");
        PinHash::new(&pin).unwrap().save(folder.path()).unwrap();
        let kept = PinHash::load(folder.path()).unwrap().unwrap();
        assert!(kept.is(&pin));
        assert!(!kept.is(&Secret::new("704218")) && !kept.is(&Secret::new("")));
        let file = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!file.contains("704219"));
        assert_ne!(PinHash::new(&pin).unwrap(), kept, "the salt is fresh");
    }

    #[test]
    fn a_pin_that_anybody_would_try_isnt_taken() {
        for easy in ["000000", "111111", "123456", "987654", "456789"] {
            assert!(matches!(PinHash::new(&Secret::new(easy)), Err(PinError::TooEasy)), "{easy}");
        }
        for wrong in ["12", "70421", "7042190000000", "70421a", ""] {
            assert!(matches!(PinHash::new(&Secret::new(wrong)), Err(PinError::Form)), "{wrong}");
        }
    }
}
