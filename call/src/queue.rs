//! Place in the queue, polled from the backend while a patient waits.

use std::time::{Duration, Instant};

use autamedica_api::{QueuePosition, Role};

use super::CallPhase;
use super::event::Event;
use super::task::Task;
use crate::backend::BackendError;

/// Interval of polling.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// State of polling.
#[derive(Default)]
pub(super) struct QueuePolling {
    /// Time of the last request.
    asked: Option<Instant>,
}

impl Task {
    /// Asks for our place in the queue from time to time while we wait.
    pub(super) fn update_queue(&mut self) {
        let waits = matches!(self.state().phase, CallPhase::Waiting { .. }) && self.state().role == Role::Patient;
        if !waits {
            self.state().queue = None;
            self.queue = QueuePolling::default();
            return;
        }
        if self.queue.asked.is_some_and(|asked| asked.elapsed() < POLL_INTERVAL) {
            return;
        }
        self.queue.asked = Some(Instant::now());
        let Some((consultation, token)) = self.consultation_ref() else { return };
        let backend = self.entrance.backend.clone();
        self.spawn_job(Event::Queue(Err(BackendError::TaskFailed)), async move {
            Event::Queue(backend.queue(&consultation, &token).await)
        });
    }

    /// Shows our place. An older backend knows none.
    pub(super) fn on_queue(&mut self, result: Result<QueuePosition, BackendError>) {
        match result {
            Ok(position) if matches!(self.state().phase, CallPhase::Waiting { .. }) => {
                self.state().queue = Some(position);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "place in the queue not known"),
        }
    }
}
