//! Client of the backend: admission, consultations and recordings.

mod controls;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use autamedica_api::{
    Check, CheckRoom, Consultation, ConsultationDetails, ConsultationKey, ConsultationList, CreateConsultation,
    ErrorCode, Failure, Feedback, GiveConsent, IceServer, IceServers, Id, Join, Joined, Presence, QualitySample,
    Recording, RecordingList, Role, StartRecording, Success, Timestamp, Transport,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::call::Secret;
use crate::local_key;

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a read while a file downloads.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of pages fetched for one period. The backend puts up to a thousand consultations on a page.
const MAX_PAGES: usize = 20;
/// Timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Everything needed to enter a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The SFU's address.
    pub url: String,
    /// Access token of the room.
    pub token: Secret,
    /// Role granted by the token.
    pub role: Role,
    /// Media is end-to-end encrypted.
    pub e2ee: bool,
    /// End-to-end key; `None` without encryption, and for a patient in the waiting room.
    pub e2ee_key: Option<Secret>,
    /// Index of the end-to-end key.
    pub e2ee_key_index: u32,
    /// Consultation and its backend; `None` in a room without a backend.
    pub consultation: Option<ConsultationRef>,
    /// Our id in a consultation that goes from peer to peer; `None` over an SFU.
    pub direct_as: Option<Id>,
    /// Planned end of a scheduled consultation.
    pub planned_end: Option<SystemTime>,
}

/// A consultation and its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsultationRef {
    /// Address of the backend.
    pub server: Url,
    /// Id of the consultation.
    pub id: Id,
    /// Name of its room.
    pub room_name: String,
}

/// Failure of a request to the backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No connection or no answer in time.
    #[error("the backend doesn't answer")]
    Unreachable(#[source] reqwest::Error),
    /// The backend refused the request.
    #[error("{message}")]
    Refused {
        /// Code of the reason.
        code: ErrorCode,
        /// Another client has taken our identity or not, asked after the SFU disconnected us.
        message: String,
    },
    /// The task of the request panicked or was cancelled.
    #[error("the request broke off inside this program")]
    TaskFailed,
    /// The answer is not one of an AutaMedica backend.
    #[error("the answer isn't one of AutaMedica's backend")]
    InvalidResponse,
}

/// HTTP client for backends. Clones share connections.
#[derive(Clone, Debug)]
pub struct Backend {
    http: reqwest::Client,
    /// Client for files: no timeout for the whole download, and no referrer, which would expose signed links.
    files: reqwest::Client,
    /// Folder with the API keys of this user's backends on this machine.
    local_keys: Option<PathBuf>,
}

impl Backend {
    /// Creates a client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the TLS backend or the system's certificates cannot be loaded.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).build()?;
        let files = reqwest::Client::builder()
            .read_timeout(READ_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .referer(false)
            .build()?;
        Ok(Self { http, files, local_keys: None })
    }

    /// Authenticates requests without a key or token to this user's backends on this machine, with the keys in
    /// `folder`.
    #[must_use]
    pub fn with_local_keys(mut self, folder: Option<PathBuf>) -> Self {
        self.local_keys = folder;
        self
    }

