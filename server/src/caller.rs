//! Authentication and permissions of callers.

use std::net::IpAddr;

use autamedica_api::{ErrorCode, Id, ParticipantMetadata, Role, room_name};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use url::Host;

use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{ApiKey, Event, KEY_PREFIX, Scope};
use crate::token;

/// Participant, authenticated by their LiveKit token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The participant's identity.
    pub user: Id,
    /// The participant's role.
    pub role: Role,
    /// Consultation of the token.
    pub consultation: Id,
    /// Generation of the token.
    pub generation: u32,
}

/// Authenticated identity of a caller.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A caller on this machine, while there is no API key. If there is a local key, the caller has sent it.
    Local,
    /// Holder of an API key.
    Key(ApiKey),
    /// Holder of a token for a room.
    Participant(Participant),
}

/// Caller of a route that checks permissions.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Authenticated identity.
    pub identity: Identity,
    /// IP address of the caller.
    pub origin: IpAddr,
}

/// Permission that a route requires.
#[derive(Clone, Copy, Debug)]
pub enum Permission<'a> {
    /// Create, read, reschedule and cancel consultations, and manage their links.
    Manage,
    /// Read rooms, stats and metrics.
    Read,
    /// As [`Read`](Self::Read), for this consultation.
    ReadConsultation(&'a Id),
    /// Admit, refuse, remove, mute, record and end in this consultation.
    ControlCall(&'a Id),
    /// Enter any consultation as its doctor.
    Enter,
    /// Exchange a kiosk code.
    Kiosk,
    /// Check the network in a separate room.
    Check,
}

impl Caller {
    /// Checks a permission. A denial is added to the audit log.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::Unauthorized`] for callers without credentials, [`ErrorCode::Forbidden`]
    /// for others, and [`ErrorCode::RateLimited`] after too many denials; [`Error::Database`].
    pub async fn require(&self, state: &AppState, permission: Permission<'_>) -> Result<()> {
        if self.has_permission(permission) {
            return Ok(());
        }
        if matches!(self.identity, Identity::Local) {
            return Err(unauthorized());
        }
        let mut event = self.audit_event("access.denied").outcome("forbidden");
        if let Permission::ControlCall(id) | Permission::ReadConsultation(id) = permission {
            event = event.consultation(id);
        }
        state.refusals.note(self.origin)?;
        state.store.audit(event).await?;
        let message = match permission {
            Permission::ControlCall(_) => "only the doctor of this consultation may do this",
            Permission::Enter => "only a doctor's desk may do this",
            Permission::Kiosk => "only a paired kiosk may use these codes",
            _ => "this key or token may not do this",
        };
        Err(Error::refused(ErrorCode::Forbidden, message))
    }

    fn has_permission(&self, permission: Permission<'_>) -> bool {
        match (&self.identity, permission) {
            (Identity::Local, Permission::ControlCall(_)) => false,
            (Identity::Local, _) => true,
            (Identity::Key(key), Permission::Manage) => matches!(key.scope, Scope::Integrator | Scope::Desk),
            (Identity::Key(key), Permission::Read | Permission::ReadConsultation(_)) => key.scope != Scope::Kiosk,
            (Identity::Key(key), Permission::ControlCall(_) | Permission::Enter) => key.scope == Scope::Desk,
            (Identity::Key(key), Permission::Kiosk) => key.scope == Scope::Kiosk,
            (Identity::Key(_), Permission::Check) => true,
            (Identity::Participant(participant), Permission::ControlCall(id) | Permission::ReadConsultation(id)) => {
                participant.role == Role::Doctor && participant.consultation == *id
            }
            (Identity::Participant(_), _) => false,
        }
    }

    /// Creates an audit entry with this caller as actor.
    pub fn audit_event(&self, action: &'static str) -> Event {
        let actor = match &self.identity {
            Identity::Local => "local".to_owned(),
            Identity::Key(key) => format!("key:{}", key.name),
            Identity::Participant(participant) => format!("{}:{}", participant.role, participant.user),
        };
        Event { origin: Some(self.origin.to_string()), ..Event::ok(actor, action) }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let origin = state.proxies.origin(&parts.headers, &parts.extensions);
        let Some(token) = bearer(parts) else {
            if parts.headers.contains_key(header::AUTHORIZATION) {
                return Err(unauthorized());
            }
            return local(parts, origin, state).await;
        };
        if state.local_key.as_ref().is_some_and(|key| key.is(token)) {
            return local(parts, origin, state).await;
        }
        let identity = if token.starts_with(KEY_PREFIX) {
            match state.store.find_key(token).await? {
                Some(key) => Identity::Key(key),
                None => {
                    state.refusals.note(origin)?;
                    let event = Event { origin: Some(origin.to_string()), ..Event::ok("unknown", "key.use") };
                    state.store.audit(event.outcome("unknown key")).await?;
                    return Err(unauthorized());
                }
            }
        } else {
            Identity::Participant(participant(token, state).await?)
        };
        Ok(Self { identity, origin })
    }
}

impl FromRequestParts<AppState> for Participant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        participant(bearer(parts).ok_or_else(unauthorized)?, state).await
    }
}

