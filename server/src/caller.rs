//! Who is calling: the holder of a LiveKit token that this server gave out.

use autamedica_api::{ErrorCode, Id, ParticipantMetadata, Role, room_name};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::error::{Error, Result};
use crate::state::AppState;

/// A participant, proved by their own token in `Authorization: Bearer …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The user.
    pub user: Id,
    /// Their role.
    pub role: Role,
    /// The consultation the token is for.
    pub consultation: Id,
}

impl Participant {
    /// Lets the doctor of `consultation` pass and nobody else.
    ///
    /// # Errors
    /// With 403.
    pub fn must_be_doctor_of(&self, consultation: &Id) -> Result<()> {
        if self.role == Role::Doctor && self.consultation == *consultation {
            return Ok(());
        }
        Err(Error::refused(ErrorCode::Forbidden, "only the doctor of this consultation may do this"))
    }
}

impl FromRequestParts<AppState> for Participant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let refusal = || Error::refused(ErrorCode::Unauthorized, "send your token as `Authorization: Bearer …`");
        let token = bearer(parts).ok_or_else(refusal)?;
        let claims = state.sfu.verify(token).map_err(|_| refusal())?;
        // What the server's own calls to LiveKit are signed with has no metadata, so it proves nobody.
        let metadata: ParticipantMetadata = serde_json::from_str(&claims.metadata).map_err(|_| refusal())?;
        let consistent = claims.video.room_join
            && claims.video.room == room_name(&metadata.consultation_id)
            && claims.sub == metadata.user_id.as_str()
            && claims.video.room_record == (metadata.role == Role::Doctor);
        if !consistent {
            return Err(refusal());
        }
        Ok(Self { user: metadata.user_id, role: metadata.role, consultation: metadata.consultation_id })
    }
}

/// The token in `Authorization: Bearer …`.
fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
