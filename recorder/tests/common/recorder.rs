//! The recorder as the backend runs it: a process with two pipes.

use std::collections::BTreeMap;
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
    /// All that it has said so far.
    pub said: Vec<RecorderEvent>,
}

/// An order for a room.
pub fn order(sfu: &Sfu, room: &str, directory: &Path) -> Result<RecorderOrder> {
    Ok(RecorderOrder {
        url: sfu.url(),
        token: token(room, "recorder", true)?,
        e2ee_key: None,
        directory: directory.to_owned(),
        name: "test".to_owned(),
        part: 1,
        language: "es".to_owned(),
        names: BTreeMap::from([("patient-ana".to_owned(), "Ana Muñoz".to_owned())]),
    })
}

impl Recorder {
    pub fn start(order: &RecorderOrder) -> Result<Self> {
        let mut command = Command::new(built_program("autamedica-recorder")?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn("autamedica-recorder", command)?;
        let child = process.child();
        let (input, output) = (child.stdin.take().context("stdin")?, child.stdout.take().context("stdout")?);
        let (heard, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                if heard.send((Instant::now(), event)).is_err() {
                    return;
                }
            }
        });
        let mut recorder = Self { process, input: Some(input), events, said: Vec::new() };
        recorder.line(&serde_json::to_string(order)?)?;
        Ok(recorder)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the input is closed")?;
        Ok(writeln!(input, "{line}")?)
    }

    pub fn tell(&mut self, command: RecorderCommand) -> Result<()> {
        self.line(&serde_json::to_string(&command)?)
    }

    /// Closes its input, as a dead backend would.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits for an event of which `pick` makes something, and says when it came.
    pub fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&RecorderEvent) -> Option<T>) -> Result<(Instant, T)> {
        let end = Instant::now() + HANG_GUARD;
        loop {
            let Ok((at, event)) = self.events.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                bail!("{what}: never. It said {:?}", self.said);
            };
            self.said.push(event.clone());
            if let Some(found) = pick(&event) {
                return Ok((at, found));
            }
        }
    }

    pub fn started(&mut self) -> Result<Instant> {
        Ok(self.wait("started", |event| matches!(event, RecorderEvent::Started { .. }).then_some(()))?.0)
    }

    /// Waits until the file is longer than this.
    pub fn recorded(&mut self, wanted: Duration) -> Result<u64> {
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

    /// CPU time used so far, and resident memory in MiB.
    pub fn usage(&self) -> Result<(Duration, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok((Duration::from_millis(10 * ticks), fields[21].parse::<u64>()? * 4096 >> 20))
    }
}

/// Runs `recover` and gives what it says.
pub fn recover(recording: &Path) -> Result<Vec<RecorderEvent>> {
    let output = Command::new(built_program("autamedica-recorder")?).arg("recover").arg(recording).output()?;
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
