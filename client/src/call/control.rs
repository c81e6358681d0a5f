//! Requests to the backend that only a doctor may make.

use autamedica_api::Id;

use super::event::Event;
use super::task::Task;
use super::{ControlFailure, ControlRequest};
use crate::backend::{BackendError, ConsultationPlace};

use super::Secret;

impl Task {
    /// Returns the consultation and the newest token, for requests to the backend.
    pub(super) fn place(&self) -> Option<(ConsultationPlace, Secret)> {
        let admission = self.admission.as_ref()?;
        Some((admission.consultation.clone()?, admission.token.clone()))
    }

    /// Sends a request about `identity` to the backend. Its effect shows as a room event.
    pub(super) fn control(&mut self, asked: ControlRequest, identity: &str) {
        let (Some((place, token)), Ok(identity)) = (self.place(), Id::new(identity)) else {
            return self.on_controlled(asked, Err(BackendError::NotOurs));
        };
        let backend = self.entrance.backend.clone();
        let if_panics = Event::Controlled { asked, result: Err(BackendError::BrokeOff) };
        self.beside(if_panics, async move {
            let result = match asked {
                ControlRequest::Admit => backend.admit(&place, &token).await,
                ControlRequest::Refuse => backend.refuse(&place, &token).await,
                ControlRequest::Remove => backend.remove(&place, &token, &identity).await,
                ControlRequest::Mute => backend.mute(&place, &token, &identity).await,
                ControlRequest::Permit => backend.permit(&place, &token, &identity, true).await,
                ControlRequest::Forbid => backend.permit(&place, &token, &identity, false).await,
                ControlRequest::End => backend.end(&place, &token).await,
                ControlRequest::MoveToSfu => backend.move_to_sfu(&place, &token).await,
            };
            Event::Controlled { asked, result }
        });
    }

    /// Asks the backend for something about the consultation itself.
    pub(super) fn control_call(&mut self, asked: ControlRequest) {
        let us = self.state().identity.clone();
        self.control(asked, &us);
    }

    pub(super) fn on_controlled(&mut self, asked: ControlRequest, result: Result<(), BackendError>) {
        let Err(error) = result else { return };
        tracing::warn!(?asked, %error, "doctor's request failed");
        let number = self.state().control_failure.as_ref().map_or(0, |failure| failure.number) + 1;
        self.state().control_failure = Some(ControlFailure { asked, number });
    }
}
