//! Screens: each draws a snapshot and returns the person's actions.

pub mod call;
pub mod check;
pub(crate) mod controls;
pub mod desktop;
pub(crate) mod dialog;
pub mod end;
pub mod joining;
pub(crate) mod page;
pub mod repaint;
pub mod server;
pub mod stats;
pub mod video;
pub mod waiting;
pub(crate) mod widgets;
pub(crate) mod wording;

use std::sync::Arc;
use std::time::Instant;

use autamedica_api::{Feedback, Id, Role};
use autamedica_call::check::CheckCommand;
use autamedica_call::{CallCommand, JoinTarget, Secret};

use crate::i18n::{Language, Texts};
use crate::settings::Settings;
use crate::sound::Sound;
use crate::theme::Sizes;
use desktop::Desktop;

/// Action that a person requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Go to the check screen for this consultation.
    Begin(JoinTarget),
    /// Join this consultation without a check.
    Join(JoinTarget),
    /// Trust the server of this join link from now on, and go to the check screen.
    TrustServer(JoinTarget),
    /// Command to the check.
    Check(CheckCommand),
    /// Enter the consultation from the check screen.
    Enter,
    /// Command to the call.
    Command(CallCommand),
    /// Hang up, or stop joining.
    Leave,
    /// Return to the start screen.
    Home,
    /// Show the recordings of this consultation.
    Recordings(Id),
    /// Switch the language.
    SetLanguage(Language),
    /// Send feedback about the call to the backend.
    SendFeedback(Feedback),
    /// Open the settings.
    Settings,
    /// Close the settings.
    CloseSettings,
    /// Apply and store these settings.
    ApplySettings(Box<Settings>),
    /// Clear the list of recent consultations.
    ForgetRecent,
    /// Request of a kiosk's operator.
    Operator(OperatorRequest),
    /// Enter full screen (`true`) or leave it.
    FullScreen(bool),
    /// Bring the main window to the front.
    Focus,
    /// Draw the minimised window once, so that the floating window can appear.
    DrawHidden,
    /// Open this address (`http` or `https`) in the browser.
    OpenLink(String),
    /// Play a short sound.
    Play(Sound),
}

/// Request of an operator who wants to end a kiosk.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorRequest {
    /// Show the PIN screen.
    Open,
    /// Close the PIN screen.
    Close,
    /// Check this PIN.
    Try(Secret),
}

/// Context that every screen needs to draw itself, and the actions it collects.
pub struct Cx<'a> {
    /// Texts in the person's language.
    pub texts: &'a Texts,
    /// Sizes for a desktop or a kiosk.
    pub sizes: Sizes,
    /// Role of the person who uses this app.
    pub role: Role,
    /// The app runs as a kiosk, which offers fewer controls.
    pub kiosk: bool,
    /// Fades are off.
    pub reduced_motion: bool,
    /// Current settings.
    pub settings: &'a Settings,
    /// Doctor's recent consultations, newest first.
    pub recent: &'a [Id],
    /// Clinic's name, if known.
    pub clinic: Option<&'a str>,
    /// The app is paired: it holds an API key of a backend.
    pub paired: bool,
    /// Desktop around the window.
    pub desktop: &'a Arc<dyn Desktop>,
    /// Start of this pass.
    pub now: Instant,
    /// Actions requested in this pass, in order.
    pub actions: Vec<Action>,
}
