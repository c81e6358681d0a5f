//! The recording's thread: its clock, and what it does at each tick.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use autamedica_api::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder, RecorderProblem, Timestamp};

use crate::encoder::{Encoder, FPS, Pushed};
use crate::error::RecorderError;
use crate::part::Part;
use crate::picture::Composer;
use crate::session::{Media, Report, Session};
use crate::sound::RATE;
use crate::texts::Texts;

/// How far the recording is behind what comes: jitter is evened out within this, and sound and picture brought together.
/// Nobody waits for a recording, so it is generous: on a busy machine sound comes a third of a second after its picture.
pub(crate) const HOLD: Duration = Duration::from_millis(400);
/// Pictures may be so much too early, so that they are never later than that either: half of the time from one to the next.
pub(crate) const EARLY: Duration = Duration::from_nanos(1_000_000_000 / FPS / 2);
/// After a pause, what comes within this may have been captured before its end: it is thrown away.
const IN_FLIGHT: Duration = Duration::from_millis(500);
/// A machine that stood still for longer was asleep: that time isn't made up for.
const ASLEEP: Duration = Duration::from_secs(10);
/// A picture that is more than two ticks late is the last one again.
const LATE: Duration = Duration::from_millis(66);
/// With so many pictures left out in ten seconds (a tenth), the machine is too slow.
const TOO_MANY_LEFT_OUT: u64 = FPS;

/// How a recording ended.
#[derive(Debug)]
pub enum Outcome {
    /// There is a file.
    Finished(RecordedPart),
    /// There is nothing.
    Failed(RecorderError),
}

/// Records until told to stop, the room ends, or nothing can be written any more. Reports everything, the outcome too.
///
/// Blocks. `commands` that are closed mean [`RecorderCommand::Stop`].
pub fn record(
    order: &RecorderOrder,
    commands: &Receiver<RecorderCommand>,
    report: impl Fn(RecorderEvent) + Send + Sync + 'static,
) -> Outcome {
    let report: Report = Arc::new(report);
    let outcome = begin(order, commands, &report);
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

/// The error as an event. Messages of ours hold no secret.
fn problem(error: &RecorderError) -> RecorderEvent {
    let what = match error {
        RecorderError::BadOrder(_) => RecorderProblem::BadOrder,
        RecorderError::NotJoined(_) => RecorderProblem::NotJoined,
        RecorderError::DiskFull => RecorderProblem::DiskFull,
        _ => RecorderProblem::WriteFailed,
    };
    RecorderEvent::Problem { what, message: error.to_string() }
}

fn begin(
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
        // The room is left while the file is completed.
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
        report(RecorderEvent::Problem { what, message: format!("no MP4 could be made: {error}") });
        part.as_it_is()
    })
}

/// What is going on.
#[derive(Clone, Copy)]
enum Phase {
    /// Every tick is written.
    Recording,
    /// Written up to this moment, which is [`HOLD`] after the command: what had come by then belongs to the file.
    Ending(Instant, Next),
    /// Nothing is written.
    Paused,
    /// Nothing is written until this moment; what came before it is thrown away then.
    Resuming(Instant),
}

/// What comes after [`Phase::Ending`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Stop,
    Pause,
    /// Resumed before the pause had begun.
    Resume,
}

