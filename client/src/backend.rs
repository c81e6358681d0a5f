//! The backend, as a client sees it: admission to a room, and recording.

mod controls;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use autamedica_api::{
    Check, CheckRoom, Consultation, ConsultationDetails, ConsultationKey, ConsultationList, CreateConsultation,
    ErrorCode, Failure, Feedback, GiveConsent, IceServer, IceServers, Id, Join, Joined, Presence, QualitySample, Recording, RecordingList,
    Role, StartRecording, Success, Timestamp, Transport,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::call::Secret;
use crate::local_key;

/// How long the backend may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A file of which nothing comes for so long won't come.
const SILENCE: Duration = Duration::from_secs(30);
/// A day's pages that are asked for. The backend puts a thousand consultations on one.
const MOST_PAGES: usize = 20;
/// How long it may take to be there at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What it takes to enter a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The SFU's address.
    pub url: String,
    /// The token for the room.
    pub token: Secret,
    /// As whom.
    pub role: Role,
    /// Whether media is encrypted end to end.
    pub e2ee: bool,
    /// The key that media is encrypted with, end to end; `None` without that, and for a patient who waits.
    pub e2ee_key: Option<Secret>,
    /// The number of that key.
    pub e2ee_key_index: u32,
    /// Where to ask for more about this consultation; `None` in a room without a backend.
    pub consultation: Option<ConsultationPlace>,
    /// Our id in a consultation that goes from peer to peer; `None` over an SFU.
    pub direct_as: Option<Id>,
    /// When the consultation is to end, if it was scheduled.
    pub planned_end: Option<SystemTime>,
}

/// A consultation and the backend that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsultationPlace {
    /// The backend.
    pub server: Url,
    /// The consultation.
    pub id: Id,
    /// Its room.
    pub room_name: String,
}

/// Why the backend didn't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// Nothing answered.
    #[error("the backend doesn't answer")]
    Unreachable(#[source] reqwest::Error),
    /// It answered no.
    #[error("{message}")]
    Refused {
        /// Its code for the reason.
        code: ErrorCode,
        /// Its words.
        message: String,
    },
    /// The request ended in this program, without an answer.
    #[error("the request broke off inside this program")]
    BrokeOff,
    /// Something answered that isn't our backend.
    #[error("the answer isn't one of AutaMedica's backend")]
    NotOurs,
}

/// A connection to backends; clones share it.
#[derive(Clone, Debug)]
pub struct Backend {
    http: reqwest::Client,
    /// For files: they take as long as they take, and their addresses are told to nobody.
    files: reqwest::Client,
    /// Folder with the keys of this user's own backends on this machine.
    local_keys: Option<PathBuf>,
}

