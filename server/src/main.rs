//! `autamedica-server`: the backend as a program.

mod commands;

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use autamedica_server::{Config, ConfigError, Server, SfuConfig};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The AutaMedica backend: REST API, tokens, rooms. Settings come from the environment and from `.env`.
#[derive(Debug, Parser)]
#[command(name = "autamedica-server", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// IP address to listen on [default: 127.0.0.1, or AUTAMEDICA_HOST].
    #[arg(long)]
    host: Option<IpAddr>,
    /// Port to listen on; 0 selects any free port [default: 8888, or AUTAMEDICA_PORT].
    #[arg(long)]
    port: Option<u16>,
    /// Don't start an SFU; requires LIVEKIT_URL.
    #[arg(long)]
    no_sfu: bool,
    /// Behind a proxy that terminates TLS and sends callers' addresses in X-Forwarded-For.
    #[arg(long)]
    behind_proxy: bool,
    /// Only check the configuration.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    command: Option<commands::Command>,
}

fn main() -> ExitCode {
    limit_malloc_arenas();
    // Loads `.env` before anything else reads the environment: the log filter, tokio, and the configuration.
    let config = Config::from_env();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse(), config) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("autamedica-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Limits glibc's malloc arenas. By default nearly each thread has its own, and memory freed in one isn't available to
/// others.
fn limit_malloc_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a parameter of the allocator before other threads exist.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

fn run(arguments: Arguments, config: Result<Config, ConfigError>) -> Result<ExitCode> {
    let mut config = config?;
    config.host = arguments.host.unwrap_or(config.host);
    config.port = arguments.port.unwrap_or(config.port);
    config.behind_proxy |= arguments.behind_proxy;
    if arguments.no_sfu && matches!(config.sfu, SfuConfig::Managed { .. }) {
        return Err(ConfigError::NoSfu.into());
    }
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    if let Some(command) = arguments.command {
        return runtime.block_on(command.run(&config));
    }
    config.check()?;
    if arguments.check {
        runtime.block_on(commands::check(&config))?;
        return Ok(ExitCode::SUCCESS);
    }
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<ExitCode> {
    let mut signals = Signals::new().context("listening for signals")?;
    let server = tokio::select! {
        server = Server::start(config) => server?,
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    println!("AutaMedica serves on {}", server.url());
    signals.next().await;
    // A second signal exits at once.
    tokio::select! {
        () = server.shutdown() => {}
        () = signals.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Handler of SIGINT (Ctrl-C) and SIGTERM.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Fails only without a console, where Ctrl-C doesn't exist either.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
