//! The chat.

use std::sync::Arc;
use std::time::SystemTime;

use autamedica_api::Role;
use autamedica_client::call::{CallCommand, CallState, ChatMessage};
use autamedica_client::i18n::Language;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::harness::{Stand, call};

fn line(text: &str, own: bool) -> ChatMessage {
    let from = if own { "me" } else { "id of María Quispe" };
    ChatMessage {
        from: from.into(),
        role: None,
        own,
        text: text.into(),
        at: SystemTime::now(),
        failed: false,
        file: None,
    }
}

fn say(state: &mut CallState, message: ChatMessage) {
    let mut chat = state.chat.to_vec();
    chat.push(message);
    state.chat = Arc::new(chat);
}

#[test]
fn enter_and_the_button_send_what_was_typed() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Doctor));
        stand.click("chat-open");
        stand.assert_shows("chat-empty");
        let input = stand.text("chat-input");
        // The field has the keyboard already.
        assert!(stand.harness.get_by_label(&input).is_focused());
        stand.harness.get_by_label(&input).type_text("  ¿Cómo está?  ");
        stand.settle();
        stand.press(Modifiers::NONE, Key::Enter);
        assert_eq!(stand.sent(), [CallCommand::SendChat("¿Cómo está?".into())]);
        assert!(stand.harness.get_by_label(&input).is_focused(), "the next line can be typed at once");
        assert_eq!(stand.harness.get_by_label(&input).value().unwrap_or_default(), "");

        stand.harness.get_by_label(&input).type_text("Bien");
        stand.settle();
        stand.click("chat-send");
        assert_eq!(stand.sent(), [CallCommand::SendChat("Bien".into())]);
    }
}

#[test]
fn nothing_is_sent_as_nothing() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Doctor));
    stand.click("chat-open");
    stand.press(Modifiers::NONE, Key::Enter);
    stand.click("chat-send");
    assert_eq!(stand.sent(), []);
}

#[test]
fn unread_lines_are_counted_until_the_chat_is_opened() {
    for language in Language::ALL {
        let mut stand = Stand::in_call(language, call(Role::Patient));
        stand.change(|state| say(state, line("Buenos días", false)));
        stand.change(|state| say(state, line("Hola", true)));
        stand.change(|state| say(state, line("¿Me oye?", false)));
        let unread = stand.text_with("chat-open-unread", &[("count", 2.into())]);
        assert!(stand.shows_text(&unread), "{unread}");
        let values = [("name", "María Quispe".into()), ("text", "¿Me oye?".into())];
        assert!(stand.shows_text(&stand.text_with("toast-message", &values)));
        stand.harness.get_by_label(&unread).click();
        stand.settle();
        for text in ["Buenos días", "Hola", "¿Me oye?"] {
            assert!(stand.shows_text(text), "{text}");
        }
        stand.click("chat-close");
        stand.assert_shows("chat-open");
    }
}

#[test]
fn a_line_that_could_not_be_sent_says_so() {
    let mut state = call(Role::Patient);
    say(&mut state, ChatMessage { failed: true, ..line("Hola", true) });
    let mut stand = Stand::in_call(Language::English, state);
    stand.click("chat-open");
    stand.assert_shows("chat-failed");
}

#[test]
fn escape_closes_the_panel() {
    let mut stand = Stand::in_call(Language::Spanish, call(Role::Patient));
    stand.click("chat-open");
    stand.press(Modifiers::NONE, Key::Escape);
    stand.press(Modifiers::NONE, Key::Escape);
    stand.assert_shows("chat-open");
    assert!(!stand.shows("panel-close"));
}
