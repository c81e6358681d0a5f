//! Thread of a device: opens it, delivers, reports problems and retries.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{DeviceProblem, DeviceState};

/// Pause between a failure and the next attempt.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(2);

type OnState = Box<dyn Fn(DeviceState) + Send + Sync>;

/// Running thread of a device. Dropping it stops it without waiting for it.
#[derive(Debug)]
pub(super) struct DeviceThread {
    stop: Arc<AtomicBool>,
    thread: Option<Thread>,
}

/// Session of a device's thread, passed to its work.
pub(super) struct Session {
    stop: Arc<AtomicBool>,
    on_state: OnState,
    state: DeviceState,
    was_there: bool,
}

impl DeviceThread {
    /// Starts the thread. `work` opens the device and delivers until a problem occurs or [`Session::stopped`]; it is
    /// called again every two seconds.
    pub fn start(
        name: &str,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
        mut work: impl FnMut(&mut Session) -> DeviceProblem + Send + 'static,
    ) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let on_state = Arc::new(on_state);
        let report = Arc::clone(&on_state);
        let mut session = Session {
            stop: Arc::clone(&stop),
            on_state: Box::new(move |state| report(state)),
            state: DeviceState::Off,
            was_there: false,
        };
        let run = move || {
            session.report(DeviceState::Starting);
            while !session.stopped() {
                let failed = Instant::now();
                // A panic of a driver or decoder is reported and retried like other failures.
                let result = catch_unwind(AssertUnwindSafe(|| work(&mut session)));
                let problem = result.unwrap_or_else(|_| {
                    tracing::error!("device thread panicked");
                    DeviceProblem::Failed
                });
                session.failed(problem);
                // The time that the work took is part of the pause.
                session.wait_until(failed + RETRY_INTERVAL);
            }
        };
        match std::thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(handle) => Self { stop, thread: Some(handle.thread().clone()) },
            Err(error) => {
                tracing::error!(%error, name, "device thread not started");
                on_state(DeviceState::Failed(DeviceProblem::Failed));
                Self { stop, thread: None }
            }
        }
    }
}

impl Drop for DeviceThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Session {
    /// Returns whether the device was dropped.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits until unparked, stopped or the end of `pause`.
    pub fn wait(&self, pause: Duration) {
        if !self.stopped() {
            std::thread::park_timeout(pause);
        }
    }

    /// Waits until this time or until stopped.
    pub fn wait_until(&self, end: Instant) {
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.stopped() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    /// Reports that the device delivers.
    pub fn on(&mut self, name: &str) {
        self.was_there = true;
        self.report(DeviceState::On { name: name.to_owned() });
    }

    /// Reports that the device does not deliver.
    pub fn failed(&mut self, problem: DeviceProblem) {
        let problem = match problem {
            DeviceProblem::NotFound if self.was_there => DeviceProblem::Unplugged,
            problem => problem,
        };
        self.report(DeviceState::Failed(problem));
    }

    fn report(&mut self, state: DeviceState) {
        if state != self.state && !self.stopped() {
            tracing::debug!(?state, thread = std::thread::current().name(), "device state changed");
            self.state = state.clone();
            (self.on_state)(state);
        }
    }
}
