//! The screens: each takes a snapshot, draws it, and says what the person asked for.

pub mod call;
pub mod desktop;
pub mod end;
pub mod joining;
pub mod pace;
mod page;
pub mod start;
pub mod stats;
pub mod video;
mod widgets;
mod window;
mod wording;

use std::sync::Arc;
use std::time::Instant;

use autamedica_api::Role;

pub use crate::app::{App, AppOptions, Call, Calls, Start, UiHandle};
use crate::call::{CallCommand, JoinTarget};
use crate::i18n::{Language, Texts};
use crate::sound::Sound;
use crate::theme::Sizes;
use desktop::Desktop;
pub use window::run;

/// What a person asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Join this consultation.
    Join(JoinTarget),
    /// Something within the call.
    Command(CallCommand),
    /// Hang up, or stop joining.
    Leave,
    /// Back to the start screen.
    Home,
    /// Speak another language.
    Speak(Language),
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
    /// The machine around the window.
    pub desktop: &'a Arc<dyn Desktop>,
    /// When this pass began.
    pub now: Instant,
    /// What the person asked for in this pass, in order.
    pub actions: Vec<Action>,
}
