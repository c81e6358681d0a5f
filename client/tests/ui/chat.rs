//! Chat tab.

use std::sync::Arc;
use std::time::SystemTime;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState, ChatMessage, FileProgress, SharedFile};
use autamedica_client::app::AppOptions;
use autamedica_client::i18n::Language;
use autamedica_client::ui::desktop::Picked;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::harness::{TestApp, call};

fn line(text: &str, own: bool) -> ChatMessage {
    let from = if own { "me" } else { "id of María Quispe" };
    ChatMessage::written(from, own, text, SystemTime::now())
}

fn say(state: &mut CallState, message: ChatMessage) {
    let number = state.chat.newest() + 1;
    state.chat.push(ChatMessage { number, ..message });
}

#[test]
fn enter_and_the_button_send_what_was_typed() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Doctor));
        app.click("chat-open");
        app.assert_shows("chat-empty");
        let input = app.text("chat-input");
        // The field has the focus already.
        assert!(app.harness.get_by_label(&input).is_focused());
        app.harness.get_by_label(&input).type_text("  ¿Cómo está?  ");
        app.settle();
        app.press(Modifiers::NONE, Key::Enter);
        assert_eq!(app.sent(), [CallCommand::SendChat("¿Cómo está?".into())]);
        assert!(app.harness.get_by_label(&input).is_focused(), "the next line can be typed at once");
        assert_eq!(app.harness.get_by_label(&input).value().unwrap_or_default(), "");

        app.harness.get_by_label(&input).type_text("Bien");
        app.settle();
        app.click("chat-send");
        assert_eq!(app.sent(), [CallCommand::SendChat("Bien".into())]);
    }
}

#[test]
fn nothing_is_sent_as_nothing() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Doctor));
    app.click("chat-open");
    app.press(Modifiers::NONE, Key::Enter);
    app.click("chat-send");
    assert_eq!(app.sent(), []);
}

#[test]
fn unread_lines_are_counted_until_the_chat_is_opened() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        app.change(|state| say(state, line("Buenos días", false)));
        app.change(|state| say(state, line("Hola", true)));
        app.change(|state| say(state, line("¿Me oye?", false)));
        let unread = app.text_with("chat-open-unread", &[("count", 2.into())]);
        assert!(app.shows_text(&unread), "{unread}");
        let values = [("name", "María Quispe".into()), ("text", "¿Me oye?".into())];
        assert!(app.shows_text(&app.text_with("toast-message", &values)));
        app.harness.get_by_label(&unread).click();
        app.settle();
        for text in ["Buenos días", "Hola", "¿Me oye?"] {
            assert!(app.shows_text(text), "{text}");
        }
        app.click("chat-close");
        app.assert_shows("chat-open");
    }
}

#[test]
fn a_line_that_could_not_be_sent_says_so_and_is_sent_again() {
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        say(&mut state, line("Enviado", true));
        say(&mut state, ChatMessage { failed: true, ..line("Hola", true) });
        let number = state.chat.newest();
        let mut app = TestApp::in_call(language, state);
        app.click("chat-open");
        app.assert_shows("chat-failed");
        let again = app.text_with("chat-again-named", &[("text", "Hola".into())]);
        app.click_text(&again);
        assert_eq!(app.sent(), [CallCommand::SendAgain(number)]);
    }
}

/// Returns the text copied in this pass.
fn copied(app: &TestApp) -> Vec<String> {
    let commands = &app.harness.output().platform_output.commands;
    let text = |command: &egui::OutputCommand| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    };
    commands.iter().filter_map(text).collect()
}

#[test]
fn a_message_is_copied_by_menu_keyboard_and_mouse() {
    const DOSE: &str = "Tome 500 mg cada 8 horas";
    for language in Language::ALL {
        let mut state = call(Role::Patient);
        say(&mut state, line(DOSE, true));
        let mut app = TestApp::in_call(language, state);
        app.click("chat-open");
        app.harness.get_by_label(DOSE).click_secondary();
        app.settle();
        let copy = app.text("chat-copy");
        app.harness.get_by_label(&copy).click();
        let mut got = Vec::new();
        for _ in 0..4 {
            app.harness.step();
            got.extend(copied(&app));
        }
        assert_eq!(got, [DOSE], "by its menu");
        assert!(!app.shows("chat-copy"), "the menu is gone");

        app.harness.get_by_label(DOSE).focus();
        app.settle();
        app.harness.input_mut().events.push(egui::Event::Copy);
        app.harness.step();
        assert_eq!(copied(&app), [DOSE], "with the keyboard");

        // Selects with the mouse from the first letter to beyond the last.
        let rect = app.rect(DOSE);
        let (from, to) = (rect.left_center() + egui::vec2(4.0, 0.0), rect.right_center() + egui::vec2(40.0, 0.0));
        let button = |pos, pressed| egui::Event::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        for event in
            [egui::Event::PointerMoved(from), button(from, true), egui::Event::PointerMoved(to), button(to, false)]
        {
            app.harness.event(event);
            app.harness.step();
        }
        app.settle();
        app.harness.input_mut().events.push(egui::Event::Copy);
        app.harness.step();
        assert_eq!(copied(&app), [DOSE], "with the mouse");
    }
}

