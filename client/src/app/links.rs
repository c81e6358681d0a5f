//! Join links that arrive while the window is open, passed on by another start of this program.

use autamedica_call::JoinTarget;
use egui::{UserAttentionType, ViewportCommand, ViewportId};

use super::{App, Screen};
use crate::ui::Cx;
use crate::ui::dialog::{self, Answer};
use crate::ui::start::target;

impl App {
    /// Follows the links that other starts of this program passed on, and brings the window to the front.
    pub(super) fn take_links(&mut self, ctx: &egui::Context) {
        let links = std::mem::take(&mut *self.pending_links.lock());
        if links.is_empty() {
            return;
        }
        for command in [
            ViewportCommand::Minimized(false),
            ViewportCommand::Focus,
            // For desktops that do not let a window bring itself to the front.
            ViewportCommand::RequestUserAttention(UserAttentionType::Informational),
        ] {
            ctx.send_viewport_cmd_to(ViewportId::ROOT, command);
        }
        // The last one is the most recent request.
        if let Some(text) = links.into_iter().rev().find(|text| !text.trim().is_empty()) {
            self.follow_link(text);
        }
    }

    fn follow_link(&mut self, text: String) {
        let target = match target(&text, self.role) {
            Ok(target) => target,
            Err(_) if matches!(self.screen, Screen::Start(_) | Screen::End(_)) => return self.explain_unusable(text),
            Err(_) => return tracing::info!("unusable link ignored"),
        };
        match &self.screen {
            Screen::Call(ongoing) if ongoing.target == target => {}
            Screen::Check(checking) if checking.target == target => {}
            Screen::Call(_) => self.other_link = Some(target),
            _ => self.begin(target),
        }
    }

    /// Asks whether to leave the call for a link that arrived during it.
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
