//! Enters a room for a join target.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ErrorCode, Id, Role, Transport};
use autamedica_engine::{E2eeOptions, EncryptionKey, EngineError, Room, RoomError, RoomEvent, RoomOptions};
use autamedica_peer::Peer;
use futures_util::future::BoxFuture;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::mpsc;
use url::Url;

use super::{EndReason, JoinTarget, Secret, direct};
use crate::backend::{Admission, Backend, BackendError};
use crate::local_key::is_this_machine;

/// Timeout of connecting to the SFU. The engine retries within it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Starts the bundled backend when nothing answers at a loopback address.
pub type StartBackend = Arc<dyn Fn(Url) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// Access to backends and rooms.
#[derive(Clone)]
pub struct Entrance {
    /// Client of backends.
    pub backend: Backend,
    /// Our backend, for consultations by id. A join link names its own.
    pub server: Url,
    /// Starts a backend when nothing answers at a loopback address.
    pub start_backend: Option<StartBackend>,
    /// API key from pairing this app with our backend.
    pub key: Option<Secret>,
    /// The path of the media of consultations that we create (for QA). Default: as the backend has it.
    pub transport: Option<Transport>,
    /// Refuses to enter as a doctor, whatever a link or code allows: a kiosk is for patients.
    pub refuses_doctors: bool,
}

/// Reason for which a room was not entered.
#[derive(Debug)]
pub(super) struct NotEntered {
    pub(super) reason: EndReason,
    /// The backend's admission, when the SFU failed.
    pub(super) admission: Option<Box<Admission>>,
    /// The failure may be temporary: a server is not ready, or an SFU does not answer.
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
    pub(super) media: Media,
}

/// Transport of a call's media.
pub(super) enum Media {
    /// Through a room of an SFU.
    Room(Room, mpsc::Receiver<RoomEvent>),
    /// From peer to peer: the room comes with the other side.
    Direct(Peer),
}

impl Entrance {
    /// Enters the room of `target`. Tries `known`, an earlier admission, first: its token works even without the
    /// backend. Requests a new admission when the SFU refuses it or does not answer.
    ///
    /// # Errors
    /// [`NotEntered`] with the reason.
    pub(super) async fn enter(&self, target: &JoinTarget, known: Option<Admission>) -> Result<Entered, NotEntered> {
        let Some(known) = known else { return self.connect(self.admission(target, true).await?).await };
        let address = known.url.clone();
        match self.connect(known).await {
            Err(NotEntered { reason: EndReason::NotAllowed, .. }) => {
                self.connect(self.admission(target, false).await?).await
            }
            // The backend may have another SFU by now. Its refusal counts only once an SFU answers.
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
        let media = match &admission.direct_as {
            Some(_) => direct::start(&self.backend, &admission).await.map(Media::Direct),
            None => enter_room(&admission.url, admission.token.expose(), &admission)
                .await
                .map(|(room, events)| Media::Room(room, events)),
        };
        match media {
            Ok(media) => Ok(Entered { admission, media }),
            Err(failure) => Err(NotEntered { admission: Some(Box::new(admission)), ..failure }),
        }
    }

    /// Requests an admission. `first` allows starting a backend on this machine.
    pub(super) async fn admission(&self, target: &JoinTarget, first: bool) -> Result<Admission, EndReason> {
        match target {
            JoinTarget::Consultation { id, role } => {
                if let Some(entered) = self.enter_by_key(id, *role).await {
                    return entered;
                }
                let answer = match self.backend.create(&self.server, id, *role, self.transport).await {
                    Err(BackendError::Unreachable(error)) if first => {
                        tracing::info!(%error, "backend not reachable");
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

    /// Enters an existing consultation as a doctor with the API key. Returns `None` when creating the consultation may
    /// help: it does not exist, the key does not allow this, or no backend answers yet.
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

    /// Returns the reason for which the target cannot be entered, according to the backend's answer to an earlier
    /// request; `None` when the answer does not rule it out.
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

    /// Returns the reason for a refused kiosk code. Kiosk codes need a clinic's backend with which this app is paired;
    /// a backend on this machine knows none.
    fn refusal_of_digits(&self, error: &BackendError) -> EndReason {
        let is_nobodys = self.key.is_none() && is_this_machine(&self.server);
        match error {
            BackendError::Refused { code: ErrorCode::InvalidCode, .. } => EndReason::NoAppointment,
            BackendError::Refused { code: ErrorCode::Unauthorized, .. } => EndReason::NoClinic,
            BackendError::Unreachable(_) | BackendError::InvalidResponse if is_nobodys => EndReason::NoClinic,
            other => refusal(other),
        }
    }

    fn admitted(&self, admission: Admission) -> Result<Admission, EndReason> {
        if self.refuses_doctors && admission.role == Role::Doctor {
            tracing::warn!("doctor refused");
            return Err(EndReason::NotAllowed);
        }
        Ok(admission)
    }

    pub(crate) async fn start_bundled(&self) -> Result<(), EndReason> {
        let Some(start) = self.start_backend.as_ref().filter(|_| is_this_machine(&self.server)) else {
            return Err(EndReason::ServerUnreachable);
        };
        if let Err(error) = start(self.server.clone()).await {
            // Another instance may have started it: the next request shows whether a backend answers.
            tracing::warn!(error = format!("{error:#}"), "bundled backend not started");
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
        receive_limits: super::limits::RECEIVE_LIMITS,
        encryption: encryption(admission),
        ..RoomOptions::default()
    };
    match Room::connect(url, token, options).await {
        Ok(entered) => Ok(entered),
        Err(error) => {
            tracing::warn!(%error, "room not entered");
            let reason = match &error {
                RoomError::NotAllowed(_) => EndReason::NotAllowed,
                RoomError::Unreachable(_) | RoomError::Timeout(_) => EndReason::ServerUnreachable,
                _ => EndReason::JoinFailed,
            };
            // A panic inside the engine affects only this attempt.
            let is_engines = matches!(error, RoomError::Engine(EngineError::Panicked(_) | EngineError::Refused(_)));
            let may_pass = reason == EndReason::ServerUnreachable || is_engines;
            Err(NotEntered { reason, admission: None, may_pass })
        }
    }
}

/// Returns the encryption options of the room.
fn encryption(admission: &Admission) -> Option<E2eeOptions> {
    if !admission.e2ee {
        return None;
    }
    let key = admission.e2ee_key.as_ref().map_or_else(unknown_key, |key| EncryptionKey::from(key.expose()));
    Some(E2eeOptions::with_shared_key(key).at_index(admission.e2ee_key_index))
}

/// Returns a random key, which keeps all media unreadable until the call's key is known.
fn unknown_key() -> EncryptionKey {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).expect("the operating system always has randomness");
    EncryptionKey::new(key)
}

fn refusal(error: &BackendError) -> EndReason {
    tracing::warn!(%error, "admission refused");
    match error {
        BackendError::Unreachable(_) | BackendError::InvalidResponse => EndReason::ServerUnreachable,
        BackendError::TaskFailed => EndReason::JoinFailed,
        // Temporary trouble of the backend, retried.
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
