//! Join links that arrive while the window is open, passed on by another start of this program.

use autamedica_call::JoinTarget;
use egui::{UserAttentionType, ViewportCommand, ViewportId};

use super::Full;
use super::start::target;
use crate::app::ScreenName;
use crate::app::edition::Edition as _;
use crate::app::state::{AppState, Screen};
use crate::ui::Cx;
use crate::ui::dialog::{self, Answer};

impl Full {
    /// Follows the links that other starts of this program passed on, and brings the window to the front.
    pub(super) fn take_links(&mut self, app: &mut AppState, ctx: &egui::Context) {
        let links = std::mem::take(&mut *app.pending_links.lock());
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
            self.follow_link(app, text);
        }
    }

    fn follow_link(&mut self, app: &mut AppState, text: String) {
        let target = match target(&text, app.role) {
            Ok(target) => target,
            Err(_) if shows_links(&app.screen) => {
                app.screen = Screen::Page(self.home_explaining(app, text));
                return;
            }
            Err(_) => return tracing::info!("unusable link ignored"),
        };
        match &app.screen {
            Screen::Call(ongoing) if ongoing.target == target => {}
            Screen::Check(checking) if checking.target == target => {}
            Screen::Call(_) => self.other_link = Some(target),
            _ => app.begin(target),
        }
    }

    /// Asks whether to leave the call for a link that arrived during it.
    pub(super) fn ask_about_link(&mut self, ui: &egui::Ui, cx: &Cx) -> Option<JoinTarget> {
        self.other_link.as_ref()?;
        let text = |key| cx.texts.t(key);
        let (title, lead, yes) = (text("other-link-title"), text("other-link-lead"), text("other-link-yes"));
        match dialog::ask(ui, cx, "another link", &title, &lead, &yes) {
            Answer::Open => None,
            Answer::No => {
                self.other_link = None;
                None
            }
            Answer::Yes => self.other_link.take(),
        }
    }
}

/// Returns whether an unusable link may replace this screen.
fn shows_links(screen: &Screen) -> bool {
    match screen {
        Screen::Page(page) => page.name() == ScreenName::Start,
        Screen::End(_) => true,
        Screen::Server(_) | Screen::Check(_) | Screen::Call(_) => false,
    }
}