struct Recording<'a> {
    encoder: Encoder,
    media: Media,
    report: Report,
    composer: Composer,
    part: &'a Part,
    phase: Phase,
    /// The moment of the file's beginning, moved on by each pause.
    origin: Instant,
    /// Blocks of 10 ms written.
    blocks: u64,
    /// Pictures written or left out.
    pictures: u64,
    left_out: u64,
    reported_slow: bool,
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
            origin: Instant::now() + HOLD,
            blocks: 0,
            pictures: 0,
            left_out: 0,
            reported_slow: false,
        }
    }

    fn next_block(&self) -> Instant {
        self.origin + Duration::from_millis(10 * self.blocks)
    }

    fn next_picture(&self) -> Instant {
        self.origin + Duration::from_nanos(self.pictures * 1_000_000_000 / FPS)
    }

    /// Until the end of the recording.
    fn run(&mut self, commands: &Receiver<RecorderCommand>, session: &Session) -> Result<(), RecorderError> {
        loop {
            let wake = match self.phase {
                Phase::Recording | Phase::Ending(..) => self.next_block().min(self.next_picture()),
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
                Some(RecorderCommand::Only { people }) => session.only(people),
                Some(command) if self.obey(&command, now) => return Ok(()),
                Some(_) | None => {}
            }
            match self.phase {
                Phase::Recording => self.write_until(now, now)?,
                Phase::Ending(end, next) => {
                    self.write_until(now.min(end), now)?;
                    if now >= end {
                        match next {
                            Next::Stop => return Ok(()),
                            Next::Pause | Next::Resume => (self.report)(RecorderEvent::Paused),
                        }
                        self.phase = Phase::Paused;
                        if next == Next::Resume {
                            self.obey(&RecorderCommand::Resume, now);
                        }
                    }
                }
                Phase::Resuming(from) if now >= from => {
                    self.media.flush();
                    self.origin = now + HOLD - Duration::from_millis(10 * self.blocks);
                    self.phase = Phase::Recording;
                    (self.report)(RecorderEvent::Resumed);
                }
                // What nobody takes would only pile up.
                Phase::Paused | Phase::Resuming(_) => self.media.mixer.flush(),
            }
            self.encoder.check()?;
        }
    }

    /// Does as told; whether the recording ends at once.
    fn obey(&mut self, command: &RecorderCommand, now: Instant) -> bool {
        use RecorderCommand::{Only, Pause, Resume, Stop};
        self.phase = match (command, self.phase) {
            (Stop, Phase::Recording) => Phase::Ending(now + HOLD, Next::Stop),
            (Stop, Phase::Ending(end, _)) => Phase::Ending(end, Next::Stop),
            (Stop, Phase::Paused | Phase::Resuming(_)) => return true,
            (Pause, Phase::Recording) => Phase::Ending(now + HOLD, Next::Pause),
            (Pause, Phase::Ending(end, Next::Resume)) => Phase::Ending(end, Next::Pause),
            (Pause, Phase::Resuming(_)) => Phase::Paused,
            (Resume, Phase::Ending(end, Next::Pause)) => Phase::Ending(end, Next::Resume),
            (Resume, Phase::Paused) => Phase::Resuming(now + IN_FLIGHT),
            (Pause | Resume | Only { .. }, phase) => phase,
        };
        false
    }

    /// Writes all ticks that were due by `until`.
    fn write_until(&mut self, until: Instant, now: Instant) -> Result<(), RecorderError> {
        let behind = until.saturating_duration_since(self.next_block());
        if behind > ASLEEP {
            tracing::warn!(seconds = behind.as_secs(), "the machine stood still");
            self.media.flush();
            self.origin += behind;
        }
        while self.next_block() <= until {
            let late = now.saturating_duration_since(self.next_block());
            let block = self.media.mixer.mix((late.as_secs_f64() * f64::from(RATE)) as usize);
            self.encoder.push_sound(&block)?;
            self.blocks += 1;
            if self.blocks.is_multiple_of(100) {
                self.progress();
            }
        }
        while self.next_picture() <= until {
            let due = self.next_picture();
            if now.saturating_duration_since(due) < LATE {
                self.compose(due, now);
            }
            let pushed = self.encoder.push_picture(self.pictures, self.composer.canvas())?;
            self.left_out += u64::from(pushed == Pushed::LeftOut);
            self.pictures += 1;
        }
        Ok(())
    }

    fn compose(&mut self, due: Instant, now: Instant) {
        let moment = due - HOLD + EARLY;
        let ago = jiff::SignedDuration::try_from(now.saturating_duration_since(moment)).unwrap_or_default();
        let time = jiff::Zoned::now().saturating_sub(ago).strftime("%Y-%m-%d %H:%M:%S").to_string();
        self.composer.draw(&self.media.scene(), moment, &time);
    }

    /// Every second of the file.
    fn progress(&mut self) {
        match std::fs::metadata(&self.part.matroska) {
            Ok(file) => {
                let seconds = self.blocks as f64 / 100.0;
                (self.report)(RecorderEvent::Progress { bytes: file.len(), seconds });
            }
            Err(error) => tracing::warn!(%error, "the file's size isn't known"),
        }
        if self.blocks.is_multiple_of(1000) {
            let slow = self.left_out >= TOO_MANY_LEFT_OUT;
            if slow && !self.reported_slow {
                let message = format!("{} of {} pictures were left out", self.left_out, 10 * FPS);
                (self.report)(RecorderEvent::Problem { what: RecorderProblem::TooSlow, message });
            }
            (self.reported_slow, self.left_out) = (slow, 0);
        }
    }
}
