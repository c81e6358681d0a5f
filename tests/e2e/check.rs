//! Check before a call, with the real backend, SFU and engine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use autamedica_api::{Id, JoinLink, Role};
use autamedica_call::backend::Backend as Client;
use autamedica_call::check::{
    CheckCommand, CheckOptions, CheckState, NetworkProblem, NetworkState, NetworkStep, NetworkVerdict, TestSound,
    Voice, start, test_network,
};
use autamedica_call::{DeviceChoices, EndReason, Entrance, JoinTarget, Secret};
use autamedica_lab::HANG_GUARD;
use autamedica_media::{CameraFormat, DeviceChoice, DeviceState};

use crate::support::Backend;

const MAX_DURATION: Duration = Duration::from_secs(8);

fn runtime() -> Result<tokio::runtime::Runtime> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn entrance(server: &str) -> Result<Entrance> {
    Ok(Entrance {
        backend: Client::new()?,
        server: server.parse()?,
        start_backend: None,
        key: None,
        transport: None,
        refuses_doctors: false,
    })
}

fn consultation() -> Result<JoinTarget> {
    Ok(JoinTarget::Consultation { id: Id::new("check-1")?, role: Role::Patient })
}

#[test]
fn a_good_network_is_found_good_within_eight_seconds() -> Result<()> {
    let (backend, runtime) = (Backend::start()?, runtime()?);
    let made = backend.create("check-1")?;
    let link = JoinTarget::Link(JoinLink::parse(&made.patient_link)?);
    // A join link's code gives access to a check room repeatedly and isn't consumed: it still works for joining.
    for target in [consultation()?, link.clone(), link] {
        let (steps, asked) = (Mutex::new(Vec::new()), Instant::now());
        let note = |step| steps.lock().expect("nobody panicked").push(step);
        let found = runtime.block_on(test_network(&entrance(backend.url())?, &target, note));
        let took = asked.elapsed();
        let NetworkState::Done(report) = found else { anyhow::bail!("{found:?}") };
        eprintln!("{report:?} in {took:?}");
        ensure!(took < MAX_DURATION, "it took {took:?}");
        ensure!(report.verdict() == NetworkVerdict::Good, "{report:?}");
        ensure!(report.up_kbps < 10_000 && report.round_trip_ms < 100, "this isn't loopback: {report:?}");
        let steps = steps.into_inner().expect("nobody panicked");
        ensure!(steps == [NetworkStep::Connecting, NetworkStep::Measuring], "{steps:?}");
    }
    Ok(())
}

#[test]
fn what_keeps_the_network_away_is_told_apart_in_time() -> Result<()> {
    let (mut backend, runtime) = (Backend::start()?, runtime()?);
    let entrance = entrance(backend.url())?;
    let test = |target: &JoinTarget| {
        let asked = Instant::now();
        let found = runtime.block_on(test_network(&entrance, target, |_| {}));
        (found, asked.elapsed())
    };
    let room = JoinTarget::Room { url: "ws://127.0.0.1:1".into(), token: Secret::new("t"), role: Role::Patient };
    ensure!(test(&room).0 == NetworkState::NoServer);
    let nowhere = format!("{}/join#{}", backend.url(), "x".repeat(26));
    let refused = test(&JoinTarget::Link(JoinLink::parse(&nowhere)?));
    ensure!(refused.0 == NetworkState::Failed(NetworkProblem::DeadEnd(EndReason::NotAllowed)), "{refused:?}");
    backend.kill();
    let (found, took) = test(&consultation()?);
    ensure!(found == NetworkState::Failed(NetworkProblem::ServerUnreachable), "{found:?}");
    ensure!(took < MAX_DURATION + Duration::from_secs(1), "it took {took:?}");
    Ok(())
}

#[test]
fn a_check_hears_shows_plays_and_gives_the_devices_back() -> Result<()> {
    let (backend, runtime) = (Backend::start()?, runtime()?);
    let devices =
        DeviceChoices { camera: DeviceChoice::Test, microphone: DeviceChoice::Test, speaker: DeviceChoice::Test };
    let options = CheckOptions {
        target: consultation()?,
        entrance: entrance(backend.url())?,
        devices,
        format: CameraFormat::default(),
    };
    let check = start(runtime.handle(), options, Arc::new(|| {}));
    let until = |what: &str, is: &dyn Fn(&CheckState) -> bool| {
        let mut watch = check.watch();
        let wait = async { watch.wait_for(|state| is(state)).await.map(|state| state.clone()) };
        runtime
            .block_on(async { tokio::time::timeout(HANG_GUARD, wait).await })
            .context(what.to_owned())?
            .context("over")
    };
    let on = |state: &DeviceState| matches!(state, DeviceState::On { .. });
    let state = until("all devices", &|it| on(&it.camera) && on(&it.microphone) && on(&it.speaker))?;
    ensure!(state.preview.newest().is_some(), "the camera is on, but shows nothing");
    until("the tone to be heard", &|it| it.voice == Voice::Heard)?;
    ensure!(check.level().rms > 0.1, "{:?}", check.level());
    check.send(CheckCommand::PlaySound);
    until("the sound to be over", &|it| it.sound == TestSound::Unanswered)?;
    check.send(CheckCommand::Heard(true));
    until("the answer", &|it| it.sound == TestSound::Heard)?;
    until("the network", &|it| matches!(it.network, NetworkState::Done(_)))?;
    check.send(CheckCommand::UseCamera(DeviceChoice::None));
    until("the camera to be off", &|it| it.camera == DeviceState::Off)?;
    let asked = Instant::now();
    check.send(CheckCommand::Finish);
    until("the devices to be given back", &|it| it.finished)?;
    // Well below the timeout for a stuck driver, so the devices themselves reported the problem.
    ensure!(asked.elapsed() < Duration::from_millis(700), "{:?}", asked.elapsed());
    Ok(())
}
