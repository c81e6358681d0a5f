//! Files and photos in the chat, and the chat history for late participants.

use std::path::Path;
use std::time::Duration;

use autamedica_call::{CallCommand, CallPhase, EndReason, FileProgress, MAX_FILE_BYTES, SharedFile};
use autamedica_engine::{E2eeOptions, Room, RoomEvent, RoomOptions, StreamByteOptions, StreamTextOptions};

use crate::harness::{Clinic, SimulatedUser, runtime};

/// Returns bytes that begin like a photo.
fn photo(len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend((0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}

/// Waits until the file of this name has reached a state.
fn wait_for_file(person: &SimulatedUser, name: &str, is: impl Fn(&FileProgress) -> bool) -> SharedFile {
    person.wait(name, |state| {
        let line = state.chat.iter().find(|line| line.text == name)?;
        line.file.clone().filter(|file| is(&file.progress))
    })
}

fn send(person: &SimulatedUser, path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    person.send(CallCommand::SendFile(path.to_owned()));
}

#[test]
fn photos_and_documents_arrive_whole_and_are_saved_where_asked() {
    let clinic = Clinic::open();
    let folder = tempfile::tempdir().unwrap();
    for e2ee in [true, false] {
        let [patient, doctor] = clinic.start_call(&format!("files-{e2ee}"), e2ee);
        let bytes = photo(3_000_000);
        send(&patient, &folder.path().join("herida.png"), &bytes);
        let sent = wait_for_file(&patient, "herida.png", |progress| *progress == FileProgress::Done);
        let preview = |file: &SharedFile| file.preview.as_ref().expect("a photo").read(u64::MAX).unwrap();
        assert_eq!((sent.size, preview(&sent)), (bytes.len() as u64, bytes.clone()));
        let came = wait_for_file(&doctor, "herida.png", |progress| *progress == FileProgress::Done);
        assert_eq!((came.mime_type.as_str(), came.size), ("image/png", bytes.len() as u64));
        assert_eq!(preview(&came), bytes);
        let line = doctor.wait_for_message("herida.png");
        assert!(!line.own && line.from == "patient-1");

        // Saves the file at two places; a failure is reported.
        for name in ["one.png", "two.png"] {
            let to = folder.path().join(format!("{e2ee}-{name}"));
            doctor.send(CallCommand::SaveFile { id: came.id.clone(), to: to.clone() });
            wait_for_file(&doctor, "herida.png", |progress| *progress == FileProgress::Saved(to.clone()));
            assert_eq!(std::fs::read(&to).unwrap(), bytes);
        }
        let nowhere = folder.path().join("no/such/folder.png");
        doctor.send(CallCommand::SaveFile { id: came.id.clone(), to: nowhere });
        wait_for_file(&doctor, "herida.png", |progress| *progress == FileProgress::Failed);

        // The other direction, with a document.
        send(&doctor, &folder.path().join("receta.pdf"), b"%PDF-1.7\nreceta");
        let came = wait_for_file(&patient, "receta.pdf", |progress| *progress == FileProgress::Done);
        assert_eq!((came.mime_type.as_str(), came.preview), ("application/pdf", None));
    }
}

#[test]
fn what_is_too_large_or_no_document_is_not_sent() {
    let clinic = Clinic::open();
    let folder = tempfile::tempdir().unwrap();
    let [patient, doctor] = clinic.start_call("refused-files", false);
    send(&doctor, &folder.path().join("program.txt"), b"\x7fELF\x02\x01\x01\x00");
    wait_for_file(&doctor, "program.txt", |progress| *progress == FileProgress::WrongType);
    send(&doctor, &folder.path().join("huge.png"), &photo(MAX_FILE_BYTES as usize));
    wait_for_file(&doctor, "huge.png", |progress| *progress == FileProgress::TooLarge);
    doctor.send(CallCommand::SendFile(folder.path().join("gone.png")));
    wait_for_file(&doctor, "gone.png", |progress| *progress == FileProgress::Failed);
    doctor.send(CallCommand::SendFile(folder.path().to_owned()));
    let name = folder.path().file_name().unwrap().to_string_lossy().trim_matches('.').to_owned();
    wait_for_file(&doctor, &name, |progress| *progress == FileProgress::WrongType);
    // A later message has arrived, so the refused files won't arrive any more.
    doctor.send(CallCommand::SendChat("eso es todo".into()));
    patient.wait_for_message("eso es todo");
    assert!(patient.state().chat.iter().all(|line| line.file.is_none()), "{:#?}", patient.state().chat);
}

/// Joins with LiveKit's SDK and a patient's token instead of the app.
async fn foreign_patient(consultation: &autamedica_api::Consultation) -> Room {
    foreign(consultation, &consultation.patient_token).await
}

/// Joins with LiveKit's SDK and this token instead of the app.
async fn foreign(consultation: &autamedica_api::Consultation, token: &str) -> Room {
    let encryption = consultation.e2ee_key.as_deref().map(E2eeOptions::with_shared_key);
    let options = RoomOptions { encryption, ..RoomOptions::default() };
    let (room, mut events) = Room::connect(&consultation.livekit_url, token, options).await.unwrap();
    tokio::spawn(async move { while let Some(RoomEvent::Disconnected { .. }) | Some(_) = events.recv().await {} });
    room
}

#[test]
fn what_others_send_is_judged_by_its_bytes_and_size() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("foreign", |body| body.e2ee = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_phase(&CallPhase::InCall);
    let room = runtime().block_on(foreign_patient(&consultation));
    doctor.wait_for_other("the patient", |other| other.identity == "patient-1");
    let me = room.local_participant();
    let options = |name: &str| StreamByteOptions {
        topic: "files".into(),
        name: Some(name.into()),
        mime_type: Some("image/png".into()),
        ..StreamByteOptions::default()
    };
    runtime().block_on(async {
        me.send_bytes(b"\x7fELF\x02\x01\x01\x00".to_vec(), options("photo.png")).await.unwrap();
        me.send_bytes(photo(1000), options("../../.bashrc")).await.unwrap();
        let announced = StreamByteOptions { total_length: Some(MAX_FILE_BYTES + 1), ..options("huge.png") };
        let huge = me.stream_bytes(announced).await.unwrap();
        huge.write(photo(1000)).await.unwrap();
        // A file larger than announced, and cut off before its end.
        let liar = StreamByteOptions { total_length: Some(500), ..options("liar.png") };
        let liar = me.stream_bytes(liar).await.unwrap();
        liar.write(photo(1000)).await.unwrap();
        liar.close().await.unwrap();
        let broken = me.stream_bytes(StreamByteOptions { total_length: Some(5000), ..options("cut.png") }).await;
        broken.unwrap().write(photo(1000)).await.unwrap();
        // Only a doctor may forward the chat history.
        let history = r#"{"lines":[{"id":"x","from":"doctor-1","role":"doctor","text":"never said","at":1}]}"#;
        let to_history = StreamTextOptions { topic: "chat-history".into(), ..StreamTextOptions::default() };
        me.send_text(history, to_history).await.unwrap();
        me.send_chat_message("eso es todo").await.unwrap();
    });
    wait_for_file(&doctor, "photo.png", |progress| *progress == FileProgress::WrongType);
    wait_for_file(&doctor, "bashrc.png", |progress| *progress == FileProgress::Done);
    wait_for_file(&doctor, "huge.png", |progress| *progress == FileProgress::TooLarge);
    wait_for_file(&doctor, "liar.png", |progress| *progress == FileProgress::Failed);
    wait_for_file(&doctor, "cut.png", |progress| *progress == FileProgress::Failed);
    doctor.wait_for_message("eso es todo");
    assert!(doctor.state().chat.iter().all(|line| line.text != "never said"));
    runtime().block_on(async { room.close().await }).unwrap();
}

#[test]
fn a_flood_of_lines_is_cut_bounded_and_told() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("flood", |body| body.e2ee = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_phase(&CallPhase::InCall);
    let room = runtime().block_on(foreign_patient(&consultation));
    doctor.wait_for_other("the patient", |other| other.identity == "patient-1");
    let me = room.local_participant();
    runtime().block_on(async {
        me.send_chat_message(&"x".repeat(10_000)).await.unwrap();
        me.send_chat_message(&"http://a.b ".repeat(300)).await.unwrap();
        for number in 0..300 {
            me.send_chat_message(&format!("line {number}")).await.unwrap();
        }
    });
    doctor.wait_for("lines left out", |state| state.dropped_messages > 0);
    let state = doctor.state();
    assert!(state.chat.len() < 60, "{} lines", state.chat.len());
    let longest = state.chat.iter().map(|line| line.text.chars().count()).max();
    assert_eq!(longest, Some(4001), "cut, with an ellipsis");
    assert_eq!(state.chat.iter().map(|line| line.links.len()).max(), Some(20));
    runtime().block_on(async { room.close().await }).unwrap();
}

#[test]
fn a_flood_of_histories_is_bounded() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("histories", |body| body.e2ee = Some(true));
    let patient = clinic.enter(&consultation.patient_link);
    patient.wait_for_phase(&CallPhase::InCall);
    let room = runtime().block_on(foreign(&consultation, &consultation.doctor_token));
    patient.wait_for_other("the doctor", |other| other.identity == "doctor-1");
    let me = room.local_participant();
    runtime().block_on(async {
        let options = || StreamTextOptions { topic: "chat-history".into(), ..StreamTextOptions::default() };
        let of = |text: String| {
            format!(r#"{{"lines":[{{"id":"{}","from":"doctor-1","text":"{text}","at":1}}]}}"#, text.len())
        };
        // The first is too long.
        me.send_text(&of("x".repeat(600 * 1024)), options()).await.unwrap();
        for number in 1..=15 {
            me.send_text(&of(format!("told{}", "!".repeat(number))), options()).await.unwrap();
        }
        me.send_chat_message("eso es todo").await.unwrap();
    });
    patient.wait_for_message("eso es todo");
    let told = |text: &str| text.starts_with("told");
    patient.wait_for("nine histories", |state| state.chat.iter().filter(|line| told(&line.text)).count() == 9);
    assert!(patient.state().chat.iter().all(|line| told(&line.text) || line.text == "eso es todo"));
    runtime().block_on(async { room.close().await }).unwrap();
}

#[test]
fn whoever_waits_gets_neither_chat_nor_files() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("waits", |body| body.waiting_room = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    doctor.wait_for_phase(&CallPhase::InCall);
    let options = RoomOptions::default();
    let connecting = Room::connect(&consultation.livekit_url, &consultation.patient_token, options);
    let (room, mut events) = runtime().block_on(connecting).unwrap();
    doctor.wait_for_other("the patient who waits", |other| other.waiting_since.is_some());
    doctor.send(CallCommand::SendChat("private".into()));
    doctor.wait_for_message("private");
    let folder = tempfile::tempdir().unwrap();
    send(&doctor, &folder.path().join("private.pdf"), b"%PDF-1.7\nprivate");
    wait_for_file(&doctor, "private.pdf", |progress| *progress == FileProgress::Failed);
    doctor.send(CallCommand::Admit("patient-1".into()));
    doctor.wait_for_other("the patient", |other| other.waiting_since.is_none());
    doctor.send(CallCommand::SendChat("now you may read".into()));
    let told = runtime().block_on(async {
        let mut told = Vec::new();
        loop {
            match events.recv().await.expect("the room is open") {
                RoomEvent::ChatMessage { message, .. } => {
                    told.push(message.message);
                    return told;
                }
                RoomEvent::ByteStreamOpened { .. } => told.push("a file".to_owned()),
                _ => {}
            }
        }
    });
    assert_eq!(told, ["now you may read"]);
    runtime().block_on(async { room.close().await }).unwrap();
}

#[test]
fn who_comes_late_is_told_what_was_said() {
    let clinic = Clinic::open();
    let consultation = clinic.consultation("late", |body| body.e2ee = Some(true));
    let doctor = clinic.enter(&consultation.doctor_link);
    let patient = clinic.enter(&consultation.patient_link);
    doctor.wait_for_other("the patient", |other| other.camera.is_some());
    doctor.send(CallCommand::SendChat("buenos días".into()));
    patient.wait_for_message("buenos días");
    patient.send(CallCommand::SendChat("me duele aquí".into()));
    doctor.wait_for_message("me duele aquí");
    doctor.send(CallCommand::SendChat("¿desde cuándo?".into()));
    patient.wait_for_message("¿desde cuándo?");
    patient.send(CallCommand::HangUp);
    patient.wait_for("the end", |state| matches!(state.phase, CallPhase::Ended { reason: EndReason::HungUp, .. }));
    doctor.wait_for("nobody", |state| state.participants.is_empty());

    // The same person on another device without the history.
    let again = clinic.enter(&consultation.patient_link);
    again.wait_for_message("¿desde cuándo?");
    again.send(CallCommand::SendChat("desde ayer".into()));
    doctor.wait_for_message("desde ayer");
    // Own messages aren't accepted from the doctor's history.
    let seen = |person: &SimulatedUser| {
        person.state().chat.iter().map(|line| (line.from.clone(), line.text.clone())).collect::<Vec<_>>()
    };
    let mut expected = seen(&doctor);
    expected.retain(|(_, text)| text != "me duele aquí");
    assert_eq!(seen(&again), expected);
    assert_eq!(again.state().chat.iter().filter(|line| line.own).count(), 1);
    assert!(again.state().chat.iter().all(|line| line.relayed_by.is_none()), "the doctor tells the doctor's own lines");
    let first = again.wait_for_message("buenos días");
    assert!(first.at.elapsed().unwrap() < Duration::from_secs(120), "with its time");
}
