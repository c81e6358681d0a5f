//! From a target to a room.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ErrorCode, Id, Role, Transport};
use autamedica_peer::Peer;
use autamedica_engine::{E2eeOptions, EncryptionKey, EngineError, Room, RoomError, RoomEvent, RoomOptions};
use futures_util::future::BoxFuture;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::mpsc;
use url::Url;

use super::{EndReason, JoinTarget, Secret, direct};
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
    /// The path of the media of consultations that we create (for QA). Default: as the backend has it.
    pub transport: Option<Transport>,
}

/// Why a room was not entered.
#[derive(Debug)]
pub(super) struct NotEntered {
    pub(super) reason: EndReason,
    /// The backend's admission, where the SFU is what failed.
    pub(super) admission: Option<Box<Admission>>,
    /// Whether it may be over in a moment: a server answered that it is not ready, or an SFU did not answer its own clients.
    pub(super) may_pass: bool,
}

impl From<EndReason> for NotEntered {
    fn from(reason: EndReason) -> Self {
        Self { reason, admission: None, may_pass: reason == EndReason::ClinicTrouble }
    }
}

/// A call just entered.
pub(super) struct Entered {
    pub(super) admission: Admission,
    pub(super) way: Way,
}

/// The way of a call's media.
pub(super) enum Way {
    /// Through a room of an SFU.
    Room(Room, mpsc::Receiver<RoomEvent>),
    /// From peer to peer: the room comes with the other side.
    Direct(Peer),
}

impl Entrance {
    /// Asks for admission and enters. `known` is an earlier admission to the same room, tried first: its token outlives
    /// a backend that is away. When it is refused, or its SFU doesn't answer, a fresh one is asked for.
    pub(super) async fn enter(&self, target: &JoinTarget, known: Option<Admission>) -> Result<Entered, NotEntered> {
        let Some(known) = known else { return self.connect(self.admission(target, true).await?).await };
        let address = known.url.clone();
        match self.connect(known).await {
            Err(NotEntered { reason: EndReason::NotAllowed, .. }) => {
                self.connect(self.admission(target, false).await?).await
            }
            // The backend may know another SFU by now; what it thinks of us is asked when one answers.
            Err(unreachable @ NotEntered { reason: EndReason::ServerUnreachable, .. }) => {
                match self.admission(target, false).await {
                    Ok(fresh) if fresh.url != address => self.connect(fresh).await,
                    Ok(_) | Err(_) => Err(unreachable),
                }
            }
            other => other,
        }
    }

    async fn connect(&self, admission: Admission) -> Result<Entered, NotEntered> {
        let way = match &admission.direct_as {
            Some(_) => direct::start(&self.backend, &admission).await.map(Way::Direct),
            None => enter_room(&admission.url, admission.token.expose(), &admission)
                .await
                .map(|(room, events)| Way::Room(room, events)),
        };
        match way {
            Ok(way) => Ok(Entered { admission, way }),
            Err(failure) => Err(NotEntered { admission: Some(Box::new(admission)), ..failure }),
        }
    }

    /// `first`: nobody has joined yet, so that a backend on this machine may have to be started.
    async fn admission(&self, target: &JoinTarget, first: bool) -> Result<Admission, EndReason> {
        match target {
            JoinTarget::Consultation { id, role } => {
                if let Some(entered) = self.enter_by_key(id, *role).await {
                    return entered;
                }
                let answer = match self.backend.create(&self.server, id, *role, self.transport).await {
                    Err(BackendError::Unreachable(error)) if first => {
                        tracing::info!(%error, "nothing answers at the backend's address");
                        self.start_bundled().await?;
                        self.backend.create(&self.server, id, *role, self.transport).await
                    }
                    other => other,
                };
                answer.map_err(|error| refusal(&error))
            }
            JoinTarget::Link(link) => {
                let code = Secret::new(link.code().expose());
                let answer = self.backend.join(link.server(), code, None).await;
                self.admitted(answer.map_err(|error| refusal(&error))?)
            }
            JoinTarget::Digits(digits) => {
                let answer = self.backend.join(&self.server, digits.clone(), self.key.as_ref()).await;
                self.admitted(answer.map_err(|error| self.refusal_of_digits(&error))?)
            }
            JoinTarget::Scheduled { id } => {
                let answer = self.backend.enter(&self.server, id, self.key.as_ref()).await;
                self.admitted(answer.map_err(|error| refusal(&error))?)
            }
            JoinTarget::Room { url, token, role } => Ok(Admission {
                url: url.clone(),
                token: token.clone(),
                role: *role,
                e2ee: false,
                e2ee_key: None,
                e2ee_key_index: 0,
                consultation: None,
                direct_as: None,
                planned_end: None,
            }),
        }
    }

