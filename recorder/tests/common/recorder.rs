//! The recorder as the server runs it: a process with two pipes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder};
use autamedica_lab::{HANG_GUARD, Process, Sfu, built_program};

use super::person::token;

/// A running recorder; killed when dropped.
pub struct Recorder {
    pub process: Process,
    input: Option<ChildStdin>,
    events: Receiver<(Instant, RecorderEvent)>,
    /// All events received so far.
    pub received: Vec<RecorderEvent>,
}

/// Identities of the participants in the tests' orders.
pub const PEOPLE: [&str; 2] = ["doctor-luis", "patient-ana"];

/// Creates an order for a room.
pub fn order(sfu: &Sfu, room: &str, directory: &Path) -> Result<RecorderOrder> {
    Ok(RecorderOrder {
        url: sfu.url(),
        token: token(room, "recorder", true)?,
        e2ee_key: None,
        e2ee_key_index: 0,
        directory: directory.to_owned(),
        name: "test".to_owned(),
        part: 1,
        people: BTreeSet::from(PEOPLE.map(str::to_owned)),
        language: "es".to_owned(),
        roles: BTreeMap::new(),
        names: BTreeMap::from([("patient-ana".to_owned(), "Ana Muñoz".to_owned())]),
    })
}

impl Recorder {
    pub fn start(order: &RecorderOrder) -> Result<Self> {
        Self::start_with(&serde_json::to_string(order)?)
    }

    /// Starts a recorder with this line as its order.
    pub fn start_with(order: &str) -> Result<Self> {
        let mut command = Command::new(built_program("autamedica-recorder")?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("autamedica-recorder", command)?;
        let child = process.child();
        let (input, output) = (child.stdin.take().context("stdin")?, child.stdout.take().context("stdout")?);
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                if sender.send((Instant::now(), event)).is_err() {
                    return;
                }
            }
        });
        let mut recorder = Self { process, input: Some(input), events, received: Vec::new() };
        recorder.write_line(order)?;
        Ok(recorder)
    }

    fn write_line(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the input is closed")?;
        Ok(writeln!(input, "{line}")?)
    }

    pub fn send(&mut self, command: RecorderCommand) -> Result<()> {
        self.write_line(&serde_json::to_string(&command)?)
    }

    /// Closes the input, as the death of the server does.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for the first event for which `pick` returns a value. Returns it with the time of arrival.
    pub fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&RecorderEvent) -> Option<T>) -> Result<(Instant, T)> {
        let end = Instant::now() + HANG_GUARD;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((at, event)) = self.events.recv_timeout(left) else {
                let last = &self.received[self.received.len().saturating_sub(5)..];
                bail!("{what}: timed out. Last events: {last:?}");
            };
            self.received.push(event.clone());
            if let Some(found) = pick(&event) {
                return Ok((at, found));
            }
        }
    }

    pub fn started(&mut self) -> Result<Instant> {
        Ok(self.wait("started", |event| matches!(event, RecorderEvent::Started { .. }).then_some(()))?.0)
    }

    /// Waits until the file has this length. Returns its size in bytes.
    pub fn wait_for_length(&mut self, wanted: Duration) -> Result<u64> {
        let longer = |event: &RecorderEvent| match event {
            RecorderEvent::Progress { bytes, seconds } if *seconds >= wanted.as_secs_f64() => Some(*bytes),
            _ => None,
        };
        Ok(self.wait("progress", longer)?.1)
    }

    pub fn finished(&mut self) -> Result<RecordedPart> {
        let finished = |event: &RecorderEvent| match event {
            RecorderEvent::Finished(part) => Some(part.clone()),
            _ => None,
        };
        let part = self.wait("finished", finished)?.1;
        let status = self.process.wait(HANG_GUARD)?;
        anyhow::ensure!(status.success(), "it ended with {status}");
        Ok(part)
    }

    /// Returns the CPU time so far, and the resident memory in MiB.
    pub fn usage(&self) -> Result<(Duration, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok((Duration::from_millis(10 * ticks), (fields[21].parse::<u64>()? * 4096) >> 20))
    }
}

/// Runs `recover` and returns its events.
pub fn recover(recording: &Path) -> Result<Vec<RecorderEvent>> {
    let output = Command::new(built_program("autamedica-recorder")?).arg("recover").arg(recording).output()?;
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
