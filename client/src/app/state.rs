//! State that the app shares with its edition.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use autamedica_api::{Id, Role};
use autamedica_call::check::CheckCommand;
use autamedica_call::{DeviceChoices, JoinTarget, Wake};
use parking_lot::Mutex;
use url::Url;

use super::calls::{Call, Calls, Check};
use super::edition::Page;
use crate::i18n::{Language, Texts};
use crate::settings::Settings;
use crate::theme::Sizes;
use crate::ui::Cx;
use crate::ui::call::CallScreen;
use crate::ui::call::doctor::Controls;
use crate::ui::check::CheckScreen;
use crate::ui::desktop::Desktop;
use crate::ui::end::EndScreen;
use crate::ui::joining::JoiningScreen;
use crate::ui::repaint::RepaintScheduler;
use crate::ui::server::ServerScreen;

pub(crate) enum Screen {
    /// Screen of the edition.
    Page(Box<dyn Page>),
    Server(ServerScreen),
    Check(Checking),
    Call(Box<Ongoing>),
    End(EndScreen),
}

pub(crate) struct Checking {
    pub(super) check: Box<dyn Check>,
    pub(crate) target: JoinTarget,
    pub(super) screen: CheckScreen,
    /// Screen shown while the check closes the devices for the call.
    pub(super) entering: Option<JoiningScreen>,
}

pub(crate) struct Ongoing {
    pub(crate) call: Box<dyn Call>,
    pub(crate) target: JoinTarget,
    pub(super) joining: JoiningScreen,
    pub(super) screen: CallScreen,
}

/// State that the app shares with its edition.
pub(crate) struct AppState {
    pub(crate) role: Role,
    pub(super) kiosk: bool,
    pub(super) sizes: Sizes,
    /// Applied in addition to the settings.
    pub(super) text_scale: f32,
    pub(super) reduced_motion: bool,
    /// Language at the start of the app.
    pub(crate) language: Language,
    pub(super) float_when_minimised: bool,
    pub(super) desktop: Arc<dyn Desktop>,
    pub(crate) texts: Texts,
    pub(crate) calls: Box<dyn Calls>,
    pub(crate) screen: Screen,
    /// Creates a doctor's controls for a call.
    pub(super) controls: fn() -> Box<dyn Controls>,
    /// Devices of this run.
    pub(crate) devices: DeviceChoices,
    pub(crate) settings: Settings,
    pub(super) paired: bool,
    pub(super) own_servers: Vec<Url>,
    pub(crate) recent: Vec<Id>,
    pub(super) clinic: Option<String>,
    pub(crate) may_close: Arc<AtomicBool>,
    pub(super) repaints: Arc<RepaintScheduler>,
    /// Links that other starts of this program passed on.
    pub(crate) pending_links: Arc<Mutex<Vec<String>>>,
}

impl AppState {
    /// Returns the current screen, and the context for drawing it.
    pub(super) fn split(&mut self) -> (&mut Screen, Cx<'_>) {
        let cx = Cx {
            texts: &self.texts,
            sizes: self.sizes,
            role: self.role,
            kiosk: self.kiosk,
            reduced_motion: self.reduced_motion || self.settings.reduced_motion,
            now: Instant::now(),
            settings: &self.settings,
            recent: &self.recent,
            clinic: self.clinic.as_deref(),
            paired: self.paired,
            desktop: &self.desktop,
            actions: Vec::new(),
        };
        (&mut self.screen, cx)
    }

    pub(crate) fn waker(&self) -> Wake {
        let repaints = self.repaints.clone();
        Arc::new(move || repaints.wake())
    }

    pub(crate) fn apply_appearance(&self, ctx: &egui::Context) {
        let scale = self.text_scale * self.settings.text_scale();
        ctx.set_zoom_factor(scale.clamp(0.5, 3.0));
    }

    pub(crate) fn set_language(&mut self, language: Language) {
        self.texts = self.texts.in_language(language);
    }

    /// Starts the check, or for a doctor without the check the call.
    pub(crate) fn begin(&mut self, target: JoinTarget) {
        if self.asks_about_server(&target) {
            return;
        }
        if self.role == Role::Doctor && self.settings.skip_check {
            return self.join(target);
        }
        let check = self.calls.check(&target, &self.devices, self.settings.call, self.waker());
        self.screen = Screen::Check(Checking { check, target, screen: CheckScreen::default(), entering: None });
    }

    pub(super) fn join(&mut self, target: JoinTarget) {
        if self.asks_about_server(&target) {
            return;
        }
        let call = self.calls.join(target.clone(), &self.devices, self.settings.call, self.waker());
        let screen = CallScreen::new(&call.state(), self.float_when_minimised, (self.controls)());
        self.screen = Screen::Call(Box::new(Ongoing { call, target, joining: JoiningScreen::new(), screen }));
    }

    /// Forwards a command to the check. Selected devices apply to the call and later ones too.
    pub(super) fn send_to_check(&mut self, command: CheckCommand) {
        let Screen::Check(checking) = &self.screen else { return };
        match &command {
            CheckCommand::UseCamera(choice) => {
                self.devices.camera = choice.clone();
                self.settings.camera = choice.clone();
            }
            CheckCommand::UseMicrophone(choice) => {
                self.devices.microphone = choice.clone();
                self.settings.microphone = choice.clone();
            }
            CheckCommand::UseSpeaker(choice) => {
                self.devices.speaker = choice.clone();
                self.settings.speaker = choice.clone();
            }
            CheckCommand::PlaySound | CheckCommand::Heard(_) | CheckCommand::TestNetwork | CheckCommand::Finish => {}
        }
        checking.check.send(command);
    }
}
