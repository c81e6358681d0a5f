//! Desktop app: parses the command line and connects the parts.

#[cfg(not(feature = "kiosk"))]
mod backend;
mod cli;
#[cfg(all(unix, not(feature = "kiosk")))]
mod instance;
#[cfg(not(feature = "kiosk"))]
mod links;
mod operator_setup;
mod shutdown;
mod supervise;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use autamedica_api::Role;
use autamedica_call::backend::Backend;
use autamedica_call::{Entrance, Secret};
use autamedica_client::app::{AppOptions, OnScreen, Start, UiHandle};
use autamedica_client::i18n::Language;
use autamedica_client::native::NativeCalls;
use autamedica_client::pairing::Pairing;
use autamedica_client::pin::PinLock;
use autamedica_client::report::Measurements;
use autamedica_client::settings::{self, Settings};
use autamedica_client::storage::{Loaded, config_folder};
use autamedica_client::ui::video::{FrameShown, PictureKind};
use autamedica_media::audio::{list_microphones, list_speakers};
use autamedica_media::{list_cameras, list_screens};
use clap::Parser;
use tokio::runtime::Handle;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::cli::Cli;
use crate::shutdown::{LAST_WORK, asked_to_end};

/// Log filter without `RUST_LOG`. PulseAudio's client logs closed connections as errors, and the file dialog logs a
/// desktop without dialogs, which the app handles.
const LOGGED: &str = "info,pulseaudio=warn,pulseaudio::client::reactor=off,rfd=off";
/// Backend's address if none is configured.
const DEFAULT_SERVER: &str = "http://localhost:8888";

fn main() -> Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = Cli::parse();
    if cli.list_devices {
        list_devices()?;
    } else if cli.pair {
        let server = cli.server.clone().context("which clinic? Give its address with `--server`")?;
        operator_setup::pair(&config_folder()?, server)?;
    } else if cli.set_pin {
        operator_setup::set_pin(&config_folder()?)?;
    } else if register(&cli)? {
    } else if cfg!(feature = "kiosk") && !cli.supervised {
        return supervise::run();
    } else if let Some(window) = window(&cli) {
        run(cli, window)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "kiosk"))]
fn register(cli: &Cli) -> Result<bool> {
    if cli.target.register {
        links::register()?;
    }
    Ok(cli.target.register)
}

#[cfg(feature = "kiosk")]
fn register(_: &Cli) -> Result<bool> {
    Ok(false)
}

/// Stored settings and pairing, overridden by the command line.
struct Setup {
    folder: Option<PathBuf>,
    settings: Settings,
    broken_settings: Option<PathBuf>,
    server: Url,
    key: Option<Secret>,
    paired: bool,
    /// This app's own servers: the one in use and the paired one.
    own_servers: Vec<Url>,
    role: Role,
    start: Start,
}

impl Setup {
    fn new(cli: &Cli) -> Result<Self> {
        let folder = config_folder().inspect_err(|error| tracing::warn!(%error, "no config folder")).ok();
        let (settings, broken_settings) = match folder.as_deref().map(settings::load) {
            Some(Ok(Loaded::Value(settings))) => (settings, None),
            Some(Ok(Loaded::Broken(aside))) => (Settings::default(), Some(aside)),
            Some(Ok(Loaded::Nothing)) | None => (Settings::default(), None),
            Some(Err(error)) => {
                tracing::warn!(%error, "settings not read");
                (Settings::default(), None)
            }
        };
        let pairing = match folder.as_deref().map(Pairing::load) {
            Some(Ok(pairing)) => pairing,
            // A kiosk needs its pairing; other apps can still use links.
            Some(Err(error)) if cfg!(feature = "kiosk") => return Err(error).context("this kiosk's pairing"),
            Some(Err(error)) => {
                tracing::warn!(%error, "pairing not usable");
                None
            }
            None => None,
        };
        let named_key = named_key(cli);
        let paired = pairing.is_some() || named_key.is_some();
        // A key is sent only to the backend that it is for.
        let key_fits = cli.server.is_none() || pairing.as_ref().map(|pairing| &pairing.server) == cli.server.as_ref();
        let key = named_key.or_else(|| pairing.as_ref().filter(|_| key_fits).map(|pairing| pairing.key.clone()));
        let default = || Url::parse(DEFAULT_SERVER).expect("invariant: the default address is one");
        let paired_with = pairing.map(|pairing| pairing.server);
        let server = cli.server.clone().or(paired_with.clone()).unwrap_or_else(default);
        let own_servers = std::iter::once(server.clone()).chain(paired_with).collect();
        let (role, start) = start_screen(cli, paired)?;
        Ok(Self { folder, settings, broken_settings, server, key, paired, own_servers, role, start })
    }
}

