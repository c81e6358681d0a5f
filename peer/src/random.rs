//! Random identifiers and tokens.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::StartError;

/// Returns `N` random bytes in hexadecimal.
///
/// # Errors
/// [`StartError::Random`] when the operating system gives none.
pub(crate) fn hex<const N: usize>() -> Result<String, StartError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
