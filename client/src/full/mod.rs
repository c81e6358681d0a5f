//! The full app: start screen, settings, and a doctor's screens and controls. A kiosk has none of them.

mod day;
mod desk;
mod doctor;
mod links;
mod native;
mod preferences;
pub mod recent;
mod recordings;
mod settings;
mod start;

use autamedica_api::Role;
use autamedica_call::{CallState, JoinTarget};
use egui::Ui;

use crate::app::edition::{Edition, Page};
use crate::app::state::{AppState, Screen};
use crate::app::{self, App, AppOptions, Calls, ScreenName};
use crate::i18n::Language;
use crate::ui::call::doctor::Controls;
use crate::ui::{Action, Cx};
pub use desk::{Desk, DoctorsAgenda, DoctorsRecordings};
use doctor::Doctor;
pub use native::NativeDesk;
use preferences::Preferences;
use recordings::RecordingsScreen;
use start::StartScreen;

/// Opens the window of the full app and runs until it is closed. Must be called on the main thread.
///
/// # Errors
/// There is no display, or no OpenGL (2.1 or ES 2.0, in software at least).
pub fn run(options: AppOptions, calls: Box<dyn Calls>, desk: Box<dyn Desk>) -> eframe::Result {
    let (options, edition) = Full::new(options, desk);
    app::run(options, calls, Box::new(edition))
}

/// Creates the full app in `ctx`.
pub fn app(ctx: &egui::Context, options: AppOptions, calls: Box<dyn Calls>, desk: Box<dyn Desk>) -> App {
    let (options, edition) = Full::new(options, desk);
    App::new(ctx, options, calls, Box::new(edition))
}

/// Returns the Fluent files of the full app.
pub fn more_texts(language: Language) -> &'static [&'static str] {
    match language {
        Language::Spanish => &[include_str!("../../../assets/locales/doctor.es.ftl")],
        Language::English => &[include_str!("../../../assets/locales/doctor.en.ftl")],
    }
}

/// State of the full app beside its current screen.
struct Full {
    desk: Box<dyn Desk>,
    preferences: Preferences,
    /// Link that arrived during a call.
    other_link: Option<JoinTarget>,
}

impl Full {
    fn new(options: AppOptions, desk: Box<dyn Desk>) -> (AppOptions, Self) {
        let preferences = Preferences::new(options.settings.clone(), options.broken_settings.clone());
        (AppOptions { more_texts, ..options }, Self { desk, preferences, other_link: None })
    }

    fn start_screen(&mut self, app: &AppState) -> StartScreen {
        StartScreen::new((app.role == Role::Doctor).then(|| self.desk.agenda(app.waker())))
    }
}

impl Edition for Full {
    fn is_kiosk(&self) -> bool {
        false
    }

    fn controls(&self) -> fn() -> Box<dyn Controls> {
        || Box::new(Doctor::default())
    }

    fn start(&mut self, _: &mut AppState, _: &egui::Context) {}

    fn home(&mut self, app: &mut AppState) -> Box<dyn Page> {
        Box::new(self.start_screen(app))
    }

    fn home_explaining(&mut self, app: &mut AppState, link: String) -> Box<dyn Page> {
        Box::new(self.start_screen(app).explaining(link, app.role))
    }

    fn apply(&mut self, app: &mut AppState, ctx: &egui::Context, action: Action) -> Option<Action> {
        match action {
            Action::Settings | Action::CloseSettings | Action::ApplySettings(_) | Action::ForgetRecent => {
                self.apply_preference(app, ctx, action);
            }
            Action::Recordings(id) => {
                let recordings = self.desk.recordings(&id, app.waker());
                app.screen = Screen::Page(Box::new(RecordingsScreen::new(recordings)));
            }
            action => return Some(action),
        }
        None
    }

    fn left(&mut self, _: &mut AppState, _: &egui::Context) {}

    fn cover(&self) -> Option<ScreenName> {
        self.preferences.are_open().then_some(ScreenName::Settings)
    }

    fn show_cover(&mut self, ui: &mut Ui, cx: &mut Cx, in_call: bool) {
        self.preferences.show(ui, cx, in_call);
    }

    fn show_dialogs(&mut self, ui: &Ui, cx: &mut Cx, in_call: bool) {
        if !in_call {
            self.other_link = None;
        } else if let Some(target) = self.ask_about_link(ui, cx) {
            cx.actions.extend([Action::Leave, Action::Begin(target)]);
        }
    }

    fn before_pass(&mut self, app: &mut AppState, ctx: &egui::Context) {
        self.take_links(app, ctx);
        self.save_changed_settings(app);
    }

    fn after_pass(&mut self, _: &egui::Context) {}

    fn follow_call(&mut self, app: &mut AppState, state: &CallState) {
        self.remember(app, state);
    }
}
