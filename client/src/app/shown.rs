//! Current screen and theme.

use autamedica_call::CallPhase;
use egui::Theme;

use super::state::Screen;
use super::{App, ScreenName};
use crate::settings::ThemeSetting;

impl App {
    /// Returns the theme of the screen: dark in the call, else as set.
    pub(super) fn theme(&self, ctx: &egui::Context) -> Theme {
        let in_call = match &self.state.screen {
            Screen::Call(ongoing) => {
                !matches!(ongoing.call.state().phase, CallPhase::Joining | CallPhase::Waiting { .. })
            }
            _ => false,
        };
        match self.state.settings.theme {
            _ if in_call && self.edition.cover().is_none() => Theme::Dark,
            ThemeSetting::Light => Theme::Light,
            ThemeSetting::Dark => Theme::Dark,
            ThemeSetting::System => ctx.system_theme().unwrap_or(Theme::Light),
        }
    }

    /// Returns the screen that is drawn.
    pub(super) fn screen_name(&self) -> ScreenName {
        if let Some(cover) = self.edition.cover() {
            return cover;
        }
        match &self.state.screen {
            Screen::Page(page) => page.name(),
            Screen::Server(_) => ScreenName::Server,
            Screen::Check(checking) if checking.entering.is_some() => ScreenName::Joining,
            Screen::Check(_) => ScreenName::Check,
            Screen::Call(ongoing) => match ongoing.call.state().phase {
                CallPhase::Joining => ScreenName::Joining,
                CallPhase::Waiting { .. } => ScreenName::Waiting,
                CallPhase::Reconnecting { .. } => ScreenName::Reconnecting,
                CallPhase::InCall => ScreenName::Call,
                // Ended during this pass; the next one shows the end.
                CallPhase::Ended { .. } => self.shown.unwrap_or(ScreenName::Call),
            },
            Screen::End(_) => ScreenName::End,
        }
    }

    pub(super) fn note_screen(&mut self) {
        let name = self.screen_name();
        if self.shown.replace(name) == Some(name) {
            return;
        }
        tracing::info!(screen = ?name, "shown");
        if let Some(on_screen) = &self.on_screen {
            on_screen(name);
        }
    }
}
