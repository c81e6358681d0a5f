//! The SFU: its API, the tokens it believes, and the process when it is ours.

mod egress;
mod managed;
mod people;
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

/// Finds the SFU's program where no setting names it.
pub fn find_program() -> Option<std::path::PathBuf> {
    crate::programs::find(PROGRAM)
}

use crate::livekit_url::LiveKitUrl;
use crate::secret::Secret;
use crate::token::{self, CheckSide, Holder};

/// How long the SFU's API may take. Callers wait for it, so it is short.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that a room stays open with nobody in it, in seconds. Whoever joins through this server later opens it again.
const EMPTY_TIMEOUT: u32 = 30 * 60;
/// Most people in a consultation's room: the patient, the doctor and two observers. The SFU doesn't count recorders.
const MAX_PARTICIPANTS: u32 = 4;
/// How long a room stays open after the last one left, so that a dropped call finds its room again. In seconds.
const DEPARTURE_TIMEOUT: u32 = 120;

/// How the rooms of network checks begin; 32 hexadecimal digits follow.
pub const CHECK_ROOM: &str = "check-";

/// Whether a room is a network check's, and not that of somebody else who shares the SFU.
pub fn is_check_room(name: &str) -> bool {
    name.strip_prefix(CHECK_ROOM).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An SFU that somebody runs, and the key to it.
#[derive(Debug)]
pub struct Sfu {
    url: LiveKitUrl,
    api_key: String,
    api_secret: Secret,
    rooms: RoomClient,
    /// Made when it is needed: few servers have an egress.
    egress: OnceLock<EgressClient>,
    verifier: TokenVerifier,
    managed: bool,
    doctor_room_record: bool,
}

impl Sfu {
    /// Nothing is asked of the SFU yet.
    pub fn new(url: LiveKitUrl, api_key: String, api_secret: Secret, managed: bool) -> Self {
        let rooms =
            RoomClient::with_api_key(url.api(), &api_key, api_secret.expose()).with_request_timeout(REQUEST_TIMEOUT);
        let verifier = TokenVerifier::with_api_key(&api_key, api_secret.expose());
        let (egress, doctor_room_record) = (OnceLock::new(), true);
        Self { url, api_key, api_secret, rooms, egress, verifier, managed, doctor_room_record }
    }

    /// Sets whether doctors' tokens grant `roomRecord`; they do unless this says otherwise.
    pub fn with_doctor_room_record(self, doctor_room_record: bool) -> Self {
        Self { doctor_room_record, ..self }
    }

    /// Whether doctors' tokens grant `roomRecord`.
    pub fn doctor_room_record(&self) -> bool {
        self.doctor_room_record
    }

    /// Where clients connect.
    pub fn signaling_url(&self) -> &str {
        self.url.signaling()
    }

    /// Whether this server runs it.
    pub fn is_managed(&self) -> bool {
        self.managed
    }

    /// Opens a room, or finds it open.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn open_room(&self, name: &str) -> ServiceResult<Room> {
        let options = CreateRoomOptions {
            empty_timeout: EMPTY_TIMEOUT,
            departure_timeout: DEPARTURE_TIMEOUT,
            max_participants: MAX_PARTICIPANTS,
            ..CreateRoomOptions::default()
        };
        self.rooms.create_room(name, options).await
    }

    /// Opens a room for a network check: for two, and closed as soon as it is empty again.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
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

    /// A token for one side of a network check.
    ///
    /// # Errors
    /// When the key or secret is unusable.
    pub fn check_token(&self, room: &str, side: CheckSide) -> Result<String, AccessTokenError> {
        token::sign_check(&self.api_key, self.api_secret.expose(), room, side)
    }

    /// The rooms that are open; of `names` only, unless that is empty.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn open_rooms(&self, names: Vec<String>) -> ServiceResult<Vec<Room>> {
        self.rooms.list_rooms(names).await
    }

    /// Who is in a room.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn participants(&self, room: &str) -> ServiceResult<Vec<ParticipantInfo>> {
        self.rooms.list_participants(room).await
    }

    /// Whether it answers and takes our key.
    pub async fn answers(&self) -> bool {
        // A name that no consultation has, so that the answer is short.
        self.rooms.list_rooms(vec!["health".to_owned()]).await.is_ok()
    }

    /// A fresh token.
    ///
    /// # Errors
    /// When the key or secret is unusable.
    pub fn token(&self, holder: &Holder<'_>) -> Result<String, AccessTokenError> {
        token::sign(&self.api_key, self.api_secret.expose(), holder, self.doctor_room_record)
    }

    /// A token for the recorder of a consultation: it is hidden, sends nothing, and makes the SFU tell everybody in the room
    /// that they are recorded.
    ///
    /// # Errors
    /// When the key or secret is unusable.
    pub fn recorder_token(&self, consultation: &Id, recording: &str) -> Result<String, AccessTokenError> {
        token::sign_recorder(&self.api_key, self.api_secret.expose(), consultation, recording)
    }

    /// What a token says, when it is ours and good now.
    ///
    /// # Errors
    /// When it isn't.
    pub fn verify(&self, token: &str) -> Result<Claims, AccessTokenError> {
        self.verifier.verify(token)
    }

    /// Reads an event that LiveKit sent with a signature.
    ///
    /// # Errors
    /// When the signature isn't the SFU's, or the body isn't an event.
    pub fn receive_event(&self, body: &str, signature: &str) -> Result<WebhookEvent, WebhookError> {
        WebhookReceiver::new(self.verifier.clone()).receive(body, signature)
    }
}
