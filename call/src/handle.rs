//! The UI's handle of a call, and the task's publisher of snapshots.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::Role;
use tokio::sync::{mpsc, watch};

use super::{CallCommand, CallPhase, CallState, EndReason};

/// Callback after each change of the state; must return at once.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Handle of a running call. Dropping it hangs up.
#[derive(Debug)]
pub struct CallHandle {
    commands: mpsc::UnboundedSender<CallCommand>,
    state: watch::Receiver<Arc<CallState>>,
}

impl CallHandle {
    /// Returns the newest snapshot. Never blocks.
    pub fn state(&self) -> Arc<CallState> {
        self.state.borrow().clone()
    }

    /// Sends a command. Never blocks; the result shows in a later snapshot.
    pub fn send(&self, command: CallCommand) {
        // The task is gone only after the end of the call, when commands have no effect.
        let _ = self.commands.send(command);
    }

    /// Returns a receiver of snapshots, for asynchronous code.
    pub fn watch(&self) -> watch::Receiver<Arc<CallState>> {
        self.state.clone()
    }
}

/// The task's copy of the state, published when it changes.
pub(super) struct Publisher {
    pub(super) state: CallState,
    sender: watch::Sender<Arc<CallState>>,
    wake: Wake,
}

impl Publisher {
    /// Creates the publisher, the handle and the receiver of commands of a new call.
    pub(super) fn new(role: Role, wake: Wake) -> (Self, CallHandle, mpsc::UnboundedReceiver<CallCommand>) {
        let state = CallState::joining(role);
        let (sender, receiver) = watch::channel(Arc::new(state.clone()));
        let (commands, inbox) = mpsc::unbounded_channel();
        (Self { state, sender, wake }, CallHandle { commands, state: receiver }, inbox)
    }

    /// Publishes the state if it changed.
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
    /// Ends the call after a panic of the task: the UI would show a frozen call otherwise.
    fn drop(&mut self) {
        if !matches!(self.state.phase, CallPhase::Ended { .. }) {
            let lasted = self.state.joined_at.map_or(Duration::ZERO, |at| at.elapsed());
            self.state.phase = CallPhase::Ended { reason: EndReason::ConnectionLost, lasted };
            self.publish();
        }
    }
}
