//! Enforcement of a token's grants, with a prompt refusal.
#![allow(clippy::unwrap_used)]

mod common;

use anyhow::Result;
use autamedica_engine::{
    LocalTrack, LocalVideoTrack, NativeVideoSource, RoomError, RoomEvent, RoomOptions, TrackPublishOptions,
    TrackSource, VideoResolution,
};
use autamedica_lab::Sfu;
use common::{Camera, Peer, grants, soon, token};
use livekit_api::access_token::VideoGrants;

/// Grants of the server's token for patients.
fn patient() -> VideoGrants {
    VideoGrants {
        can_publish_sources: vec!["camera".into(), "microphone".into()],
        can_publish: Some(true),
        can_subscribe: Some(true),
        can_publish_data: Some(true),
        ..grants("room")
    }
}

async fn publish(peer: &Peer, source: TrackSource) -> Result<(Result<(), RoomError>, Camera)> {
    let size = VideoResolution { width: 320, height: 180 };
    let video = NativeVideoSource::new(size, source == TrackSource::Screenshare)?;
    let track = LocalVideoTrack::create_video_track("picture", video.clone())?;
    let camera = Camera::start(video, size.width, size.height);
    let options = TrackPublishOptions { source, ..Default::default() };
    let me = peer.room.local_participant();
    let publishing = me.publish_track(LocalTrack::Video(track), options);
    Ok((soon("an answer", publishing).await?.map(drop), camera))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_cannot_share_a_screen() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut doctor = Peer::join(&sfu, "room", "doctor").await?;
    let patient = Peer::join_as(&sfu, &token("patient", patient())?, RoomOptions::default()).await?;
    let permission = patient.room.local_participant().permission().unwrap();
    assert_eq!(permission.can_publish_sources, [TrackSource::Camera, TrackSource::Microphone]);
    assert!(permission.may_publish(TrackSource::Camera) && !permission.may_publish(TrackSource::Screenshare));

    for source in [TrackSource::Screenshare, TrackSource::Unknown] {
        let (outcome, _screen) = publish(&patient, source).await?;
        eprintln!("{source:?}: {outcome:?}");
        assert!(matches!(outcome, Err(RoomError::NotAllowed(_))), "{outcome:?}");
        assert!(patient.room.local_participant().track_publications().is_empty());
    }
    // After the refusals a granted source is still published, and others see only that.
    let (outcome, _camera) = publish(&patient, TrackSource::Camera).await?;
    assert_eq!(outcome, Ok(()));
    let source = doctor
        .wait("a track", |event| match event {
            RoomEvent::TrackPublished { publication, .. } => Some(publication.source()),
            _ => None,
        })
        .await?;
    assert_eq!(source, TrackSource::Camera);
    Ok(())
}
