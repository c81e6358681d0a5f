//! Current screen and theme.

use autamedica_call::CallPhase;
use egui::Theme;

use super::{App, Screen, ScreenName};
use crate::settings::ThemeSetting;

impl App {
    /// Returns the theme of the screen: dark in the call, else as set.
    pub(super) fn theme(&self, ctx: &egui::Context) -> Theme {
        let in_call = match &self.screen {
            Screen::Call(ongoing) => {
                !matches!(ongoing.call.state().phase, CallPhase::Joining | CallPhase::Waiting { .. })
            }
            _ => false,
        };
        match self.settings.theme {
            _ if in_call && !self.is_covered() => Theme::Dark,
            ThemeSetting::Light => Theme::Light,
            ThemeSetting::Dark => Theme::Dark,
            ThemeSetting::System => ctx.system_theme().unwrap_or(Theme::Light),
        }
    }

    /// Returns whether settings or the operator's screen cover the screen.
    pub(super) fn is_covered(&self) -> bool {
        #[cfg(not(feature = "kiosk"))]
        if self.preferences.are_open() {
            return true;
        }
        self.operator.is_some()
    }

    /// Returns the screen that is drawn.
    pub(super) fn screen_name(&self) -> ScreenName {
        if self.is_covered() {
            return if self.operator.is_some() { ScreenName::Operator } else { ScreenName::Settings };
        }
        match &self.screen {
            #[cfg(not(feature = "kiosk"))]
            Screen::Start(_) => ScreenName::Start,
            #[cfg(not(feature = "kiosk"))]
            Screen::Recordings(_) => ScreenName::Recordings,
            Screen::Keypad(_) => ScreenName::Start,
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
