//! Complete visit by mouse and keyboard, from the join link to the feedback, in both languages.
//!
//! `AUTAMEDICA_SCREENS=docs/screens cargo xtask test --test e2e -- visit` renews the pictures of the documentation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use autamedica_api::{Consultation, RecordingState};
use autamedica_client::i18n::Language;
use autamedica_lab::{Display, HANG_GUARD, SoundCard, wait_until};

use crate::person::Person;
use crate::support::Backend;

const TEST_DEVICES: [&str; 6] = ["--camera", "test", "--microphone", "test", "--speaker", "default"];
/// PulseAudio's name of the lab's microphone.
const MICROPHONE: &str = "Remapped Monitor of Null Output";

#[test]
fn a_whole_visit_in_spanish() -> Result<()> {
    visit(Language::Spanish)
}

#[test]
fn a_whole_visit_in_english() -> Result<()> {
    visit(Language::English)
}

fn visit(language: Language) -> Result<()> {
    let (folder, card) = (tempfile::tempdir()?, SoundCard::start(48_000)?);
    let recordings = folder.path().join("recordings");
    let backend = Backend::start_recording_into(&recordings)?;
    // The displays are larger than the windows, to have space for frames.
    let displays = [Display::start(1400, 860)?, Display::start(1400, 860)?];
    let visit = backend.schedule(&format!("visit-{}", language.code()))?;
    let sound = card.environment();
    let start = |display, who, to: &[&str], role: &str| {
        let arguments = [to, &["--role", role][..], &TEST_DEVICES].concat();
        Person::start(display, who, language, &arguments, &sound.clone().map(|(k, v)| (k, v)), folder.path())
    };

    // The link leads to an unknown server, then to the check screen, and to the waiting room.
    let mut patient = start(&displays[0], "patient", &[visit.patient_link.as_str()], "patient")?;
    patient.sees("server-title")?;
    patient.pictures("server")?;
    let server = backend.url().trim_start_matches("http://");
    let yes = patient.words_with("server-yes-named", &[("server", server.into())]);
    patient.clicks_named(&yes)?;
    patient.sees("check-title")?;
    patient.sees("check-network-good")?;
    patient.pictures("check")?;
    patient.clicks("check-enter")?;
    patient.is_at("Waiting", 1)?;
    patient.sees("waiting-title-alone")?;
    patient.pictures("waiting")?;

    // The doctor sees the waiting patient in the day's list and on the stage, and admits them.
    let mut doctor = start(&displays[1], "doctor", &["--server", backend.url()], "doctor")?;
    let visit_id = visit.consultation_id.as_str();
    let name = doctor.words_with("day-consultation", &[("id", visit_id.into())]);
    doctor.reads(&name)?;
    doctor.sees("day-waiting-now")?;
    doctor.pictures("start-doctor")?;
    doctor.clicks("settings-open")?;
    doctor.sees("settings-title")?;
    doctor.pictures("settings")?;
    doctor.clicks("settings-back")?;
    doctor.clicks_reading(visit_id)?;
    doctor.clicks("check-enter")?;
    doctor.is_at("Call", 1)?;
    let patients_name = doctor.words("role-patient");
    let admit = doctor.words_with("waiting-admit-named", &[("name", patients_name.as_str().into())]);
    doctor.sees_named(&admit)?;
    doctor.pictures("doctor-waiting")?;
    // The waiting room shows this once the doctor is in the room.
    patient.sees("waiting-title")?;
    ensure!(!patient.log().contains("shown screen=Call"), "the patient is in before being let in");
    doctor.clicks_named(&admit)?;
    patient.is_at("Call", 1)?;
    let (of_patient, of_doctor) = (picture(&doctor, "role-patient"), picture(&patient, "role-doctor"));
    doctor.sees_named(&of_patient)?;
    patient.sees_named(&of_doctor)?;
    doctor.sees("encrypted")?;
    doctor.pictures("call-doctor")?;
    patient.pictures("call-patient")?;

    chat_and_photo(&mut doctor, &mut patient, &displays[0], folder.path().join("photo.png"))?;
    share(&mut doctor, &mut patient)?;
    panels(&mut doctor)?;

    record(&mut doctor, &mut patient, &backend, &visit, &recordings)?;

    // Switches the microphone during speech.
    patient.clicks("sound-devices")?;
    let microphone = format!("{}: {MICROPHONE}", patient.words("microphone-caption"));
    patient.sees_named(&microphone)?;
    patient.pictures("devices")?;
    patient.clicks_named(&microphone)?;
    patient.clicks("sound-devices")?;
    patient.chose(&microphone)?;
    patient.presses("Escape")?;

    // The connection is lost and restored.
    backend.kill_sfu()?;
    patient.is_at("Reconnecting", 1)?;
    patient.pictures("reconnecting")?;
    patient.is_at("Call", 2)?;
    doctor.is_at("Call", 2)?;
    doctor.sees_named(&of_patient)?;
    patient.sees_named(&of_doctor)?;

    // The doctor ends the call for both; the patient gives feedback.
    doctor.clicks("more-open")?;
    doctor.clicks("more-end")?;
    doctor.sees("end-all-title")?;
    doctor.pictures("end-for-all")?;
    doctor.clicks("end-all-yes")?;
    patient.is_at("End", 1)?;
    doctor.is_at("End", 1)?;
    // Unsaved notes aren't lost without a question.
    doctor.sees("notes-left-title")?;
    doctor.pictures("notes-left")?;
    doctor.clicks("notes-drop")?;
    doctor.no_longer_sees("notes-left-title")?;
    let stars = patient.words_with("end-star", &[("count", 5_u64.into())]);
    patient.clicks_named(&stars)?;
    patient.pictures("end")?;
    patient.clicks("end-tell")?;
    patient.sees("end-told")?;
    patient.clicks("end-done")?;
    patient.is_at("Start", 1)?;
    patient.pictures("start-patient")?;
    for person in [&patient, &doctor] {
        ensure!(!person.log().contains("ERROR"), "{}", person.log());
        ensure!(!person.log().contains("text is missing"), "{}", person.log());
    }
    Ok(())
}

