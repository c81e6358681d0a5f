//! The screens: each takes a snapshot, draws it, and says what the person asked for.

pub mod call;
pub mod check;
mod controls;
#[cfg(not(feature = "kiosk"))]
mod day;
pub mod desktop;
pub(crate) mod dialog;
pub mod end;
pub mod joining;
pub mod keypad;
pub mod operator;
pub mod pace;
mod page;
#[cfg(not(feature = "kiosk"))]
pub mod recordings;
pub mod server;
#[cfg(not(feature = "kiosk"))]
pub mod settings;
#[cfg(not(feature = "kiosk"))]
pub mod start;
pub mod stats;
pub mod video;
pub mod waiting;
mod widgets;
mod window;
mod wording;

use std::sync::Arc;
use std::time::Instant;

use autamedica_api::{Feedback, Id, Role};

pub use crate::app::{App, AppOptions, Call, Calls, Start, UiHandle};
use crate::call::{CallCommand, JoinTarget, Secret};
use crate::check::CheckCommand;
use crate::i18n::{Language, Texts};
use crate::settings::Settings;
use crate::sound::Sound;
use crate::theme::Sizes;
use desktop::Desktop;
pub(crate) use window::fit_to_screen;
pub use window::run;

/// What a person asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Towards this consultation, by the check.
    Begin(JoinTarget),
    /// Join this consultation, at once.
    Join(JoinTarget),
    /// Trust the server that this link leads to, from now on, and go towards the consultation.
    TrustServer(JoinTarget),
    /// Something within the check.
    Check(CheckCommand),
    /// From the check into the consultation.
    Enter,
    /// Something within the call.
    Command(CallCommand),
    /// Hang up, or stop joining.
    Leave,
    /// Back to the start screen.
    Home,
    /// The recordings of this consultation.
    #[cfg(not(feature = "kiosk"))]
    Recordings(Id),
    /// Speak another language.
    Speak(Language),
    /// Tell the backend how the call was.
    Tell(Feedback),
    /// Open the settings.
    Settings,
    /// Close them again.
    CloseSettings,
    /// These are the settings from now on.
    Change(Box<Settings>),
    /// Forget the recent consultations.
    ForgetRecent,
    /// A kiosk's way out.
    Operator(OperatorRequest),
    /// Fill the whole screen (`true`), or a window again.
    FullScreen(bool),
    /// Bring the main window back to the front.
    Focus,
    /// Draw the minimised window once more, so that a window of its own can appear.
    DrawHidden,
    /// Let the system open this address (`http` or `https`).
    OpenLink(String),
    /// Play a short sound.
    Play(Sound),
}

/// What somebody asked for who wants to end a kiosk.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorRequest {
    /// To be asked for the PIN.
    Open,
    /// Not to, after all.
    Close,
    /// This is the PIN.
    Try(Secret),
}

/// What every screen needs to draw itself, and where it puts what the person asked for.
pub struct Cx<'a> {
    /// Words in the person's language.
    pub texts: &'a Texts,
    /// Sizes for a desktop or a kiosk.
    pub sizes: Sizes,
    /// Whose app this is.
    pub role: Role,
    /// On a kiosk there is less to get wrong.
    pub kiosk: bool,
    /// No fades.
    pub reduced_motion: bool,
    /// What was set.
    pub settings: &'a Settings,
    /// The doctor's recent consultations, the newest first.
    pub recent: &'a [Id],
    /// The clinic's name, if it is known.
    pub clinic: Option<&'a str>,
    /// This app holds a key of a backend.
    pub paired: bool,
    /// The machine around the window.
    pub desktop: &'a Arc<dyn Desktop>,
    /// When this pass began.
    pub now: Instant,
    /// What the person asked for in this pass, in order.
    pub actions: Vec<Action>,
}
