//! Backend as a child process with the default configuration: it starts its own SFU.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use autamedica_lab::{HANG_GUARD, Process, built_program, free_port, wait_until};
use serde_json::Value;

use crate::step::say;

const PORT: u16 = 8888;

/// Running backend, which ends when this is dropped.
pub struct Backend {
    process: Process,
    port: u16,
}

impl Backend {
    /// Starts the backend, at its default port if that is free, with its log in a file. Waits until backend, SFU and
    /// database are healthy.
    ///
    /// # Errors
    /// The backend ends, or isn't healthy within a minute.
    pub fn start(log: &Path) -> Result<Self> {
        let is_free = TcpListener::bind(("127.0.0.1", PORT)).is_ok();
        let port = if is_free { PORT } else { free_port()? };
        let mut command = Command::new(built_program("autamedica-server")?);
        command.env("AUTAMEDICA_PORT", port.to_string()).env("DATABASE_URL", "sqlite::memory:");
        log_to(&mut command, log)?;
        let mut backend = Self { process: Process::spawn("autamedica-server", command)?, port };
        wait_until("the backend", HANG_GUARD, || {
            if let Err(error) = backend.check() {
                return Some(Err(error));
            }
            let health = backend.ask("GET", "/health", &Value::Null).ok()?;
            (health["status"] == "ok").then_some(Ok(()))
        })??;
        say(format_args!("Backend and SFU are up: {}", backend.url()));
        Ok(backend)
    }

    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Checks that the backend still runs.
    ///
    /// # Errors
    /// The backend has ended.
    pub fn check(&mut self) -> Result<()> {
        ensure!(self.process.is_running()?, "the backend has ended");
        Ok(())
    }

    /// Sends a request and returns the `data` of the answer.
    ///
    /// # Errors
    /// There is no answer, or it is an error.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("connecting to the backend")?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("reading the backend's answer")?;
        let body = answer.split_once("\r\n\r\n").context("an answer without a body")?.1;
        let mut answer: Value = serde_json::from_str(body).with_context(|| format!("{path} answered {body:?}"))?;
        if answer["success"] != true {
            bail!("{path}: {}", answer["message"]);
        }
        Ok(answer["data"].take())
    }
}

/// Redirects a program's output to a file and closes its input.
///
/// # Errors
/// The file can't be created.
pub fn log_to(command: &mut Command, file: &Path) -> Result<()> {
    let log = std::fs::File::create(file).with_context(|| format!("making {}", file.display()))?;
    command.stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(())
}
