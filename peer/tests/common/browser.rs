//! A browser in a peer-to-peer call.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use autamedica_lab::{Process, workspace_file};
use serde_json::{Value, json};

use super::{Signaling, soon};

/// Milliseconds that a step in the browser may take.
pub const PATIENCE: u64 = 45_000;

/// A browser that has joined. Dropping it kills it.
pub struct Browser {
    pipes: Option<(ChildStdin, BufReader<ChildStdout>)>,
    _process: Process,
}

impl Browser {
    /// Opens the page and joins the room.
    pub async fn join(server: &Signaling, room: &str, user: &str, hz: f64) -> Result<Self> {
        workspace_file("tests/web/node_modules/playwright-core").context("run `cargo xtask setup --tests`")?;
        let mut node = Command::new("node");
        node.arg(workspace_file("tests/web/direct.mjs")?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("node", node)?;
        let stdin = process.child().stdin.take().context("the driver's input")?;
        let stdout = process.child().stdout.take().context("the driver's output")?;
        let mut browser = Self { pipes: Some((stdin, BufReader::new(stdout))), _process: process };
        let program = autamedica_lab::browser()?.display().to_string();
        browser
            .ask(json!({ "browser": program, "url": server.url(), "room": room, "user": user, "toneHz": hz }))
            .await?;
        Ok(browser)
    }

    /// Calls a function of the page: its name, and its parameters.
    pub async fn call(&mut self, call: Value) -> Result<Value> {
        self.ask(call).await
    }

    async fn ask(&mut self, line: Value) -> Result<Value> {
        let (mut stdin, mut stdout) = self.pipes.take().context("the driver failed before")?;
        let what = line.to_string();
        let asking = tokio::task::spawn_blocking(move || {
            writeln!(stdin, "{line}")?;
            let mut answer = String::new();
            stdout.read_line(&mut answer)?;
            let value = serde_json::from_str(&answer).with_context(|| format!("the driver says {answer:?}"))?;
            anyhow::Ok((stdin, stdout, value))
        });
        let (stdin, stdout, value) = soon(&what, asking).await???;
        self.pipes = Some((stdin, stdout));
        Ok(value)
    }
}
