//! Benchmarks.

mod client;
mod picture;
mod server;
mod start;

use std::process::Command;

use anyhow::Result;
use clap::Subcommand;

use crate::step;
use crate::workspace::{cargo, root};

/// Benchmark to run.
#[derive(Subcommand)]
pub enum Bench {
    /// Compare a call of two native clients with calls of two web clients and with the bare engine.
    Client(client::Options),
    /// Compare what the codecs make of the same moving pictures at three bitrates, from the engine and from Chromium.
    Picture(picture::Options),
    /// Measure the doctor's window with twelve participants, and the streams paused while nobody looks.
    Crowd {
        /// Duration of the call.
        #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(30..=36_000))]
        seconds: u64,
    },
    /// Measure how fast the start screen appears and what it costs when idle, compared with an empty browser window.
    Start(start::Options),
    /// Compare the backend with the web stack's token server, both creating consultations as fast as they can.
    Server(server::Options),
}

/// Measures, and prints a table.
///
/// # Errors
/// A call fails.
pub fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Client(options) => client::run(options),
        Bench::Picture(options) => picture::run(options),
        Bench::Crowd { seconds } => crowd(*seconds),
        Bench::Start(options) => start::run(options),
        Bench::Server(options) => server::run(options),
    }
}

fn crowd(seconds: u64) -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--example", "crowd"];
    step::show("Building the app and the crowd", cargo().args(build))?;
    let mut crowd = Command::new(root().join("target/debug/examples/crowd"));
    crowd.args(["--seconds", &seconds.to_string()]);
    step::show(&format!("Twelve people in one room for {seconds} s"), &mut crowd)
}