/// Returns the accessible name of the other side's picture.
pub fn picture(who: &Person<'_>, role: &str) -> String {
    let name = who.words(role);
    who.words_with("video-of", &[("name", name.as_str().into())])
}

fn chat_and_photo(doctor: &mut Person<'_>, patient: &mut Person<'_>, display: &Display, photo: PathBuf) -> Result<()> {
    display.screenshot("root", &photo)?;
    patient.clicks("chat-open")?;
    patient.clicks("chat-input")?;
    patient.types("Buenos dias, doctora")?;
    patient.presses("Return")?;
    patient.reads("Buenos dias, doctora")?;
    patient.clicks("file-attach")?;
    // This machine has no file dialog, so the app asks for the path.
    patient.sees("file-path-send")?;
    patient.types(photo.to_str().context("the photo's path")?)?;
    patient.presses("Return")?;
    let shown = patient.words_with("file-picture", &[("name", "photo.png".into())]);
    patient.sees_named(&shown)?;
    let unread = doctor.words_with("chat-open-unread", &[("count", 2_u64.into())]);
    doctor.clicks_named(&unread)?;
    doctor.reads("Buenos dias, doctora")?;
    let shown = doctor.words_with("file-picture", &[("name", "photo.png".into())]);
    doctor.sees_named(&shown)?;
    doctor.pictures("chat")?;
    doctor.clicks("chat-close")?;
    patient.clicks("chat-close")
}

/// Visits the doctor's other panels.
fn panels(doctor: &mut Person<'_>) -> Result<()> {
    doctor.clicks("more-open")?;
    doctor.clicks("more-people")?;
    doctor.pictures("people")?;
    doctor.clicks("panel-notes")?;
    doctor.clicks("notes-field")?;
    doctor.types("Control en dos semanas")?;
    doctor.pictures("notes")?;
    doctor.clicks("panel-statistics")?;
    doctor.sees("statistics-loss")?;
    doctor.pictures("statistics")?;
    doctor.clicks("panel-close")
}

fn share(doctor: &mut Person<'_>, patient: &mut Person<'_>) -> Result<()> {
    doctor.clicks("share-start")?;
    doctor.sees("share-title")?;
    doctor.sees("share-go")?;
    doctor.pictures("share")?;
    doctor.clicks("share-go")?;
    let doctors_name = patient.words("role-doctor");
    let screen = patient.words_with("screen-of", &[("name", doctors_name.as_str().into())]);
    patient.sees_named(&screen)?;
    patient.pictures("shared-screen")?;
    doctor.clicks("share-stop")?;
    wait_until("the end of the share", HANG_GUARD, || matches!(patient.has_named(&screen), Ok(false)).then_some(()))
}

/// Records by the doctor's button with the patient's consent; no byte is recorded before it.
fn record(
    doctor: &mut Person<'_>,
    patient: &mut Person<'_>,
    backend: &Backend,
    visit: &Consultation,
    folder: &Path,
) -> Result<()> {
    doctor.clicks("record-start")?;
    doctor.sees("recording-asking")?;
    patient.sees("consent-title")?;
    patient.pictures("consent")?;
    ensure!(films(folder) == 0, "something was written before the patient answered");
    patient.clicks("consent-yes")?;
    let on = |person: &Person<'_>| {
        let text = person.words_with("recording-on", &[("time", "00:03".into())]);
        text.replace("00:03", "")
    };
    let (doctors, patients) = (on(doctor), on(patient));
    doctor.reads(doctors.trim())?;
    patient.reads(patients.trim())?;
    doctor.pictures("recording")?;
    doctor.clicks("record-stop")?;
    let recording = backend.recording_when(visit, HANG_GUARD, |it| it.state == RecordingState::Ready)?;
    ensure!(recording.problem.is_none() && recording.duration_seconds > 0.0 && films(folder) > 0, "{recording:?}");
    Ok(())
}

/// Returns the number of recordings in a folder, at any depth.
fn films(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => films(&path),
            path => usize::from(path.extension().is_some_and(|kind| kind == "mkv" || kind == "mp4")),
        })
        .sum()
}
