//! From a target to a room.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ErrorCode, Role};
use autamedica_engine::{E2eeOptions, EncryptionKey, Room, RoomError, RoomEvent, RoomOptions};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use url::Url;

use super::{EndReason, JoinTarget, Secret};
use crate::backend::{Admission, Backend, BackendError};
use crate::pairing::is_this_machine;

/// How long the SFU may take to let us in; the engine tries several times within.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Starts the bundled backend for a loopback address at which nothing answers.
pub type StartBackend = Arc<dyn Fn(Url) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// How to get into rooms.
#[derive(Clone)]
pub struct Entrance {
    /// Speaks to backends.
    pub backend: Backend,
    /// Our own backend: where a consultation's id leads. A link names its own.
    pub server: Url,
    /// What to do when nothing answers at a loopback address.
    pub start_backend: Option<StartBackend>,
    /// The key that this app is paired with our backend by: a desk's or a kiosk's.
    pub key: Option<Secret>,
}

/// A room just entered.
pub(super) struct Entered {
    pub(super) admission: Admission,
    pub(super) room: Room,
    pub(super) events: mpsc::UnboundedReceiver<RoomEvent>,
}

impl Entrance {
    /// Asks for admission and enters. `known` is an earlier admission to the same room, tried first: its token outlives
    /// a backend that is away. When it is refused, or its SFU doesn't answer, a fresh one is asked for.
    pub(super) async fn enter(&self, target: &JoinTarget, known: Option<Admission>) -> Result<Entered, EndReason> {
        let Some(known) = known else { return connect(self.admission(target, true).await?).await };
        let address = known.url.clone();
        match connect(known).await {
            Err(EndReason::NotAllowed) => connect(self.admission(target, false).await?).await,
            // The backend may know another SFU by now; what it thinks of us is asked when one answers.
            Err(EndReason::ServerUnreachable) => match self.admission(target, false).await {
                Ok(fresh) if fresh.url != address => connect(fresh).await,
                Ok(_) | Err(_) => Err(EndReason::ServerUnreachable),
            },
            other => other,
        }
    }

    /// `first`: nobody has joined yet, so that a backend on this machine may have to be started.
    async fn admission(&self, target: &JoinTarget, first: bool) -> Result<Admission, EndReason> {
        match target {
            JoinTarget::Consultation { id, role } => {
                let answer = match self.backend.create(&self.server, id, *role).await {
                    Err(BackendError::Unreachable(error)) if first => {
                        tracing::info!(%error, "nothing answers at the backend's address");
                        self.start_bundled().await?;
                        self.backend.create(&self.server, id, *role).await
                    }
                    other => other,
                };
                answer.map_err(|error| refusal(&error))
            }
            JoinTarget::Link(link) => {
                let code = Secret::new(link.code().expose());
                self.admitted(self.backend.join(link.server(), code, None).await)
            }
            JoinTarget::Digits(digits) => {
                self.admitted(self.backend.join(&self.server, digits.clone(), self.key.as_ref()).await)
            }
            JoinTarget::Scheduled { id } => {
                self.admitted(self.backend.enter(&self.server, id, self.key.as_ref()).await)
            }
            JoinTarget::Room { url, token, role } => Ok(Admission {
                url: url.clone(),
                token: token.clone(),
                role: *role,
                e2ee_key: None,
                consultation: None,
                planned_end: None,
            }),
        }
    }

    fn admitted(&self, answer: Result<Admission, BackendError>) -> Result<Admission, EndReason> {
        let admission = answer.map_err(|error| refusal(&error))?;
        // A kiosk has no doctor's functions, whatever a link or code would allow.
        if cfg!(feature = "kiosk") && admission.role == Role::Doctor {
            tracing::warn!("a doctor can't enter at a kiosk");
            return Err(EndReason::NotAllowed);
        }
        Ok(admission)
    }

    pub(crate) async fn start_bundled(&self) -> Result<(), EndReason> {
        let Some(start) = self.start_backend.as_ref().filter(|_| is_this_machine(&self.server)) else {
            return Err(EndReason::ServerUnreachable);
        };
        if let Err(error) = start(self.server.clone()).await {
            // Another instance may have been faster: the next attempt shows whether somebody answers now.
            tracing::warn!(error = format!("{error:#}"), "the bundled backend didn't start");
        }
        Ok(())
    }
}

async fn connect(admission: Admission) -> Result<Entered, EndReason> {
    let options = RoomOptions {
        dynacast: true,
        connect_timeout: CONNECT_TIMEOUT,
        e2ee: admission
            .e2ee_key
            .as_ref()
            .map(|key| E2eeOptions::with_shared_key(EncryptionKey::new(key.expose().as_bytes()))),
        ..RoomOptions::default()
    };
    match Room::connect(&admission.url, admission.token.expose(), options).await {
        Ok((room, events)) => Ok(Entered { admission, room, events }),
        Err(error) => {
            tracing::warn!(%error, "the room can't be entered");
            Err(match error {
                RoomError::NotAllowed(_) => EndReason::NotAllowed,
                RoomError::Unreachable(_) | RoomError::Timeout(_) => EndReason::ServerUnreachable,
                _ => EndReason::JoinFailed,
            })
        }
    }
}

fn refusal(error: &BackendError) -> EndReason {
    tracing::warn!(%error, "the backend doesn't admit us");
    match error {
        BackendError::Unreachable(_) | BackendError::NotOurs => EndReason::ServerUnreachable,
        // Troubles of its own, not a judgement of us: to be tried again.
        BackendError::Refused {
            code:
                ErrorCode::SfuUnavailable
                | ErrorCode::DatabaseUnavailable
                | ErrorCode::RateLimited
                | ErrorCode::Timeout
                | ErrorCode::Internal
                | ErrorCode::Unknown,
            ..
        } => EndReason::JoinFailed,
        BackendError::Refused { .. } => EndReason::NotAllowed,
    }
}
