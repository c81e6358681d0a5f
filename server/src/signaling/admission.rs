//! Authentication of sockets and authorization for rooms.

use std::net::IpAddr;
use std::sync::Arc;

use autamedica_api::{ErrorCode, Id, Role};
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::socket::Sid;

use super::admitted::{Admitted, Proof, participant_sid};
use super::sessions::Session;
use crate::caller::{self, Participant};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{Standing, StoredConsultation};

/// Credentials of a connecting client: from Socket.IO's `auth`, otherwise from the query.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    user_id: Option<String>,
    token: Option<String>,
}

/// Reason why a socket or a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not allowed.
    #[error("{message}")]
    Refused {
        /// Code for programs.
        code: ErrorCode,
        /// Message for the client's developer.
        message: String,
    },
    /// The doctor hasn't admitted the patient yet.
    #[error("the doctor hasn't let you in yet")]
    NotAdmitted,
    /// An internal error prevented the check.
    #[error("internal error of the server; try again")]
    Failed,
}

impl Refusal {
    /// Creates a refusal with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// Creates a refusal of a message that violates the protocol.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Returns the code for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            Self::NotAdmitted => ErrorCode::Forbidden,
            Self::Failed => ErrorCode::Internal,
        }
    }

    /// Returns the payload of an `error` event.
    pub fn event(&self) -> Value {
        json!({"message": self.to_string(), "code": self.code()})
    }

    /// Returns the text of a `connect_error`, which has no field for the code.
    pub fn connect_error(&self) -> String {
        match serde_json::to_value(self.code()) {
            Ok(Value::String(code)) => format!("{code}: {self}"),
            _ => self.to_string(),
        }
    }
}

/// Logs internal errors, which aren't sent to the client.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { code, message } => Self::Refused { code, message },
            error => {
                tracing::warn!(%error, "signaling failed");
                Self::Failed
            }
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

/// Authenticates a socket.
///
/// # Errors
/// [`Refusal::Refused`] if the credentials are missing or invalid, or there are too many sockets; [`Refusal::Failed`].
pub async fn admit(state: &AppState, parts: &Parts, mut handshake: Handshake) -> Result<Admitted, Refusal> {
    let session = parts.extensions.get::<Arc<Session>>().cloned();
    let session = session
        .filter(|session| session.may_authenticate())
        .ok_or_else(|| Refusal::new(ErrorCode::RateLimited, "too many attempts; open a new connection"))?;
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    for (name, value) in query {
        match &*name {
            "userId" => _ = handshake.user_id.get_or_insert_with(|| value.into_owned()),
            "token" => _ = handshake.token.get_or_insert_with(|| value.into_owned()),
            _ => {}
        }
    }
    let Handshake { user_id, token } = handshake;
    let address = state.proxies.caller_address(&parts.headers, &parts.extensions);
    let claimed = match user_id.filter(|id| !id.is_empty()) {
        Some(id) => Some(Id::new(id).map_err(|_| Refusal::new(ErrorCode::InvalidId, "`userId` isn't an id"))?),
        None => None,
    };
    let token = token.filter(|token| !token.is_empty());
    let (user, proof) = authenticate(state, parts, address, token, claimed.as_ref()).await?;
    if claimed.is_some_and(|claimed| claimed != user) {
        state.refusals.count(address)?;
        return Err(Refusal::new(ErrorCode::Unauthorized, "the token is another user's"));
    }
    let open = state.sockets.open(&user).ok_or_else(|| Refusal::new(ErrorCode::RateLimited, "too many connections"))?;
    Ok(Admitted::new(user, proof, address, session, open))
}

