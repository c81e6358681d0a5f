//! Settings: shown over the screen, applied at once and saved in the background.

use std::path::PathBuf;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState};

use super::{App, Screen};
use crate::answer::Answer;
use crate::i18n::Texts;
use crate::recent;
use crate::settings::Settings;
use crate::ui::settings::SettingsScreen;
use crate::ui::{Action, Cx};

/// Saved settings, and the settings screen while it is open.
pub(super) struct Preferences {
    sheet: Option<SettingsScreen>,
    /// Settings that are saved or being saved.
    saved: Settings,
    /// Pending save.
    pending_save: Option<Answer<bool>>,
    /// The last save failed.
    save_failed: bool,
    broken: Option<PathBuf>,
}

impl Preferences {
    pub(super) fn new(settings: Settings, broken: Option<PathBuf>) -> Self {
        Self { sheet: None, saved: settings, pending_save: None, save_failed: false, broken }
    }

    pub(super) fn are_open(&self) -> bool {
        self.sheet.is_some()
    }

    /// Draws the settings screen if it is open. Returns whether it is.
    pub(super) fn show(&mut self, ui: &mut egui::Ui, cx: &mut Cx, in_call: bool) -> bool {
        let Some(sheet) = &mut self.sheet else { return false };
        sheet.show(ui, cx, in_call, self.save_failed, self.broken.as_deref());
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
                self.save_recent();
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
        if !settings.camera.is_same(&self.settings.camera) {
            self.devices.camera = settings.camera.clone();
            commands.push(CallCommand::UseCamera(settings.camera.clone()));
        }
        if !settings.microphone.is_same(&self.settings.microphone) {
            self.devices.microphone = settings.microphone.clone();
            commands.push(CallCommand::UseMicrophone(settings.microphone.clone()));
        }
        if !settings.speaker.is_same(&self.settings.speaker) {
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
        self.apply_appearance(ctx);
    }

    /// Saves changed settings. One save at a time, so that the newest is the last.
    pub(super) fn save_changed_settings(&mut self) {
        if let Some(pending) = &self.preferences.pending_save {
            let Some(succeeded) = pending.get() else { return };
            self.preferences.save_failed = !succeeded;
            self.preferences.pending_save = None;
        }
        if !self.kiosk && self.settings != self.preferences.saved {
            self.preferences.saved = self.settings.clone();
            self.preferences.pending_save = Some(self.calls.save_settings(&self.settings, self.waker()));
        }
    }

    /// Moves a doctor's consultation to the front of the recent ones.
    pub(super) fn remember(&mut self, state: &CallState) {
        let Some(place) = state.admission.as_ref().and_then(|admission| admission.consultation.as_ref()) else {
            return;
        };
        if state.role == Role::Doctor && !self.kiosk && self.recent.first() != Some(&place.id) {
            recent::remember(&mut self.recent, &place.id);
            self.save_recent();
        }
    }

    fn save_recent(&mut self) {
        let wake = self.waker();
        // A failure is only logged: the list can be restored from the day's consultations.
        let _ = self.calls.save_recent(&self.recent, wake);
    }
}
