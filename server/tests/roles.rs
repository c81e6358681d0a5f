//! The role table, a test for each row: tried with each role's token by clients that aren't ours. What they are refused,
//! the SFU or the server refuses; no client of ours has a say in it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use autamedica_engine::{
    DataPacket, LocalTrack, LocalVideoTrack, NativeVideoSource, RoomEvent, TrackPublishOptions, VideoResolution,
};
use autamedica_lab::Sfu;
use autamedica_server::Config;
use common::signal::Signal;
use common::{Backend, Peer, error_code, external, text};
use livekit_api::services::egress::{EgressClient, EgressOutput, TrackEgressOutput};
use livekit_api::services::room::{RoomClient, UpdateParticipantOptions};
use livekit_api::services::{ServerError, ServiceError, ServiceResult};
use livekit_protocol::{EncodedFileOutput, ParticipantPermission, TrackSource};
use serde_json::{Value, json};

/// A consultation with somebody's own SFU, both sides' tokens at hand.
struct Case {
    backend: Backend,
    sfu: Sfu,
    data: Value,
}

impl Case {
    async fn new() -> Self {
        let sfu = Sfu::start().unwrap();
        let backend = Backend::start_with(external(&sfu, Config::default())).await;
        let data = backend.create("roles").await;
        Self { backend, sfu, data }
    }

    fn token(&self, role: &str) -> &str {
        text(&self.data, &format!("{role}Token"))
    }

    async fn signal(&self, role: &str) -> Signal {
        Signal::join(text(&self.data, "livekitUrl"), self.token(role)).await.unwrap()
    }

    /// The SFU's API, addressed with a participant's token.
    fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.sfu.port())
    }

    /// Whether each role's foreign client may publish this source.
    async fn publish(&self, source: TrackSource) -> [bool; 2] {
        let mut may = [false; 2];
        for (role, may) in ["patient", "doctor"].into_iter().zip(&mut may) {
            *may = self.signal(role).await.publish(source).await;
        }
        may
    }

    async fn end(self) {
        self.backend.server.shutdown().await;
    }
}

