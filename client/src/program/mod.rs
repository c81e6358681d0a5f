//! What the programs share, the full app and the kiosk: their command line, stored setup, and the life of the process.

mod args;
mod operator;
mod setup;
pub mod shutdown;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use autamedica_api::Role;
use autamedica_call::{CallObserver, Entrance};
use tokio::runtime::{Handle, Runtime};
use tracing_subscriber::EnvFilter;

use crate::app::{AppOptions, OnScreen, UiHandle};
use crate::i18n::Language;
use crate::native::NativeCalls;
use crate::pin::PinLock;
use crate::report::Measurements;
use crate::ui::video::{FrameShown, PictureKind};
pub use args::CommonArgs;
pub use setup::Setup;
use shutdown::{LAST_WORK, asked_to_end};

/// Log filter without `RUST_LOG`. PulseAudio's client logs closed connections as errors, and the file dialog logs a
/// desktop without dialogs, which the app handles.
const LOGGED: &str = "info,pulseaudio=warn,pulseaudio::client::reactor=off,rfd=off";

/// Starts to log to standard error.
pub fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// A run with a window: the runtime of its tasks, and the recipient of its measurements.
pub struct Run {
    runtime: Runtime,
    measurements: Option<Measurements>,
}

impl Run {
    /// Starts the runtime.
    ///
    /// # Errors
    /// The system starts no threads.
    pub fn start(args: &CommonArgs, role: Role) -> Result<Self> {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("call")
            .enable_all()
            .build()
            .context("starting the runtime")?;
        Ok(Self { runtime, measurements: observer(args, role) })
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Returns the calls of the app.
    pub fn calls(&self, args: &CommonArgs, setup: &Setup, role: Role, entrance: Entrance) -> NativeCalls {
        let observer = self.measurements.clone().map(|measurements| Arc::new(measurements) as Arc<dyn CallObserver>);
        NativeCalls {
            runtime: self.runtime.handle().clone(),
            entrance,
            role,
            observer,
            video_codec: args.video_codec,
            initial_message: args.say.clone(),
            pin: Arc::new(PinLock::load(setup.folder.clone())),
        }
    }

    /// Returns the options of the app. `on_ready` is called when the window is open.
    pub fn options(
        &self,
        args: &CommonArgs,
        setup: Setup,
        role: Role,
        on_ready: impl FnOnce(&UiHandle) + Send + 'static,
    ) -> AppOptions {
        options(args, setup, role, self.measurements.as_ref(), self.runtime.handle(), on_ready)
    }

    /// Ends the run: awaits `last`, waits for pending work, and writes the report. `shown` is the window's result.
    ///
    /// # Errors
    /// The window wasn't opened, or the report wasn't written.
    pub fn end(self, args: &CommonArgs, shown: eframe::Result, last: impl Future<Output = ()>) -> Result<()> {
        if let Some(measurements) = &self.measurements {
            measurements.ui_ended();
        }
        self.runtime.block_on(last);
        self.runtime.shutdown_timeout(LAST_WORK);
        if let (Some(file), Some(measurements)) = (&args.report, &self.measurements) {
            measurements.write(file)?;
        }
        shown.map_err(|error| anyhow!("the window can't be opened: {error}"))
    }
}

/// Returns the observer of this run; only reports need one.
fn observer(args: &CommonArgs, role: Role) -> Option<Measurements> {
    args.report.as_ref().map(|_| Measurements::new(role))
}

fn options(
    args: &CommonArgs,
    setup: Setup,
    role: Role,
    measurements: Option<&Measurements>,
    runtime: &Handle,
    on_ready: impl FnOnce(&UiHandle) + Send + 'static,
) -> AppOptions {
    let (seconds, runtime) = (args.seconds, runtime.clone());
    AppOptions {
        language: args.lang.or(setup.settings.language).unwrap_or_else(Language::of_system),
        role,
        title: args.title(role),
        devices: Some(args.devices(setup.settings.devices())),
        settings: setup.settings,
        broken_settings: setup.broken_settings,
        clinic: args.clinic.clone(),
        paired: setup.paired,
        own_servers: setup.own_servers,
        stats: measurements.map(|measurements| measurements.ui().clone()),
        on_frame_shown: measurements.cloned().map(|shown| -> FrameShown {
            Arc::new(move |frame, picture| {
                if picture.kind == PictureKind::Camera {
                    shown.frame_shown(frame);
                }
            })
        }),
        on_screen: measurements
            .cloned()
            .map(|screens| -> OnScreen { Box::new(move |screen| screens.screen_shown(screen)) }),
        on_ready: Some(Box::new(move |window| {
            on_ready(&window);
            runtime.spawn(close_in_time(window, seconds));
        })),
        ..AppOptions::default()
    }
}

/// Closes the window gracefully after `seconds`, or when the system asks the process to end.
async fn close_in_time(window: UiHandle, seconds: Option<u64>) {
    let time_is_up = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        () = asked_to_end() => {}
    }
    window.close();
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        common: CommonArgs,
    }

    fn observed(arguments: &[&str]) -> (Option<Measurements>, AppOptions) {
        let args = Cli::parse_from(std::iter::once(&"autamedica").chain(arguments)).common;
        let setup = Setup::new(&args, None, None, None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let measurements = observer(&args, Role::Patient);
        let options = options(&args, setup, Role::Patient, measurements.as_ref(), runtime.handle(), |_| {});
        (measurements, options)
    }

    #[test]
    fn nothing_observes_the_app_but_for_a_report() {
        let (measurements, options) = observed(&[]);
        assert!(measurements.is_none(), "calls are handed no observer");
        assert!(options.stats.is_none() && options.on_frame_shown.is_none() && options.on_screen.is_none());
        let (measurements, options) = observed(&["--report", "report.json"]);
        assert!(measurements.is_some());
        assert!(options.stats.is_some() && options.on_frame_shown.is_some() && options.on_screen.is_some());
    }
}
