//! Supervises one camera: starts and abandons attempts, reports states.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;
use parking_lot::Mutex;

use super::interrupt::{self, ThreadId};
use super::stream::{CameraStream, Open};
use crate::{DeviceProblem, DeviceState};

/// Time without a frame after which a camera counts as silent. Some need two seconds for the first one.
const FRAME_TIMEOUT: Duration = Duration::from_secs(3);
/// Interval of attempts to open a camera that is missing, busy or denied.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// Interval of attempts to open a camera that stays silent after a restart: each blocks the device for a while.
const SILENT_RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Interval of checks of the frame counter.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

pub(super) enum Event {
    /// The attempt has opened the device and waits for frames.
    Opened { attempt: u64, name: String },
    /// The attempt has ended.
    Ended { attempt: u64, problem: DeviceProblem },
    /// The camera was dropped.
    Stop,
}

type OnFrame = Box<dyn FnMut(Arc<VideoFrame>) + Send>;
type OnState = Box<dyn Fn(DeviceState) + Send + Sync>;

/// State shared by supervisor and attempts.
struct Shared {
    open: Open,
    stopped: Arc<AtomicBool>,
    /// Number of the attempt that may deliver; abandoned ones may not.
    current: AtomicU64,
    frames: AtomicU64,
    on_frame: Mutex<OnFrame>,
}

/// Starts the supervisor's thread. Returns `None` and reports a failure if the system starts no thread.
pub(super) fn start(
    open: Open,
    stopped: Arc<AtomicBool>,
    on_frame: OnFrame,
    on_state: OnState,
) -> Option<mpsc::Sender<Event>> {
    let (events, inbox) = mpsc::channel();
    let shared = Shared { open, stopped, current: 0.into(), frames: 0.into(), on_frame: on_frame.into() };
    let on_state = Arc::new(on_state);
    let supervisor = Supervisor {
        shared: Arc::new(shared),
        inbox,
        events: events.clone(),
        on_state: Arc::clone(&on_state),
        state: DeviceState::Off,
        was_there: false,
    };
    match std::thread::Builder::new().name("camera".into()).spawn(move || supervisor.run()) {
        Ok(_) => Some(events),
        Err(error) => {
            tracing::error!(%error, "camera supervisor thread not started");
            on_state(DeviceState::Failed(DeviceProblem::Failed));
            None
        }
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Event>,
    events: mpsc::Sender<Event>,
    on_state: Arc<OnState>,
    state: DeviceState,
    /// The camera has delivered before, so that "not found" means "unplugged".
    was_there: bool,
}

/// Outcome of an attempt.
enum Outcome {
    Failed(DeviceProblem),
    Stopped,
}

impl Supervisor {
    fn run(mut self) {
        self.report(DeviceState::Starting);
        let (mut silent_in_a_row, mut unplugged_in_a_row) = (0, 0);
        loop {
            let before = self.shared.frames.load(Ordering::Acquire);
            let Outcome::Failed(problem) = self.attempt() else { return };
            if self.shared.frames.load(Ordering::Acquire) != before {
                (silent_in_a_row, unplugged_in_a_row) = (0, 0);
            }
            let problem = match problem {
                DeviceProblem::NotFound if self.was_there => DeviceProblem::Unplugged,
                problem => problem,
            };
            silent_in_a_row = if problem == DeviceProblem::Silent { silent_in_a_row + 1 } else { 0 };
            unplugged_in_a_row = if problem == DeviceProblem::Unplugged { unplugged_in_a_row + 1 } else { 0 };
            // A stalled camera is restarted once before the failure is reported.
            let restarts = silent_in_a_row == 1 && self.was_there;
            self.report(if restarts { DeviceState::Starting } else { DeviceState::Failed(problem) });
            let pause = match (silent_in_a_row, unplugged_in_a_row) {
                // Retried at once: another camera may replace it.
                (1, _) | (_, 1) => Duration::ZERO,
                (0, _) => RETRY_INTERVAL,
                _ => SILENT_RETRY_INTERVAL,
            };
            if self.stopped_within(pause) {
                return;
            }
        }
    }

    fn report(&mut self, state: DeviceState) {
        if state != self.state && !self.shared.stopped.load(Ordering::Acquire) {
            tracing::debug!(?state, "camera state changed");
            self.state = state.clone();
            (self.on_state)(state);
        }
    }

    /// Runs one capture thread until it ends, falls silent or the camera is dropped.
    fn attempt(&mut self) -> Outcome {
        let attempt = self.shared.current.fetch_add(1, Ordering::AcqRel) + 1;
        let thread = Arc::new(OnceLock::new());
        let capture = {
            let (shared, events, thread) = (Arc::clone(&self.shared), self.events.clone(), Arc::clone(&thread));
            move || capture(attempt, &shared, &events, &thread)
        };
        if let Err(error) = std::thread::Builder::new().name("camera capture".into()).spawn(capture) {
            tracing::error!(%error, "camera capture thread not started");
            return Outcome::Failed(DeviceProblem::Failed);
        }

        let (mut opened, mut seen) = (None, self.shared.frames.load(Ordering::Acquire));
        let mut last_frame = Instant::now();
        loop {
            match self.inbox.recv_timeout(POLL_INTERVAL) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.give_up(attempt, &thread);
                    return Outcome::Stopped;
                }
                Ok(Event::Opened { attempt: of, name }) if of == attempt => {
                    // The timeout of the first frame starts after opening.
                    (opened, last_frame) = (Some(name), Instant::now());
                }
                Ok(Event::Ended { attempt: of, problem }) if of == attempt => return Outcome::Failed(problem),
                Ok(Event::Opened { .. } | Event::Ended { .. }) | Err(RecvTimeoutError::Timeout) => {}
            }
            let frames = self.shared.frames.load(Ordering::Acquire);
            if frames != seen {
                (seen, last_frame) = (frames, Instant::now());
                self.was_there = true;
                if let Some(name) = &opened {
                    self.report(DeviceState::On { name: name.clone() });
                }
            } else if last_frame.elapsed() > FRAME_TIMEOUT {
                self.give_up(attempt, &thread);
                return Outcome::Failed(DeviceProblem::Silent);
            }
        }
    }

    /// Abandons an attempt: revokes its right to deliver and interrupts it, so that it closes the device. Waits at most
    /// a second, because a driver may not be interruptible.
    fn give_up(&self, attempt: u64, thread: &OnceLock<ThreadId>) {
        self.shared.current.fetch_add(1, Ordering::AcqRel);
        let patience = Instant::now() + Duration::from_secs(1);
        while Instant::now() < patience {
            if let Some(thread) = thread.get() {
                interrupt::wake(*thread);
            }
            // Repeated, because a signal between two system calls is lost.
            match self.inbox.recv_timeout(Duration::from_millis(50)) {
                Ok(Event::Ended { attempt: of, .. }) if of == attempt => return,
                Ok(Event::Stop) => self.shared.stopped.store(true, Ordering::Release),
                Ok(_) | Err(_) => {}
            }
        }
        tracing::warn!("camera driver blocked; thread abandoned");
    }

    fn stopped_within(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while !self.shared.stopped.load(Ordering::Acquire) {
            match self.inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
        true
    }
}

