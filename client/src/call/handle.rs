//! The two ends of a call: what the UI holds, and how the task publishes.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::Role;
use tokio::sync::{mpsc, watch};

use super::{CallCommand, CallPhase, CallState, EndReason};

/// Called after each change of the state; must return at once.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the UI holds of a running call. Dropping it hangs up.
#[derive(Debug)]
pub struct CallHandle {
    commands: mpsc::UnboundedSender<CallCommand>,
    state: watch::Receiver<Arc<CallState>>,
}

impl CallHandle {
    /// The newest snapshot. Never waits.
    pub fn state(&self) -> Arc<CallState> {
        self.state.borrow().clone()
    }

    /// Asks for something. Never waits; what comes of it shows in a later snapshot.
    pub fn send(&self, command: CallCommand) {
        // The task is gone only when the call has ended, and then there is nothing left to ask.
        let _ = self.commands.send(command);
    }

    /// A receiver of snapshots, for code that can wait.
    pub fn watch(&self) -> watch::Receiver<Arc<CallState>> {
        self.state.clone()
    }
}

/// The task's own copy of the state, published as a whole when it differs.
pub(super) struct Publisher {
    pub(super) state: CallState,
    sender: watch::Sender<Arc<CallState>>,
    wake: Wake,
}

impl Publisher {
    /// Both ends of a new call.
    pub(super) fn new(role: Role, wake: Wake) -> (Self, CallHandle, mpsc::UnboundedReceiver<CallCommand>) {
        let state = CallState::joining(role);
        let (sender, receiver) = watch::channel(Arc::new(state.clone()));
        let (commands, inbox) = mpsc::unbounded_channel();
        (Self { state, sender, wake }, CallHandle { commands, state: receiver }, inbox)
    }

    /// Shows the state to the UI, if it changed since the last time.
    pub(super) fn publish(&self) {
        let changed = self.sender.send_if_modified(|shown| {
            let changed = **shown != self.state;
            if changed {
                *shown = Arc::new(self.state.clone());
            }
            changed
        });
        if changed {
            (self.wake)();
        }
    }
}

impl Drop for Publisher {
    /// A task that panicked leaves an honest end, not a frozen call.
    fn drop(&mut self) {
        if !matches!(self.state.phase, CallPhase::Ended { .. }) {
            let lasted = self.state.joined_at.map_or(Duration::ZERO, |at| at.elapsed());
            self.state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted };
            self.publish();
        }
    }
}
