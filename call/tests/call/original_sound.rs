//! Original sound: what the microphone hears arrives as it is.

use std::f64::consts::TAU;
use std::time::Instant;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallSettings, DeviceChoices, JoinTarget, Secret};
use autamedica_engine::{AudioStream, RemoteTrack, Room, RoomEvent, RoomOptions};
use autamedica_lab::child::{Child, is_child};
use autamedica_lab::{Process, Sfu, SoundCard};
use autamedica_media::DeviceChoice;
use livekit_api::access_token::{AccessToken, VideoGrants};

use crate::harness::{Clinic, SimulatedUser, is_on, runtime, test_devices};

const RATE: usize = 48_000;
/// Steps of the sweep in hertz, one second each.
const SWEEP: [f64; 12] = [20.0, 31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 12_000.0, 16_000.0];
/// Samples over which a step is measured: whole periods of each.
const WINDOW: usize = RATE / 2;

/// Returns the amplitude of a tone in these samples, by Goertzel's sum with a window against its neighbours.
fn amplitude(samples: &[i16], hz: f64) -> f64 {
    let (mut real, mut imaginary, mut weights) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (at, sample) in samples.iter().enumerate() {
        let place = at as f64 / samples.len() as f64;
        let weight = 0.5 - 0.5 * (place * TAU).cos();
        let phase = at as f64 * hz / RATE as f64 * TAU;
        real += f64::from(*sample) * weight * phase.cos();
        imaginary += f64::from(*sample) * weight * phase.sin();
        weights += weight;
    }
    2.0 * real.hypot(imaginary) / weights
}

/// Returns the loudest amplitude of each step anywhere in the sound.
fn response(heard: &[i16]) -> Vec<f64> {
    let windows = || heard.windows(WINDOW).step_by(RATE / 4);
    SWEEP.iter().map(|hz| windows().map(|window| amplitude(window, *hz)).fold(0.0, f64::max)).collect()
}

/// Plays the sweep in a loop into the speaker, which the card's microphone hears.
fn play_sweep(card: &SoundCard, folder: &std::path::Path) -> Process {
    let file = folder.join("sweep.raw");
    let step = |hz: f64| (0..RATE).map(move |at| ((at as f64 * hz / RATE as f64 * TAU).sin() * 6_000.0) as i16);
    let sweep: Vec<u8> = SWEEP.iter().flat_map(|hz| step(*hz)).flat_map(i16::to_le_bytes).collect();
    std::fs::write(&file, sweep.repeat(40)).unwrap();
    let mut player = std::process::Command::new("pacat");
    player.args(["--playback", "--device=speaker", "--rate=48000", "--format=s16le", "--channels=1", "--raw"]);
    player.arg(&file).envs(card.environment());
    Process::spawn("pacat", player).unwrap()
}

fn token(identity: &str) -> String {
    let grants = VideoGrants { room_join: true, room: "sweep".into(), ..VideoGrants::default() };
    let token = AccessToken::with_api_key(Sfu::API_KEY, Sfu::API_SECRET).with_identity(identity).with_grants(grants);
    token.to_jwt().unwrap()
}

/// Receives the first audio track that is published from now on, for a whole sweep and a half.
async fn receive(events: &mut tokio::sync::mpsc::Receiver<RoomEvent>) -> Vec<i16> {
    let track = loop {
        if let RoomEvent::TrackSubscribed { track: RemoteTrack::Audio(track), .. } = events.recv().await.unwrap() {
            break track;
        }
    };
    let mut stream = AudioStream::new(&track, RATE as u32, 1).unwrap();
    let mut heard = Vec::new();
    while heard.len() < RATE * (SWEEP.len() * 3 / 2 + 2) {
        heard.extend_from_slice(&stream.next().await.unwrap().data);
    }
    heard
}

#[test]
fn a_sweep_from_20_hz_to_16_khz_arrives_within_3_db() {
    if !is_child() {
        let card = SoundCard::start(48_000).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let _player = play_sweep(&card, folder.path());
        let test = "original_sound::a_sweep_from_20_hz_to_16_khz_arrives_within_3_db";
        return Child::start(test, card.environment()).finish();
    }
    let sfu = Sfu::start().unwrap();
    let started = Instant::now();
    let (_room, mut events) =
        runtime().block_on(Room::connect(&sfu.url(), &token("listener"), RoomOptions::default())).unwrap();
    let target = JoinTarget::Room { url: sfu.url(), token: Secret::new(token("doctor")), role: Role::Doctor };
    let devices = DeviceChoices { camera: DeviceChoice::None, microphone: DeviceChoice::Default, ..test_devices() };
    let doctor = SimulatedUser::enter(sfu.url().parse().unwrap(), target, devices, CallSettings::default());
    doctor.send(CallCommand::UseOriginalSound(true));
    doctor.wait_for("the microphone", |state| is_on(&state.microphone.device) && state.original_sound);
    let heard = runtime().block_on(receive(&mut events));
    let response = response(&heard);
    let middle = response[6];
    let decibels: Vec<f64> = response.iter().map(|value| 20.0 * (value / middle).log10()).collect();
    eprintln!("{SWEEP:?}\n{decibels:.2?} dB of {middle:.0} after {:?}", started.elapsed());
    assert!(middle > 3_000.0, "6000 was played: {middle}");
    for (hz, decibels) in SWEEP.iter().zip(&decibels) {
        assert!(decibels.abs() < 3.0, "{hz} Hz: {decibels} dB");
    }
    // The rate that the call's own statistics show.
    let kbps = doctor.wait("the bitrate", |state| {
        let tracks = &state.statistics.samples.back()?.tracks;
        tracks.iter().find(|track| track.identity.is_none() && track.codec == "opus").map(|track| track.kbps)
    });
    eprintln!("{kbps} kbit/s");
}

#[test]
fn a_doctor_asks_for_original_sound_and_nobody_else_does() {
    let clinic = Clinic::open();
    let [patient, doctor] = clinic.start_call("original", true);
    let ask = |on| CallCommand::AskOriginalSound { identity: "patient-1".into(), on };
    doctor.send(ask(true));
    patient.wait_for("original sound", |state| state.original_sound);
    doctor.wait_for_other("the notice", |other| other.original_sound);
    doctor.wait_for_other("the microphone", |other| !other.microphone_muted);
    doctor.send(ask(false));
    patient.wait_for("processed sound", |state| !state.original_sound);
    doctor.wait_for_other("no notice", |other| !other.original_sound);

    // The patient may switch it off again, and may not switch it on at the doctor's.
    doctor.send(ask(true));
    doctor.wait_for_other("the notice", |other| other.original_sound);
    patient.send(CallCommand::AskOriginalSound { identity: "doctor-1".into(), on: true });
    patient.send(CallCommand::UseOriginalSound(false));
    doctor.wait_for_other("no notice", |other| !other.original_sound);
    assert!(!doctor.state().original_sound);
}