#[cfg(not(feature = "kiosk"))]
fn named_key(cli: &Cli) -> Option<Secret> {
    cli.target.desk_key.as_ref().map(Secret::new)
}

#[cfg(feature = "kiosk")]
fn named_key(_: &Cli) -> Option<Secret> {
    None
}

#[cfg(not(feature = "kiosk"))]
fn start_screen(cli: &Cli, paired: bool) -> Result<(Role, Start)> {
    let role = cli.target.role.unwrap_or(if paired { Role::Doctor } else { Role::Patient });
    Ok((role, cli.target.start(role)?))
}

#[cfg(feature = "kiosk")]
fn start_screen(_: &Cli, _: bool) -> Result<(Role, Start)> {
    Ok((Role::Patient, Start::Home))
}

/// Permission to open a window.
#[derive(Default)]
struct Window {
    #[cfg(all(unix, not(feature = "kiosk")))]
    listening: Option<instance::Listening>,
}

impl Window {
    #[cfg(all(unix, not(feature = "kiosk")))]
    fn serve(self, window: &UiHandle) {
        if let Some(listening) = self.listening {
            listening.serve(window.clone());
        }
    }

    #[cfg(not(all(unix, not(feature = "kiosk"))))]
    fn serve(self, _: &UiHandle) {}
}

/// Returns `None` when this user's window is open already; it then received the link and came to the front.
#[cfg(all(unix, not(feature = "kiosk")))]
fn window(cli: &Cli) -> Option<Window> {
    if cli.is_run_of_its_own() {
        return Some(Window::default());
    }
    let Ok(folder) = config_folder() else { return Some(Window::default()) };
    match instance::take(&folder, cli.target.link.as_deref()) {
        Ok(instance::Instance::First(listening)) => Some(Window { listening: Some(listening) }),
        Ok(instance::Instance::HandedOver) => None,
        Err(error) => {
            tracing::warn!(%error, "single window not set up: other processes can't hand over links");
            Some(Window::default())
        }
    }
}

#[cfg(not(all(unix, not(feature = "kiosk"))))]
fn window(_: &Cli) -> Option<Window> {
    Some(Window::default())
}

fn run(cli: Cli, window: Window) -> Result<()> {
    let setup = Setup::new(&cli)?;
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("call")
        .enable_all()
        .build()
        .context("starting the runtime")?;
    #[cfg(not(feature = "kiosk"))]
    let bundled = backend::BundledBackend::default();
    let measurements = observer(&cli, setup.role);
    let calls = NativeCalls {
        runtime: runtime.handle().clone(),
        entrance: Entrance {
            backend: Backend::new().context("preparing to ask the backend")?.with_local_keys(local_keys()),
            server: setup.server.clone(),
            #[cfg(not(feature = "kiosk"))]
            start_backend: Some(bundled.starter()),
            #[cfg(feature = "kiosk")]
            start_backend: None,
            key: setup.key.clone(),
            #[cfg(not(feature = "kiosk"))]
            transport: cli.target.transport,
            #[cfg(feature = "kiosk")]
            transport: None,
            refuses_doctors: cfg!(feature = "kiosk"),
        },
        role: setup.role,
        measurements: measurements.clone(),
        video_codec: cli.video_codec,
        initial_message: cli.say.clone(),
        folder: setup.folder.clone(),
        pin: Arc::new(PinLock::load(setup.folder.clone())),
        #[cfg(not(feature = "kiosk"))]
        copies: autamedica_call::recordings::Copies::of_user(),
    };
    let options = app_options(&cli, setup, measurements.as_ref(), runtime.handle(), window);
    let window = autamedica_client::ui::run(options, Box::new(calls));
    if let Some(measurements) = &measurements {
        measurements.ui_ended();
    }
    #[cfg(not(feature = "kiosk"))]
    runtime.block_on(bundled.stop());
    runtime.shutdown_timeout(LAST_WORK);
    if let (Some(file), Some(measurements)) = (&cli.report, &measurements) {
        measurements.write(file)?;
    }
    window.map_err(|error| anyhow!("the window can't be opened: {error}"))
}

