//! Recordings of real rooms, and what is in their files.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use autamedica_api::RecorderCommand;
use autamedica_engine::TrackSource;
use autamedica_lab::Sfu;
use common::film::{Film, LEFT, RIGHT};
use common::{Person, Recorder, order};

/// Sound may be this far from the picture, in seconds.
const IN_STEP: f64 = 0.040;

fn assert_in_step(film: &Film, index: usize, hz: f64, at_least: usize) {
    let beeps = film.beeps_after_picture(index, hz);
    println!(
        "{hz} Hz: {:?}",
        beeps.iter().map(|(at, off)| format!("{at:.2}: {:.0} ms", off * 1000.0)).collect::<Vec<_>>()
    );
    assert!(beeps.len() >= at_least, "{} beeps of {hz} Hz, not {at_least}", beeps.len());
    for pair in beeps.windows(2) {
        assert!((pair[1].0 - pair[0].0 - 1.0).abs() < 0.1, "a beep is missing after {:.2} s", pair[0].0);
    }
    for (at, off) in beeps {
        assert!(off.abs() < IN_STEP, "at {at:.2} s sound is {:.0} ms after the picture", off * 1000.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_side_by_side_and_in_step() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut doctor = Person::join(&sfu, "room", "doctor-luis").await?;
    let mut patient = Person::join(&sfu, "room", "patient-ana").await?;
    for (person, hz) in [(&mut patient, 1000.0), (&mut doctor, 1700.0)] {
        person.film(TrackSource::Camera, 1280, 720).await?;
        person.beep(hz).await?;
    }
    let directory = folder.path().join("recordings");
    let mut recorder = Recorder::start(&order(&sfu, "room", &directory)?)?;
    let started = recorder.started()?;
    recorder.recorded(Duration::from_secs(5))?;
    let before = recorder.usage()?.0;
    recorder.recorded(Duration::from_secs(15))?;
    let (used, memory) = recorder.usage()?;
    println!("CPU {} % of a core, {memory} MiB", (used - before).as_millis() / 100);
    let matroska = directory.join("test.part1.mkv");
    assert_eq!(matroska.metadata()?.permissions().mode() & 0o777, 0o600);
    assert_eq!(directory.metadata()?.permissions().mode() & 0o777, 0o700);
    recorder.tell(RecorderCommand::Stop)?;
    let took = started.elapsed();
    let part = recorder.finished()?;

    assert_eq!(part.file, directory.join("test.part1.mp4"));
    assert!(!matroska.exists());
    assert_eq!(part.file.metadata()?.permissions().mode() & 0o777, 0o600);
    assert_eq!(part.bytes, part.file.metadata()?.len());
    let film = Film::open(&part.file, &[LEFT, RIGHT])?;
    println!("{}\n{}", film.video_caps, film.audio_caps);
    for wanted in ["video/x-h264", "width=(int)1280", "height=(int)720", "framerate=(fraction)30/1"] {
        assert!(film.video_caps.contains(wanted), "{wanted}");
    }
    for wanted in ["audio/mpeg", "mpegversion=(int)4", "rate=(int)48000", "channels=(int)2"] {
        assert!(film.audio_caps.contains(wanted), "{wanted}");
    }
    assert!((film.seconds() - took.as_secs_f64()).abs() < 0.2, "{} s, not {took:?}", film.seconds());
    assert!((film.seconds() - part.seconds).abs() < 0.1, "{} s, not {}", film.seconds(), part.seconds);
    for pair in film.pictures.windows(2) {
        assert!((pair[1].0 - pair[0].0 - 1.0 / 30.0).abs() < 1e-4, "uneven after {}", pair[0].0);
    }
    for index in 0..2 {
        let delays = film.delays(index);
        println!("{index}: {delays:?}");
        let missing = delays.iter().skip(2).filter(|delay| delay.is_none()).count();
        assert!(missing <= 1, "{missing} seconds without a time code: {delays:?}");
    }
    // The doctor is left whoever came first.
    assert_in_step(&film, 0, 1700.0, 12);
    assert_in_step(&film, 1, 1000.0, 12);
    Ok(())
}
