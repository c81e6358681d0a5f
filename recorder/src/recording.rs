//! Recording loop: handles commands and writes frames and audio by one clock.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder, RecorderProblem, Timestamp};

use crate::audio::RATE;
use crate::encoder::{Encoder, FPS, Pushed};
use crate::error::RecorderError;
use crate::part::Part;
use crate::session::{Media, Report, Session};
use crate::texts::Texts;
use crate::video::Composer;

/// Delay between arrival and recording, within which jitter is absorbed and audio and video are synchronized. It is long,
/// because latency does not matter here and on a busy machine audio arrives 300 ms after its video.
pub(crate) const PLAYOUT_DELAY: Duration = Duration::from_millis(400);
/// Half a frame interval. Frames are selected this much ahead, so that they are at most this much early or late.
pub(crate) const HALF_FRAME: Duration = Duration::from_nanos(1_000_000_000 / FPS / 2);
/// Time after a resume in which received media is dropped, because it may have been captured during the pause.
const RESUME_DELAY: Duration = Duration::from_millis(500);
/// Maximum backlog that is written later. A longer one, as after a suspend of the machine, is skipped.
const MAX_BACKLOG: Duration = Duration::from_secs(10);
/// Maximum delay for composing a frame, two ticks. Later frames repeat the last one.
const MAX_COMPOSE_DELAY: Duration = Duration::from_millis(66);
/// Dropped frames within ten seconds (a tenth) from which the machine is reported as too slow.
const TOO_SLOW_DROPS: u64 = FPS;

/// Result of a recording.
#[derive(Debug)]
pub enum Outcome {
    /// A file was recorded.
    Finished(RecordedPart),
    /// Nothing was recorded.
    Failed(RecorderError),
}

/// Records until a [`RecorderCommand::Stop`], the end of the room or a write error. Reports events, the outcome included.
///
/// Blocks. A closed channel of `commands` counts as [`RecorderCommand::Stop`].
pub fn record(
    order: &RecorderOrder,
    commands: &Receiver<RecorderCommand>,
    report: impl Fn(RecorderEvent) + Send + Sync + 'static,
) -> Outcome {
    let report: Report = Arc::new(report);
    let outcome = record_part(order, commands, &report);
    match outcome {
        Ok(part) => {
            report(RecorderEvent::Finished(part.clone()));
            Outcome::Finished(part)
        }
        Err(error) => {
            report(problem(&error));
            Outcome::Failed(error)
        }
    }
}

/// Converts an error to an event. The messages of [`RecorderError`] contain no secrets.
fn problem(error: &RecorderError) -> RecorderEvent {
    let what = match error {
        RecorderError::BadOrder(_) => RecorderProblem::BadOrder,
        RecorderError::NotJoined(_) => RecorderProblem::NotJoined,
        RecorderError::DiskFull => RecorderProblem::DiskFull,
        _ => RecorderProblem::WriteFailed,
    };
    RecorderEvent::Problem { what, message: error.to_string() }
}

fn record_part(
    order: &RecorderOrder,
    commands: &Receiver<RecorderCommand>,
    report: &Report,
) -> Result<RecordedPart, RecorderError> {
    crate::init()?;
    let part = Part::of(order)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("session")
        .enable_all()
        .build()
        .map_err(RecorderError::Thread)?;
    let media = Media::default();
    let session =
        runtime.block_on(Session::join(order, media.clone(), report.clone())).map_err(RecorderError::NotJoined)?;

    let written = Encoder::start(&part.matroska).and_then(|encoder| {
        let mut recording = Recording::new(encoder, media, report.clone(), &order.language, &part);
        let outcome = recording.run(commands, &session);
        outcome.and_then(|()| recording.encoder.finish())
    });
    runtime.block_on(session.leave());
    match written {
        Ok(()) => {}
        Err(error) if part.matroska.exists() => report(problem(&error)),
        Err(error) => return Err(error),
    }
    part.finish().or_else(|error| {
        let what = if matches!(error, RecorderError::DiskFull) {
            RecorderProblem::DiskFull
        } else {
            RecorderProblem::RemuxFailed
        };
        report(RecorderEvent::Problem { what, message: format!("remuxing to MP4 failed: {error}") });
        part.describe_matroska()
    })
}

/// State of the recording.
#[derive(Clone, Copy)]
enum Phase {
    /// Media is written.
    Recording,
    /// Media is written until this time, [`PLAYOUT_DELAY`] after the command, to include everything received before it.
    Draining(Instant, AfterDrain),
    /// Media is dropped.
    Paused,
    /// Media is dropped until this time, then written.
    Resuming(Instant),
}

/// Action after [`Phase::Draining`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterDrain {
    Stop,
    Pause,
    /// Pause and resume at once: the resume command came while draining.
    Resume,
}

struct Recording<'a> {
    encoder: Encoder,
    media: Media,
    report: Report,
    composer: Composer,
    part: &'a Part,
    phase: Phase,
    /// Start time of the file, shifted by the duration of each pause.
    origin: Instant,
    /// Audio blocks of 10 ms written.
    blocks: u64,
    /// Frames written or dropped.
    frames: u64,
    /// Frames dropped since the last check.
    dropped: u64,
    reported_too_slow: bool,
}

impl<'a> Recording<'a> {
    fn new(encoder: Encoder, media: Media, report: Report, language: &str, part: &'a Part) -> Self {
        report(RecorderEvent::Started { at: Timestamp::now() });
        Self {
            encoder,
            media,
            report,
            composer: Composer::new(Texts::new(language)),
            part,
            phase: Phase::Recording,
            origin: Instant::now() + PLAYOUT_DELAY,
            blocks: 0,
            frames: 0,
            dropped: 0,
            reported_too_slow: false,
        }
    }

