//! Tokens of a clinic's Supabase accounts.

use autamedica_api::Id;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::secret::Secret;

/// Verifier of tokens with a project's JWT secret (HS256).
///
/// Only the user's id is used. Permissions follow from the consultation, because users can change their own
/// `user_metadata`, including the role in it.
pub struct SupabaseVerifier {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl SupabaseVerifier {
    /// Creates a verifier with a project's secret.
    pub fn new(secret: &Secret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // Audience of signed-in users; tokens of the project itself have another one or none.
        validation.set_audience(&["authenticated"]);
        validation.validate_nbf = true;
        Self { key: DecodingKey::from_secret(secret.expose().as_bytes()), validation }
    }

    /// Returns the user of a valid token. LiveKit's library must have installed jsonwebtoken's crypto provider, so
    /// tokens of this server are tried first.
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
