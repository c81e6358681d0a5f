//! Devices that are plugged in, unplugged and chosen during a call. Each test is a process with its own sound card.

use std::process::Command;

use autamedica_call::{CallCommand, CallSettings, DeviceChoices, DeviceKind, PictureQuality};
use autamedica_engine::TrackSource;
use autamedica_lab::{CameraMode, SoundCard, VirtualCamera, set_camera_mode};
use autamedica_media::{DeviceChoice, DeviceState};

use crate::harness::{Clinic, SimulatedUser, is_on, test_devices};
use autamedica_lab::child::{Child, is_child};

const CAMERA: &str = "Lab Camera";

/// Loads a PulseAudio module that adds a device. Returns the module's number.
fn plug(module: &[&str]) -> String {
    let answer = Command::new("pactl").arg("load-module").args(module).output().unwrap();
    assert!(answer.status.success(), "{module:?}: {}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

fn unplug(module: &str) {
    assert!(Command::new("pactl").args(["unload-module", module]).status().unwrap().success());
}

fn name(state: &DeviceState) -> Option<String> {
    match state {
        DeviceState::On { name } => Some(name.clone()),
        _ => None,
    }
}

/// Returns the sids of a participant's publications, as the other side sees them.
fn sids(seen_by: &SimulatedUser, of: &str) -> Vec<String> {
    seen_by.wait("their tracks", |state| {
        let tracks = &state.statistics.samples.back()?.tracks;
        let theirs = tracks.iter().filter(|track| track.identity.as_deref() == Some(of));
        let sids: Vec<_> = theirs.map(|track| track.sid.clone()).collect();
        (sids.len() == 2).then_some(sids)
    })
}

#[test]
fn a_headset_is_offered_used_and_given_up_when_it_is_pulled_out() {
    if !is_child() {
        let card = SoundCard::start(48_000).unwrap();
        let test = "plugging::a_headset_is_offered_used_and_given_up_when_it_is_pulled_out";
        return Child::start(test, card.environment()).finish();
    }
    let clinic = Clinic::open();
    let consultation = clinic.consultation("headset", |_| {});
    let real_sound =
        DeviceChoices { microphone: DeviceChoice::Default, speaker: DeviceChoice::Default, ..test_devices() };
    let patient = clinic.enter_with(&consultation.patient_link, real_sound, CallSettings::default());
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_other("the patient's sound", |other| other.camera.is_some() && !other.microphone_muted);
    let usual =
        patient.wait("the usual devices", |state| Some((name(&state.microphone.device)?, name(&state.speaker)?)));
    patient.wait_for("the lists", |state| {
        state.devices.microphones.contains(&usual.0) && state.devices.speakers.contains(&usual.1)
    });
    assert_eq!(patient.state().offer, None);
    let before = sids(&doctor, "patient-1");

    let sink = plug(&["module-null-sink", "sink_name=headset", "sink_properties=device.description=Headset-Ears"]);
    let source = plug(&[
        "module-remap-source",
        "master=headset.monitor",
        "source_name=headset_mic",
        "source_properties=device.description=Headset-Mouth",
    ]);
    let offer = patient.wait("an offer", |state| state.offer.clone());
    let mut offers = vec![offer];
    // Both offers are accepted in turn.
    for _ in 0..2 {
        let offer = offers.last().unwrap().clone();
        assert!(offer.name.starts_with("Headset"), "{offer:?}");
        let choice = DeviceChoice::Named(offer.name.clone());
        match offer.kind {
            DeviceKind::Speaker => {
                patient.send(CallCommand::UseSpeaker(choice));
                patient.wait_for("the headset's ears", |state| name(&state.speaker).as_ref() == Some(&offer.name));
            }
            DeviceKind::Microphone => {
                patient.send(CallCommand::UseMicrophone(choice));
                patient.wait_for("its mouth", |state| name(&state.microphone.device).as_ref() == Some(&offer.name));
            }
            DeviceKind::Camera => panic!("{offer:?}"),
        }
        if offers.len() < 2 {
            offers.push(patient.wait("the other offer", |state| state.offer.clone().filter(|next| *next != offer)));
        }
    }
    patient.wait_for("no more offers", |state| state.offer.is_none());
    doctor.wait_for_other("the patient's sound", |other| !other.microphone_muted);

    unplug(&source);
    unplug(&sink);
    patient.wait_for("the usual devices again", |state| {
        (name(&state.microphone.device), name(&state.speaker)) == (Some(usual.0.clone()), Some(usual.1.clone()))
    });
    doctor.wait_for_other("the patient's sound", |other| !other.microphone_muted);
    doctor.wait_for("newer figures", |state| state.statistics.samples.len() > 3);
    assert_eq!(sids(&doctor, "patient-1"), before, "the publications stayed");

    // A declined device isn't offered again.
    let sink = plug(&["module-null-sink", "sink_name=other", "sink_properties=device.description=Other"]);
    patient.wait_for("an offer", |state| state.offer.is_some());
    patient.send(CallCommand::DismissOffer);
    patient.wait_for("no offer", |state| state.offer.is_none());
    unplug(&sink);
}

#[test]
fn another_camera_takes_over_without_a_new_publication() {
    if !is_child() {
        let camera = VirtualCamera::new().unwrap().name(CAMERA).format("YUYV", 640, 480, 30);
        let test = "plugging::another_camera_takes_over_without_a_new_publication";
        return Child::start(test, camera.environment()).finish();
    }
    let clinic = Clinic::open();
    let consultation = clinic.consultation("cameras", |_| {});
    let low = CallSettings { picture: PictureQuality::Low, ..CallSettings::default() };
    let patient = clinic.enter_with(&consultation.patient_link, test_devices(), low);
    let doctor = clinic.enter(&consultation.doctor_link);
    let slot = doctor.wait("the picture", |state| state.participants.first()?.camera.clone().filter(|s| s.count() > 0));
    doctor.wait_for("the small test card", |_| slot.newest().is_some_and(|frame| frame.height() == 360));
    let before = sids(&doctor, "patient-1");

    patient.send(CallCommand::UseCamera(DeviceChoice::Named(CAMERA.into())));
    patient.wait_for("the camera", |state| name(&state.camera.device).as_deref() == Some(CAMERA));
    // This camera has another aspect ratio: 4:3.
    let is_camera = |slot: &autamedica_engine::LatestFrame| {
        slot.newest().is_some_and(|frame| frame.width() * 3 == frame.height() * 4)
    };
    doctor.wait_for("the camera's picture in the same slot", |_| is_camera(&slot));
    patient.wait_for("in the own view too", |state| is_camera(&state.self_view));

    // After unplugging, the default camera is tried. It is the same one here, so the picture stops, which is reported.
    let control = std::env::var_os("VIRTUAL_CAMERA_CONTROL").unwrap();
    set_camera_mode(control.as_ref(), CameraMode::Unplug).unwrap();
    patient.wait_for("the loss", |state| matches!(state.camera.device, DeviceState::Failed(_)));
    doctor.wait_for_other("no picture", |other| other.camera.is_none());
    set_camera_mode(control.as_ref(), CameraMode::Run).unwrap();
    patient.wait_for("the camera again", |state| is_on(&state.camera.device));
    doctor.wait_for_other("the picture again", |other| other.camera.is_some());

    patient.send(CallCommand::UseCamera(DeviceChoice::Test));
    doctor.wait_for("the test card again", |_| {
        slot.newest().is_some_and(|frame| frame.width() * 9 == frame.height() * 16)
    });
    assert_eq!(sids(&doctor, "patient-1"), before, "the publications stayed");
    let camera = doctor
        .state()
        .statistics
        .samples
        .back()
        .unwrap()
        .tracks
        .iter()
        .any(|track| track.source == TrackSource::Camera && track.identity.is_some());
    assert!(camera);
}
