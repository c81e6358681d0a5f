//! The desktop app's program: reads the command line, and puts the parts together.

mod backend;
mod cli;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use autamedica_client::app::{AppOptions, Start, UiHandle};
use autamedica_client::backend::Backend;
use autamedica_client::call::{CallSettings, Entrance, JoinTarget};
use autamedica_client::device::audio::{list_microphones, list_speakers};
use autamedica_client::device::{list_cameras, list_screens};
use autamedica_client::i18n::Language;
use autamedica_client::native::NativeCalls;
use autamedica_client::report::Measurements;
use autamedica_client::ui::video::PictureKind;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::backend::BundledBackend;
use crate::cli::Cli;

/// How long what is still under way may take once the window is closed.
const LAST_WORK: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = Cli::parse();
    if cli.list_devices {
        list_devices();
        return Ok(());
    }
    run(cli)
}

fn run(cli: Cli) -> Result<()> {
    let target = cli.target()?;
    // An error means that somebody chose one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("call")
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let bundled = BundledBackend::default();
    let measurements = Measurements::new(cli.role);
    let calls = NativeCalls {
        runtime: runtime.handle().clone(),
        entrance: Entrance {
            backend: Backend::new().context("preparing to ask the backend")?,
            server: cli.server.clone(),
            start_backend: Some(bundled.starter()),
        },
        devices: cli.devices(),
        settings: CallSettings::default(),
        measurements: measurements.clone(),
        say: cli.say.clone(),
    };
    let window =
        autamedica_client::ui::run(app_options(&cli, target, &measurements, runtime.handle()), Box::new(calls));
    measurements.ui_ended();
    runtime.block_on(bundled.stop());
    runtime.shutdown_timeout(LAST_WORK);
    if let Some(file) = &cli.report {
        measurements.write(file)?;
    }
    window.map_err(|error| anyhow!("the window can't be opened: {error}"))
}

fn app_options(
    cli: &Cli,
    target: Option<JoinTarget>,
    measurements: &Measurements,
    runtime: &tokio::runtime::Handle,
) -> AppOptions {
    let [shown, drawn, screens] = std::array::from_fn(|_| measurements.clone());
    let (seconds, runtime) = (cli.seconds, runtime.clone());
    AppOptions {
        language: cli.lang.unwrap_or_else(Language::of_system),
        role: cli.role,
        kiosk: cli.kiosk,
        start: target.map_or(Start::Home, Start::Join),
        title: cli.title(),
        on_frame_shown: Some(Arc::new(move |frame, picture| {
            if picture.kind == PictureKind::Camera {
                shown.frame_shown(frame);
            }
        })),
        on_screen: Some(Box::new(move |screen| screens.screen_shown(screen))),
        on_ready: Some(Box::new(move |window| {
            drawn.ui_ready(window.stats().clone());
            runtime.spawn(close_in_time(window, seconds));
        })),
        ..AppOptions::default()
    }
}

/// Closes the window politely when the time is up, or when the system asks us to end.
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

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

fn list_devices() {
    let show = |kind: &str, names: Vec<String>| {
        println!("{kind}:");
        for name in names {
            println!("  {name}");
        }
    };
    show("Cameras", list_cameras());
    show("Microphones", list_microphones());
    show("Speakers", list_speakers());
    show("Screens", list_screens().into_iter().map(|screen| screen.name).collect());
}
