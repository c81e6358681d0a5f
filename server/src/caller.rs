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

/// A participant, proved by their own LiveKit token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The user.
    pub user: Id,
    /// Their role.
    pub role: Role,
    /// The consultation the token is for.
    pub consultation: Id,
}

/// Who a request proves to come from.
#[derive(Clone, Debug)]
pub enum Who {
    /// Somebody on this machine, while the operator has made no API key.
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
            if parts.headers.contains_key(header::AUTHORIZATION) || state.store.has_keys().await? {
                return Err(unauthorized());
            }
            return if origin.is_loopback() && is_addressed_locally(parts) && is_asked_locally(parts) {
                Ok(Self { who: Who::Local, origin })
            } else {
                Err(unauthorized())
            };
        };
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

fn unauthorized() -> Error {
    Error::refused(ErrorCode::Unauthorized, "send your key or token as `Authorization: Bearer …`")
}

async fn participant(token: &str, state: &AppState) -> Result<Participant> {
    let claims = state.sfu.verify(token).map_err(|_| unauthorized())?;
    // What the server's own calls to LiveKit are signed with has no metadata, so it proves nobody.
    let metadata: ParticipantMetadata = serde_json::from_str(&claims.metadata).map_err(|_| unauthorized())?;
    let consistent = claims.video.room_join
        && claims.video.room == room_name(&metadata.consultation_id)
        && claims.sub == metadata.user_id.as_str()
        && claims.video.room_record == (metadata.role == Role::Doctor);
    // A removed person's token proves nothing any more, also not here.
    if !consistent || state.store.is_removed(&metadata.consultation_id, &claims.sub).await? {
        return Err(unauthorized());
    }
    Ok(Participant { user: metadata.user_id, role: metadata.role, consultation: metadata.consultation_id })
}

/// The token in `Authorization: Bearer …`.
fn bearer(parts: &Parts) -> Option<&str> {
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

fn is_local_url(text: &str) -> bool {
    match url::Url::parse(text).ok().as_ref().and_then(url::Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
