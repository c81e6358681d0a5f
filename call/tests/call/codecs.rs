//! Codec of the camera: what the SFU allows, and who receives.

use autamedica_api::Role;
use autamedica_call::{
    CallCommand, CallSettings, CallState, DeviceChoices, JoinTarget, PictureQuality, Secret, Tile, TrackStatistics,
    VideoCodecChoice, VideoKind,
};
use autamedica_engine::TrackSource;
use autamedica_lab::Sfu;
use autamedica_media::DeviceChoice;
use livekit_api::access_token::{AccessToken, VideoGrants};

use crate::harness::{Clinic, SimulatedUser, test_devices};

fn low(video_codec: VideoCodecChoice) -> CallSettings {
    CallSettings { picture: PictureQuality::Low, video_codec, ..CallSettings::default() }
}

/// Returns both cameras of the newest sample, the own one first, once both move and the encoder is known.
fn cameras(state: &CallState) -> Option<[TrackStatistics; 2]> {
    let tracks = &state.statistics.samples.back()?.tracks;
    let camera = |own: bool| {
        let mut cameras = tracks.iter().filter(|track| track.source == TrackSource::Camera && track.fps > 0.0);
        cameras.find(|track| track.identity.is_none() == own).cloned()
    };
    Some([camera(true).filter(|own| !own.encoder.is_empty())?, camera(false)?])
}

fn start_call(clinic: &Clinic, id: &str, e2ee: bool, settings: [CallSettings; 2]) -> [SimulatedUser; 2] {
    let consultation = clinic.consultation(id, |body| body.e2ee = Some(e2ee));
    let [patient, doctor] = settings;
    [
        clinic.enter_with(&consultation.patient_link, test_devices(), patient),
        clinic.enter_with(&consultation.doctor_link, test_devices(), doctor),
    ]
}

/// Checks that pictures flow both ways in the codecs (sent, received) that the doctor's statistics show.
fn assert_codecs([patient, doctor]: &[SimulatedUser; 2], sent: (&str, &str), received: &str) {
    patient.wait("the doctor's picture", |state| state.participants.first()?.camera.as_ref()?.newest());
    doctor.wait("the patient's picture", |state| state.participants.first()?.camera.as_ref()?.newest());
    let [own, theirs] = doctor.wait("both cameras' statistics", cameras);
    assert_eq!((own.codec.as_str(), own.encoder.as_str(), theirs.codec.as_str()), (sent.0, sent.1, received));
}

#[test]
fn an_sfu_that_allows_one_codec_gets_it_encrypted_or_not() {
    const CODECS: [(&str, &str, &str); 2] = [("vp8", "VP8", "libvpx"), ("h264", "H264", "OpenH264")];
    for (mime, codec, encoder) in CODECS {
        let config = format!("room: {{enabled_codecs: [{{mime: audio/opus}}, {{mime: video/{mime}}}]}}");
        let sfu = Sfu::start_with(&config).unwrap();
        let clinic = Clinic::open_beside(&sfu);
        for e2ee in [true, false] {
            // Each setting requests a codec that the SFU forbids.
            let settings = [low(VideoCodecChoice::Vp8), low(VideoCodecChoice::Auto)];
            let both = start_call(&clinic, &format!("only-{mime}-{e2ee}"), e2ee, settings);
            assert_codecs(&both, (codec, encoder), codec);
        }
    }
}

#[test]
fn the_camera_is_sent_in_h264_unless_it_is_set_otherwise() {
    let clinic = Clinic::open();
    let settings = [low(VideoCodecChoice::Vp8), low(VideoCodecChoice::Auto)];
    let both = start_call(&clinic, "codecs", true, settings);
    assert_codecs(&both, ("H264", "OpenH264"), "VP8");
}

#[test]
fn layers_are_sent_from_when_a_third_person_receives() {
    let sfu = Sfu::start().unwrap();
    let clinic = Clinic::open_beside(&sfu);
    let [_patient, doctor] = clinic.start_call("three", false);
    let width = || {
        let state = doctor.state();
        Some(state.participants.iter().find(|other| other.identity == "patient-1")?.camera.as_ref()?.newest()?.width())
    };
    let show = |width: u32, height: u32| {
        let tile = Tile { identity: "patient-1".into(), video: VideoKind::Camera, width, height };
        doctor.send(CallCommand::Show(vec![tile]));
    };
    show(200, 112);
    doctor.wait_for("the one size that a call of two has", |_| width() == Some(1280));

    let grants = VideoGrants { room_join: true, room: "consultation-three".into(), ..VideoGrants::default() };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity("third").with_grants(grants);
    let target = JoinTarget::Room { url: sfu.url(), token: Secret::new(token.to_jwt().unwrap()), role: Role::Patient };
    let devices = DeviceChoices { camera: DeviceChoice::None, microphone: DeviceChoice::None, ..test_devices() };
    let _third = SimulatedUser::enter(clinic.url.clone(), target, devices, CallSettings::default());
    doctor.wait_for("a small picture for a small tile", |_| width().is_some_and(|width| width <= 320));
    show(1280, 720);
    doctor.wait_for("the full picture again", |_| width() == Some(1280));
}

#[test]
fn settings_take_effect_in_the_running_call() {
    let clinic = Clinic::open();
    let [patient, doctor] = clinic.start_call("settings", true);
    let height = |state: &CallState| Some(state.participants.first()?.camera.as_ref()?.newest()?.height());
    doctor.wait("the standard picture", |state| height(state).filter(|height| *height == 720));
    let changed = CallSettings { echo_cancellation: false, picture: PictureQuality::Low, ..CallSettings::default() };
    patient.send(CallCommand::UseSettings(changed));
    doctor.wait("the smaller picture", |state| height(state).filter(|height| *height == 360));
    doctor.wait_for_other("sound and picture", |other| other.camera.is_some() && !other.microphone_muted);
    patient.send(CallCommand::UseSettings(CallSettings::default()));
    doctor.wait("the standard picture again", |state| height(state).filter(|height| *height == 720));
}
