//! Received simulcast layers and their statistics.

use std::time::{Duration, Instant};

use autamedica_api::RoomStats;
use autamedica_call::{CallCommand, CallPhase, Tile, VideoKind};
use autamedica_engine::{LatestFrame, TrackSource};
use autamedica_lab::{HANG_GUARD, wait_until};

use crate::harness::{Clinic, SimulatedUser};

fn show(person: &SimulatedUser, tiles: &[(u32, u32)]) {
    let tile = |(width, height): &(u32, u32)| Tile {
        identity: "patient-1".into(),
        video: VideoKind::Camera,
        width: *width,
        height: *height,
    };
    person.send(CallCommand::Show(tiles.iter().map(tile).collect()));
}

fn picture(person: &SimulatedUser) -> LatestFrame {
    person.wait("the patient's picture", |state| state.participants.first()?.camera.clone())
}

/// Waits for pictures of a matching width.
fn wait_for_width(slot: &LatestFrame, what: &str, is: impl Fn(u32) -> bool) {
    let mut last = (0, 0);
    let found = wait_until(what, HANG_GUARD, || {
        let frame = slot.newest()?;
        last = (frame.width(), frame.height());
        is(frame.width()).then_some(())
    });
    assert!(found.is_ok(), "{what}: still {last:?}");
}

/// Waits until no picture has arrived for a second.
fn wait_for_rest(slot: &LatestFrame) {
    let (mut count, mut since) = (slot.count(), Instant::now());
    wait_until("the pause", HANG_GUARD, || {
        if slot.count() != count {
            (count, since) = (slot.count(), Instant::now());
        }
        (since.elapsed() > Duration::from_secs(1)).then_some(())
    })
    .unwrap();
}

#[test]
fn hidden_pictures_are_paused() {
    let mut clinic = Clinic::open();
    let [patient, doctor] = clinic.start_call("tiles", true);
    let slot = picture(&doctor);
    show(&doctor, &[(1280, 720)]);
    wait_for_width(&slot, "the full picture", |width| width == 1280);
    show(&doctor, &[]);
    wait_for_rest(&slot);
    assert!(doctor.state().participants[0].camera.is_some(), "a paused picture is still there to be shown again");
    assert!(!doctor.state().participants[0].microphone_muted);
    let count = slot.count();
    show(&doctor, &[(1280, 720)]);
    doctor.wait_for("newer pictures", |_| slot.count() > count);

    // After a reconnection the hidden tiles stay paused without a new report.
    show(&doctor, &[]);
    wait_for_rest(&slot);
    clinic.kill_sfu();
    let lost = |phase: &CallPhase| matches!(phase, CallPhase::Reconnecting { .. });
    doctor.wait_for("the loss", |state| lost(&state.phase));
    for person in [&patient, &doctor] {
        person.wait_for("being back", |state| state.phase == CallPhase::InCall && !state.participants.is_empty());
    }
    let slot = picture(&doctor);
    wait_for_rest(&slot);
    show(&doctor, &[(1280, 720)]);
    wait_for_width(&slot, "the full picture again", |width| width == 1280);
}

#[test]
fn a_call_is_measured_each_second_and_the_backend_is_told() {
    let clinic = Clinic::open();
    let [_patient, doctor] = clinic.start_call("measured", false);
    let sample = doctor.wait("a sample with everything", |state| {
        let last = state.statistics.samples.back()?;
        let whole = |own: bool, source: TrackSource| {
            last.tracks.iter().any(|track| {
                track.identity.is_none() == own && track.source == source && track.kbps > 1.0 && !track.codec.is_empty()
            })
        };
        let sources = [TrackSource::Camera, TrackSource::Microphone];
        let all = [true, false].into_iter().all(|own| sources.into_iter().all(|source| whole(own, source)));
        // The frame rate is known a second after the first frame.
        let moving =
            last.tracks.iter().filter(|track| track.source == TrackSource::Camera).all(|track| track.fps > 5.0);
        (all && moving && last.round_trip_ms.is_some()).then(|| last.clone())
    });
    assert_eq!(sample.tracks.len(), 4, "{sample:#?}");
    assert!(sample.round_trip_ms.unwrap() < 1000.0 && sample.loss_percent < 50.0, "{sample:#?}");
    assert!(sample.sent_kbps > 50.0 && sample.received_kbps > 50.0, "{sample:#?}");
    let theirs = sample.tracks.iter().find(|track| track.identity.as_deref() == Some("patient-1")).unwrap();
    let stats: RoomStats = clinic.get("/api/rooms/consultation-measured/stats");
    let of_room = |identity: &str| stats.participants.iter().find(|one| one.identity == identity).unwrap().clone();
    assert!(of_room("patient-1").tracks.iter().any(|track| track.sid == theirs.sid));

    // There is about one sample a second.
    doctor.wait_for("six samples", |state| state.statistics.samples.len() >= 6);
    let samples = doctor.state().statistics.samples.clone();
    let apart = samples[5].at - samples[0].at;
    assert!(apart >= Duration::from_millis(4500), "six samples within {apart:?}");

    let told = wait_until("the backend's own figures", HANG_GUARD, || {
        let stats: RoomStats = clinic.get("/api/rooms/consultation-measured/stats");
        let latest = stats.participants.iter().find(|one| one.identity == "doctor-1")?.quality.latest.clone()?;
        (stats.participants.iter().all(|one| one.quality.samples > 0)).then_some(latest.sample)
    })
    .unwrap();
    assert!(told.figures.bitrate_kbps.unwrap() > 50.0 && told.figures.fps.is_some(), "{told:?}");
    assert_eq!(told.tracks.len(), 4, "{told:?}");
}
