//! Cryptography with the master key: sealing secrets for the database, hashing codes, and signing the audit log's
//! chain.

use std::fmt;
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac::{self, HMAC_SHA256};

use crate::secret::{Secret, hex, random_bytes, random_secret, unhex};

/// Length of the master key in bytes.
const KEY_LEN: usize = 32;

/// Keys derived from the master key. Each database has its own vault.
pub struct Vault {
    seal: LessSafeKey,
    codes: hmac::Key,
    audit: hmac::Key,
    audit_head: hmac::Key,
    links: hmac::Key,
    check: String,
}

/// Error of the master key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file can't be read or created.
    #[error("the master key's file can't be read or created")]
    File(#[from] std::io::Error),
    /// The key has the wrong format.
    #[error("the master key must be 64 hexadecimal digits (create one with `openssl rand -hex 32`)")]
    Format,
}

/// Error of opening a sealed text that was changed, or sealed with another master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret can't be opened with this master key")]
pub struct CannotOpen;

impl Vault {
    /// Creates a vault from the operator's master key.
    ///
    /// # Errors
    /// [`VaultError::Format`] if it isn't 64 hexadecimal digits.
    pub fn from_hex(key: &Secret) -> Result<Self, VaultError> {
        let bytes = unhex(key.expose().trim()).filter(|bytes| bytes.len() == KEY_LEN).ok_or(VaultError::Format)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Creates a vault with a random master key that isn't stored.
    pub fn ephemeral() -> Self {
        Self::from_bytes(&random_bytes::<KEY_LEN>())
    }

    /// Creates a vault from a key file, readable by this user only; creates a missing file.
    ///
    /// # Errors
    /// [`VaultError::File`] if the file can't be read or created, and [`VaultError::Format`] if it doesn't contain a
    /// key.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        if !path.try_exists()? {
            crate::files::write_atomically(path, random_secret::<KEY_LEN>().expose())?;
        }
        // Reads the file even after writing it, because another process may have created it first.
        Self::from_hex(&Secret::new(std::fs::read_to_string(path)?))
    }

    fn from_bytes(master: &[u8]) -> Self {
        let master = hmac::Key::new(HMAC_SHA256, master);
        let derive = |purpose: &str| hmac::sign(&master, purpose.as_bytes());
        let seal =
            UnboundKey::new(&AES_256_GCM, derive("autamedica seal 1").as_ref()).expect("HMAC-SHA256 gives 32 bytes");
        let mac = |purpose| hmac::Key::new(HMAC_SHA256, derive(purpose).as_ref());
        Self {
            seal: LessSafeKey::new(seal),
            codes: mac("autamedica codes 1"),
            audit: mac("autamedica audit 1"),
            audit_head: mac("autamedica audit head 1"),
            links: mac("autamedica links 1"),
            check: hex(derive("autamedica check 1").as_ref()),
        }
    }

    /// Seals `text` for the database. `context` (a consultation's id) is authenticated, so that the result can't be
    /// moved elsewhere.
    pub fn seal(&self, context: &str, text: &str) -> String {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut bytes = text.as_bytes().to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut bytes)
            .expect("short texts can always be sealed");
        hex(&[&nonce[..], &bytes].concat())
    }

    /// Opens a sealed text: the inverse of [`seal`](Self::seal).
    ///
    /// # Errors
    /// [`CannotOpen`] if it was changed, moved, or sealed with another master key.
    pub fn open(&self, context: &str, sealed: &str) -> Result<String, CannotOpen> {
        let bytes = unhex(sealed).ok_or(CannotOpen)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let mut sealed = sealed.to_vec();
        let text = self.seal.open_in_place(nonce, Aad::from(context), &mut sealed).map_err(|_| CannotOpen)?;
        String::from_utf8(text.to_vec()).map_err(|_| CannotOpen)
    }

    /// Returns a value that identifies the master key without revealing it.
    pub fn check_value(&self) -> &str {
        &self.check
    }

    /// Signs the content of a link.
    pub fn sign_link(&self, text: &str) -> String {
        hex(hmac::sign(&self.links, text.as_bytes()).as_ref())
    }

    /// Returns `true` if the signature of a link's content is valid.
    pub fn is_signed_link(&self, text: &str, signature: &str) -> bool {
        unhex(signature).is_some_and(|signature| hmac::verify(&self.links, text.as_bytes(), &signature).is_ok())
    }

    /// Hashes a join code. Keyed, because eight digits could be guessed from a plain hash.
    pub fn hash_code(&self, code: &str) -> String {
        hex(hmac::sign(&self.codes, code.as_bytes()).as_ref())
    }

    /// Returns the audit log's hash of `entry` and the previous hash.
    pub fn chain(&self, before: &str, entry: &str) -> String {
        let mut context = hmac::Context::with_key(&self.audit);
        context.update(before.as_bytes());
        context.update(b"\n");
        context.update(entry.as_bytes());
        hex(context.sign().as_ref())
    }
}

impl Vault {
    /// Seals the audit log's head: number and hash of the newest entry.
    pub fn seal_head(&self, seq: i64, hash: &str) -> String {
        hex(hmac::sign(&self.audit_head, format!("{seq}:{hash}").as_bytes()).as_ref())
    }

    /// Returns `true` if the head was sealed with this master key.
    pub fn is_sealed_head(&self, seq: i64, hash: &str, seal: &str) -> bool {
        let text = format!("{seq}:{hash}");
        unhex(seal).is_some_and(|seal| hmac::verify(&self.audit_head, text.as_bytes(), &seal).is_ok())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_and_context_only() {
        let vault = Vault::ephemeral();
        let sealed = vault.seal("context", "a secret");
        assert!(!sealed.contains("secret") && sealed != vault.seal("context", "a secret"));
        assert_eq!(vault.open("context", &sealed).unwrap(), "a secret");
        assert_eq!(vault.open("elsewhere", &sealed), Err(CannotOpen));
        assert_eq!(Vault::ephemeral().open("context", &sealed), Err(CannotOpen));
        for broken in ["", "zz", "00", &sealed[2..], &sealed.replace(&sealed[..2], "00")[..sealed.len() - 2]] {
            assert_eq!(vault.open("context", broken), Err(CannotOpen));
        }
    }

    #[test]
    fn a_key_file_is_created_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let sealed = Vault::from_file(&path).unwrap().seal("context", "x");
        assert_eq!(Vault::from_file(&path).unwrap().open("context", &sealed).unwrap(), "x");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(Vault::from_file(&path), Err(VaultError::Format)));
    }
}
