//! Recordings of real rooms, checked by decoding the files.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use autamedica_api::{RecorderCommand, RecorderEvent, RecorderProblem};
use autamedica_engine::{TrackSource, VideoCodec};
use autamedica_lab::Sfu;
use common::film::{Film, IN_STEP, LEFT, RIGHT, STAGE, WHOLE, median};
use common::{PEOPLE, Person, Recorder, order, person_token};

/// Returns the time in seconds since 1970 by the clock of the time codes.
fn now() -> f64 {
    autamedica_media::now_us() as f64 / 1e6
}

fn assert_in_sync(film: &Film, index: usize, hz: f64, at_least: usize) {
    let beeps = film.beeps_after_picture(index, hz);
    println!(
        "{hz} Hz: {:?}",
        beeps.iter().map(|(at, off)| format!("{at:.2}: {:.0} ms", off * 1000.0)).collect::<Vec<_>>()
    );
    // After the first two seconds a single beep may be missing, if a busy machine delivered it too late, but not two in a row;
    // and there are no duplicates.
    for pair in beeps.windows(2).filter(|pair| pair[0].0 > 2.0) {
        let (last, next) = (pair[0].0, pair[1].0);
        let (there, gap) = (film.loudness_around(last + 1.0, hz), next - last);
        assert!(
            (gap - gap.round()).abs() < 0.2,
            "the next beep is {gap:.2} s after that at {last:.2} s; amplitudes there: {there:?}"
        );
        assert!(gap < 2.5, "beeps are missing after {last:.2} s; amplitudes there: {there:?}");
    }
    assert!(beeps.len() >= at_least, "{} beeps of {hz} Hz, not {at_least}", beeps.len());
    // The engine's jitter buffers settle within two seconds. After that single beeps may be off, if a busy machine delivered
    // them late.
    let settled: Vec<f64> = beeps.iter().filter(|(at, _)| *at > 2.0).map(|(_, off)| *off).collect();
    for (when, part) in [("start", &settled[..settled.len() / 2]), ("end", &settled[settled.len() / 2..])] {
        let off = median(part);
        assert!(off.abs() < IN_STEP, "at the {when} audio is {:.0} ms after the video", off * 1000.0);
    }
    let far = settled.iter().filter(|off| off.abs() > IN_STEP).count();
    assert!(far * 5 <= settled.len(), "{far} of {} beeps are out of sync", settled.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_are_side_by_side_and_in_sync() -> Result<()> {
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
    recorder.wait_for_length(Duration::from_secs(5))?;
    let before = recorder.usage()?.0;
    recorder.wait_for_length(Duration::from_secs(15))?;
    let (used, memory) = recorder.usage()?;
    println!("CPU {} % of a core, {memory} MiB", (used - before).as_millis() / 100);
    let matroska = directory.join("test.part1.mkv");
    assert_eq!(matroska.metadata()?.permissions().mode() & 0o777, 0o600);
    assert_eq!(directory.metadata()?.permissions().mode() & 0o777, 0o700);
    recorder.send(RecorderCommand::Stop)?;
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
        assert!((pair[1].0 - pair[0].0 - 1.0 / 30.0).abs() < 1e-4, "uneven frame interval after {}", pair[0].0);
    }
    for index in 0..2 {
        let delays = film.delays(index);
        println!("{index}: {delays:?}");
        let missing = delays.iter().skip(2).filter(|delay| delay.is_none()).count();
        assert!(missing <= 1, "{missing} seconds without a time code: {delays:?}");
    }
    // The doctor is on the left, regardless of the order of joining.
    assert_in_sync(&film, 0, 1700.0, 12);
    assert_in_sync(&film, 1, 1000.0, 12);
    Ok(())
}

/// A companion whom the order doesn't name is present before the recorder joins.
#[tokio::test(flavor = "multi_thread")]
async fn people_whom_the_order_does_not_name_are_not_recorded() -> Result<()> {
    const COMPANION_HZ: f64 = 2500.0;
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut companion = Person::join(&sfu, "room", "companion-1").await?;
    companion.film(TrackSource::Camera, 1280, 720).await?;
    companion.beep(COMPANION_HZ).await?;
    let mut ana = Person::join(&sfu, "room", "patient-ana").await?;
    ana.film(TrackSource::Camera, 1280, 720).await?;
    ana.beep(1000.0).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.wait_for_length(Duration::from_secs(6))?;
    // After `only` names them they are recorded, which proves that the checks detect them.
    let people = PEOPLE.into_iter().chain(["companion-1"]).map(str::to_owned).collect();
    recorder.send(RecorderCommand::Only { people })?;
    recorder.wait_for_length(Duration::from_secs(12))?;
    recorder.send(RecorderCommand::Stop)?;
    let film = Film::open(&recorder.finished()?.file, &[WHOLE, LEFT, RIGHT])?;

    let [whole, left, right] = [0, 1, 2].map(|place| film.delays(place));
    println!("{whole:?}\n{left:?}\n{right:?}");
    assert!(whole[2..5].iter().all(Option::is_some), "the patient doesn't fill the frame");
    let shared = |second: usize| left[second].is_some() || right[second].is_some();
    assert!((0..6).all(|second| !shared(second)), "the companion was recorded");
    assert!(left[10].is_some() && right[10].is_some(), "the companion is missing after being named");
    let beeps = film.beeps(COMPANION_HZ);
    println!("the companion: {beeps:?}");
    assert!(beeps.iter().all(|at| *at > 6.0) && beeps.len() >= 3, "{beeps:?}");
    assert!(film.beeps(1000.0).len() >= 9);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn media_of_a_pause_is_not_recorded() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut ana = Person::join(&sfu, "room", "patient-ana").await?;
    ana.film(TrackSource::Camera, 1280, 720).await?;
    ana.beep(1000.0).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.wait_for_length(Duration::from_secs(4))?;

    let pause_asked = now();
    recorder.send(RecorderCommand::Pause)?;
    recorder.wait("paused", |event| matches!(event, RecorderEvent::Paused).then_some(()))?;
    let file = folder.path().join("test.part1.mkv");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let size = file.metadata()?.len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(file.metadata()?.len(), size, "the file grew during the pause");
    let resume_asked = now();
    recorder.send(RecorderCommand::Resume)?;
    recorder.wait("resumed", |event| matches!(event, RecorderEvent::Resumed).then_some(()))?;
    recorder.wait_for_length(Duration::from_secs(9))?;
    recorder.send(RecorderCommand::Stop)?;
    let part = recorder.finished()?;

    let film = Film::open(&part.file, &[WHOLE])?;
    let codes: Vec<f64> = film.pictures.iter().filter_map(|(_, codes)| codes[0]).collect();
    let inside: Vec<_> = codes.iter().filter(|code| (pause_asked..resume_asked).contains(*code)).collect();
    assert!(inside.is_empty(), "frames of the pause, which was {pause_asked}..{resume_asked}: {inside:?}");
    assert!(codes.iter().any(|code| *code < pause_asked) && codes.iter().any(|code| *code > resume_asked));
    // Audio of the pause would add a beep for each second.
    let whole_seconds: std::collections::BTreeSet<i64> = codes.iter().map(|code| code.floor() as i64).collect();
    let beeps = film.beeps(1000.0);
    println!("{beeps:?}");
    assert!((5..=whole_seconds.len()).contains(&beeps.len()), "{beeps:?} in {} seconds", whole_seconds.len());
    assert!((film.seconds() - 9.4).abs() < 0.6, "{} s", film.seconds());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_camera_is_a_card_and_a_shared_screen_is_the_largest_tile() -> Result<()> {
    const SIDE: (usize, usize, usize, usize) = (1024, 288, 256, 144);
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut doctor = Person::join(&sfu, "room", "doctor-luis").await?;
    let camera = doctor.film(TrackSource::Camera, 1280, 720).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.wait_for_length(Duration::from_secs(3))?;
    camera.mute()?;
    recorder.wait_for_length(Duration::from_secs(6))?;
    camera.unmute()?;
    doctor.film(TrackSource::Screenshare, 1280, 720).await?;
    recorder.wait_for_length(Duration::from_secs(10))?;
    recorder.close_input();
    let part = recorder.finished()?;

    let film = Film::open(&part.file, &[WHOLE, STAGE, SIDE])?;
    let (whole, stage, side) = (film.delays(0), film.delays(1), film.delays(2));
    println!("{whole:?}\n{stage:?}\n{side:?}");
    assert!(whole[1].is_some(), "the camera doesn't fill the frame");
    assert!(
        whole[4].is_none() && stage[4].is_none() && side[4].is_none(),
        "an old frame is shown in place of the card"
    );
    assert!(stage[8].is_some(), "the screen is not the largest tile");
    assert!(side[8].is_some(), "the camera is not beside the screen");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_room_is_recorded_with_its_key_and_as_silence_without() -> Result<()> {
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
    recorder.wait_for_length(Duration::from_secs(6))?;
    // The recorder receives the new key before anybody sends with it.
    recorder.send(RecorderCommand::Key { key: "otra clave".to_owned(), index: 1 })?;
    recorder.wait_for_length(Duration::from_secs(8))?;
    ana.room.e2ee_manager().send_with(&"otra clave".into(), 1)?;
    recorder.wait_for_length(Duration::from_secs(11))?;
    for recorder in [&mut recorder, &mut other] {
        recorder.send(RecorderCommand::Stop)?;
    }
    let film = Film::open(&recorder.finished()?.file, &[WHOLE])?;
    assert!(film.delays(0)[4].is_some());
    assert!(film.delays(0)[7..10].iter().all(Option::is_some), "{:?}", film.delays(0));
    assert!(film.beeps(1000.0).len() >= 6);
    let silent = Film::open(&other.finished()?.file, &[WHOLE])?;
    assert!(silent.delays(0).iter().all(Option::is_none));
    let loudest = silent.sound.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest < 0.01, "noise of {loudest}");
    Ok(())
}

/// Browsers may send these codecs; the app doesn't. Encrypted AV1 doesn't exist: neither the engine nor the web SDK
/// sends it.
#[tokio::test(flavor = "multi_thread")]
async fn people_in_vp9_and_av1_are_recorded() -> Result<()> {
    let sfu = Sfu::start()?;
    for (room, key, codec) in [("open", None, VideoCodec::Av1), ("encrypted", Some("una clave"), VideoCodec::Vp9)] {
        let folder = tempfile::tempdir()?;
        let mut doctor = Person::join_encrypted(&sfu, room, "doctor-luis", key).await?;
        let mut patient = Person::join_encrypted(&sfu, room, "patient-ana", key).await?;
        doctor.film_in(VideoCodec::Vp9, TrackSource::Camera, 640, 360).await?;
        patient.film_in(codec, TrackSource::Camera, 640, 360).await?;
        let mut order = order(&sfu, room, folder.path())?;
        order.e2ee_key = key.map(str::to_owned);
        let mut recorder = Recorder::start(&order)?;
        recorder.wait_for_length(Duration::from_secs(8))?;
        recorder.send(RecorderCommand::Stop)?;
        let film = Film::open(&recorder.finished()?.file, &[LEFT, RIGHT])?;
        for place in 0..2 {
            let delays = film.delays(place);
            assert!(delays[4..7].iter().all(Option::is_some), "{room}, place {place}: {delays:?}");
        }
    }
    Ok(())
}
