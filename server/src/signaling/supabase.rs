//! Tokens of a clinic's accounts at Supabase.

use autamedica_api::Id;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::secret::Secret;

/// Verifies tokens with a project's JWT secret (HS256).
///
/// Only who somebody is is taken from a token. What they may do follows from the consultation: users can change their own
/// `user_metadata`, and with it the role there.
pub struct SupabaseVerifier {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl SupabaseVerifier {
    /// With a project's secret.
    pub fn new(secret: &Secret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // A signed-in user's; the project's own keys have another one, or none.
        validation.set_audience(&["authenticated"]);
        validation.validate_nbf = true;
        // The secret signs and checks tokens, so it has to be exposed to the library.
        Self { key: DecodingKey::from_secret(secret.expose().as_bytes()), validation }
    }

    /// The user that a good token names. The signature is checked with the algorithm that LiveKit's library has set up, so a
    /// token is tried as one of ours first.
    pub fn user(&self, token: &str) -> Option<Id> {
        let read = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        Id::new(read.ok()?.claims.sub).ok()
    }
}

impl std::fmt::Debug for SupabaseVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SupabaseVerifier(…)")
    }
}