    /// A doctor's place by the desk's key, which enters what exists and makes nothing. `None` where creating the
    /// consultation may help: it doesn't exist, the key is not one for this, or no backend answers yet.
    async fn enter_by_key(&self, id: &Id, role: Role) -> Option<Result<Admission, EndReason>> {
        let key = self.key.as_ref().filter(|_| role == Role::Doctor)?;
        match self.backend.enter(&self.server, id, Some(key)).await {
            Err(
                BackendError::Unreachable(_)
                | BackendError::Refused {
                    code: ErrorCode::ConsultationNotFound | ErrorCode::Unauthorized | ErrorCode::Forbidden,
                    ..
                },
            ) => None,
            answer => Some(answer.map_err(|error| refusal(&error))),
        }
    }

    /// Why this target can't be entered, as far as the backend's answer to an earlier question about it says; `None` when that
    /// is no judgement of the target.
    pub(crate) fn dead_end(&self, target: &JoinTarget, answer: &BackendError) -> Option<EndReason> {
        let reason = match target {
            JoinTarget::Digits(_) => self.refusal_of_digits(answer),
            JoinTarget::Link(_) => refusal(answer),
            JoinTarget::Consultation { .. } | JoinTarget::Scheduled { .. } | JoinTarget::Room { .. } => return None,
        };
        let is_judgement = matches!(
            reason,
            EndReason::NotAllowed
                | EndReason::NoAppointment
                | EndReason::NoClinic
                | EndReason::Over
                | EndReason::Cancelled
        );
        is_judgement.then_some(reason)
    }

    /// Eight digits want a clinic's backend that takes them from this app. One of our own would know none.
    fn refusal_of_digits(&self, error: &BackendError) -> EndReason {
        let is_nobodys = self.key.is_none() && is_this_machine(&self.server);
        match error {
            BackendError::Refused { code: ErrorCode::InvalidCode, .. } => EndReason::NoAppointment,
            BackendError::Refused { code: ErrorCode::Unauthorized, .. } => EndReason::NoClinic,
            BackendError::Unreachable(_) | BackendError::NotOurs if is_nobodys => EndReason::NoClinic,
            other => refusal(other),
        }
    }

    fn admitted(&self, admission: Admission) -> Result<Admission, EndReason> {
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

/// Enters a room with an admission's encryption.
///
/// # Errors
/// With the reason, and whether it may pass.
pub(super) async fn enter_room(
    url: &str,
    token: &str,
    admission: &Admission,
) -> Result<(Room, mpsc::Receiver<RoomEvent>), NotEntered> {
    let options = RoomOptions {
        dynacast: true,
        connect_timeout: CONNECT_TIMEOUT,
        receive_limits: super::limits::RECEIVE,
        e2ee: encryption(admission),
        ..RoomOptions::default()
    };
    match Room::connect(url, token, options).await {
        Ok(entered) => Ok(entered),
        Err(error) => {
            tracing::warn!(%error, "the room can't be entered");
            let reason = match &error {
                RoomError::NotAllowed(_) => EndReason::NotAllowed,
                RoomError::Unreachable(_) | RoomError::Timeout(_) => EndReason::ServerUnreachable,
                _ => EndReason::JoinFailed,
            };
            // A panic inside the engine is over with what it was doing.
            let is_engines = matches!(error, RoomError::Engine(EngineError::Panicked(_) | EngineError::Refused(_)));
            let may_pass = reason == EndReason::ServerUnreachable || is_engines;
            Err(NotEntered { reason, admission: None, may_pass })
        }
    }
}

/// The encryption to enter a room with.
fn encryption(admission: &Admission) -> Option<E2eeOptions> {
    if !admission.e2ee {
        return None;
    }
    let key = admission.e2ee_key.as_ref().map_or_else(unknown_key, |key| EncryptionKey::from(key.expose()));
    Some(E2eeOptions::with_shared_key(key).at_index(admission.e2ee_key_index))
}

/// A key that nobody else has: until the call's key is there, nothing can be read, in either direction.
fn unknown_key() -> EncryptionKey {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).expect("the operating system always has randomness");
    EncryptionKey::new(key)
}

fn refusal(error: &BackendError) -> EndReason {
    tracing::warn!(%error, "the backend doesn't admit us");
    match error {
        BackendError::Unreachable(_) | BackendError::NotOurs => EndReason::ServerUnreachable,
        BackendError::BrokeOff => EndReason::JoinFailed,
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
        } => EndReason::ClinicTrouble,
        BackendError::Refused { code: ErrorCode::TooEarly, .. } => EndReason::TooEarly,
        BackendError::Refused { code: ErrorCode::ConsultationEnded, .. } => EndReason::Over,
        BackendError::Refused { code: ErrorCode::ConsultationCancelled, .. } => EndReason::Cancelled,
        BackendError::Refused { .. } => EndReason::NotAllowed,
    }
}