    /// Enters a consultation by its id and creates it if it does not exist.
    ///
    /// The ids of patient and doctor are derived from the consultation's id, so that both sides meet in one
    /// consultation. An existing consultation keeps its people and settings.
    ///
    /// # Errors
    /// [`BackendError`]; [`InvalidResponse`](BackendError::InvalidResponse) also for an observer, who needs a join link.
    pub async fn create(
        &self,
        server: &Url,
        id: &Id,
        role: Role,
        transport: Option<Transport>,
    ) -> Result<Admission, BackendError> {
        let person = |role: Role| Id::new(format!("{role}-{id}")).or_else(|_| Id::new(role.as_str()));
        let (patient_id, doctor_id) = (person(Role::Patient), person(Role::Doctor));
        let mut request = CreateConsultation::new(
            id.clone(),
            patient_id.expect("a role's name is a valid id"),
            doctor_id.expect("a role's name is a valid id"),
        );
        // Only new consultations: existing ones keep their setting.
        request.e2ee = Some(true);
        request.transport = transport;
        let path = ["api", "consultations", "create"];
        let made: Consultation = match self.post(server, &path, &request, None).await {
            Err(BackendError::Refused { code: ErrorCode::ConsultationConflict, .. }) if false => {
                let details = self.details(server, id).await?;
                request = CreateConsultation::new(id.clone(), details.patient_id, details.doctor_id);
                self.post(server, &path, &request, None).await?
            }
            answer => answer?,
        };
        let (user, token) = match role {
            Role::Patient => (made.patient_id, made.patient_token),
            Role::Doctor => (made.doctor_id, made.doctor_token),
            // Observers need a join link.
            Role::Observer => return Err(BackendError::InvalidResponse),
        };
        Ok(Admission {
            url: made.livekit_url,
            token: Secret::new(token),
            role,
            e2ee: made.e2ee_key.is_some(),
            e2ee_key: made.e2ee_key.map(Secret::new),
            e2ee_key_index: made.e2ee_key_index,
            consultation: Some(ConsultationRef { server: server.clone(), id: id.clone(), room_name: made.room_name }),
            direct_as: (made.transport == Transport::P2p).then_some(user),
            planned_end: planned_end(made.scheduled_at, made.duration_minutes),
        })
    }

    /// Fetches a consultation's people, settings and state.
    async fn details(&self, server: &Url, id: &Id) -> Result<ConsultationDetails, BackendError> {
        self.ask(self.http.get(endpoint(server, &["api", "consultations", id.as_str()])?), None).await
    }

