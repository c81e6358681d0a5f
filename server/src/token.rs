//! Tokens: what each role may do in a room, signed for LiveKit.

use std::collections::HashMap;
use std::time::Duration;

use autamedica_api::{Id, ParticipantMetadata, Role, room_name};
use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};

/// How long a token lets somebody in. Who is in already stays: the SFU refreshes it.
pub const TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// The sources that a role may publish, by LiveKit's names.
pub fn publish_sources(role: Role) -> &'static [&'static str] {
    match role {
        Role::Patient | Role::Observer => &["camera", "microphone"],
        Role::Doctor => &["camera", "microphone", "screen_share", "screen_share_audio"],
    }
}

/// What somebody may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Be there, and neither send nor receive.
    Wait,
    /// Receive alone.
    Listen,
    /// Send what this role may, and receive.
    Publish(Role),
}

impl May {
    /// What the patient or the doctor may, once admitted or not yet.
    pub fn once(admitted: bool, role: Role) -> Self {
        if admitted { Self::Publish(role) } else { Self::Wait }
    }

    /// What an observer may.
    pub fn observe(publishes: bool) -> Self {
        if publishes { Self::Publish(Role::Observer) } else { Self::Listen }
    }

    /// The sources to publish, by LiveKit's names.
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Wait | Self::Listen => &[],
            Self::Publish(role) => publish_sources(role),
        }
    }

    /// Whether anything may be sent.
    pub fn publishes(self) -> bool {
        matches!(self, Self::Publish(_))
    }

    /// Whether anything may be received.
    pub fn subscribes(self) -> bool {
        self != Self::Wait
    }
}

/// Whom a token is for.
pub struct Holder<'a> {
    /// The user; becomes the identity in the room.
    pub user: &'a Id,
    /// How the others see them; their id when absent.
    pub label: Option<&'a str>,
    /// Who they are.
    pub role: Role,
    /// Where.
    pub consultation: &'a Id,
    /// What they may do.
    pub may: May,
    /// Which of this user's tokens it is: those from before a removal or before the links were renewed have a lower one.
    pub generation: u32,
}

/// The attribute of a token, and so of a participant, that holds its generation. A token without it is of generation 0. The
/// SFU keeps attributes in the tokens that it refreshes.
pub const GENERATION: &str = "autamedica.generation";

/// The generation among the attributes of a token or a participant.
pub fn generation(attributes: &HashMap<String, String>) -> u32 {
    attributes.get(GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Signs a token for `holder`; a doctor's grants `roomRecord` if `doctor_room_record`.
///
/// # Errors
/// When the key or the secret is empty.
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
        .with_attributes((holder.generation > 0).then(|| (GENERATION, holder.generation.to_string())))
        .with_grants(grants(holder, doctor_room_record))
        .to_jwt()
}

/// How the identity of a recorder begins; the recording's id follows. No user has it: `:` can't stand in their ids.
pub const RECORDER: &str = "recorder:";

/// Signs a token for a consultation's recorder.
///
/// # Errors
/// When the key or the secret is empty.
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
    token.with_identity(&format!("{RECORDER}{recording}")).with_grants(grants).to_jwt()
}

/// How long the two tokens of a network check let somebody in.
pub const CHECK_TTL: Duration = Duration::from_secs(120);

/// A side of a network check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSide {
    /// May publish camera and microphone, and hears nobody.
    Sender,
    /// May subscribe, and sends nothing.
    Receiver,
}

/// Signs a token for one side of a network check. It has no metadata, so to this server it proves nobody.
///
/// # Errors
/// When the key or the secret is empty.
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
    let may = holder.may;
    VideoGrants {
        room_join: true,
        room: room_name(holder.consultation),
        can_publish: Some(may.publishes()),
        can_subscribe: Some(may.subscribes()),
        can_publish_data: Some(may.publishes()),
        can_publish_sources: may.sources().iter().map(|source| (*source).to_owned()).collect(),
        room_record: doctor_room_record && holder.role == Role::Doctor,
        ..VideoGrants::default()
    }
}
