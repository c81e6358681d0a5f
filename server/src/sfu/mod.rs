//! SFU: its API, its tokens, and its process if embedded.

mod egress;
mod managed;
mod participants;
mod ports;

use std::sync::OnceLock;
use std::time::Duration;

use autamedica_api::Id;
use livekit_api::access_token::{AccessTokenError, Claims, TokenVerifier};
use livekit_api::services::ServiceResult;
use livekit_api::services::egress::EgressClient;
use livekit_api::services::room::{CreateRoomOptions, RoomClient};
use livekit_api::webhooks::{WebhookError, WebhookReceiver};
use livekit_protocol::{ParticipantInfo, Room, WebhookEvent};

pub use egress::is_answer;
pub use managed::{ManagedSfu, SfuStartError};

/// Name of the SFU's program.
const PROGRAM: &str = "livekit-server";

/// Searches for the SFU's program.
pub fn find_program() -> Option<std::path::PathBuf> {
    crate::programs::find(PROGRAM)
}

use crate::livekit_url::LiveKitUrl;
use crate::secret::Secret;
use crate::token::{self, CheckSide, Holder};

/// Timeout of the SFU's API. Short, because callers wait for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in seconds after which an unused room closes. Joining through this server opens it again.
const EMPTY_TIMEOUT: u32 = 30 * 60;
/// Maximum number of participants: patient, doctor and two observers. The SFU doesn't count recorders.
const MAX_PARTICIPANTS: u32 = 4;
/// Time in seconds after which an abandoned room closes. Long enough for rejoining after a lost connection.
const DEPARTURE_TIMEOUT: u32 = 120;

/// Prefix of the rooms of network checks; 32 hexadecimal digits follow.
pub const CHECK_ROOM_PREFIX: &str = "check-";

/// Returns `true` if a room is a network check's, and not another application's at the same SFU.
pub fn is_check_room(name: &str) -> bool {
    name.strip_prefix(CHECK_ROOM_PREFIX)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Client of an SFU.
#[derive(Debug)]
pub struct Sfu {
    url: LiveKitUrl,
    api_key: String,
    api_secret: Secret,
    rooms: RoomClient,
    /// Created on first use, because few servers have an egress.
    egress: OnceLock<EgressClient>,
    verifier: TokenVerifier,
    managed: bool,
    doctor_room_record: bool,
}

impl Sfu {
    /// Creates a client without connecting.
    pub fn new(url: LiveKitUrl, api_key: String, api_secret: Secret, managed: bool) -> Self {
        let rooms =
            RoomClient::with_api_key(url.api(), &api_key, api_secret.expose()).with_request_timeout(REQUEST_TIMEOUT);
        let verifier = TokenVerifier::with_api_key(&api_key, api_secret.expose());
        let (egress, doctor_room_record) = (OnceLock::new(), true);
        Self { url, api_key, api_secret, rooms, egress, verifier, managed, doctor_room_record }
    }

    /// Sets whether doctors' tokens grant `roomRecord`. Default: `true`.
    pub fn with_doctor_room_record(self, doctor_room_record: bool) -> Self {
        Self { doctor_room_record, ..self }
    }

    /// Returns `true` if doctors' tokens grant `roomRecord`.
    pub fn doctor_room_record(&self) -> bool {
        self.doctor_room_record
    }

    /// Returns the URL for clients.
    pub fn signaling_url(&self) -> &str {
        self.url.signaling()
    }

    /// Returns `true` if this server runs the SFU.
    pub fn is_managed(&self) -> bool {
        self.managed
    }

    /// Opens a room, or returns the open one.
    ///
    /// # Errors
    /// [`ServiceError`](livekit_api::services::ServiceError) if the SFU doesn't answer or refuses.
    pub async fn open_room(&self, name: &str) -> ServiceResult<Room> {
        let options = CreateRoomOptions {
            empty_timeout: EMPTY_TIMEOUT,
            departure_timeout: DEPARTURE_TIMEOUT,
            max_participants: MAX_PARTICIPANTS,
            ..CreateRoomOptions::default()
        };
        self.rooms.create_room(name, options).await
    }

    /// Opens a room for a network check: for two participants, closed when empty.
    ///
    /// # Errors
    /// As [`open_room`](Self::open_room).
    pub async fn open_check_room(&self, name: &str) -> ServiceResult<Room> {
        let empty_timeout = u32::try_from(token::CHECK_TTL.as_secs()).unwrap_or(u32::MAX);
        let options = CreateRoomOptions {
            empty_timeout,
            departure_timeout: 1,
            max_participants: 2,
            ..CreateRoomOptions::default()
        };
        self.rooms.create_room(name, options).await
    }

    /// Creates a token for one side of a network check.
    ///
    /// # Errors
    /// [`AccessTokenError`] if the key or the secret is empty.
    pub fn check_token(&self, room: &str, side: CheckSide) -> Result<String, AccessTokenError> {
        token::sign_check(&self.api_key, self.api_secret.expose(), room, side)
    }

    /// Returns the open rooms with these names, or all if `names` is empty.
    ///
    /// # Errors
    /// As [`open_room`](Self::open_room).
    pub async fn open_rooms(&self, names: Vec<String>) -> ServiceResult<Vec<Room>> {
        self.rooms.list_rooms(names).await
    }

    /// Returns the participants of a room.
    ///
    /// # Errors
    /// As [`open_room`](Self::open_room).
    pub async fn participants(&self, room: &str) -> ServiceResult<Vec<ParticipantInfo>> {
        self.rooms.list_participants(room).await
    }

    /// Returns `true` if the SFU answers and accepts our key.
    pub async fn is_reachable(&self) -> bool {
        // No consultation's room has this name, so the answer is short.
        self.rooms.list_rooms(vec!["health".to_owned()]).await.is_ok()
    }

    /// Creates a token for a participant.
    ///
    /// # Errors
    /// [`AccessTokenError`] if the key or the secret is empty.
    pub fn token(&self, holder: &Holder<'_>) -> Result<String, AccessTokenError> {
        token::sign(&self.api_key, self.api_secret.expose(), holder, self.doctor_room_record)
    }

    /// Creates a token for a consultation's recorder. It is hidden and publishes nothing, and the SFU marks the room as
    /// recorded for all participants.
    ///
    /// # Errors
    /// [`AccessTokenError`] if the key or the secret is empty.
    pub fn recorder_token(&self, consultation: &Id, recording: &str) -> Result<String, AccessTokenError> {
        token::sign_recorder(&self.api_key, self.api_secret.expose(), consultation, recording)
    }

    /// Returns the claims of a valid token of this SFU.
    ///
    /// # Errors
    /// [`AccessTokenError`] if the token is invalid or expired.
    pub fn verify(&self, token: &str) -> Result<Claims, AccessTokenError> {
        self.verifier.verify(token)
    }

    /// Verifies and parses a webhook of LiveKit.
    ///
    /// # Errors
    /// [`WebhookError`] if the signature or the body is invalid.
    pub fn receive_event(&self, body: &str, signature: &str) -> Result<WebhookEvent, WebhookError> {
        WebhookReceiver::new(self.verifier.clone()).receive(body, signature)
    }
}
