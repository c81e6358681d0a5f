//! Settings: shown over the screen, applied at once and saved in the background.

use std::path::PathBuf;

use autamedica_api::Role;

use super::{App, Screen};
use crate::answer::Answer;
use crate::call::{CallCommand, CallState};
use crate::i18n::Texts;
use crate::recent;
use crate::settings::Settings;
use crate::ui::settings::SettingsScreen;
use crate::ui::{Action, Cx};

/// Saved settings, and the settings screen while it is open.
pub(super) struct Preferences {
    sheet: Option<SettingsScreen>,
    /// Settings that are saved or being saved.
    kept: Settings,
    /// Pending save.
    keeping: Option<Answer<bool>>,
    /// The last save failed.
    not_kept: bool,
    broken: Option<PathBuf>,
}

impl Preferences {
    pub(super) fn new(settings: Settings, broken: Option<PathBuf>) -> Self {
        Self { sheet: None, kept: settings, keeping: None, not_kept: false, broken }
    }

    pub(super) fn are_open(&self) -> bool {
        self.sheet.is_some()
    }

    /// Draws the settings screen if it is open. Returns whether it is.
    pub(super) fn show(&mut self, ui: &mut egui::Ui, cx: &mut Cx, in_call: bool) -> bool {
        let Some(sheet) = &mut self.sheet else { return false };
        sheet.show(ui, cx, in_call, self.not_kept, self.broken.as_deref());
        true
    }
}

impl App {
    pub(super) fn apply_preference(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Settings if !self.kiosk => {
                self.preferences.sheet = Some(SettingsScreen::new(self.calls.list_devices(self.waker())));
            }
            Action::CloseSettings => self.preferences.sheet = None,
            Action::ApplySettings(settings) => self.change(ctx, *settings),
            Action::ForgetRecent => {
                self.recent.clear();
                self.keep_recent();
            }
            _ => {}
        }
    }

    /// Applies new settings at once, also to the call.
    fn change(&mut self, ctx: &egui::Context, settings: Settings) {
        if settings.language != self.settings.language
            && let Some(language) = settings.language
        {
            self.texts = Texts::new(language);
        }
        let mut commands = Vec::new();
        if settings.camera != self.settings.camera {
            self.devices.camera = settings.camera.clone();
            commands.push(CallCommand::UseCamera(settings.camera.clone()));
        }
        if settings.microphone != self.settings.microphone {
            self.devices.microphone = settings.microphone.clone();
            commands.push(CallCommand::UseMicrophone(settings.microphone.clone()));
        }
        if settings.speaker != self.settings.speaker {
            self.devices.speaker = settings.speaker.clone();
            commands.push(CallCommand::UseSpeaker(settings.speaker.clone()));
        }
        if settings.call != self.settings.call {
            commands.push(CallCommand::UseSettings(settings.call));
        }
        if let Screen::Call(ongoing) = &self.screen {
            commands.into_iter().for_each(|command| ongoing.call.send(command));
        }
        self.settings = settings;
        self.apply_look(ctx);
    }

    /// Saves changed settings. One save at a time, so that the newest is the last.
    pub(super) fn keep_settings(&mut self) {
        if let Some(keeping) = &self.preferences.keeping {
            let Some(kept) = keeping.get() else { return };
            self.preferences.not_kept = !kept;
            self.preferences.keeping = None;
        }
        if !self.kiosk && self.settings != self.preferences.kept {
            self.preferences.kept = self.settings.clone();
            self.preferences.keeping = Some(self.calls.keep(&self.settings, self.waker()));
        }
    }

    /// Moves a doctor's consultation to the front of the recent ones.
    pub(super) fn remember(&mut self, state: &CallState) {
        let Some(place) = state.admission.as_ref().and_then(|admission| admission.consultation.as_ref()) else {
            return;
        };
        if state.role == Role::Doctor && !self.kiosk && self.recent.first() != Some(&place.id) {
            recent::remember(&mut self.recent, &place.id);
            self.keep_recent();
        }
    }

    fn keep_recent(&mut self) {
        let wake = self.waker();
        // A failure is only logged: the list can be restored from the day's consultations.
        let _ = self.calls.keep_recent(&self.recent, wake);
    }
}