    /// The STUN and TURN servers for a call from peer to peer, with a participant's own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn ice_servers(&self, server: &Url, token: &Secret) -> Result<Vec<IceServer>, BackendError> {
        let url = endpoint(server, &["api", "ice-servers"])?;
        Ok(self.ask::<IceServers>(self.http.get(url), Some(token)).await?.ice_servers)
    }

    /// Redeems the code of a join link, or a kiosk code, which needs the kiosk's `key`.
    ///
    /// # Errors
    /// [`BackendError`]; [`Refused`](BackendError::Refused) when the code is unknown, too early, expired or revoked.
    pub async fn join(&self, server: &Url, code: Secret, key: Option<&Secret>) -> Result<Admission, BackendError> {
        let request = Join { code: code.expose().to_owned() };
        Ok(admission(server, self.post(server, &["api", "join"], &request, key).await?))
    }

    /// Enters a consultation as its doctor, with the `key` of a paired clinic PC.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn enter(&self, server: &Url, id: &Id, key: Option<&Secret>) -> Result<Admission, BackendError> {
        let path = ["api", "consultations", id.as_str(), "enter"];
        Ok(admission(server, self.post(server, &path, &serde_json::json!({}), key).await?))
    }

    /// Lists the consultations in `from..until`, all pages, with the `key` of a paired clinic PC.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn consultations(
        &self,
        server: &Url,
        from: Timestamp,
        until: Timestamp,
        key: Option<&Secret>,
    ) -> Result<ConsultationList, BackendError> {
        let mut first = endpoint(server, &["api", "consultations"])?;
        first.query_pairs_mut().append_pair("from", &from.to_string()).append_pair("until", &until.to_string());
        let mut list: ConsultationList = self.ask(self.http.get(first.clone()), key).await?;
        for _ in 1..MAX_PAGES {
            let Some(cursor) = list.next.take() else { break };
            let mut url = first.clone();
            url.query_pairs_mut().append_pair("cursor", &cursor);
            let page: ConsultationList = self.ask(self.http.get(url), key).await?;
            list.consultations.extend(page.consultations);
            (list.total, list.next) = (page.total, page.next);
        }
        Ok(list)
    }

    /// Creates a private room for a network check. Needs a join link's code, a `key`, or a backend on this machine.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn check(
        &self,
        server: &Url,
        code: Option<&Secret>,
        key: Option<&Secret>,
    ) -> Result<CheckRoom, BackendError> {
        let request = Check { code: code.map(|code| code.expose().to_owned()) };
        self.post(server, &["api", "check"], &request, key).await
    }

    /// Sends feedback about a call, with the call's token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn send_feedback(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        feedback: &Feedback,
    ) -> Result<(), BackendError> {
        let path = ["api", "consultations", consultation.id.as_str(), "feedback"];
        let _: serde_json::Value = self.post(&consultation.server, &path, feedback, Some(token)).await?;
        Ok(())
    }

    /// Starts (`true`) or stops the recording, with the doctor's token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn record(&self, consultation: &ConsultationRef, token: &Secret, on: bool) -> Result<(), BackendError> {
        let room_name = consultation.room_name.clone();
        let verb = if on { "start" } else { "stop" };
        let path = ["api", "consultations", consultation.id.as_str(), "recording", verb];
        let _: serde_json::Value =
            self.post(&consultation.server, &path, &StartRecording { room_name }, Some(token)).await?;
        Ok(())
    }

    /// Lists the recordings of a consultation, with the `key` of a paired clinic PC.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn recordings(&self, server: &Url, id: &Id, key: Option<&Secret>) -> Result<RecordingList, BackendError> {
        let url = endpoint(server, &["api", "consultations", id.as_str(), "recordings"])?;
        self.ask(self.http.get(url), key).await
    }

    /// Fetches one recording, with links to its files that expire after some minutes.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn recording(
        &self,
        server: &Url,
        id: &Id,
        recording: &str,
        key: Option<&Secret>,
    ) -> Result<Recording, BackendError> {
        let url = endpoint(server, &["api", "consultations", id.as_str(), "recordings", recording])?;
        self.ask(self.http.get(url), key).await
    }

    /// Deletes a recording's files.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn delete_recording(
        &self,
        server: &Url,
        id: &Id,
        recording: &str,
        key: Option<&Secret>,
    ) -> Result<(), BackendError> {
        let url = endpoint(server, &["api", "consultations", id.as_str(), "recordings", recording])?;
        self.ask::<serde_json::Value>(self.http.delete(url), key).await.map(drop)
    }

    /// Opens a link to a file. Sends no key: the link is signed, and external storage must not see the key.
    ///
    /// # Errors
    /// When the connection fails. The error does not contain the link.
    pub async fn open_link(&self, link: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.files.get(link).send().await.map_err(reqwest::Error::without_url)
    }

    /// Gives or refuses consent to being recorded, with the participant's token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn consent(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        consent: &GiveConsent,
    ) -> Result<(), BackendError> {
        self.control(consultation, token, &["recording", "consent"], consent).await
    }

    /// Fetches the current end-to-end key, with the participant's token.
    ///
    /// # Errors
    /// [`BackendError`]; [`Refused`](BackendError::Refused) while a patient is not admitted.
    pub async fn key(&self, consultation: &ConsultationRef, token: &Secret) -> Result<ConsultationKey, BackendError> {
        self.fetch(consultation, token, "key").await
    }

    /// Returns whether this participant's identity is in the room with a valid token. The backend removes one with an
    /// invalid token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn is_present(&self, consultation: &ConsultationRef, token: &Secret) -> Result<bool, BackendError> {
        self.fetch::<Presence>(consultation, token, "presence").await.map(|presence| presence.present)
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        what: &str,
    ) -> Result<T, BackendError> {
        let url = endpoint(&consultation.server, &["api", "consultations", consultation.id.as_str(), what])?;
        self.ask(self.http.get(url), Some(token)).await
    }

    /// Sends quality measurements of a call, with the participant's token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn send_quality(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        sample: &QualitySample,
    ) -> Result<(), BackendError> {
        self.control(consultation, token, &["quality"], sample).await
    }

    /// Sends a request about a consultation and ignores the content of the answer.
    async fn control(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        what: &[&str],
        body: &impl Serialize,
    ) -> Result<(), BackendError> {
        let path: Vec<&str> = ["api", "consultations", consultation.id.as_str()].iter().chain(what).copied().collect();
        self.post::<serde_json::Value>(&consultation.server, &path, body, Some(token)).await.map(drop)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        server: &Url,
        path: &[&str],
        body: &impl Serialize,
        token: Option<&Secret>,
    ) -> Result<T, BackendError> {
        self.ask(self.http.post(endpoint(server, path)?).json(body), token).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        token: Option<&Secret>,
    ) -> Result<T, BackendError> {
        match token {
            Some(token) => self.send(request.bearer_auth(token.expose())).await,
            None => self.ask_without_key(request).await,
        }
    }

    /// Sends the request with the key of this user's backend if there is one, else without a key.
    async fn ask_without_key<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, BackendError> {
        let mut refused: Option<Secret> = None;
        // A restarted backend refuses the key of its predecessor; the second attempt reads the new key.
        for _ in 0..2 {
            let Some((key, keyed)) = self.with_local_key(&request).await else { break };
            if refused.as_ref() == Some(&key) {
                break;
            }
            match self.send(keyed).await {
                Err(BackendError::Refused { code: ErrorCode::Unauthorized, .. }) => refused = Some(key),
                // This user's backend is gone; another one may serve the same port on another address.
                Err(BackendError::Unreachable(_)) => break,
                answer => return answer,
            }
        }
        self.send(request).await
    }

    /// Copies the request with the key of this user's backend, addressed to the only address on which that listens.
    async fn with_local_key(&self, request: &reqwest::RequestBuilder) -> Option<(Secret, reqwest::RequestBuilder)> {
        let folder = self.local_keys.clone()?;
        let mut request = request.try_clone()?.build().ok()?;
        let url = request.url().clone();
        let key = tokio::task::spawn_blocking(move || local_key::read(&folder, &url)).await.ok()??;
        *request.url_mut() = local_key::address(request.url());
        let request = reqwest::RequestBuilder::from_parts(self.http.clone(), request);
        Some((key.clone(), request.bearer_auth(key.expose())))
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, BackendError> {
        let answer = request.send().await.map_err(BackendError::Unreachable)?;
        let succeeded = answer.status().is_success();
        let body = answer.bytes().await.map_err(BackendError::Unreachable)?;
        if succeeded {
            let success: Success<T> = serde_json::from_slice(&body).map_err(|_| BackendError::InvalidResponse)?;
            return Ok(success.data);
        }
        let failure: Failure = serde_json::from_slice(&body).map_err(|_| BackendError::InvalidResponse)?;
        Err(BackendError::Refused { code: failure.code, message: failure.message })
    }
}

