//! One-time setup by an operator: the pairing with a clinic, and a kiosk's PIN.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use autamedica_call::Secret;
use url::Url;

use crate::pairing::{Pairing, PairingFile};
use crate::pin::PinHash;

/// Environment variable with the key, an alternative to typing it.
const KEY_VARIABLE: &str = "AUTAMEDICA_PAIRING_KEY";

/// Asks for the key and stores it. The key is never an argument, which other users could see.
///
/// # Errors
/// There is no key, it may not be sent to that address, or it can't be stored.
pub(super) fn pair(folder: &Path, file: PairingFile, server: Url) -> Result<()> {
    let key = match std::env::var(KEY_VARIABLE) {
        Ok(key) => Secret::new(key.trim()),
        Err(_) => ask("Key that the clinic's operator made for this machine: ")?,
    };
    ensure!(!key.expose().is_empty(), "no key was given");
    Pairing { server: server.clone(), key }.save(folder, file)?;
    println!("Paired with {server}");
    Ok(())
}

/// Asks for the PIN (twice on a terminal) and stores its hash.
///
/// # Errors
/// The PIN is invalid, the entries differ, or it can't be stored.
pub(super) fn set_pin(folder: &Path) -> Result<()> {
    let pin = ask("PIN of 6 to 12 digits: ")?;
    if std::io::stdin().is_terminal() {
        ensure!(ask("Once more: ")? == pin, "these are two different PINs");
    }
    PinHash::new(&pin)?.save(folder).context("keeping the PIN")?;
    println!("The PIN is set");
    Ok(())
}

/// Reads a line from standard input, without echo on a terminal.
fn ask(question: &str) -> Result<Secret> {
    let input = std::io::stdin();
    let silence = input.is_terminal().then(|| {
        eprint!("{question}");
        // A missing prompt is visible to the operator anyway.
        let _ = std::io::stderr().flush();
        Silence::begin()
    });
    let mut line = String::new();
    input.lock().read_line(&mut line).context("reading standard input")?;
    if silence.is_some() {
        eprintln!();
    }
    Ok(Secret::new(line.trim()))
}

/// Disables the terminal's echo until dropped.
#[cfg(unix)]
struct Silence(Option<libc::termios>);

#[cfg(unix)]
impl Silence {
    fn begin() -> Self {
        // SAFETY: both calls only read and write the given struct, which is whole after the first has succeeded.
        unsafe {
            let mut before = std::mem::zeroed::<libc::termios>();
            if libc::tcgetattr(libc::STDIN_FILENO, &raw mut before) != 0 {
                return Self(None);
            }
            let mut quiet = before;
            quiet.c_lflag &= !libc::ECHO;
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const quiet);
            Self(Some(before))
        }
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // SAFETY: puts back what was read from the same terminal.
            unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const *before) };
        }
    }
}

#[cfg(not(unix))]
struct Silence;

#[cfg(not(unix))]
impl Silence {
    fn begin() -> Self {
        Self
    }
}
