//! Recordings of real rooms, and what is in their files.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use autamedica_api::{RecorderCommand, RecorderEvent, RecorderProblem};
use autamedica_engine::TrackSource;
use autamedica_lab::Sfu;
use common::film::{Film, IN_STEP, LEFT, RIGHT, STAGE, WHOLE, median};
use common::{Person, Recorder, order, person_token};

/// Seconds since 1970, of the clock that time codes come from.
fn now() -> f64 {
    autamedica_client::device::now_us() as f64 / 1e6
}

fn assert_in_step(film: &Film, index: usize, hz: f64, at_least: usize) {
    let beeps = film.beeps_after_picture(index, hz);
    println!(
        "{hz} Hz: {:?}",
        beeps.iter().map(|(at, off)| format!("{at:.2}: {:.0} ms", off * 1000.0)).collect::<Vec<_>>()
    );
    // After the first seconds, in which the codec and the buffers begin, one beep may be missing that a busy machine delivered
    // too late; not two, and none is there twice.
    for pair in beeps.windows(2).filter(|pair| pair[0].0 > 2.0) {
        let (last, next) = (pair[0].0, pair[1].0);
        let (there, gap) = (film.loudness_around(last + 1.0, hz), next - last);
        assert!(
            (gap - gap.round()).abs() < 0.2,
            "{gap:.2} s after a beep at {last:.2} s the next; there it is so loud: {there:?}"
        );
        assert!(gap < 2.5, "beeps are missing after {last:.2} s; there it is so loud: {there:?}");
    }
    assert!(beeps.len() >= at_least, "{} beeps of {hz} Hz, not {at_least}", beeps.len());
    // The engine's jitter buffers begin with more than they need and come down within two seconds; after that a beep may be
    // far off now and then, when a busy machine delivered its sound late.
    let settled: Vec<f64> = beeps.iter().filter(|(at, _)| *at > 2.0).map(|(_, off)| *off).collect();
    for (when, part) in [("start", &settled[..settled.len() / 2]), ("end", &settled[settled.len() / 2..])] {
        let off = median(part);
        assert!(off.abs() < IN_STEP, "at the {when} sound is {:.0} ms after the picture", off * 1000.0);
    }
    let far = settled.iter().filter(|off| off.abs() > IN_STEP).count();
    assert!(far * 5 <= settled.len(), "{far} of {} beeps aren't in step", settled.len());
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
    film.is_as_documented()?;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_a_pause_is_nowhere_in_the_file() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut ana = Person::join(&sfu, "room", "patient-ana").await?;
    ana.film(TrackSource::Camera, 1280, 720).await?;
    ana.beep(1000.0).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.recorded(Duration::from_secs(4))?;

    let pause_asked = now();
    recorder.tell(RecorderCommand::Pause)?;
    recorder.wait("paused", |event| matches!(event, RecorderEvent::Paused).then_some(()))?;
    let file = folder.path().join("test.part1.mkv");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let size = file.metadata()?.len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(file.metadata()?.len(), size, "nothing is written");
    let resume_asked = now();
    recorder.tell(RecorderCommand::Resume)?;
    recorder.wait("resumed", |event| matches!(event, RecorderEvent::Resumed).then_some(()))?;
    recorder.recorded(Duration::from_secs(9))?;
    recorder.tell(RecorderCommand::Stop)?;
    let part = recorder.finished()?;

    let film = Film::open(&part.file, &[WHOLE])?;
    let codes: Vec<f64> = film.pictures.iter().filter_map(|(_, codes)| codes[0]).collect();
    let inside: Vec<_> = codes.iter().filter(|code| (pause_asked..resume_asked).contains(*code)).collect();
    assert!(inside.is_empty(), "pictures of the pause, which was {pause_asked}..{resume_asked}: {inside:?}");
    assert!(codes.iter().any(|code| *code < pause_asked) && codes.iter().any(|code| *code > resume_asked));
    // Had the sound of the pause stayed, there would be a beep more for each of its seconds.
    let whole_seconds: std::collections::BTreeSet<i64> = codes.iter().map(|code| code.floor() as i64).collect();
    let beeps = film.beeps(1000.0);
    println!("{beeps:?}");
    assert!((5..=whole_seconds.len()).contains(&beeps.len()), "{beeps:?} in {} seconds", whole_seconds.len());
    assert!((film.seconds() - 9.4).abs() < 0.6, "{} s", film.seconds());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_camera_is_a_card_and_a_shared_screen_has_the_stage() -> Result<()> {
    const SIDE: (usize, usize, usize, usize) = (1024, 288, 256, 144);
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut doctor = Person::join(&sfu, "room", "doctor-luis").await?;
    let camera = doctor.film(TrackSource::Camera, 1280, 720).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.recorded(Duration::from_secs(3))?;
    camera.mute()?;
    recorder.recorded(Duration::from_secs(6))?;
    camera.unmute()?;
    doctor.film(TrackSource::Screenshare, 1280, 720).await?;
    recorder.recorded(Duration::from_secs(10))?;
    recorder.hang_up();
    let part = recorder.finished()?;

    let film = Film::open(&part.file, &[WHOLE, STAGE, SIDE])?;
    let (whole, stage, side) = (film.delays(0), film.delays(1), film.delays(2));
    println!("{whole:?}\n{stage:?}\n{side:?}");
    assert!(whole[1].is_some(), "the camera fills the picture");
    assert!(whole[4].is_none() && stage[4].is_none() && side[4].is_none(), "the card shows no old picture");
    assert!(stage[8].is_some(), "the screen has the stage");
    assert!(side[8].is_some(), "the camera is beside it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_room_is_recorded_with_its_key_and_without_it_never_as_noise() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut ana = Person::join_encrypted(&sfu, "room", "patient-ana", Some("una clave")).await?;
    ana.film(TrackSource::Camera, 640, 360).await?;
    ana.beep(1000.0).await?;
    let mut with_key = order(&sfu, "room", folder.path())?;
    with_key.e2ee_key = Some("una clave".to_owned());
    let mut without_key = order(&sfu, "room", folder.path())?;
    (without_key.name, without_key.token) = ("without".to_owned(), person_token("room", "recorder-2", true)?);
    let (mut recorder, mut other) = (Recorder::start(&with_key)?, Recorder::start(&without_key)?);
    let undecryptable = |event: &RecorderEvent| match event {
        RecorderEvent::Problem { what: RecorderProblem::Undecryptable, .. } => Some(()),
        _ => None,
    };
    other.wait("a problem", undecryptable)?;
    recorder.recorded(Duration::from_secs(6))?;
    for recorder in [&mut recorder, &mut other] {
        recorder.tell(RecorderCommand::Stop)?;
    }
    let film = Film::open(&recorder.finished()?.file, &[WHOLE])?;
    assert!(film.delays(0)[4].is_some());
    assert!(film.beeps(1000.0).len() >= 3);
    let silent = Film::open(&other.finished()?.file, &[WHOLE])?;
    assert!(silent.delays(0).iter().all(Option::is_none));
    let loudest = silent.sound.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest < 0.01, "noise of {loudest}");
    Ok(())
}