/// Returns the URL of a path at a backend.
fn endpoint(server: &Url, path: &[&str]) -> Result<Url, BackendError> {
    let mut url = server.clone();
    url.path_segments_mut().map_err(|()| BackendError::InvalidResponse)?.pop_if_empty().extend(path);
    Ok(url)
}

fn admission(server: &Url, joined: Joined) -> Admission {
    Admission {
        url: joined.livekit_url,
        token: Secret::new(joined.token),
        role: joined.role,
        // Older backends send only the key.
        e2ee: joined.e2ee || joined.e2ee_key.is_some(),
        e2ee_key: joined.e2ee_key.map(Secret::new),
        e2ee_key_index: joined.e2ee_key_index,
        consultation: Some(ConsultationRef {
            server: server.clone(),
            id: joined.consultation_id,
            room_name: joined.room_name,
        }),
        direct_as: (joined.transport == Transport::P2p).then_some(joined.user_id),
        planned_end: planned_end(joined.scheduled_at, joined.duration_minutes),
    }
}

/// The backend's default duration in minutes.
const DEFAULT_MINUTES: u32 = 30;

fn planned_end(scheduled_at: Option<Timestamp>, minutes: Option<u32>) -> Option<SystemTime> {
    let begins = Duration::from_millis(u64::try_from(scheduled_at?.as_millis()).ok()?);
    let lasts = Duration::from_secs(60 * u64::from(minutes.unwrap_or(DEFAULT_MINUTES)));
    SystemTime::UNIX_EPOCH.checked_add(begins)?.checked_add(lasts)
}
