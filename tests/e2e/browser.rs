//! Call between the native app and a browser with LiveKit's web SDK and a token of the backend: what an existing web
//! client, or anybody with a token, can and can't do.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{App, Attempt, Backend, Browser, Instructions, Refusal, Seen};
use anyhow::Result;
use autamedica_api::Role;
use autamedica_lab::Display;

/// Duration of the native side's call. The browser starts, measures and tries forbidden actions in half of it, even on
/// a busy machine; the last ten seconds are the native side's measurement.
const SECONDS: u64 = 40;
const BROWSER_TONE_HZ: f64 = 700.0;
const BROWSER_SAYS: &str = "¿Me lee desde el navegador? ✓";
const NATIVE_SAYS: &str = "Sí, le leo. — AutaMedica";

/// Runs a call between a native `role` and a browser with the other role's token.
fn call(id: &str, native: Role, attempts: &[&str]) -> Result<(Seen, serde_json::Value, BTreeSet<String>)> {
    let backend = Backend::start()?;
    let display = Display::start(1280, 800)?;
    let folder = tempfile::tempdir()?;
    let consultation = backend.create(id)?;
    let (token, identity) = match native {
        Role::Doctor => (&consultation.patient_token, &consultation.patient_id),
        Role::Patient => (&consultation.doctor_token, &consultation.doctor_id),
        Role::Observer => anyhow::bail!("an observer has a link of their own"),
    };
    let mut app = App::start(&display, &backend, native, id, SECONDS, NATIVE_SAYS, folder.path())?;
    let browser = Browser::start(&Instructions {
        url: &consultation.livekit_url,
        token,
        key: None,
        video_codec: None,
        tone_hz: BROWSER_TONE_HZ,
        say: BROWSER_SAYS,
        width: 1280,
        watch_ms: 3000,
        patience_ms: 60_000,
        attempts,
        stay: true,
    })?;
    // Collects every source that the SFU receives from the browser during the call.
    let mut sources = BTreeSet::new();
    while app.is_running()? {
        if let Ok(stats) = backend.stats(&consultation.room_name) {
            let browser = stats.participants.iter().filter(|one| one.identity == identity.as_str());
            sources.extend(browser.flat_map(|one| &one.tracks).map(|track| track.source.clone()));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok((browser.seen()?, app.report()?, sources))
}

/// Checks that both sides got moving pictures, the other's tone and the other's chat message.
fn assert_both_ways(seen: &Seen, report: &serde_json::Value, native_identity: &str, least_width: f64) {
    assert_eq!(seen.published, ["camera", "microphone"]);
    // A busy machine sends a smaller simulcast layer for a while.
    assert!(seen.video.width >= 320 && seen.video.width * 9 == seen.video.height * 16, "{:?}", seen.video);
    assert!(seen.video.fps >= 10.0, "{:?}", seen.video);
    assert!((20.0..235.0).contains(&seen.video.mean_luma), "neither black nor white: {:?}", seen.video);
    assert!(seen.video.changed > 0.005, "the picture stands still: {:?}", seen.video);
    assert!([440.0, 660.0].iter().any(|hz| (seen.audio.tone_hz - hz).abs() < 4.0), "{:?}", seen.audio);
    let line = seen.chat.first().expect("the driver waits for one");
    assert_eq!((line.from.as_str(), line.text.as_str()), (native_identity, NATIVE_SAYS));

    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"));
    assert!(number("video_fps") >= 10.0, "{report}");
    assert!(number("video_width") >= least_width, "{report}");
    assert!(number("audio_frames") > 500.0, "at least five seconds: {report}");
    assert!((number("audio_tone_hz") - BROWSER_TONE_HZ).abs() < 14.0, "{report}");
    assert_eq!(report["chat_received"], true, "{report}");
}

#[test]
fn a_browser_patient_and_a_native_doctor_meet_and_the_sfu_refuses_a_patients_screen() -> Result<()> {
    const FORBIDDEN: [&str; 3] = ["screen_share", "screen_share_audio", "unknown"];
    let (seen, report, sources) = call("browser-patient", Role::Doctor, &FORBIDDEN)?;
    assert_both_ways(&seen, &report, "doctor-browser-patient", 640.0);
    for source in FORBIDDEN {
        let refusal = Refusal { request: "addTrack".to_owned(), reason: "NOT_ALLOWED".to_owned() };
        assert_eq!(seen.attempts[source], Attempt { published: false, sfu: Some(refusal) }, "{source}");
    }
    assert!(sources.iter().eq(["camera", "microphone"]), "{sources:?}");
    Ok(())
}

/// The same attempt succeeds with a doctor's token: the refusal above is due to the role, not the browser.
#[test]
fn a_browser_doctor_and_a_native_patient_meet_and_the_doctor_may_share_the_screen() -> Result<()> {
    let (seen, report, sources) = call("browser-doctor", Role::Patient, &["screen_share"])?;
    // Beside the shared screen the camera is a small tile and requests its small layer.
    assert_both_ways(&seen, &report, "patient-browser-doctor", 320.0);
    assert_eq!(seen.attempts["screen_share"], Attempt { published: true, sfu: None });
    assert!(sources.iter().eq(["camera", "microphone", "screen_share"]), "{sources:?}");
    Ok(())
}

/// Runs a call with a browser whose camera uses another codec, and checks that each side sees the other.
fn call_in(codec: &str, e2ee: bool) -> Result<()> {
    let (backend, display, folder) = (Backend::start()?, Display::start(1280, 800)?, tempfile::tempdir()?);
    let id = format!("browser-{codec}-{e2ee}");
    let consultation = backend.create_encrypted(&id, e2ee)?;
    let mut app = App::start(&display, &backend, Role::Doctor, &id, 10 * SECONDS, NATIVE_SAYS, folder.path())?;
    let browser = Browser::start(&Instructions {
        url: &consultation.livekit_url,
        token: &consultation.patient_token,
        key: consultation.e2ee_key.as_deref(),
        video_codec: Some(codec),
        tone_hz: BROWSER_TONE_HZ,
        say: BROWSER_SAYS,
        width: 320,
        watch_ms: 2000,
        patience_ms: 60_000,
        attempts: &[],
        stay: false,
    })?;
    let seen = browser.seen()?;
    app.close()?;
    let report = app.report()?;
    assert_eq!(seen.video.codec, "video/H264");
    assert!(seen.video.changed > 0.005 && (20.0..235.0).contains(&seen.video.mean_luma), "{:?}", seen.video);
    assert_eq!((&report["codec"], &report["encrypted"]), (&"H264".into(), &e2ee.into()), "{report}");
    assert!(report["video_fps"].as_f64().is_some_and(|fps| fps > 3.0), "{report}");
    assert!(report["video_width"].as_f64().is_some_and(|width| width >= 320.0), "{report}");
    Ok(())
}

#[test]
fn a_browser_that_sends_vp9_and_the_app_see_each_other_encrypted_or_not() -> Result<()> {
    [true, false].into_iter().try_for_each(|e2ee| call_in("vp9", e2ee))
}

/// The web SDK encrypts no AV1 ("av1 is not yet supported for end to end encryption").
#[test]
fn a_browser_that_sends_av1_and_the_app_see_each_other() -> Result<()> {
    call_in("av1", false)
}
