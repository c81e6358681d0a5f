//! Options of the app, and its handle for other threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autamedica_api::{Id, Role};
use autamedica_call::{DeviceChoices, JoinTarget};
use egui::ViewportCommand;
use parking_lot::Mutex;
use url::Url;

use crate::i18n::{Language, MoreTexts, no_more};
use crate::settings::Settings;
use crate::ui::desktop::{self, Desktop};
use crate::ui::stats::UiStats;
use crate::ui::video::FrameShown;

/// Screen of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScreenName {
    /// Start screen, to select a consultation.
    Start,
    /// Question whether to trust the server of a join link.
    Server,
    /// Check of camera, microphone, speaker and network before a call.
    Check,
    /// Joining.
    Joining,
    /// Waiting room.
    Waiting,
    /// Call.
    Call,
    /// Call while its connection is restored.
    Reconnecting,
    /// End of a call and its reason.
    End,
    /// Recordings of a consultation.
    Recordings,
    /// Settings.
    Settings,
    /// Kiosk: the operator's PIN.
    Operator,
}

/// Callback with the screen that was drawn.
pub type OnScreen = Box<dyn Fn(ScreenName) + Send>;

/// First screen of the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The start screen.
    #[default]
    Home,
    /// The check for this consultation. A doctor without the check joins at once.
    Check(JoinTarget),
    /// This consultation, without the check.
    Join(JoinTarget),
    /// The start screen with an unusable link and the reason.
    Unusable(String),
}

/// Options of the app.
pub struct AppOptions {
    /// Initial language; the person may switch.
    pub language: Language,
    /// Texts of the full app.
    pub more_texts: MoreTexts,
    /// Role, which selects the start screen and applies to typed codes.
    pub role: Role,
    /// First screen.
    pub start: Start,
    /// Title of the window; unique where several windows share a screen.
    pub title: String,
    /// Saved settings.
    pub settings: Settings,
    /// Path to which a broken settings file was moved.
    pub broken_settings: Option<PathBuf>,
    /// Devices of this run, instead of those in the settings.
    pub devices: Option<DeviceChoices>,
    /// The doctor's recent consultations, newest first.
    pub recent: Vec<Id>,
    /// Displayed name of the clinic.
    pub clinic: Option<String>,
    /// The app has an API key from pairing.
    pub paired: bool,
    /// This app's own servers, which need no confirmation.
    pub own_servers: Vec<Url>,
    /// Factor of all sizes in addition to the settings; 1.0 is normal.
    pub text_scale: f32,
    /// No animations, whatever the settings are.
    pub reduced_motion: bool,
    /// Shows a small floating window with the call when the main one is minimised; the person may switch it off.
    pub float_when_minimised: bool,
    /// Desktop services: file dialogs, screens to share, sounds.
    pub desktop: Arc<dyn Desktop>,
    /// Converts video on the CPU instead of with a shader. `None`: only with a software renderer.
    pub video_on_cpu: Option<bool>,
    /// Counter of drawn frames, for a report.
    pub stats: Option<Arc<UiStats>>,
    /// Called on the UI thread for each new video frame drawn; must return at once.
    pub on_frame_shown: Option<FrameShown>,
    /// Called on the UI thread after each change of the screen; must return at once.
    pub on_screen: Option<OnScreen>,
    /// Called once when the window is open.
    pub on_ready: Option<Box<dyn FnOnce(UiHandle) + Send>>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            language: Language::default(),
            more_texts: no_more,
            role: Role::Patient,
            start: Start::Home,
            title: "AutaMedica".to_owned(),
            settings: Settings::default(),
            broken_settings: None,
            devices: None,
            recent: Vec::new(),
            clinic: None,
            paired: false,
            own_servers: Vec::new(),
            text_scale: 1.0,
            reduced_motion: false,
            float_when_minimised: true,
            desktop: desktop::system(),
            video_on_cpu: None,
            stats: None,
            on_frame_shown: None,
            on_screen: None,
            on_ready: None,
        }
    }
}

/// Handle of the running window for other threads.
#[derive(Clone)]
pub struct UiHandle {
    pub(super) ctx: egui::Context,
    pub(super) may_close: Arc<AtomicBool>,
    pub(super) pending_links: Arc<Mutex<Vec<String>>>,
}

impl UiHandle {
    /// Closes the window like the person would, including a kiosk's: hangs up first.
    pub fn close(&self) {
        self.may_close.store(true, Ordering::Release);
        self.ctx.send_viewport_cmd(ViewportCommand::Close);
        self.ctx.request_repaint();
    }

    /// Brings the window to the front and follows `text` if it is a join link; asks first during a call.
    pub fn open(&self, text: String) {
        self.pending_links.lock().push(text);
        self.ctx.request_repaint();
    }
}
