//! Links to servers that are new here.

use super::{App, Screen};
use crate::call::JoinTarget;
use crate::known_servers::{approve, is_known};
use crate::ui::server::ServerScreen;

impl App {
    /// Asks first when a link leads to a server that is new here: it would get the camera and the microphone.
    pub(super) fn asks_about_server(&mut self, target: &JoinTarget) -> bool {
        let JoinTarget::Link(link) = target else { return false };
        if is_known(link.server(), &self.own_servers, &self.settings.approved_servers) {
            return false;
        }
        self.screen = Screen::Server(ServerScreen::new(link.server(), target.clone()));
        true
    }

    /// Notes that the person said yes to the server of this link, and goes on towards the call.
    pub(super) fn trust_server(&mut self, target: JoinTarget) {
        if let JoinTarget::Link(link) = &target {
            approve(link.server(), &mut self.settings.approved_servers);
        }
        self.begin(target);
    }
}
