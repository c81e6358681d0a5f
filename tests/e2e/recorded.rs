//! Two recordings of a call, one requested through the API and one by the doctor's button. The tests inspect the files.
//!
//! `AUTAMEDICA_RECORDED_SECONDS=60` makes each recording longer.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use autamedica_api::{Consultation, Recording, RecordingState};
use autamedica_client::i18n::Language;
use autamedica_lab::{Display, HANG_GUARD};

use crate::film::{Film, IN_STEP, LEFT, Place, RIGHT, median};
use crate::person::Person;
use crate::support::Backend;
use crate::visit::picture;

/// Tones of the test microphones in hertz, in the order of the places in the picture: the doctor is left.
const TONES: [f64; 2] = [660.0, 440.0];
/// Time in seconds for which the doctor's camera is off at the end.
const WITHOUT_CAMERA: f64 = 4.0;

#[test]
fn both_ways_of_recording_give_the_same_film() -> Result<()> {
    let seconds = std::env::var("AUTAMEDICA_RECORDED_SECONDS").map_or(Ok(15.0), |seconds| seconds.parse())?;
    let folder = tempfile::tempdir()?;
    let backend = Backend::start_recording_into(&folder.path().join("recordings"))?;
    let displays = [Display::start(1280, 760)?, Display::start(1280, 760)?];
    let start = |display, role: &str| {
        let devices = ["--camera", "test", "--microphone", "test", "--speaker", "none"];
        let to = ["--role", role, "--consultation", "recorded", "--server", backend.url()];
        Person::start(display, role, Language::English, &[&to[..], &devices].concat(), &[], folder.path())
    };
    let mut patient = start(&displays[0], "patient")?;
    patient.is_at("Call", 1)?;
    patient.sees("camera-stop")?;
    let mut doctor = start(&displays[1], "doctor")?;
    for (person, other) in [(&mut patient, "role-doctor"), (&mut doctor, "role-patient")] {
        let picture = picture(person, other);
        person.sees_named(&picture)?;
    }
    let visit = backend.create("recorded")?;

    backend.start_recording(&visit)?;
    patient.clicks("consent-yes")?;
    // A minimised window draws nothing, which saves CPU time.
    patient.minimises()?;
    lasts(&backend, &visit, seconds)?;
    backend.stop_recording(&visit)?;
    let asked_for = kept(&backend, &visit)?;

    // The patient has consented already and isn't asked again.
    doctor.clicks("record-start")?;
    lasts(&backend, &visit, seconds)?;
    doctor.presses("ctrl+e")?;
    lasts(&backend, &visit, seconds + WITHOUT_CAMERA)?;
    doctor.clicks("record-stop")?;
    let by_button = kept(&backend, &visit)?;
    ensure!(asked_for.recording_id != by_button.recording_id, "one recording twice");

    let film = film(&asked_for)?;
    is_whole(&film, &asked_for)?;
    for place in 0..2 {
        shows(&film, place, 2.0, film.seconds() - 1.0)?;
    }
    let film = self::film(&by_button)?;
    is_whole(&film, &by_button)?;
    // The doctor, whose camera is switched off, is at the left.
    let off = film.seconds() - WITHOUT_CAMERA;
    shows(&film, 0, 2.0, off - 3.0)?;
    shows(&film, 1, 2.0, film.seconds() - 1.0)?;
    let last = film.delays(0)[off as usize + 2];
    ensure!(last.is_none(), "the doctor's camera is off, and still there");
    Ok(())
}

/// Waits until a recording has this length.
fn lasts(backend: &Backend, visit: &Consultation, seconds: f64) -> Result<Recording> {
    let guard = HANG_GUARD + std::time::Duration::from_secs_f64(seconds);
    backend.recording_when(visit, guard, |it| it.state == RecordingState::Recording && it.duration_seconds >= seconds)
}

fn kept(backend: &Backend, visit: &Consultation) -> Result<Recording> {
    let recording = backend.recording_when(visit, HANG_GUARD, |it| it.state == RecordingState::Ready)?;
    // A busy machine drops frames and reports that.
    let is_fine = matches!(recording.problem.as_deref(), None | Some("too-slow"));
    ensure!(is_fine && recording.parts.len() == 1, "{recording:?}");
    Ok(recording)
}

fn film(recording: &Recording) -> Result<Film> {
    const PLACES: [Place; 2] = [LEFT, RIGHT];
    let location = recording.parts[0].location.as_deref().context("a kept recording is somewhere")?;
    let file: Option<PathBuf> = url::Url::parse(location)?.to_file_path().ok();
    Film::open(&file.context("a file")?, &PLACES)
}

/// Checks a file against the backend's description, and that both voices are in sync with the pictures.
fn is_whole(film: &Film, recording: &Recording) -> Result<()> {
    film.is_as_documented()?;
    let (long, said) = (film.seconds(), recording.duration_seconds);
    ensure!((long - said).abs() < 0.2, "{long} s, and not {said}");
    let beeps = TONES.map(|hz| film.swells(hz));
    for (hz, beeps) in TONES.iter().zip(&beeps) {
        println!("{hz} Hz: {beeps:.2?}");
        ensure!(beeps.len() as f64 >= long - 3.0, "{} beeps of {hz} Hz in {long} s", beeps.len());
    }
    for (place, beeps) in beeps.into_iter().enumerate() {
        let off = film.after_picture(place, beeps).into_iter().filter(|(at, _)| *at > 2.0).map(|(_, off)| off);
        let off: Vec<f64> = off.collect();
        println!("after their picture: {off:.3?}");
        ensure!(off.len() > 2, "there is no picture beside the sound: {off:?}");
        for part in [&off[..off.len() / 2], &off[off.len() / 2..]] {
            ensure!(median(part).abs() < IN_STEP, "sound is {:.3} s after the picture", median(part));
        }
    }
    Ok(())
}

/// Checks that each second of a place in the picture shows a camera's time code.
fn shows(film: &Film, place: usize, from: f64, until: f64) -> Result<()> {
    let delays = film.delays(place);
    println!("place {place}: {delays:.2?}");
    let missing = (from as usize..until as usize).filter(|second| delays[*second].is_none()).count();
    ensure!(missing <= 1, "{missing} seconds without a picture: {delays:?}");
    Ok(())
}