/// Whether the SFU refused because of who asks.
fn is_denied<T>(result: &ServiceResult<T>) -> bool {
    match result {
        Err(ServiceError::Twirp(ServerError::Twirp(answer))) => {
            matches!(answer.code.as_str(), "permission_denied" | "unauthenticated")
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_is_both_roles_in_their_own_room_alone() {
    let case = Case::new().await;
    let url = text(&case.data, "livekitUrl");
    for (role, identity) in [("patient", "patient-1"), ("doctor", "doctor-1")] {
        let me = case.signal(role).await.joined.participant.unwrap();
        assert_eq!(me.identity, identity);
        assert_eq!(case.signal(role).await.joined.room.unwrap().name, "consultation-roles");
    }
    // One role's name under the other's signature is nobody's.
    let part = |role: &str, number: usize| case.token(role).split('.').nth(number).unwrap().to_owned();
    let forged = format!("{}.{}.{}", part("patient", 0), part("doctor", 1), part("patient", 2));
    for token in [forged.as_str(), "nonsense", ""] {
        assert_eq!(Signal::join(url, token).await.err(), Some(401), "{token}");
    }
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_camera_is_both_roles() {
    let case = Case::new().await;
    assert_eq!(case.publish(TrackSource::Camera).await, [true, true]);
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_microphone_is_both_roles() {
    let case = Case::new().await;
    assert_eq!(case.publish(TrackSource::Microphone).await, [true, true]);
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_is_the_doctors_and_a_source_without_a_name_is_nobodys() {
    let case = Case::new().await;
    for source in [TrackSource::ScreenShare, TrackSource::ScreenShareAudio] {
        assert_eq!(case.publish(source).await, [false, true], "{source:?}");
    }
    assert_eq!(case.publish(TrackSource::Unknown).await, [false, false]);
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_and_chat_are_both_roles_once_they_are_admitted() {
    let case = Case::new().await;
    for (sender, receiver) in [("doctor", "patient"), ("patient", "doctor")] {
        let sender = Peer::join(&case.data, case.token(sender)).await;
        let mut receiver = Peer::join(&case.data, case.token(receiver)).await;
        let source = NativeVideoSource::new(VideoResolution { width: 320, height: 180 }, false).unwrap();
        let track = LocalTrack::Video(LocalVideoTrack::create_video_track("camera", source).unwrap());
        let options =
            TrackPublishOptions { source: autamedica_engine::TrackSource::Camera, ..TrackPublishOptions::default() };
        let me = sender.room.local_participant();
        me.publish_track(track, options).await.unwrap();
        receiver.wait("the camera", |event| matches!(event, RoomEvent::TrackSubscribed { .. }).then_some(())).await;
        let packet = DataPacket { payload: b"hello".to_vec(), topic: None, reliable: true, ..DataPacket::default() };
        me.publish_data(packet).await.unwrap();
        let heard = receiver.wait("the line", |event| match event {
            RoomEvent::DataReceived { payload, .. } => Some(payload),
            _ => None,
        });
        assert_eq!(heard.await.as_slice(), b"hello");
        sender.room.close().await.unwrap();
        receiver.room.close().await.unwrap();
    }
    // Who waits may be there and nothing else, whatever the client asks for.
    let data = case.backend.create_with("waits", &json!({"waitingRoom": true})).await;
    let mut waiting = Signal::join(text(&data, "livekitUrl"), text(&data, "patientToken")).await.unwrap();
    let may = waiting.joined.participant.as_ref().unwrap().permission.clone().unwrap();
    assert!(!may.can_subscribe && !may.can_publish && !may.can_publish_data, "{may:?}");
    for source in [TrackSource::Camera, TrackSource::Microphone, TrackSource::ScreenShare] {
        assert!(!waiting.publish(source).await, "{source:?}");
    }
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_is_the_doctors() {
    let case = Case::new().await;
    for role in ["patient", "doctor"] {
        for action in ["start", "stop"] {
            let path = format!("/api/consultations/roles/recording/{action}");
            let body = json!({"roomName": "consultation-roles"});
            let (status, answer) = case.backend.post(&path, Some(case.token(role)), &body).await;
            if role == "patient" {
                assert_eq!((status.as_u16(), error_code(&answer)), (403, "forbidden"), "{action}");
            } else {
                assert!(!matches!(status.as_u16(), 401 | 403), "{action}: {answer}");
            }
        }
        // Past the server, straight to the SFU: a patient is refused, a doctor learns that no egress worker is there.
        let egress = EgressClient::with_token(&case.api(), case.token(role));
        let room = "consultation-roles";
        let output =
            || vec![EgressOutput::File(EncodedFileOutput { filepath: "a.mp4".to_owned(), ..Default::default() })];
        let socket = TrackEgressOutput::WebSocket("ws://127.0.0.1:1".to_owned());
        for (what, denied) in [
            ("the room", is_denied(&egress.start_room_composite_egress(room, output(), Default::default()).await)),
            (
                "a person",
                is_denied(&egress.start_participant_egress(room, "doctor-1", output(), Default::default()).await),
            ),
            (
                "a page",
                is_denied(&egress.start_web_egress("https://clinic.example", output(), Default::default()).await),
            ),
            ("a track", is_denied(&egress.start_track_egress(room, socket, "TR_1").await)),
            ("what goes on", is_denied(&egress.list_egress(Default::default()).await)),
            ("the end of it", is_denied(&egress.stop_egress("EG_1").await)),
        ] {
            assert_eq!(denied, role == "patient", "{role}: {what}");
        }
    }
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_is_the_doctors_through_the_server_and_nobodys_past_it() {
    let case = Case::new().await;
    let victim = case.signal("patient").await;
    let room = "consultation-roles";
    for role in ["patient", "doctor"] {
        let rooms = RoomClient::with_token(&case.api(), case.token(role));
        for (what, denied) in [
            ("remove", is_denied(&rooms.remove_participant(room, "patient-1").await)),
            ("close", is_denied(&rooms.delete_room(room).await)),
            ("list", is_denied(&rooms.list_rooms(Vec::new()).await)),
            ("look", is_denied(&rooms.list_participants(room).await)),
            ("promote", {
                let permission = Some(ParticipantPermission { can_publish: true, ..Default::default() });
                let options = UpdateParticipantOptions { permission, ..Default::default() };
                is_denied(&rooms.update_participant(room, "patient-1", options).await)
            }),
        ] {
            assert!(denied, "{role}: {what}");
        }
    }
    let remove = "/api/consultations/roles/participants/patient-1/remove";
    let (status, answer) = case.backend.post(remove, Some(case.token("patient")), &json!({})).await;
    assert_eq!((status.as_u16(), error_code(&answer)), (403, "forbidden"));
    let (status, answer) = case.backend.post(remove, Some(case.token("doctor")), &json!({})).await;
    assert_eq!((status.as_u16(), &answer["data"]["present"]), (200, &json!(true)), "{answer}");
    victim.ended().await;
    case.end().await;
}
