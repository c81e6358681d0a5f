//! The signaling server of the tests: our own backend, with a consultation for the two people of a test.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use autamedica_lab::HANG_GUARD;
use autamedica_server::{Config, Database, RunningServer, Server, StartError};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Token that the server refuses.
pub const BAD_TOKEN: &str = "bad";
/// The consultation, and so the room, of a test.
pub const ROOM: &str = "room";

/// A running backend. Dropping it breaks all connections.
pub struct Signaling {
    port: u16,
    running: Option<(Runtime, RunningServer)>,
    /// Holds the database, which a restart goes on with.
    folder: TempDir,
}

impl Signaling {
    /// Starts one with a peer-to-peer consultation between these two. Without an API key, callers on this machine need no token.
    pub fn start(doctor: &str, patient: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Self { port, running: None, folder: tempfile::tempdir()? };
        server.restart()?;
        let url = format!("{}/api/consultations/create", server.url());
        let body = json!({"consultationId": ROOM, "doctorId": doctor, "patientId": patient, "transport": "p2p"});
        let (runtime, _) = server.running.as_ref().context("it was just started")?;
        let runtime = runtime.handle().clone();
        outside(move || {
            runtime.block_on(async move {
                let answer = reqwest::Client::new().post(url).json(&body).send().await?;
                anyhow::ensure!(answer.status().is_success(), "creating the consultation: {}", answer.status());
                Ok(())
            })
        })?;
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Breaks all connections and forgets who was in which room.
    pub fn kill(&mut self) {
        if let Some((runtime, server)) = self.running.take() {
            drop(server);
            runtime.shutdown_background();
        }
    }

    /// Starts again on the same port, with the same database.
    pub fn restart(&mut self) -> Result<()> {
        let database = Database::File(self.folder.path().join("autamedica.db"));
        let config = Config { port: self.port, database, ..Config::default() };
        let running = outside(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            // The one before is still leaving when it was just killed.
            let begun = Instant::now();
            let server = loop {
                match runtime.block_on(Server::start(config.clone())) {
                    Err(StartError::PortTaken(_)) if begun.elapsed() < HANG_GUARD => {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    started => break started?,
                }
            };
            Ok((runtime, server))
        })?;
        self.running = Some(running);
        Ok(())
    }
}

/// Runs something that blocks, which tokio doesn't let a test's own thread do.
fn outside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    std::thread::spawn(work).join().map_err(|_| anyhow::anyhow!("it panicked"))?
}

impl Drop for Signaling {
    fn drop(&mut self) {
        self.kill();
    }
}
