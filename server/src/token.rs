//! Tokens: what each role may do in a room, signed for LiveKit.

use std::time::Duration;

use autamedica_api::{Id, ParticipantMetadata, Role, room_name};
use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};

/// How long a token lets somebody in. Who is in already stays: the SFU refreshes it.
pub const TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// The sources that a role may publish, by LiveKit's names.
pub fn publish_sources(role: Role) -> &'static [&'static str] {
    match role {
        Role::Patient => &["camera", "microphone"],
        Role::Doctor => &["camera", "microphone", "screen_share", "screen_share_audio"],
    }
}

/// Whom a token is for.
pub struct Holder<'a> {
    /// The user; becomes the identity in the room.
    pub user: &'a Id,
    /// What they may do.
    pub role: Role,
    /// Where.
    pub consultation: &'a Id,
    /// Whether they may send and receive; who waits to be admitted may only be there.
    pub admitted: bool,
}

/// Signs a token for `holder`.
///
/// # Errors
/// When the key or the secret is empty.
pub fn sign(api_key: &str, api_secret: &str, holder: &Holder<'_>) -> Result<String, AccessTokenError> {
    let metadata = ParticipantMetadata {
        role: holder.role,
        consultation_id: holder.consultation.clone(),
        user_id: holder.user.clone(),
    };
    let metadata = serde_json::to_string(&metadata).expect("plain strings always become JSON");
    AccessToken::with_api_key(api_key, api_secret)
        .with_ttl(TTL)
        .with_identity(holder.user.as_str())
        .with_metadata(&metadata)
        .with_grants(grants(holder))
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

fn grants(holder: &Holder<'_>) -> VideoGrants {
    let sources = if holder.admitted { publish_sources(holder.role) } else { &[] };
    VideoGrants {
        room_join: true,
        room: room_name(holder.consultation),
        can_publish: Some(holder.admitted),
        can_subscribe: Some(holder.admitted),
        can_publish_data: Some(holder.admitted),
        can_publish_sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        room_record: holder.role == Role::Doctor,
        ..VideoGrants::default()
    }
}