async fn authenticate(
    state: &AppState,
    parts: &Parts,
    address: IpAddr,
    token: Option<String>,
    claimed: Option<&Id>,
) -> Result<(Id, Proof), Refusal> {
    let claimed_user = || claimed.cloned().ok_or_else(|| Refusal::invalid("`userId` is missing"));
    let has_local_key = match (&token, &state.local_key) {
        (None, None) => true,
        (Some(token), Some(key)) => key.is(token),
        _ => false,
    };
    if has_local_key {
        return match caller::local(parts, address, state).await {
            Ok(_) => Ok((claimed_user()?, Proof::Local)),
            Err(Error::Refused { .. }) => Err(Refusal::new(ErrorCode::Unauthorized, "`token` is missing")),
            Err(error) => Err(error.into()),
        };
    }
    let token = token.ok_or_else(|| Refusal::new(ErrorCode::Unauthorized, "`token` is missing"))?;
    match caller::participant(&token, state).await {
        Ok(Participant { user, role, consultation, generation, expires_at }) => {
            return Ok((user, Proof::Token { consultation, role, generation, expires_at }));
        }
        Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let account = state.supabase.as_ref().and_then(|verifier| verifier.user(&token));
    let invalid = || Refusal::new(ErrorCode::Unauthorized, "this token is invalid or revoked");
    account.map(|user| (user, Proof::Account)).ok_or_else(invalid)
}

/// Access of a user to a consultation's room or its waiting room.
#[derive(Clone, Debug)]
pub struct Access {
    /// Role of the user.
    pub role: Role,
    /// `false` for a patient who has to wait until the doctor admits them.
    pub is_admitted: bool,
    /// Lowest valid generation of the user's tokens.
    pub generation: u32,
    /// The consultation.
    pub stored: StoredConsultation,
}

impl Access {
    /// Returns the access if it includes the room itself.
    ///
    /// # Errors
    /// [`Refusal::NotAdmitted`] for a patient who has to wait.
    pub fn require_admitted(self) -> Result<Self, Refusal> {
        if self.is_admitted { Ok(self) } else { Err(Refusal::NotAdmitted) }
    }
}

/// Checks that a user may be in a consultation's room or its waiting room now with this socket. Returns their access.
///
/// # Errors
/// [`Refusal::Refused`] if they may not; [`Refusal::Failed`].
pub async fn authorize(state: &AppState, admitted: &Admitted, room: &Id, sid: Sid) -> Result<Access, Refusal> {
    // Strangers must not learn whether the consultation exists.
    let foreign = || Refusal::new(ErrorCode::RoomNotFound, "there is no such room, or you may not join it");
    let stored = state.store.consultation(room).await?.ok_or_else(foreign)?;
    let role = match &admitted.user {
        user if *user == stored.patient_id => Role::Patient,
        user if *user == stored.doctor_id => Role::Doctor,
        _ => return Err(foreign()),
    };
    let standing = state.store.standing(room, admitted.user.as_str()).await?;
    let is_accepted = match &admitted.proof {
        Proof::Token { consultation, role: proved, generation, .. } => {
            if consultation != room || *proved != role {
                return Err(foreign());
            }
            standing.accepts(*generation) || is_kept(state, standing, sid).await?
        }
        Proof::Account => !standing.removed,
        // Once there is an API key, a local connection alone isn't sufficient.
        Proof::Local => !standing.removed && (state.local_key.is_some() || !state.store.has_keys().await?),
    };
    if !is_accepted {
        return Err(Refusal::new(ErrorCode::Forbidden, "the doctor has to let you in again"));
    }
    if !stored.is_open_to(admitted.user.as_str()) {
        return Err(Refusal::new(ErrorCode::ConsultationEnded, "this consultation has ended"));
    }
    Ok(Access {
        role,
        is_admitted: role == Role::Doctor || stored.is_admitted(),
        generation: standing.generation,
        stored,
    })
}

/// Returns `true` if the user was in the room with this socket when the links were renewed, and may stay.
async fn is_kept(state: &AppState, standing: Standing, sid: Sid) -> Result<bool, Refusal> {
    let generation = state.store.session_generation(&participant_sid(sid)).await?;
    Ok(generation.is_some_and(|generation| standing.accepts(generation)))
}

/// Adds a refusal to the audit log, unless the address has had too many.
pub async fn audit_refusal(state: &AppState, admitted: &Admitted, room: &Id) {
    if state.refusals.count(admitted.address).is_err() {
        return;
    }
    let event = admitted.event(None, "signaling.join").consultation(room).outcome("forbidden");
    if let Err(error) = state.store.audit(event).await {
        tracing::warn!(%error, "auditing a refusal failed");
    }
}