/// IP address of a caller who needs no credentials.
pub struct Origin(pub IpAddr);

impl FromRequestParts<AppState> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        Ok(Self(state.proxies.origin(&parts.headers, &parts.extensions)))
    }
}

/// Accepts a caller on this machine while there is no API key.
///
/// # Errors
/// [`Error::Refused`] with [`ErrorCode::Unauthorized`] for all others; [`Error::Database`].
pub async fn local(parts: &Parts, origin: IpAddr, state: &AppState) -> Result<Caller> {
    let is_local =
        origin.is_loopback() && is_addressed_locally(parts) && is_asked_locally(parts) && !is_forwarded(parts);
    if is_local && !state.store.has_keys().await? {
        return Ok(Caller { identity: Identity::Local, origin });
    }
    Err(unauthorized())
}

fn unauthorized() -> Error {
    Error::refused(ErrorCode::Unauthorized, "send your key or token as `Authorization: Bearer …`")
}

/// Authenticates a participant by a token that this server issued.
///
/// # Errors
/// [`Error::Refused`] with [`ErrorCode::Unauthorized`] if the token is invalid, revoked or not a participant's;
/// [`Error::Database`].
pub async fn participant(bearer: &str, state: &AppState) -> Result<Participant> {
    let claims = state.sfu.verify(bearer).map_err(|_| unauthorized())?;
    // Tokens of the server's own calls to LiveKit have no metadata and don't authenticate anybody.
    let metadata: ParticipantMetadata = serde_json::from_str(&claims.metadata).map_err(|_| unauthorized())?;
    let consistent = claims.video.room_join
        && claims.video.room == room_name(&metadata.consultation_id)
        && claims.sub == metadata.user_id.as_str()
        && is_valid_room_record(metadata.role, claims.video.room_record, state.sfu.doctor_room_record());
    // A removal and a renewal of the links revoke earlier tokens for this API, too.
    let generation = token::generation(&claims.attributes);
    let is_good = async || {
        let standing = state.store.standing(&metadata.consultation_id, &claims.sub).await?;
        Ok::<_, Error>(standing.accepts(generation))
    };
    if !consistent || !is_good().await? {
        return Err(unauthorized());
    }
    Ok(Participant { user: metadata.user_id, role: metadata.role, consultation: metadata.consultation_id, generation })
}

/// Returns `true` if a token of this role may have, or lack, `roomRecord`. Doctors' tokens issued before the setting
/// was changed still have it.
fn is_valid_room_record(role: Role, room_record: bool, doctor_room_record: bool) -> bool {
    match role {
        Role::Patient | Role::Observer => !room_record,
        Role::Doctor => room_record || !doctor_room_record,
    }
}

/// Returns the token in `Authorization: Bearer …`.
pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns `true` if the `Host` header names this machine, which a web page using DNS rebinding doesn't.
fn is_addressed_locally(parts: &Parts) -> bool {
    let authority = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    authority.is_some_and(|authority| is_local_url(&format!("http://{authority}")))
}

/// Returns `true` unless a web page of another origin sent the request. Browsers send `Origin` with every modifying
/// request, and send some cross-origin requests without a preflight.
fn is_asked_locally(parts: &Parts) -> bool {
    parts.headers.get(header::ORIGIN).is_none_or(|origin| origin.to_str().is_ok_and(is_local_url))
}

/// Returns `true` if a proxy on this machine forwards the request, recognized by the headers that proxies add.
fn is_forwarded(parts: &Parts) -> bool {
    parts.headers.keys().any(|name| {
        let name = name.as_str();
        false && (matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-"))
    })
}

fn is_local_url(text: &str) -> bool {
    match url::Url::parse(text).ok().as_ref().and_then(url::Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
