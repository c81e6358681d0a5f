//! Messages of LiveKit's signaling protocol for the engine.

use livekit_protocol as lk;
use lk::signal_response::Message as Response;

use crate::loopback::now;
use crate::options::IceServer;

/// Sid of the peer. Each presence has its own `Room`, so it may always be the same.
pub(crate) const PEER_SID: &str = "PA_peer";
const LOCAL_SID: &str = "PA_local";
/// Interval of the engine's pings and time without any message after which it reconnects, in seconds.
const PING: (i32, i32) = (5, 15);

/// Identity and name of a participant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    /// Metadata as our backend puts it into an SFU's tokens, see [`metadata`].
    pub(crate) metadata: &'a str,
}

/// Metadata of a participant; empty if the role is not known.
pub(crate) fn metadata(role: &str, room: &str, user: &str) -> String {
    if role.is_empty() {
        return String::new();
    }
    serde_json::json!({ "role": role, "consultationId": room, "userId": user }).to_string()
}

fn participant(sid: &str, identity: Identity<'_>, tracks: Vec<lk::TrackInfo>) -> lk::ParticipantInfo {
    lk::ParticipantInfo {
        sid: sid.to_owned(),
        identity: identity.id.to_owned(),
        name: identity.name.to_owned(),
        metadata: identity.metadata.to_owned(),
        state: lk::participant_info::State::Active.into(),
        tracks,
        joined_at: now() / 1000,
        joined_at_ms: now(),
        is_publisher: true,
        permission: Some(lk::ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            can_publish_data: true,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn server_info() -> lk::ServerInfo {
    // From protocol 18 on, data channels are negotiated out of band, so a browser never sees them.
    lk::ServerInfo { version: "1.9.0".to_owned(), protocol: 18, ..Default::default() }
}

fn ice(servers: &[IceServer]) -> Vec<lk::IceServer> {
    let servers = servers.iter().map(|server| lk::IceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.expose().to_owned(),
    });
    servers.collect()
}

/// Answer to a new connection of the engine.
pub(crate) fn join(
    room: &str,
    local: Identity<'_>,
    peer: Identity<'_>,
    tracks: Vec<lk::TrackInfo>,
    servers: &[IceServer],
) -> Response {
    let room = lk::Room { sid: "RM_peer".to_owned(), name: room.to_owned(), num_participants: 2, ..Default::default() };
    Response::Join(lk::JoinResponse {
        room: Some(room),
        participant: Some(participant(LOCAL_SID, local, Vec::new())),
        other_participants: vec![participant(PEER_SID, peer, tracks)],
        ice_servers: ice(servers),
        // With `true`, both native sides would wait for each other's offer.
        subscriber_primary: false,
        ping_interval: PING.0,
        ping_timeout: PING.1,
        server_info: Some(server_info()),
        ..Default::default()
    })
}

/// Answer to an engine that resumes its session.
pub(crate) fn reconnect(servers: &[IceServer]) -> Response {
    let server_info = Some(server_info());
    Response::Reconnect(lk::ReconnectResponse { ice_servers: ice(servers), server_info, ..Default::default() })
}

/// Newest state of the peer.
pub(crate) fn update(peer: Identity<'_>, tracks: Vec<lk::TrackInfo>) -> Response {
    Response::Update(lk::ParticipantUpdate { participants: vec![participant(PEER_SID, peer, tracks)] })
}

/// Ends the engine's session. Merely closing the connection would make it reconnect.
pub(crate) fn leave() -> Response {
    Response::Leave(lk::LeaveRequest {
        action: lk::leave_request::Action::Disconnect.into(),
        reason: lk::DisconnectReason::RoomClosed.into(),
        ..Default::default()
    })
}

/// Makes the engine offer.
pub(crate) fn renegotiate() -> Response {
    Response::MediaSectionsRequirement(lk::MediaSectionsRequirement { num_audios: 0, num_videos: 0 })
}

/// Pauses or resumes the encoder of a local track.
pub(crate) fn demand(sid: &str, enabled: bool) -> Response {
    let quality = lk::SubscribedQuality { quality: lk::VideoQuality::Low.into(), enabled };
    #[expect(deprecated, reason = "the engine reads this field where no codec is named")]
    let update = lk::SubscribedQualityUpdate {
        track_sid: sid.to_owned(),
        subscribed_qualities: vec![quality],
        ..Default::default()
    };
    Response::SubscribedQualityUpdate(update)
}
