//! Editions of the app: what surrounds a call.

use autamedica_call::CallState;

use super::options::ScreenName;
use super::state::AppState;
use crate::ui::call::doctor::Controls;
use crate::ui::{Action, Cx};

/// Screen of an edition, such as the first one.
pub(crate) trait Page {
    /// Returns its name.
    fn name(&self) -> ScreenName;

    /// Returns whether nothing was entered or opened since the screen appeared.
    fn is_blank(&self) -> bool {
        false
    }

    /// Draws the screen.
    fn show(&mut self, ui: &mut egui::Ui, cx: &mut Cx);
}

/// Edition of the app: its own screens, and what a person may do beside calling. The app does the rest.
pub(crate) trait Edition {
    /// Returns whether the app is a kiosk.
    fn is_kiosk(&self) -> bool;

    /// Returns the constructor of a doctor's controls for a call.
    fn controls(&self) -> fn() -> Box<dyn Controls>;

    /// Runs once, before the first screen.
    fn start(&mut self, app: &mut AppState, ctx: &egui::Context);

    /// Creates the first screen.
    fn home(&mut self, app: &mut AppState) -> Box<dyn Page>;

    /// Creates the first screen with an unusable link and the reason.
    fn home_explaining(&mut self, app: &mut AppState, link: String) -> Box<dyn Page>;

    /// Applies an action, or returns it for the app to apply.
    fn apply(&mut self, app: &mut AppState, ctx: &egui::Context, action: Action) -> Option<Action>;

    /// Runs after the person left a check or a call.
    fn left(&mut self, app: &mut AppState, ctx: &egui::Context);

    /// Returns the name of the screen that covers the current one, if any.
    fn cover(&self) -> Option<ScreenName>;

    /// Draws the screen that covers the current one.
    fn show_cover(&mut self, ui: &mut egui::Ui, cx: &mut Cx, in_call: bool);

    /// Draws dialogs above the current screen.
    fn show_dialogs(&mut self, ui: &egui::Ui, cx: &mut Cx, in_call: bool);

    /// Runs before each pass.
    fn before_pass(&mut self, app: &mut AppState, ctx: &egui::Context);

    /// Runs after each pass.
    fn after_pass(&mut self, ctx: &egui::Context);

    /// Follows the state of a call.
    fn follow_call(&mut self, app: &mut AppState, state: &CallState);
}