/// Returns the folder with the keys of this user's bundled backends.
#[cfg(not(feature = "kiosk"))]
fn local_keys() -> Option<PathBuf> {
    autamedica_server::data_folder()
}

/// A kiosk has its own key and starts no backend.
#[cfg(feature = "kiosk")]
fn local_keys() -> Option<PathBuf> {
    None
}

/// Returns the observer of this run; only reports need one.
fn observer(cli: &Cli, role: Role) -> Option<Measurements> {
    cli.report.as_ref().map(|_| Measurements::new(role))
}

fn app_options(
    cli: &Cli,
    setup: Setup,
    measurements: Option<&Measurements>,
    runtime: &Handle,
    own: Window,
) -> AppOptions {
    let (seconds, runtime) = (cli.seconds, runtime.clone());
    AppOptions {
        language: cli.lang.or(setup.settings.language).unwrap_or_else(Language::of_system),
        role: setup.role,
        kiosk: cli.kiosk || cfg!(feature = "kiosk"),
        start: setup.start,
        title: cli.title(setup.role),
        devices: Some(cli.devices(setup.settings.devices())),
        settings: setup.settings,
        broken_settings: setup.broken_settings,
        recent: recent(setup.folder.as_deref()),
        clinic: cli.clinic.clone(),
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
            own.serve(&window);
            runtime.spawn(close_in_time(window, seconds));
        })),
        ..AppOptions::default()
    }
}

#[cfg(not(feature = "kiosk"))]
fn recent(folder: Option<&std::path::Path>) -> Vec<autamedica_api::Id> {
    folder.map(autamedica_client::recent::load).unwrap_or_default()
}

#[cfg(feature = "kiosk")]
fn recent(_: Option<&std::path::Path>) -> Vec<autamedica_api::Id> {
    Vec::new()
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

fn list_devices() -> Result<()> {
    use std::io::Write;
    let screens = list_screens().into_iter().map(|screen| screen.name).collect();
    let lists = [
        ("Cameras", list_cameras()),
        ("Microphones", list_microphones()),
        ("Speakers", list_speakers()),
        ("Screens", screens),
    ];
    let mut text = String::new();
    for (kind, names) in lists {
        text.push_str(&format!("{kind}:\n"));
        text.extend(names.iter().map(|name| format!("  {name}\n")));
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing the list of devices"),
    }
}

#[cfg(all(test, not(feature = "kiosk")))]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn observed(arguments: &[&str]) -> (Option<Measurements>, AppOptions) {
        let cli = Cli::parse_from(std::iter::once(&"autamedica").chain(arguments));
        let setup = Setup {
            folder: None,
            settings: Settings::default(),
            broken_settings: None,
            server: Url::parse(DEFAULT_SERVER).unwrap(),
            key: None,
            paired: false,
            own_servers: Vec::new(),
            role: Role::Patient,
            start: Start::Home,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let measurements = observer(&cli, setup.role);
        let options = app_options(&cli, setup, measurements.as_ref(), runtime.handle(), Window::default());
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
