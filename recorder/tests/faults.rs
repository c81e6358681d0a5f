//! Recordings during faults.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use autamedica_api::{RecorderCommand, RecorderEvent, RecorderProblem};
use autamedica_engine::{RoomEvent, TrackSource};
use autamedica_lab::Sfu;
use common::film::{FIRST_AT_SIDE, Film, IN_STEP, LEFT, WHOLE, median};
use common::{Person, Recorder, order, recover};

/// Maximum loss of a killed recorder in seconds.
const MAX_LOSS: f64 = 2.0;

async fn ana(sfu: &Sfu) -> Result<Person> {
    let mut ana = Person::join(sfu, "room", "patient-ana").await?;
    ana.film(TrackSource::Camera, 1280, 720).await?;
    ana.beep(1000.0).await?;
    Ok(ana)
}

fn problem(wanted: RecorderProblem) -> impl Fn(&RecorderEvent) -> Option<()> {
    move |event| match event {
        RecorderEvent::Problem { what, .. } if *what == wanted => Some(()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_loses_no_more_than_two_seconds() -> Result<()> {
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let _ana = ana(&sfu).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.wait_for_length(Duration::from_secs(6))?;
    recorder.process.kill();

    let matroska = folder.path().join("test.part1.mkv");
    let film = Film::open(&matroska, &[WHOLE])?;
    assert!(film.seconds() > 6.0 - MAX_LOSS, "{} s play", film.seconds());
    assert!(film.delays(0)[3].is_some());

    // The next part is a separate file; `recover` finds both.
    let mut next = order(&sfu, "room", folder.path())?;
    next.part = 2;
    let mut recorder = Recorder::start(&next)?;
    recorder.wait_for_length(Duration::from_secs(2))?;
    recorder.send(RecorderCommand::Stop)?;
    let second = recorder.finished()?;
    let events = recover(&folder.path().join("test"))?;
    let [RecorderEvent::Finished(first), RecorderEvent::Finished(again)] = events.as_slice() else {
        anyhow::bail!("recover printed {events:?}");
    };
    assert_eq!(first.file, folder.path().join("test.part1.mp4"));
    assert!(first.seconds > 6.0 - MAX_LOSS, "{} s", first.seconds);
    assert_eq!((&again.file, &again.sha256, again.bytes), (&second.file, &second.sha256, second.bytes));
    assert!(!matroska.exists());
    let film = Film::open(&first.file, &[WHOLE])?;
    assert!((film.seconds() - first.seconds).abs() < 0.1);
    assert!(film.video_caps.contains("framerate=(fraction)30/1"), "{}", film.video_caps);
    // The hash is compared with that of another program.
    let sum = Command::new("sha256sum").arg(&first.file).output()?;
    assert!(String::from_utf8(sum.stdout)?.starts_with(&first.sha256));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn recording_continues_after_an_sfu_restart_with_a_card_meanwhile() -> Result<()> {
    let (mut sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut ana = ana(&sfu).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    let started = recorder.started()?;
    recorder.wait_for_length(Duration::from_secs(3))?;
    sfu.kill();
    recorder.wait("connection lost", problem(RecorderProblem::ConnectionLost))?;
    sfu.restart()?;
    ana.wait("ana is back", |event| matches!(event, RoomEvent::Reconnected)).await?;
    recorder.wait("connection back", problem(RecorderProblem::ConnectionBack))?;
    let back = started.elapsed();
    recorder.wait_for_length(back + Duration::from_secs(5))?;
    recorder.send(RecorderCommand::Stop)?;
    let took = started.elapsed();
    let film = Film::open(&recorder.finished()?.file, &[WHOLE])?;
    let delays = film.delays(0);
    println!("back after {back:?}: {delays:?}");
    assert!((film.seconds() - took.as_secs_f64()).abs() < 0.5, "the card was not recorded");
    assert!(delays[1].is_some());
    assert!(delays[back.as_secs() as usize..].iter().any(Option::is_some), "no frames after the restart");
    Ok(())
}

/// File system of a few megabytes, unmounted on drop.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts a file system. Returns `None` where mounting isn't permitted.
    fn mount(megabytes: u32) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output()?;
        Ok(mounted.status.success().then_some(Self(folder)))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the small disk stays mounted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_the_file_stays_playable() -> Result<()> {
    let Some(disk) = SmallDisk::mount(2)? else {
        println!("SKIPPED: mounting isn't permitted here");
        return Ok(());
    };
    let sfu = Sfu::start()?;
    let _ana = ana(&sfu).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", disk.path())?)?;
    recorder.started()?;
    recorder.wait("disk full", problem(RecorderProblem::DiskFull))?;
    let reached = recorder.received.iter().fold(0.0, |reached, event| match event {
        RecorderEvent::Progress { seconds, .. } => *seconds,
        _ => reached,
    });
    let part = recorder.finished()?;
    println!("full after {reached} s: {part:?}");
    ensure!(reached >= 2.0, "the disk was full too early");
    // There is no room for the MP4, so the Matroska file is the recording.
    assert_eq!(part.file, disk.path().join("test.part1.mkv"));
    let film = Film::open(&part.file, &[WHOLE])?;
    assert!(film.seconds() > reached - MAX_LOSS, "{} s play of {reached}", film.seconds());
    assert!((film.seconds() - part.seconds).abs() < 0.1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_are_invalid_leave_no_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut sfu = Sfu::start()?;
    let mut bad = order(&sfu, "room", folder.path())?;
    bad.token = "not.a.token".to_owned();
    let mut nowhere = order(&sfu, "room", folder.path())?;
    nowhere.name = "../elsewhere".to_owned();
    for (order, wanted) in [(bad, RecorderProblem::NotJoined), (nowhere, RecorderProblem::BadOrder)] {
        let mut recorder = Recorder::start(&order)?;
        recorder.wait("a problem", problem(wanted))?;
        assert!(!recorder.process.wait(Duration::from_secs(20))?.success());
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "a file was created");
    }
    // An order without `people` is refused; there is no default.
    let mut without_people = serde_json::to_value(order(&sfu, "room", folder.path())?)?;
    without_people.as_object_mut().context("an object")?.remove("people");
    let mut recorder = Recorder::start_with(&without_people.to_string())?;
    recorder.wait("a problem", problem(RecorderProblem::BadOrder))?;
    assert!(!recorder.process.wait(Duration::from_secs(20))?.success());
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "a file was created");
    // An existing file is not overwritten.
    std::fs::write(folder.path().join("test.part1.mp4"), "precious")?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    recorder.wait("a problem", problem(RecorderProblem::BadOrder))?;
    assert_eq!(std::fs::read(folder.path().join("test.part1.mp4"))?, b"precious");
    sfu.kill();
    Ok(())
}

/// Records half an hour of two people who mute, share, leave and rejoin at random: `cargo test … -- --ignored soak`.
/// `SOAK_SECONDS` sets another duration.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour"]
async fn soak() -> Result<()> {
    let seconds = std::env::var("SOAK_SECONDS").map_or(Ok(1800), |seconds| seconds.parse::<u64>())?;
    let (sfu, folder) = (Sfu::start()?, tempfile::tempdir()?);
    let mut doctor = Person::join(&sfu, "room", "doctor-luis").await?;
    doctor.film(TrackSource::Camera, 1280, 720).await?;
    doctor.beep(1700.0).await?;
    let mut recorder = Recorder::start(&order(&sfu, "room", folder.path())?)?;
    let started = recorder.started()?;
    let (mut state, mut memory, mut events) = (1_u64, Vec::new(), 0);
    let mut used = recorder.usage()?.0;
    let mut busiest: f64 = 0.0;
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut guest = ana(&sfu).await?;
        for _ in 0..2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match state >> 62 {
                0 => drop(guest.film(TrackSource::Screenshare, 1280, 720).await?),
                1 => {
                    let camera = doctor.camera().context("the doctor's camera")?;
                    camera.mute()?;
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    camera.unmute()?;
                }
                _ => {}
            }
            events += 1;
            let lasts = seconds / 90 + (state >> 40) % (seconds / 90 + 1);
            let (from, before) = (Instant::now(), recorder.usage()?.0);
            recorder.wait_for_length(started.elapsed() + Duration::from_secs(lasts))?;
            let (now, resident) = recorder.usage()?;
            memory.push(resident);
            busiest = busiest.max((now - before).as_secs_f64() / from.elapsed().as_secs_f64());
        }
        guest.leave().await?;
    }
    used = recorder.usage()?.0 - used;
    let cpu = used.as_secs_f64() / started.elapsed().as_secs_f64();
    println!("{events} events; CPU {:.0} %, at most {:.0} %; memory {memory:?} MiB", cpu * 100.0, busiest * 100.0);
    recorder.send(RecorderCommand::Stop)?;
    assert_stays_in_sync(&recorder.finished()?.file)?;
    // Medians, because guests, shared screens and stalls take memory temporarily.
    let typical = |part: &[u64]| median(&part.iter().map(|it| *it as f64).collect::<Vec<_>>());
    let (early, late) = (typical(&memory[..memory.len() / 3]), typical(&memory[memory.len() * 2 / 3..]));
    assert!(late <= early + 15.0, "memory grows: {memory:?}");
    assert!(cpu < 0.6, "{cpu}");
    Ok(())
}

/// Asserts that the doctor's beeps are in sync with the video throughout the file.
fn assert_stays_in_sync(file: &Path) -> Result<()> {
    // Places of the doctor: beside the guest, alone, beside a shared screen. Other participants' video has other delays.
    let film = Film::open(file, &[LEFT, WHOLE, FIRST_AT_SIDE])?;
    let beeps = film.beeps_after_any_picture(1700.0);
    let minute = |at: f64| (at / 60.0) as usize;
    let minutes: Vec<f64> = (0..=minute(film.seconds()))
        .map(|it| beeps.iter().filter(|(at, _)| minute(*at) == it).map(|(_, off)| off * 1000.0).collect::<Vec<_>>())
        .filter(|offs| offs.len() >= 10)
        .map(|offs| median(&offs))
        .collect();
    let far: Vec<_> = beeps.iter().filter(|(_, off)| off.abs() > IN_STEP).collect();
    println!("{} beeps in {:.1} s; each minute's median: {minutes:.0?} ms", beeps.len(), film.seconds());
    println!("{} of them off by more than 40 ms: {far:.3?}", far.len());
    // There is no drift. Single beeps may be off, because the engine conceals lost audio by stretching.
    assert!(minutes.iter().all(|off| off.abs() < IN_STEP * 1000.0), "{minutes:?}");
    assert!(far.len() * 10 <= beeps.len(), "{far:?}");
    assert!(beeps.len() as f64 > film.seconds() * 0.85, "{} beeps", beeps.len());
    Ok(())
}
