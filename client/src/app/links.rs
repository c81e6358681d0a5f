//! Links that come while the window is open: somebody clicked one, and another start of this program handed it over.

use egui::{UserAttentionType, ViewportCommand, ViewportId};

use super::{App, Screen};
use crate::call::JoinTarget;
use crate::ui::Cx;
use crate::ui::dialog::{self, Answer};
use crate::ui::start::target;

impl App {
    /// Takes what other starts of this program handed over since the last pass, and comes to the front for it.
    pub(super) fn take_links(&mut self, ctx: &egui::Context) {
        let given = std::mem::take(&mut *self.given.lock());
        if given.is_empty() {
            return;
        }
        for command in [
            ViewportCommand::Minimized(false),
            ViewportCommand::Focus,
            // Where the desktop lets no window come to the front by itself.
            ViewportCommand::RequestUserAttention(UserAttentionType::Informational),
        ] {
            ctx.send_viewport_cmd_to(ViewportId::ROOT, command);
        }
        // Of several the last is what the person wants now.
        if let Some(text) = given.into_iter().rev().find(|text| !text.trim().is_empty()) {
            self.follow_link(text);
        }
    }

    fn follow_link(&mut self, text: String) {
        let target = match target(&text, self.role) {
            Ok(target) => target,
            Err(_) if matches!(self.screen, Screen::Start(_) | Screen::End(_)) => return self.explain_unusable(text),
            Err(_) => return tracing::info!("a link that can't be used came while something else was shown"),
        };
        match &self.screen {
            Screen::Call(ongoing) if ongoing.target == target => {}
            Screen::Check(checking) if checking.target == target => {}
            Screen::Call(_) => self.other_link = Some(target),
            _ => self.begin(target),
        }
    }

    /// Asks whether to leave the call for a link that came during it.
    pub(super) fn ask_about_link(ui: &egui::Ui, cx: &Cx, other: &mut Option<JoinTarget>) -> Option<JoinTarget> {
        other.as_ref()?;
        let text = |key| cx.texts.t(key);
        let (title, lead, yes) = (text("other-link-title"), text("other-link-lead"), text("other-link-yes"));
        match dialog::ask(ui, cx, "another link", &title, &lead, &yes) {
            Answer::Open => None,
            Answer::No => {
                *other = None;
                None
            }
            Answer::Yes => other.take(),
        }
    }
}