impl Backend {
    /// Makes the client; connects to nothing yet.
    ///
    /// # Errors
    /// When the system's certificates can't be used.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).build()?;
        let files =
            reqwest::Client::builder().read_timeout(SILENCE).connect_timeout(CONNECT_TIMEOUT).referer(false).build()?;
        Ok(Self { http, files, local_keys: None })
    }

    /// Sends the keys in this folder to this user's own backends on this machine, where no other key is given.
    #[must_use]
    pub fn with_local_keys(mut self, folder: Option<PathBuf>) -> Self {
        self.local_keys = folder;
        self
    }

    /// Enters a consultation by its id, and makes it if it does not exist. The people's ids are the same for everybody who
    /// asks this way, so that the two sides meet in one consultation. One that exists with other people or settings is
    /// entered as it is, in the place of its own patient or doctor.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
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
        // What we make is encrypted end to end; what others made before stays as it is.
        request.e2ee = Some(true);
        request.transport = transport;
        let path = ["api", "consultations", "create"];
        let made: Consultation = match self.post(server, &path, &request, None).await {
            Err(BackendError::Refused { code: ErrorCode::ConsultationConflict, .. }) => {
                let details = self.details(server, id).await?;
                request = CreateConsultation::new(id.clone(), details.patient_id, details.doctor_id);
                self.post(server, &path, &request, None).await?
            }
            answer => answer?,
        };
        let (user, token) = match role {
            Role::Patient => (made.patient_id, made.patient_token),
            Role::Doctor => (made.doctor_id, made.doctor_token),
            // They come by a link of their own.
            Role::Observer => return Err(BackendError::NotOurs),
        };
        Ok(Admission {
            url: made.livekit_url,
            token: Secret::new(token),
            role,
            e2ee: made.e2ee_key.is_some(),
            e2ee_key: made.e2ee_key.map(Secret::new),
            e2ee_key_index: made.e2ee_key_index,
            consultation: Some(ConsultationPlace { server: server.clone(), id: id.clone(), room_name: made.room_name }),
            direct_as: (made.transport == Transport::P2p).then_some(user),
            planned_end: planned_end(made.scheduled_at, made.duration_minutes),
        })
    }

    /// A consultation's people, settings and state, for somebody on the backend's machine.
    async fn details(&self, server: &Url, id: &Id) -> Result<ConsultationDetails, BackendError> {
        self.ask(self.http.get(place(server, &["api", "consultations", id.as_str()])?), None).await
    }

    /// The STUN and TURN servers for a call from peer to peer, with a participant's own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn ice_servers(&self, server: &Url, token: &Secret) -> Result<Vec<IceServer>, BackendError> {
        let url = place(server, &["api", "ice-servers"])?;
        Ok(self.ask::<IceServers>(self.http.get(url), Some(token)).await?.ice_servers)
    }

    /// Uses a code: a link's, or the digits that a patient types at a kiosk, which want the kiosk's `key`.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no: the code is wrong, too early, expired or revoked.
    pub async fn join(&self, server: &Url, code: Secret, key: Option<&Secret>) -> Result<Admission, BackendError> {
        let request = Join { code: code.expose().to_owned() };
        Ok(admission(server, self.post(server, &["api", "join"], &request, key).await?))
    }

    /// Enters a consultation as its doctor, with a desk's `key`.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn enter(&self, server: &Url, id: &Id, key: Option<&Secret>) -> Result<Admission, BackendError> {
        let path = ["api", "consultations", id.as_str(), "enter"];
        Ok(admission(server, self.post(server, &path, &serde_json::json!({}), key).await?))
    }

    /// The consultations from one moment until before another, for a desk's `key`: all pages of them.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn consultations(
        &self,
        server: &Url,
        from: Timestamp,
        until: Timestamp,
        key: Option<&Secret>,
    ) -> Result<ConsultationList, BackendError> {
        let mut first = place(server, &["api", "consultations"])?;
        first.query_pairs_mut().append_pair("from", &from.to_string()).append_pair("until", &until.to_string());
        let mut list: ConsultationList = self.ask(self.http.get(first.clone()), key).await?;
        for _ in 1..MOST_PAGES {
            let Some(cursor) = list.next.take() else { break };
            let mut url = first.clone();
            url.query_pairs_mut().append_pair("cursor", &cursor);
            let page: ConsultationList = self.ask(self.http.get(url), key).await?;
            list.consultations.extend(page.consultations);
            (list.total, list.next) = (page.total, page.next);
        }
        Ok(list)
    }

    /// A room of one's own for testing the network, on the strength of a link's code, of a `key`, or of being on the
    /// same machine.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn check(
        &self,
        server: &Url,
        code: Option<&Secret>,
        key: Option<&Secret>,
    ) -> Result<CheckRoom, BackendError> {
        let request = Check { code: code.map(|code| code.expose().to_owned()) };
        self.post(server, &["api", "check"], &request, key).await
    }

    /// Tells how a call was, with the token it was held with.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn tell(
        &self,
        place: &ConsultationPlace,
        token: &Secret,
        feedback: &Feedback,
    ) -> Result<(), BackendError> {
        let path = ["api", "consultations", place.id.as_str(), "feedback"];
        let _: serde_json::Value = self.post(&place.server, &path, feedback, Some(token)).await?;
        Ok(())
    }

    /// Starts (`true`) or stops the recording, with the doctor's own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn record(&self, place: &ConsultationPlace, token: &Secret, on: bool) -> Result<(), BackendError> {
        let room_name = place.room_name.clone();
        let verb = if on { "start" } else { "stop" };
        let path = ["api", "consultations", place.id.as_str(), "recording", verb];
        let _: serde_json::Value = self.post(&place.server, &path, &StartRecording { room_name }, Some(token)).await?;
        Ok(())
    }

    /// The recordings of a consultation, for a desk's `key`.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no; so for the other ways to recordings.
    pub async fn recordings(&self, server: &Url, id: &Id, key: Option<&Secret>) -> Result<RecordingList, BackendError> {
        let url = place(server, &["api", "consultations", id.as_str(), "recordings"])?;
        self.ask(self.http.get(url), key).await
    }

    /// One recording, with links to its files that are good for some minutes.
    ///
    /// # Errors
    /// As [`recordings`](Self::recordings).
    pub async fn recording(
        &self,
        server: &Url,
        id: &Id,
        recording: &str,
        key: Option<&Secret>,
    ) -> Result<Recording, BackendError> {
        let url = place(server, &["api", "consultations", id.as_str(), "recordings", recording])?;
        self.ask(self.http.get(url), key).await
    }

    /// Deletes a recording's files.
    ///
    /// # Errors
    /// As [`recordings`](Self::recordings).
    pub async fn delete_recording(
        &self,
        server: &Url,
        id: &Id,
        recording: &str,
        key: Option<&Secret>,
    ) -> Result<(), BackendError> {
        let url = place(server, &["api", "consultations", id.as_str(), "recordings", recording])?;
        self.ask::<serde_json::Value>(self.http.delete(url), key).await.map(drop)
    }

    /// Opens a link to a file. The link is the proof: no key goes along, which storage elsewhere must not see.
    ///
    /// # Errors
    /// When nothing answers. The link isn't in the error.
    pub async fn open_link(&self, link: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.files.get(link).send().await.map_err(reqwest::Error::without_url)
    }

    /// Answers whether we may be recorded, with our own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn consent(
        &self,
        place: &ConsultationPlace,
        token: &Secret,
        consent: &GiveConsent,
    ) -> Result<(), BackendError> {
        self.control(place, token, &["recording", "consent"], consent).await
    }

    /// The end-to-end key to send with now, with a participant's own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no: a patient isn't admitted yet.
    pub async fn key(&self, place: &ConsultationPlace, token: &Secret) -> Result<ConsultationKey, BackendError> {
        self.fetch(place, token, "key").await
    }

    /// Whether somebody is in the room in our place by a token that is good. Whoever is there by another is sent out.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn is_present(&self, place: &ConsultationPlace, token: &Secret) -> Result<bool, BackendError> {
        self.fetch::<Presence>(place, token, "presence").await.map(|presence| presence.present)
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        at: &ConsultationPlace,
        token: &Secret,
        what: &str,
    ) -> Result<T, BackendError> {
        let url = place(&at.server, &["api", "consultations", at.id.as_str(), what])?;
        self.ask(self.http.get(url), Some(token)).await
    }

    /// Tells what a call measured, with the participant's own token.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no.
    pub async fn send_quality(
        &self,
        place: &ConsultationPlace,
        token: &Secret,
        sample: &QualitySample,
    ) -> Result<(), BackendError> {
        self.control(place, token, &["quality"], sample).await
    }

    /// Asks for something about a consultation whose answer says nothing more.
    async fn control(
        &self,
        place: &ConsultationPlace,
        token: &Secret,
        what: &[&str],
        body: &impl Serialize,
    ) -> Result<(), BackendError> {
        let path: Vec<&str> = ["api", "consultations", place.id.as_str()].iter().chain(what).copied().collect();
        self.post::<serde_json::Value>(&place.server, &path, body, Some(token)).await.map(drop)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        server: &Url,
        path: &[&str],
        body: &impl Serialize,
        token: Option<&Secret>,
    ) -> Result<T, BackendError> {
        self.ask(self.http.post(place(server, path)?).json(body), token).await
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

    /// Asks with the key of this user's own backend where there is one, and else without any.
    async fn ask_without_key<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, BackendError> {
        let mut refused: Option<Secret> = None;
        // A backend that just started answers 401 to the key of its predecessor, so its own is read then.
        for _ in 0..2 {
            let Some((key, keyed)) = self.with_local_key(&request).await else { break };
            if refused.as_ref() == Some(&key) {
                break;
            }
            match self.send(keyed).await {
                Err(BackendError::Refused { code: ErrorCode::Unauthorized, .. }) => refused = Some(key),
                // Its backend is gone; another one may serve at the same port of another address.
                Err(BackendError::Unreachable(_)) => break,
                answer => return answer,
            }
        }
        self.send(request).await
    }

    /// The same request with the key of this user's own backend, to the one address where that listens.
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
            let success: Success<T> = serde_json::from_slice(&body).map_err(|_| BackendError::NotOurs)?;
            return Ok(success.data);
        }
        let failure: Failure = serde_json::from_slice(&body).map_err(|_| BackendError::NotOurs)?;
        Err(BackendError::Refused { code: failure.code, message: failure.message })
    }
}

