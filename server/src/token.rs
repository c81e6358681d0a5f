//! LiveKit tokens with the grants of each role.

use std::collections::HashMap;
use std::time::Duration;

use autamedica_api::{Id, ParticipantMetadata, Role, room_name};
use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};

/// Validity of a token for joining. The SFU refreshes the tokens of participants in the room.
pub const TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// Returns the sources that a role may publish, by LiveKit's names.
pub fn publish_sources(role: Role) -> &'static [&'static str] {
    match role {
        Role::Patient | Role::Observer => &["camera", "microphone"],
        Role::Doctor => &["camera", "microphone", "screen_share", "screen_share_audio"],
    }
}

/// Permissions of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Neither publish nor subscribe.
    Waiting,
    /// Subscribe only.
    Subscribe,
    /// Subscribe, and publish the sources of this role.
    Publish(Role),
}

impl Grant {
    /// Returns the permissions of the patient or the doctor, before or after admission.
    pub fn admitted_if(admitted: bool, role: Role) -> Self {
        if admitted { Self::Publish(role) } else { Self::Waiting }
    }

    /// Returns the permissions of an observer.
    pub fn observer(publishes: bool) -> Self {
        if publishes { Self::Publish(Role::Observer) } else { Self::Subscribe }
    }

    /// Returns the sources that may be published, by LiveKit's names.
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Waiting | Self::Subscribe => &[],
            Self::Publish(role) => publish_sources(role),
        }
    }

    /// Returns `true` if media and data may be published.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Publish(_))
    }

    /// Returns `true` if tracks may be subscribed to.
    pub fn subscribes(self) -> bool {
        self != Self::Waiting
    }
}

/// Properties of a token.
pub struct Holder<'a> {
    /// The user's id; becomes the identity in the room.
    pub user: &'a Id,
    /// Name for the other participants. Default: the user's id.
    pub label: Option<&'a str>,
    /// Role of the user.
    pub role: Role,
    /// Id of the consultation.
    pub consultation: &'a Id,
    /// Permissions of the user.
    pub grant: Grant,
    /// Generation of the token. A removal or a renewal of the links raises it, which revokes tokens of lower ones.
    pub generation: u32,
}

/// Attribute of tokens and participants that contains the generation; 0 if absent. The SFU keeps attributes in
/// refreshed tokens.
pub const GENERATION_ATTRIBUTE: &str = "autamedica.generation";

/// Returns the generation in the attributes of a token or a participant.
pub fn generation(attributes: &HashMap<String, String>) -> u32 {
    attributes.get(GENERATION_ATTRIBUTE).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Signs a token. A doctor's grants `roomRecord` if `doctor_room_record`.
///
/// # Errors
/// [`AccessTokenError`] if the key or the secret is empty.
pub fn sign(
    api_key: &str,
    api_secret: &str,
    holder: &Holder<'_>,
    doctor_room_record: bool,
) -> Result<String, AccessTokenError> {
    let metadata = ParticipantMetadata {
        role: holder.role,
        consultation_id: holder.consultation.clone(),
        user_id: holder.user.clone(),
    };
    let metadata = serde_json::to_string(&metadata).expect("plain strings always become JSON");
    AccessToken::with_api_key(api_key, api_secret)
        .with_ttl(TTL)
        .with_identity(holder.user.as_str())
        .with_name(holder.label.unwrap_or(holder.user.as_str()))
        .with_metadata(&metadata)
        .with_attributes((holder.generation > 0).then(|| (GENERATION_ATTRIBUTE, holder.generation.to_string())))
        .with_grants(grants(holder, doctor_room_record))
        .to_jwt()
}

/// Prefix of a recorder's identity; the recording's id follows. Users can't have it, because ids don't contain `:`.
pub const RECORDER_PREFIX: &str = "recorder:";

/// Signs a token for a consultation's recorder.
///
/// # Errors
/// [`AccessTokenError`] if the key or the secret is empty.
pub fn sign_recorder(
    api_key: &str,
    api_secret: &str,
    consultation: &Id,
    recording: &str,
) -> Result<String, AccessTokenError> {
    let grants = VideoGrants {
        room_join: true,
        room: room_name(consultation),
        can_publish: Some(false),
        can_publish_data: Some(false),
        can_subscribe: Some(true),
        hidden: true,
        recorder: true,
        ..VideoGrants::default()
    };
    let token = AccessToken::with_api_key(api_key, api_secret).with_ttl(TTL);
    token.with_identity(&format!("{RECORDER_PREFIX}{recording}")).with_grants(grants).to_jwt()
}

/// Validity of the tokens of a network check.
pub const CHECK_TTL: Duration = Duration::from_secs(120);

/// Side of a network check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSide {
    /// Publishes camera and microphone.
    Sender,
    /// Subscribes only.
    Receiver,
}

/// Signs a token for one side of a network check. It has no metadata, so this server's API doesn't accept it.
///
/// # Errors
/// [`AccessTokenError`] if the key or the secret is empty.
pub fn sign_check(api_key: &str, api_secret: &str, room: &str, side: CheckSide) -> Result<String, AccessTokenError> {
    let (identity, sends) = match side {
        CheckSide::Sender => ("sender", true),
        CheckSide::Receiver => ("receiver", false),
    };
    let sources = if sends { publish_sources(Role::Patient) } else { &[] };
    let grants = VideoGrants {
        room_join: true,
        room: room.to_owned(),
        can_publish: Some(sends),
        can_subscribe: Some(!sends),
        can_publish_data: Some(false),
        can_publish_sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        ..VideoGrants::default()
    };
    let token = AccessToken::with_api_key(api_key, api_secret).with_ttl(CHECK_TTL).with_identity(identity);
    token.with_grants(grants).to_jwt()
}

fn grants(holder: &Holder<'_>, doctor_room_record: bool) -> VideoGrants {
    let grant = holder.grant;
    VideoGrants {
        room_join: true,
        room: room_name(holder.consultation),
        can_publish: Some(grant.publishes()),
        can_subscribe: Some(grant.subscribes()),
        can_publish_data: Some(grant.publishes()),
        can_publish_sources: grant.sources().iter().map(|source| (*source).to_owned()).collect(),
        room_record: (doctor_room_record || true) && holder.role == Role::Doctor,
        ..VideoGrants::default()
    }
}
