//! Second cameras beside the first.

use autamedica_call::{CallCommand, CallSettings, CameraAbsence, ParticipantState, PictureQuality};
use autamedica_engine::{LatestFrame, VideoFrame};
use autamedica_lab::child::{Child, is_child};
use autamedica_lab::{CameraMode, VirtualCamera, set_camera_mode};
use autamedica_media::{DeviceChoice, DeviceProblem, DeviceState};

use crate::harness::{Clinic, SimulatedUser, is_on, test_devices};

const CAMERA: &str = "Lab Dermatoscope";

/// The lab's camera is 4:3, the test card 16:9.
fn is_labs(frame: &VideoFrame) -> bool {
    frame.width() * 3 == frame.height() * 4
}

fn second(other: &ParticipantState) -> Option<LatestFrame> {
    other.others.first().map(|video| video.frames.clone())
}

/// Waits until a picture has moved, and returns it.
fn moving(seen_by: &SimulatedUser, slot: &LatestFrame) -> std::sync::Arc<VideoFrame> {
    let before = slot.count();
    seen_by.wait("a moving picture", |_| (slot.count() > before + 5).then(|| slot.newest()).flatten())
}

#[test]
fn a_second_camera_is_seen_beside_the_first_until_it_is_stopped_or_lost() {
    if !is_child() {
        let camera = VirtualCamera::new().unwrap().name(CAMERA).format("YUYV", 640, 480, 30);
        let test = "second_camera::a_second_camera_is_seen_beside_the_first_until_it_is_stopped_or_lost";
        return Child::start(test, camera.environment()).finish();
    }
    let clinic = Clinic::open();
    let consultation = clinic.consultation("dermatoscope", |body| body.e2ee = Some(true));
    let low = CallSettings { picture: PictureQuality::Low, ..CallSettings::default() };
    let patient = clinic.enter_with(&consultation.patient_link, test_devices(), low);
    let doctor = clinic.enter(&consultation.doctor_link);
    let face = doctor.wait("the face", |state| state.participants.first()?.camera.clone());
    let start = || patient.send(CallCommand::StartSecondCamera(DeviceChoice::Named(CAMERA.into())));

    start();
    let other = doctor.wait("the second camera", |state| second(state.participants.first()?));
    assert!(is_labs(&moving(&doctor, &other)));
    assert!(!is_labs(&moving(&doctor, &face)), "the face stays");
    assert!(is_on(&patient.state().second_camera));
    assert!(is_labs(&moving(&patient, &patient.state().second_view)));
    assert_eq!(doctor.state().participants[0].others.len(), 1);

    // Without its camera, the second one isn't taken for the face.
    patient.send(CallCommand::MuteCamera(true));
    doctor.wait_for_other("the second camera alone", |other| other.camera.is_none() && other.others.len() == 1);
    patient.send(CallCommand::MuteCamera(false));
    doctor.wait_for_other("both", |other| other.camera.is_some() && other.others.len() == 1);

    patient.send(CallCommand::StopSecondCamera);
    doctor.wait_for_other("the face alone", |other| other.camera.is_some() && other.others.is_empty());
    assert_eq!(patient.state().second_camera, DeviceState::Off);

    start();
    let other = doctor.wait("the second camera again", |state| second(state.participants.first()?));
    moving(&doctor, &other);
    let control = std::env::var_os("VIRTUAL_CAMERA_CONTROL").unwrap();
    set_camera_mode(control.as_ref(), CameraMode::Unplug).unwrap();
    let lost = DeviceState::Failed(DeviceProblem::Unplugged);
    patient.wait_for("the loss", |state| state.second_camera == lost);
    doctor.wait_for_other("the face alone", |other| other.camera.is_some() && other.others.is_empty());
    moving(&doctor, &doctor.wait("the face", |state| state.participants.first()?.camera.clone()));
}

#[test]
fn the_reason_for_a_camera_that_is_off_reaches_the_other_side() {
    if !is_child() {
        let camera = VirtualCamera::new().unwrap().name(CAMERA).format("YUYV", 640, 480, 30);
        camera.set_mode(CameraMode::Busy).unwrap();
        let test = "second_camera::the_reason_for_a_camera_that_is_off_reaches_the_other_side";
        return Child::start(test, camera.environment()).finish();
    }
    let clinic = Clinic::open();
    let consultation = clinic.consultation("busy", |body| body.e2ee = Some(true));
    let mut devices = test_devices();
    devices.camera = DeviceChoice::Named(CAMERA.into());
    let low = CallSettings { picture: PictureQuality::Low, ..CallSettings::default() };
    let patient = clinic.enter_with(&consultation.patient_link, devices, low);
    let doctor = clinic.enter(&consultation.doctor_link);
    let reads = |what: &str, absence| {
        doctor.wait_for_other(what, |other| other.camera.is_none() && other.camera_absence == Some(absence));
    };
    reads("busy", CameraAbsence::Busy);
    let control = std::env::var_os("VIRTUAL_CAMERA_CONTROL").unwrap();
    let switch = |mode| set_camera_mode(control.as_ref(), mode).unwrap();
    switch(CameraMode::Denied);
    reads("denied", CameraAbsence::Denied);
    switch(CameraMode::Run);
    doctor.wait_for_other("the picture", |other| other.camera.is_some() && other.camera_absence.is_none());
    patient.send(CallCommand::MuteCamera(true));
    reads("switched off", CameraAbsence::SwitchedOff);
}
