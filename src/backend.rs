//! Bundled backend, started on demand on this machine.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use autamedica_client::call::StartBackend;
use autamedica_server::{Config, RunningServer, Server, data_folder};
use tokio::sync::Mutex;
use url::{Host, Url};

/// Backend inside this app. Clones share it.
#[derive(Clone, Default)]
pub struct BundledBackend {
    running: Arc<Mutex<Option<RunningServer>>>,
}

impl BundledBackend {
    /// Returns a function that starts the backend on demand.
    pub fn starter(&self) -> StartBackend {
        let backend = self.clone();
        Arc::new(move |server| {
            let backend = backend.clone();
            Box::pin(async move { backend.start(&server).await })
        })
    }

    async fn start(&self, server: &Url) -> Result<()> {
        let mut running = self.running.lock().await;
        if running.is_some() {
            return Ok(());
        }
        let mut config = Config::from_env().context("the backend's configuration")?;
        // It serves only this user's apps: on one loopback address, with a key that other accounts can't read.
        config.host = match server.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => Ipv4Addr::LOCALHOST.into(),
        };
        config.local_key_folder = Some(data_folder().context("this user has no folder for the app's data")?);
        config.port = server.port_or_known_default().context("the backend's address names no port")?;
        *running = Some(Server::start(config).await.context("starting the bundled backend")?);
        Ok(())
    }

    pub async fn stop(&self) {
        if let Some(server) = self.running.lock().await.take() {
            server.shutdown().await;
        }
    }
}