/// Body of the capture thread.
fn capture(attempt: u64, shared: &Shared, events: &mpsc::Sender<Event>, thread: &OnceLock<ThreadId>) {
    // Set only here: each attempt has its own lock.
    let _ = thread.set(interrupt::current_thread());
    // Driver bindings panic on unexpected errors (v4l when a stream cannot be stopped).
    let work = std::panic::AssertUnwindSafe(|| deliver(attempt, shared, events));
    let problem = std::panic::catch_unwind(work).unwrap_or(DeviceProblem::Failed);
    // Fails only after the supervisor has ended.
    let _ = events.send(Event::Ended { attempt, problem });
}

fn deliver(attempt: u64, shared: &Shared, events: &mpsc::Sender<Event>) -> DeviceProblem {
    let mut stream = match (shared.open)() {
        Ok(stream) => stream,
        Err(problem) => return problem,
    };
    let name = CameraStream::name(&*stream).to_owned();
    if events.send(Event::Opened { attempt, name }).is_err() {
        return DeviceProblem::Failed;
    }
    loop {
        let frame = match stream.next_frame() {
            Ok(frame) => Arc::new(frame),
            Err(problem) => return problem,
        };
        if shared.stopped.load(Ordering::Acquire) || shared.current.load(Ordering::Acquire) != attempt {
            // Ignored: the supervisor has abandoned this attempt.
            return DeviceProblem::Silent;
        }
        (shared.on_frame.lock())(frame);
        shared.frames.fetch_add(1, Ordering::Release);
    }
}
