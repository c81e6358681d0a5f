//! How the app is set up, and its handle for the world outside the UI thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autamedica_api::{Id, Role};
use egui::ViewportCommand;
use parking_lot::Mutex;
use url::Url;

use crate::call::{DeviceChoices, JoinTarget};
use crate::i18n::Language;
use crate::settings::Settings;
use crate::ui::desktop::{self, Desktop};
use crate::ui::stats::UiStats;
use crate::ui::video::FrameShown;

/// Which screen a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScreenName {
    /// Which consultation?
    Start,
    /// The question whether to trust the server of a link.
    Server,
    /// Camera, microphone, speaker and network, before a call.
    Check,
    /// Getting in.
    Joining,
    /// In the waiting room.
    Waiting,
    /// The call.
    Call,
    /// The call, with its connection being restored.
    Reconnecting,
    /// Why it is over.
    End,
    /// A consultation's recordings.
    Recordings,
    /// What can be set.
    Settings,
    /// A kiosk: the operator's PIN.
    Operator,
}

/// Told which screen was drawn.
pub type OnScreen = Box<dyn Fn(ScreenName) + Send>;

/// What the app shows first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The start screen.
    #[default]
    Home,
    /// The check, and then this consultation. A doctor who wants no check joins at once.
    Check(JoinTarget),
    /// This consultation, at once.
    Join(JoinTarget),
    /// The start screen with a text that was to be a link, and what is wrong with it.
    Unusable(String),
}

/// How the app is set up.
pub struct AppOptions {
    /// The first language; the person may switch.
    pub language: Language,
    /// Which start screen, and which role a typed code is joined with.
    pub role: Role,
    /// Full screen, larger, nothing to get wrong.
    pub kiosk: bool,
    /// What is shown first.
    pub start: Start,
    /// The window's title: unique where several windows share a screen.
    pub title: String,
    /// What was set at an earlier start.
    pub settings: Settings,
    /// A settings file that wasn't understood was put here.
    pub broken_settings: Option<PathBuf>,
    /// The devices of this run, where they aren't those of the settings.
    pub devices: Option<DeviceChoices>,
    /// The doctor's recent consultations, the newest first.
    pub recent: Vec<Id>,
    /// The clinic's name, where it is to be read.
    pub clinic: Option<String>,
    /// This app holds a key of a backend.
    pub paired: bool,
    /// This app's own servers: links may lead there without a question.
    pub own_servers: Vec<Url>,
    /// Everything this many times as large, on top of the settings; 1.0 is normal.
    pub text_scale: f32,
    /// No fades, whatever the settings say.
    pub reduced_motion: bool,
    /// A small window with the call comes by itself when the main one is minimised; the person may switch.
    pub float_when_minimised: bool,
    /// The machine around the window: file dialogs, screens to share, sounds.
    pub desktop: Arc<dyn Desktop>,
    /// Video is converted on the CPU instead of by a shader. `None`: where OpenGL draws in software.
    pub video_on_cpu: Option<bool>,
    /// Counter of what is drawn, for a report.
    pub stats: Option<Arc<UiStats>>,
    /// Called on the UI thread each time a new frame has been painted; must return at once.
    pub on_frame_shown: Option<FrameShown>,
    /// Called on the UI thread each time another screen was drawn than before; must return at once.
    pub on_screen: Option<OnScreen>,
    /// Called once, when the window is there.
    pub on_ready: Option<Box<dyn FnOnce(UiHandle) + Send>>,
}

impl Default for AppOptions {
    fn default() -> Self {
        Self {
            language: Language::default(),
            role: Role::Patient,
            kiosk: cfg!(feature = "kiosk"),
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

/// The running window, from outside the UI thread.
#[derive(Clone)]
pub struct UiHandle {
    pub(super) ctx: egui::Context,
    pub(super) may_close: Arc<AtomicBool>,
    pub(super) given: Arc<Mutex<Vec<String>>>,
}

impl UiHandle {
    /// Closes the window as if the person had: hangs up first. Also a kiosk's, which a person can't close.
    pub fn close(&self) {
        self.may_close.store(true, Ordering::Release);
        self.ctx.send_viewport_cmd(ViewportCommand::Close);
        self.ctx.request_repaint();
    }

    /// Brings the window to the front and follows `text`, if that is a link; asks first during a call.
    pub fn open(&self, text: String) {
        self.given.lock().push(text);
        self.ctx.request_repaint();
    }
}