    fn next_block(&self) -> Instant {
        self.origin + Duration::from_millis(10 * self.blocks)
    }

    fn next_frame(&self) -> Instant {
        self.origin + Duration::from_nanos(self.frames * 1_000_000_000 / FPS)
    }

    /// Records until the end.
    fn run(&mut self, commands: &Receiver<RecorderCommand>, session: &Session) -> Result<(), RecorderError> {
        loop {
            let wake = match self.phase {
                Phase::Recording | Phase::Draining(..) => self.next_block().min(self.next_frame()),
                Phase::Paused => Instant::now() + Duration::from_millis(500),
                Phase::Resuming(from) => from,
            };
            let command = match commands.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Disconnected) => Some(RecorderCommand::Stop),
                Err(RecvTimeoutError::Timeout) => session.is_over().then_some(RecorderCommand::Stop),
            };
            let now = Instant::now();
            match command {
                Some(RecorderCommand::Only { people }) => session.set_people(people),
                Some(RecorderCommand::Key { key, index }) => session.add_key(&key, index),
                Some(command) if self.handle(&command, now) => return Ok(()),
                Some(_) | None => {}
            }
            match self.phase {
                Phase::Recording => self.write_until(now, now)?,
                Phase::Draining(end, next) => {
                    self.write_until(now.min(end), now)?;
                    if now >= end {
                        match next {
                            AfterDrain::Stop => return Ok(()),
                            AfterDrain::Pause | AfterDrain::Resume => (self.report)(RecorderEvent::Paused),
                        }
                        self.phase = Phase::Paused;
                        if next == AfterDrain::Resume {
                            self.handle(&RecorderCommand::Resume, now);
                        }
                    }
                }
                Phase::Resuming(from) if now >= from => {
                    self.media.flush();
                    self.origin = now + PLAYOUT_DELAY - Duration::from_millis(10 * self.blocks);
                    self.phase = Phase::Recording;
                    (self.report)(RecorderEvent::Resumed);
                }
                // Flushed, so that the lanes don't overflow.
                Phase::Paused | Phase::Resuming(_) => self.media.mixer.flush(),
            }
            self.encoder.check()?;
        }
    }

    /// Handles a command. Returns `true` if the recording ends at once.
    fn handle(&mut self, command: &RecorderCommand, now: Instant) -> bool {
        use RecorderCommand::{Key, Only, Pause, Resume, Stop};
        self.phase = match (command, self.phase) {
            (Stop, Phase::Recording) => Phase::Draining(now + PLAYOUT_DELAY, AfterDrain::Stop),
            (Stop, Phase::Draining(end, _)) => Phase::Draining(end, AfterDrain::Stop),
            (Stop, Phase::Paused | Phase::Resuming(_)) => return true,
            (Pause, Phase::Recording) => Phase::Draining(now + PLAYOUT_DELAY, AfterDrain::Pause),
            (Pause, Phase::Draining(end, AfterDrain::Resume)) => Phase::Draining(end, AfterDrain::Pause),
            (Pause, Phase::Resuming(_)) => Phase::Paused,
            (Resume, Phase::Draining(end, AfterDrain::Pause)) => Phase::Draining(end, AfterDrain::Resume),
            (Resume, Phase::Paused) => Phase::Resuming(now + RESUME_DELAY),
            (Pause | Resume | Only { .. } | Key { .. }, phase) => phase,
        };
        false
    }

    /// Writes the blocks and frames that were due by `until`.
    fn write_until(&mut self, until: Instant, now: Instant) -> Result<(), RecorderError> {
        let behind = until.saturating_duration_since(self.next_block());
        if behind > MAX_BACKLOG {
            tracing::warn!(seconds = behind.as_secs(), "backlog skipped");
            self.media.flush();
            self.origin += behind;
        }
        while self.next_block() <= until {
            let late = now.saturating_duration_since(self.next_block());
            let block = self.media.mixer.mix((late.as_secs_f64() * f64::from(RATE)) as usize);
            self.encoder.push_audio(&block)?;
            self.blocks += 1;
            if self.blocks.is_multiple_of(100) {
                self.progress();
            }
        }
        while self.next_frame() <= until {
            let due = self.next_frame();
            if now.saturating_duration_since(due) < MAX_COMPOSE_DELAY {
                self.compose(due, now);
            }
            let pushed = self.encoder.push_frame(self.frames, self.composer.canvas())?;
            self.dropped += u64::from(pushed == Pushed::Dropped);
            self.frames += 1;
        }
        Ok(())
    }

    fn compose(&mut self, due: Instant, now: Instant) {
        let moment = due - PLAYOUT_DELAY + HALF_FRAME;
        let ago = jiff::SignedDuration::try_from(now.saturating_duration_since(moment)).unwrap_or_default();
        let time = jiff::Zoned::now().saturating_sub(ago).strftime("%Y-%m-%d %H:%M:%S").to_string();
        self.composer.draw(&self.media.scene(), moment, &time);
    }

    /// Reports the progress, and every ten seconds a too slow machine.
    fn progress(&mut self) {
        match std::fs::metadata(&self.part.matroska) {
            Ok(file) => {
                let seconds = self.blocks as f64 / 100.0;
                (self.report)(RecorderEvent::Progress { bytes: file.len(), seconds });
            }
            Err(error) => tracing::warn!(%error, "file size not read"),
        }
        if self.blocks.is_multiple_of(1000) {
            let slow = self.dropped >= TOO_SLOW_DROPS;
            if slow && !self.reported_too_slow {
                let message = format!("{} of {} frames were dropped", self.dropped, 10 * FPS);
                (self.report)(RecorderEvent::Problem { what: RecorderProblem::TooSlow, message });
            }
            (self.reported_too_slow, self.dropped) = (slow, 0);
        }
    }
}