/// A path at a backend.
fn place(server: &Url, path: &[&str]) -> Result<Url, BackendError> {
    let mut url = server.clone();
    url.path_segments_mut().map_err(|()| BackendError::NotOurs)?.pop_if_empty().extend(path);
    Ok(url)
}

fn admission(server: &Url, joined: Joined) -> Admission {
    Admission {
        url: joined.livekit_url,
        token: Secret::new(joined.token),
        role: joined.role,
        // Backends of before answer with the key alone.
        e2ee: joined.e2ee || joined.e2ee_key.is_some(),
        e2ee_key: joined.e2ee_key.map(Secret::new),
        e2ee_key_index: joined.e2ee_key_index,
        consultation: Some(ConsultationPlace {
            server: server.clone(),
            id: joined.consultation_id,
            room_name: joined.room_name,
        }),
        direct_as: (joined.transport == Transport::P2p).then_some(joined.user_id),
        planned_end: planned_end(joined.scheduled_at, joined.duration_minutes),
    }
}

/// The backend's default for a consultation without a duration.
const USUAL_MINUTES: u32 = 30;

fn planned_end(scheduled_at: Option<Timestamp>, minutes: Option<u32>) -> Option<SystemTime> {
    let begins = Duration::from_millis(u64::try_from(scheduled_at?.as_millis()).ok()?);
    let lasts = Duration::from_secs(60 * u64::from(minutes.unwrap_or(USUAL_MINUTES)));
    SystemTime::UNIX_EPOCH.checked_add(begins)?.checked_add(lasts)
}