#[test]
fn escape_closes_the_panel() {
    let mut app = TestApp::in_call(Language::Spanish, call(Role::Patient));
    app.click("chat-open");
    app.press(Modifiers::NONE, Key::Escape);
    app.press(Modifiers::NONE, Key::Escape);
    app.assert_shows("chat-open");
    assert!(!app.shows("panel-close"));
}

/// Opens the chat by its shortcut, which also works while the button shows unread messages.
fn open_chat(app: &mut TestApp) {
    app.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
}

fn file(own: bool, progress: FileProgress) -> ChatMessage {
    let shared =
        SharedFile { id: "f1".into(), mime_type: "application/pdf".into(), size: 1_440_000, progress, preview: None };
    ChatMessage { file: Some(shared), ..line("receta.pdf", own) }
}

fn with_file(own: bool, progress: FileProgress) -> CallState {
    let mut state = call(Role::Patient);
    say(&mut state, file(own, progress));
    state
}

#[test]
fn a_file_is_picked_and_sent() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        *app.desktop.picks.lock() = Some(Picked::File("/home/ana/foto.jpg".into()));
        open_chat(&mut app);
        app.click("file-attach");
        assert_eq!(app.wait_for_command(), CallCommand::SendFile("/home/ana/foto.jpg".into()));
    }
}

#[test]
fn without_a_file_dialog_the_path_is_typed() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, call(Role::Patient));
        open_chat(&mut app);
        app.click("file-attach");
        let field = app.text("file-path-send");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while app.harness.query_all_by_label(&field).count() < 2 {
            assert!(std::time::Instant::now() < deadline, "no field for the path");
            app.harness.step();
        }
        let typed = |app: &mut TestApp, text: &str| {
            let node = app.harness.get_by_role_and_label(egui::accesskit::Role::TextInput, &field);
            node.focus();
            node.type_text(text);
            app.settle();
        };
        typed(&mut app, "/tmp/foto.png");
        app.press(Modifiers::NONE, Key::Enter);
        assert_eq!(app.sent(), [CallCommand::SendFile("/tmp/foto.png".into())]);
        assert!(!app.shows_text(&field));
    }
}

#[test]
fn a_dropped_file_is_sent() {
    #[derive(Debug)]
    struct Dropped;
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &std::path::Path {
            std::path::Path::new("/home/ana/placa.png")
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("only its path is asked for".into())
        }
    }
    for kiosk in [false, true] {
        let options = AppOptions { kiosk, ..TestApp::options(Language::Spanish, Role::Patient) };
        let mut app = TestApp::with(options, call(Role::Patient));
        app.harness.input_mut().hovered_files = vec![egui::HoveredFile::default()];
        // The screen is redrawn all the time while a file hovers.
        app.harness.run_steps(3);
        assert_eq!(app.shows("file-drop"), !kiosk);
        app.harness.input_mut().hovered_files.clear();
        app.harness.input_mut().dropped_files.push(Arc::new(Dropped));
        app.settle();
        let expected = CallCommand::SendFile("/home/ana/placa.png".into());
        assert_eq!(app.sent(), if kiosk { vec![] } else { vec![expected] });
    }
}

#[test]
fn a_file_that_came_is_kept_where_the_person_says() {
    for language in Language::ALL {
        let mut app = TestApp::in_call(language, with_file(false, FileProgress::Done));
        *app.desktop.picks.lock() = Some(Picked::File("/home/ana/receta.pdf".into()));
        open_chat(&mut app);
        assert!(app.shows_text(if language == Language::Spanish { "1,4 MB" } else { "1.4 MB" }));
        let save = app.text_with("file-save-named", &[("name", "receta.pdf".into())]);
        app.click_text(&save);
        let to = "/home/ana/receta.pdf".into();
        assert_eq!(app.wait_for_command(), CallCommand::SaveFile { id: "f1".into(), to });
    }
}

