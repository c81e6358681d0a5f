pub use autamedica_text::Secret;
use ring::rand::{SecureRandom, SystemRandom};

/// Names of the settings with secrets of the server, including the replaced deployment's.
const SECRET_SETTINGS: [&str; 15] = [
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "DATABASE_URL",
    "AUTAMEDICA_MASTER_KEY",
    "WEBHOOK_SECRET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_S3_KMS_KEY_ID",
    "R2_ACCOUNT_ID",
    "R2_ACCESS_KEY_ID",
    "R2_SECRET_ACCESS_KEY",
    "SUPABASE_JWT_SECRET",
    "ICE_SERVERS",
    "TURN_SECRET",
];

/// Removes the server's secrets from a child process's environment.
pub(crate) fn without_secrets(command: &mut tokio::process::Command) {
    for name in SECRET_SETTINGS {
        command.env_remove(name);
    }
}

/// Creates a secret from `N` random bytes, in hexadecimal.
pub(crate) fn random_secret<const N: usize>() -> Secret {
    Secret::new(hex(&random_bytes::<N>()))
}

/// Returns `N` bytes from the system's cryptographic random number generator.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system always has randomness");
    bytes
}

/// Encodes bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Decodes hexadecimal: the inverse of [`hex`]; `None` for other text.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn hexadecimal_and_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            proptest::prop_assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        }

        #[test]
        fn other_text_is_none(text in "[0-9a-f]{0,4}[^0-9a-fA-F][0-9a-f]{0,4}") {
            proptest::prop_assert_eq!(unhex(&text), None);
        }
    }

    #[test]
    fn random_secrets_differ() {
        let (one, other) = (random_secret::<32>(), random_secret::<32>());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 64);
    }
}
