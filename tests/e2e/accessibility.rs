//! Accessibility over AT-SPI, read by a program that shares no code with the app.

use std::process::Stdio;

use anyhow::{Result, ensure};
use autamedica_api::Role;
use autamedica_lab::{Control, Display, HANG_GUARD, Process, ScreenReader, built_program, wait_until};

use crate::support::{App, Backend};

#[test]
fn the_start_screen_is_read_with_names_roles_and_states() -> Result<()> {
    let display = Display::start(1280, 720)?;
    let mut reader = ScreenReader::start()?;
    let mut command = display.command(built_program("autamedica")?);
    let folder = tempfile::tempdir()?;
    command.env("XDG_CONFIG_HOME", folder.path());
    command.args(["--lang", "es"]).stdin(Stdio::null()).stderr(Stdio::null());
    reader.listen_to(&mut command);
    let app = Process::spawn("autamedica", command)?;

    let enter = reader.control(app.id(), "push button", "Entrar")?;
    ensure!(enter.is("focusable") && enter.is("enabled") && enter.is("showing"), "{enter:?}");
    ensure!(enter.width >= 44 && enter.height >= 44, "too small to hit: {enter:?}");
    let spanish = reader.control(app.id(), "radio button", "Idioma: Español")?;
    ensure!(spanish.is("checked"), "{spanish:?}");
    let code = reader.control(app.id(), "entry", "Enlace o código")?;
    ensure!(code.is("editable") && code.is("focusable"), "{code:?}");
    all_is_readable(&reader.controls(app.id())?)?;

    reader.press(app.id(), "Idioma: English")?;
    reader.control(app.id(), "push button", "Join")?;
    ensure!(reader.control(app.id(), "radio button", "Language: English")?.is("checked"));
    Ok(())
}

#[test]
fn a_call_is_had_without_seeing_it() -> Result<()> {
    let (display, folder) = (Display::start(1280, 720)?, tempfile::tempdir()?);
    let mut reader = ScreenReader::start()?;
    let backend = Backend::start()?;
    let mut doctor = App::start_heard(&display, &backend, Role::Doctor, "sr-1", 90, &reader, folder.path())?;
    doctor.wait_for_screen("Call", 1)?;
    let mute = reader.control(doctor.id(), "", "Mute the microphone")?;
    ensure!(mute.is("focusable"), "{mute:?}");
    all_is_readable(&reader.controls(doctor.id())?)?;
    reader.press(doctor.id(), "Mute the microphone")?;
    reader.control(doctor.id(), "", "Unmute the microphone")?;
    reader.press(doctor.id(), "Hang up and leave the consultation")?;
    doctor.wait_for_screen("End", 1)?;
    let done = wait_until("the way on", HANG_GUARD, || {
        let controls = reader.controls(doctor.id()).ok()?;
        controls.into_iter().find(|it| it.name == "Done" && it.role == "push button")
    })?;
    ensure!(done.is("enabled"), "{done:?}");
    all_is_readable(&reader.controls(doctor.id())?)
}

/// Checks that all reachable elements have names, without characters of the icon font.
fn all_is_readable(controls: &[Control]) -> Result<()> {
    for control in controls {
        ensure!(!control.is("focusable") || !control.name.is_empty(), "has no name: {control:?}");
        let is_picture = |c: char| ('\u{e000}'..='\u{f8ff}').contains(&c);
        ensure!(!control.name.contains(is_picture), "an icon is read out: {control:?}");
    }
    Ok(())
}