#[test]
fn how_far_a_file_is_and_what_went_wrong_is_told_in_words() {
    for language in Language::ALL {
        for (progress, key) in [
            (FileProgress::TooLarge, "file-too-large"),
            (FileProgress::WrongType, "file-wrong-type"),
            (FileProgress::Failed, "file-failed"),
        ] {
            let mut app = TestApp::in_call(language, with_file(true, progress));
            open_chat(&mut app);
            app.assert_shows(key);
        }
        let mut app = TestApp::in_call(language, with_file(false, FileProgress::InProgress(720_000)));
        open_chat(&mut app);
        assert!(app.shows_text(&app.text_with("file-moving", &[("percent", 50.into())])));
        app.change(|state| state.chat = vec![file(false, FileProgress::Saved("/home/ana/r.pdf".into()))].into());
        assert!(app.shows_text(&app.text_with("file-saved", &[("path", "/home/ana/r.pdf".into())])));
    }
}

#[test]
fn a_photo_is_shown_in_the_chat() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(40, 30).write_to(&mut png, image::ImageFormat::Png).expect("a picture encodes");
    let mut message = file(false, FileProgress::Done);
    message.file.as_mut().expect("a file").preview = Some(png.into_inner().into());
    let mut state = call(Role::Doctor);
    say(&mut state, message);
    let mut app = TestApp::in_call(Language::Spanish, state);
    open_chat(&mut app);
    let label = app.text_with("file-picture", &[("name", "receta.pdf".into())]);
    // The placeholder is replaced by the picture in its own size.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while (app.rect(&label).size() - egui::vec2(40.0, 30.0)).length() > 1.0 {
        assert!(std::time::Instant::now() < deadline, "the photo doesn't come: {:?}", app.rect(&label));
        app.harness.step();
    }
}

#[test]
fn only_honest_addresses_are_links_and_the_system_opens_them() {
    let text = "Mire https://clinic.example/receta y no javascript:alert(1)";
    for kiosk in [false, true] {
        let mut state = call(Role::Patient);
        say(&mut state, line(text, false));
        let options = AppOptions { kiosk, ..TestApp::options(Language::Spanish, Role::Patient) };
        let mut app = TestApp::with(options, state);
        open_chat(&mut app);
        assert!(app.shows_text(text));
        let links: Vec<_> = app
            .harness
            .query_all_by_role(egui::accesskit::Role::Link)
            .map(|node| node.accesskit_node().label().unwrap_or_default())
            .collect();
        if kiosk {
            assert_eq!(links, [""; 0]);
            assert!(!app.shows("file-attach"));
            continue;
        }
        assert_eq!(links, ["https://clinic.example/receta"]);
        app.harness.get_by_role(egui::accesskit::Role::Link).click();
        let mut opened = Vec::new();
        for _ in 0..4 {
            app.harness.step();
            opened.extend(app.harness.output().platform_output.commands.iter().filter_map(|command| match command {
                egui::OutputCommand::OpenUrl(open) => Some(open.url.clone()),
                _ => None,
            }));
        }
        assert_eq!(opened, ["https://clinic.example/receta"]);
    }
}

#[test]
fn a_line_that_somebody_tells_is_shown_as_theirs() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        let teller = state.participants[0].identity.clone();
        say(&mut state, ChatMessage { relayed_by: Some(teller), ..line("Me duele aquí", false) });
        let mut app = TestApp::in_call(language, state);
        open_chat(&mut app);
        let told = app.text_with(
            "chat-told",
            &[("name", "María Quispe".into()), ("teller", "María Quispe".into()), ("time", "".into())],
        );
        let told = told.trim_end_matches(|c: char| !c.is_alphabetic()).to_owned();
        let shown = app.harness.query_all_by_label_contains(&told).count();
        assert!(shown > 0, "{told}");
    }
}

#[test]
fn lines_left_out_are_told() {
    for language in Language::ALL {
        let mut state = call(Role::Doctor);
        state.dropped_messages = 12;
        say(&mut state, line("Hola", false));
        let mut app = TestApp::in_call(language, state);
        open_chat(&mut app);
        assert!(app.shows_text(&app.text_with("chat-left-out", &[("count", 12.into())])));
        assert!(app.shows_text("Hola"));
    }
}

#[test]
fn of_a_long_chat_only_what_is_on_screen_is_laid_out() {
    let mut state = call(Role::Doctor);
    for number in 0..500 {
        say(&mut state, line(&format!("line {number}\n{}", "http://a.b ".repeat(number % 300)), number % 2 == 0));
    }
    let mut app = TestApp::in_call(Language::English, state);
    open_chat(&mut app);
    app.settle();
    let shown = |text: &str| app.harness.query_all_by_label_contains(text).count();
    assert!(shown("line 499") > 0, "the newest is on screen");
    assert!(shown("line ") < 40, "{} lines are laid out", shown("line "));
    // Later messages are shown, too.
    app.change(|state| say(state, line("and one more", false)));
    app.settle();
    assert!(app.shows_text("and one more"));
    let started = std::time::Instant::now();
    app.harness.run_steps(60);
    let each = started.elapsed() / 60;
    assert!(each < std::time::Duration::from_millis(250), "{each:?} a pass");
}
