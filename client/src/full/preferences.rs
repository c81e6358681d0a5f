//! Settings: shown over the screen, applied at once and saved in the background.

use std::path::PathBuf;

use autamedica_api::Role;
use autamedica_call::{CallCommand, CallState};

use super::settings::SettingsScreen;
use super::{Full, recent};
use crate::answer::Answer;
use crate::app::state::{AppState, Screen};
use crate::settings::Settings;
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

    /// Draws the settings screen if it is open.
    pub(super) fn show(&mut self, ui: &mut egui::Ui, cx: &mut Cx, in_call: bool) {
        if let Some(sheet) = &mut self.sheet {
            sheet.show(ui, cx, in_call, self.save_failed, self.broken.as_deref());
        }
    }
}

impl Full {
    pub(super) fn apply_preference(&mut self, app: &mut AppState, ctx: &egui::Context, action: Action) {
        match action {
            Action::Settings => {
                self.preferences.sheet = Some(SettingsScreen::new(self.desk.list_devices(app.waker())));
            }
            Action::CloseSettings => self.preferences.sheet = None,
            Action::ApplySettings(settings) => change(app, ctx, *settings),
            Action::ForgetRecent => {
                app.recent.clear();
                self.save_recent(app);
            }
            _ => {}
        }
    }

    /// Saves changed settings. One save at a time, so that the newest is the last.
    pub(super) fn save_changed_settings(&mut self, app: &AppState) {
        if let Some(pending) = &self.preferences.pending_save {
            let Some(succeeded) = pending.get() else { return };
            self.preferences.save_failed = !succeeded;
            self.preferences.pending_save = None;
        }
        if app.settings != self.preferences.saved {
            self.preferences.saved = app.settings.clone();
            self.preferences.pending_save = Some(self.desk.save_settings(&app.settings, app.waker()));
        }
    }

    /// Moves a doctor's consultation to the front of the recent ones.
    pub(super) fn remember(&mut self, app: &mut AppState, state: &CallState) {
        let Some(place) = state.admission.as_ref().and_then(|admission| admission.consultation.as_ref()) else {
            return;
        };
        if state.role == Role::Doctor && app.recent.first() != Some(&place.id) {
            recent::remember(&mut app.recent, &place.id);
            self.save_recent(app);
        }
    }

    fn save_recent(&mut self, app: &AppState) {
        // A failure is only logged: the list can be restored from the day's consultations.
        let _ = self.desk.save_recent(&app.recent, app.waker());
    }
}

/// Applies new settings at once, also to the call.
fn change(app: &mut AppState, ctx: &egui::Context, settings: Settings) {
    if settings.language != app.settings.language
        && let Some(language) = settings.language
    {
        app.set_language(language);
    }
    let mut commands = Vec::new();
    if settings.camera != app.settings.camera {
        app.devices.camera = settings.camera.clone();
        commands.push(CallCommand::UseCamera(settings.camera.clone()));
    }
    if settings.microphone != app.settings.microphone {
        app.devices.microphone = settings.microphone.clone();
        commands.push(CallCommand::UseMicrophone(settings.microphone.clone()));
    }
    if settings.speaker != app.settings.speaker {
        app.devices.speaker = settings.speaker.clone();
        commands.push(CallCommand::UseSpeaker(settings.speaker.clone()));
    }
    if settings.call != app.settings.call {
        commands.push(CallCommand::UseSettings(settings.call));
    }
    if let Screen::Call(ongoing) = &app.screen {
        commands.into_iter().for_each(|command| ongoing.call.send(command));
    }
    app.settings = settings;
    app.apply_appearance(ctx);
}
