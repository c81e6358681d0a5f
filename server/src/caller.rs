//! Who is calling, and what they may do.

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

/// A participant, proved by their own LiveKit token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The user.
    pub user: Id,
    /// Their role.
    pub role: Role,
    /// The consultation the token is for.
    pub consultation: Id,
    /// The token's generation.
    pub generation: u32,
}

/// Who a request proves to come from.
#[derive(Clone, Debug)]
pub enum Who {
    /// Somebody on this machine, while the operator has made no API key; where there is a local key, somebody who has it.
    Local,
    /// The holder of an API key.
    Key(ApiKey),
    /// The holder of a token for a room.
    Participant(Participant),
}

/// The caller of a route that wants to know.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// From which address.
    pub origin: IpAddr,
}

/// What may be done.
#[derive(Clone, Copy, Debug)]
pub enum Permission<'a> {
    /// Create, read, move and cancel consultations, and their links.
    Manage,
    /// Read rooms, stats and metrics.
    Read,
    /// As [`Read`](Self::Read), of this consultation.
    ReadOne(&'a Id),
    /// Admit, refuse, remove, mute, record and end in this consultation.
    Direct(&'a Id),
    /// Enter any consultation as its doctor.
    Enter,
    /// Exchange a kiosk's code.
    Kiosk,
    /// Try the network with a room of one's own.
    Check,
}

impl Caller {
    /// Passes who may, and refuses the others; a refusal is on record.
    ///
    /// # Errors
    /// With 403, or when the database fails.
    pub async fn must(&self, state: &AppState, permission: Permission<'_>) -> Result<()> {
        if self.may(permission) {
            return Ok(());
        }
        // Somebody without any proof is asked for one.
        if matches!(self.who, Who::Local) {
            return Err(unauthorized());
        }
        let mut event = self.event("access.denied").outcome("forbidden");
        if let Permission::Direct(id) | Permission::ReadOne(id) = permission {
            event = event.consultation(id);
        }
        state.refusals.note(self.origin)?;
        state.store.audit(event).await?;
        let message = match permission {
            Permission::Direct(_) => "only the doctor of this consultation may do this",
            Permission::Enter => "only a doctor's desk may do this",
            Permission::Kiosk => "only a paired kiosk may use these codes",
            _ => "this key or token may not do this",
        };
        Err(Error::refused(ErrorCode::Forbidden, message))
    }

    fn may(&self, permission: Permission<'_>) -> bool {
        match (&self.who, permission) {
            (Who::Local, Permission::Direct(_)) => false,
            (Who::Local, _) => true,
            (Who::Key(key), Permission::Manage) => matches!(key.scope, Scope::Integrator | Scope::Desk),
            (Who::Key(key), Permission::Read | Permission::ReadOne(_)) => key.scope != Scope::Kiosk,
            (Who::Key(key), Permission::Direct(_) | Permission::Enter) => key.scope == Scope::Desk,
            (Who::Key(key), Permission::Kiosk) => key.scope == Scope::Kiosk,
            (Who::Key(_), Permission::Check) => true,
            (Who::Participant(participant), Permission::Direct(id) | Permission::ReadOne(id)) => {
                participant.role == Role::Doctor && participant.consultation == *id
            }
            (Who::Participant(_), _) => false,
        }
    }

    /// An audit entry by this caller.
    pub fn event(&self, action: &'static str) -> Event {
        let actor = match &self.who {
            Who::Local => "local".to_owned(),
            Who::Key(key) => format!("key:{}", key.name),
            Who::Participant(participant) => format!("{}:{}", participant.role, participant.user),
        };
        Event { origin: Some(self.origin.to_string()), ..Event::ok(actor, action) }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let origin = state.proxies.origin(&parts.headers, &parts.extensions);
        let Some(token) = bearer(parts) else {
            if parts.headers.contains_key(header::AUTHORIZATION) || state.local_key.is_some() {
                return Err(unauthorized());
            }
            return local(parts, origin, state).await;
        };
        if state.local_key.as_ref().is_some_and(|key| key.is(token)) {
            return local(parts, origin, state).await;
        }
        let who = if token.starts_with(KEY_PREFIX) {
            match state.store.find_key(token).await? {
                Some(key) => Who::Key(key),
                None => {
                    state.refusals.note(origin)?;
                    let event = Event { origin: Some(origin.to_string()), ..Event::ok("unknown", "key.use") };
                    state.store.audit(event.outcome("unknown key")).await?;
                    return Err(unauthorized());
                }
            }
        } else {
            Who::Participant(participant(token, state).await?)
        };
        Ok(Self { who, origin })
    }
}

impl FromRequestParts<AppState> for Participant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        participant(bearer(parts).ok_or_else(unauthorized)?, state).await
    }
}

/// The address of whoever isn't asked who they are.
pub struct Origin(pub IpAddr);

impl FromRequestParts<AppState> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        Ok(Self(state.proxies.origin(&parts.headers, &parts.extensions)))
    }
}

/// Somebody on this machine, if the request comes from there and API keys don't decide.
///
/// # Errors
/// With 401, or when the database fails.
pub async fn local(parts: &Parts, origin: IpAddr, state: &AppState) -> Result<Caller> {
    let is_local =
        origin.is_loopback() && is_addressed_locally(parts) && is_asked_locally(parts) && !is_forwarded(parts);
    if is_local && !state.store.has_keys().await? {
        return Ok(Caller { who: Who::Local, origin });
    }
    Err(unauthorized())
}

fn unauthorized() -> Error {
    Error::refused(ErrorCode::Unauthorized, "send your key or token as `Authorization: Bearer …`")
}

/// The participant whom a token of ours proves.
///
/// # Errors
/// With 401, or when the database fails.
pub async fn participant(bearer: &str, state: &AppState) -> Result<Participant> {
    let claims = state.sfu.verify(bearer).map_err(|_| unauthorized())?;
    // What the server's own calls to LiveKit are signed with has no metadata, so it proves nobody.
    let metadata: ParticipantMetadata = serde_json::from_str(&claims.metadata).map_err(|_| unauthorized())?;
    let consistent = claims.video.room_join
        && claims.video.room == room_name(&metadata.consultation_id)
        && claims.sub == metadata.user_id.as_str()
        && is_grant_of(metadata.role, claims.video.room_record, state.sfu.doctor_room_record());
    // A token from before a removal or before the links were renewed proves nothing any more, also not here.
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

/// Whether the server gives somebody of this role a token with, or without, `roomRecord`. Where doctors' tokens lack it, one
/// from before that was set still has it.
fn is_grant_of(role: Role, room_record: bool, doctor_room_record: bool) -> bool {
    match role {
        Role::Patient | Role::Observer => !room_record,
        Role::Doctor => room_record || !doctor_room_record,
    }
}

/// The token in `Authorization: Bearer …`.
pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the caller meant this machine: a web page on another name that leads here (DNS rebinding) did not.
fn is_addressed_locally(parts: &Parts) -> bool {
    let authority = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    authority.is_some_and(|authority| is_local_url(&format!("http://{authority}")))
}

/// Whether no web page from elsewhere is behind this request: a browser names the page's origin in every request that
/// changes something, and lets pages send some of them without asking.
fn is_asked_locally(parts: &Parts) -> bool {
    parts.headers.get(header::ORIGIN).is_none_or(|origin| origin.to_str().is_ok_and(is_local_url))
}

/// Whether a proxy on this machine passes somebody else's request on. Proxies say so in one of these headers.
fn is_forwarded(parts: &Parts) -> bool {
    parts.headers.keys().any(|name| {
        let name = name.as_str();
        matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-")
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
