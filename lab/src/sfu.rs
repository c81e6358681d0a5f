use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::{HANG_GUARD, free_port, wait_until};
use crate::workspace_file;

/// `livekit-server` on loopback with its own API key.
#[derive(Debug)]
pub struct Sfu {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl Sfu {
    /// API key.
    pub const API_KEY: &'static str = "labkey";
    /// API secret.
    pub const API_SECRET: &'static str = "a secret of the lab without value elsewhere";

    /// Starts an SFU on free ports and waits until it answers.
    ///
    /// # Errors
    /// The SFU isn't installed or doesn't start.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// Starts an SFU as [`start`](Self::start) does, with more lines for its YAML configuration.
    ///
    /// # Errors
    /// The SFU isn't installed or doesn't start.
    pub fn start_with(more_config: &str) -> Result<Self> {
        // Another process may take a port that was free a moment ago; the server then ends at once.
        let mut outcome = Self::start_once(more_config);
        for _ in 0..2 {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::start_once(more_config);
        }
        outcome
    }

    fn start_once(more_config: &str) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for the SFU")?;
        let (port, tcp_port, udp_port) = (free_port()?, free_port()?, free_port()?);
        let config = format!(
            "port: {port}\nbind_addresses: [127.0.0.1]\nlogging: {{level: info}}\nkeys: {{{}: \"{}\"}}\n\
             rtc: {{enable_loopback_candidate: true, node_ip: 127.0.0.1, tcp_port: {tcp_port}, udp_port: {udp_port}}}\n\
             {more_config}\n",
            Self::API_KEY,
            Self::API_SECRET,
        );
        std::fs::write(folder.path().join("config.yaml"), config).context("writing the SFU's configuration")?;
        let process = Self::spawn(&folder, port)?;
        Ok(Self { process, folder, port })
    }

    fn spawn(folder: &TempDir, port: u16) -> Result<Process> {
        let program = match std::env::var_os("LIVEKIT_SERVER_BIN") {
            Some(path) => path.into(),
            None => workspace_file(".tools/bin/livekit-server")?,
        };
        let log = std::fs::File::options().create(true).append(true).open(folder.path().join("log"))?;
        let mut command = Command::new(program);
        command.arg("--config").arg(folder.path().join("config.yaml"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut process = Process::spawn("livekit-server", command)?;
        let answers = || {
            let ended = !process.is_running().unwrap_or(false);
            let connected = TcpStream::connect(("127.0.0.1", port)).is_ok();
            (ended || connected).then_some(connected && !ended)
        };
        let up = wait_until("the SFU's port", HANG_GUARD, answers)?;
        ensure!(
            up,
            "the SFU ended at once: {}",
            std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
        );
        Ok(process)
    }

    /// Returns the address for clients: `ws://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Returns the port of signaling and of the API.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills the SFU; its port refuses connections from then on.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills the SFU unless it is dead already, and starts it again on the same port.
    ///
    /// # Errors
    /// The SFU doesn't start.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = Self::spawn(&self.folder, self.port)?;
        Ok(())
    }

    /// Returns the log so far.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.folder.path().join("log")).context("reading the SFU's log")
    }
}
