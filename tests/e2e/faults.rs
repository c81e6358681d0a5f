//! Behaviour of a call when the SFU, the backend or the app dies: whole programs, real windows, real kills.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{App, Backend, now_ms};
use anyhow::{Context, Result};
use autamedica_api::Role;
use autamedica_lab::{Display, HANG_GUARD, Listed, Sfu, descendants, free_port, wait_until_gone};

/// Hang guard of the calls; the windows are closed when the test is over.
const SECONDS: u64 = 150;
const NOTHING_TO_SAY: &str = "";

/// Call of two participants, each with a window.
struct Call {
    display: Display,
    apps: [App; 2],
    _folder: tempfile::TempDir,
}

impl Call {
    /// Starts both apps and waits until both have joined.
    fn start(backend: &Backend, id: &str) -> Result<Self> {
        let display = Display::start(2600, 800)?;
        let folder = tempfile::tempdir()?;
        let start = |role| App::start(&display, backend, role, id, SECONDS, NOTHING_TO_SAY, folder.path());
        let mut apps = [start(Role::Doctor)?, start(Role::Patient)?];
        for app in &mut apps {
            app.wait_for_screen("Call", 1)?;
            app.wait_for_log("a remote video opened", 1)?;
        }
        Ok(Self { display, apps, _folder: folder })
    }

    fn wait_for_screen(&mut self, screen: &str, times: usize) -> Result<()> {
        self.apps.iter_mut().try_for_each(|app| app.wait_for_screen(screen, times))
    }

    /// Closes both windows and returns their reports.
    fn end(mut self) -> Result<[serde_json::Value; 2]> {
        for app in &mut self.apps {
            app.close()?;
        }
        let [doctor, patient] = self.apps;
        Ok([doctor.report()?, patient.report()?])
    }
}

/// Returns the screens that a window showed, in order.
fn screens(report: &serde_json::Value) -> Vec<&str> {
    let screens = report["screens"].as_array().map(Vec::as_slice).unwrap_or_default();
    screens.iter().filter_map(|screen| screen[0].as_str()).collect()
}

/// Returns when a screen first appeared, as a Unix time in milliseconds.
fn first(report: &serde_json::Value, screen: &str) -> Option<u64> {
    report["screens"].as_array()?.iter().find(|shown| shown[0] == screen)?[1].as_u64()
}

#[test]
fn a_killed_sfu_comes_back_and_the_call_goes_on() -> Result<()> {
    let backend = Backend::start()?;
    let mut call = Call::start(&backend, "sfu-returns")?;
    backend.kill_sfu()?;
    call.wait_for_screen("Reconnecting", 1)?;
    call.wait_for_screen("Call", 2)?;
    for app in &mut call.apps {
        app.wait_for_log("a remote video opened", 2)?;
    }
    for report in call.end()? {
        assert_eq!(screens(&report), ["joining", "call", "reconnecting", "call", "end"], "{report}");
        assert_eq!(report["end"], "HungUp", "{report}");
    }
    Ok(())
}

#[test]
fn without_an_sfu_the_call_ends_honestly_after_30_seconds() -> Result<()> {
    let mut sfu = Sfu::start()?;
    let backend = Backend::start_with(&sfu)?;
    let mut call = Call::start(&backend, "sfu-gone")?;
    sfu.kill();
    call.wait_for_screen("Reconnecting", 1)?;
    call.wait_for_screen("End", 1)?;
    for report in call.end()? {
        assert_eq!(screens(&report), ["joining", "call", "reconnecting", "end"], "{report}");
        assert_eq!(report["end"], "ConnectionLost", "{report}");
        let tried = first(&report, "end").context("end")? - first(&report, "reconnecting").context("reconnecting")?;
        // Thirty seconds, plus some time on a busy machine to notice that they are over.
        assert!((29_000..60_000).contains(&tried), "{tried} ms: {report}");
    }
    Ok(())
}

#[test]
fn a_killed_backend_does_not_touch_the_call() -> Result<()> {
    let sfu = Sfu::start()?;
    let mut backend = Backend::start_with(&sfu)?;
    let mut call = Call::start(&backend, "backend-gone")?;
    backend.kill();
    // Longer than the SFU's own ping timeout of 15 s, after which a call that depends on the backend would end.
    for app in &mut call.apps {
        app.stays_in_call(Duration::from_secs(20))?;
    }
    for report in call.end()? {
        assert_eq!(screens(&report), ["joining", "call", "end"], "{report}");
        assert!(report["video_fps"].as_f64().is_some_and(|fps| fps > 10.0), "{report}");
    }
    Ok(())
}

#[test]
fn hanging_up_while_reconnecting_is_immediate() -> Result<()> {
    let mut sfu = Sfu::start()?;
    let backend = Backend::start_with(&sfu)?;
    let mut call = Call::start(&backend, "hang-up")?;
    sfu.kill();
    call.wait_for_screen("Reconnecting", 1)?;
    let mut clicked = Vec::new();
    for app in &mut call.apps {
        app.point_at_hang_up(&call.display)?;
        clicked.push(now_ms());
        call.display.xdotool(&["click", "1"])?;
        app.wait_for_screen("Start", 1)?;
    }
    for (report, clicked) in call.end()?.iter().zip(clicked) {
        assert_eq!(screens(report), ["joining", "call", "reconnecting", "start"], "{report}");
        assert_eq!(report["end"], "HungUp", "{report}");
        let took = first(report, "start").context("start")?.saturating_sub(clicked);
        // The network's own timeout, which the app must not wait for, is several times this.
        assert!(took < 2_000, "{took} ms: {report}");
    }
    Ok(())
}

/// Starts an app that starts the bundled backend with its SFU.
fn app_with_its_own_backend(display: &Display, folder: &std::path::Path) -> Result<(App, BTreeMap<u32, Listed>)> {
    let url = format!("http://localhost:{}", free_port()?);
    let mut app = App::start_at(display, &url, Role::Doctor, "alone", SECONDS, NOTHING_TO_SAY, folder)?;
    app.wait_for_screen("Call", 1)?;
    let children = descendants(app.id());
    assert!(children.values().any(|process| process.name == "livekit-server"), "{children:?}");
    Ok((app, children))
}

#[test]
fn a_killed_app_leaves_no_sfu_behind() -> Result<()> {
    let (display, folder) = (Display::start(1400, 800)?, tempfile::tempdir()?);
    let (mut app, children) = app_with_its_own_backend(&display, folder.path())?;
    app.kill();
    wait_until_gone(&children, HANG_GUARD)
}

#[test]
fn a_closed_window_leaves_nothing_behind() -> Result<()> {
    let (display, folder) = (Display::start(1400, 800)?, tempfile::tempdir()?);
    let (app, children) = app_with_its_own_backend(&display, folder.path())?;
    let window = app.window(&display)?;
    // Closes the window through the window manager, as a person does.
    display.xdotool(&["windowactivate", "--sync", &window, "key", "--clearmodifiers", "alt+F4"])?;
    let report = app.report()?;
    assert_eq!(report["end"], "HungUp", "{report}");
    wait_until_gone(&children, HANG_GUARD)
}

#[test]
fn a_killed_backend_leaves_no_sfu_behind() -> Result<()> {
    let mut backend = Backend::start()?;
    let children = descendants(backend.id());
    assert!(!children.is_empty(), "it has started an SFU");
    backend.kill();
    wait_until_gone(&children, HANG_GUARD)
}
