//! Requests to the backend that only a doctor may make.

use autamedica_api::Id;

use super::event::Event;
use super::task::Task;
use super::{ControlFailure, ControlRequest};
use crate::backend::{BackendError, ConsultationRef};

use super::Secret;

impl Task {
    /// Returns the consultation and the newest token, for requests to the backend.
    pub(super) fn consultation_ref(&self) -> Option<(ConsultationRef, Secret)> {
        let admission = self.admission.as_ref()?;
        Some((admission.consultation.clone()?, admission.token.clone()))
    }

    /// Sends a request about `identity` to the backend. Its effect shows as a room event.
    pub(super) fn control(&mut self, request: ControlRequest, identity: &str) {
        let (Some((consultation, token)), Ok(identity)) = (self.consultation_ref(), Id::new(identity)) else {
            return self.on_controlled(request, Err(BackendError::InvalidResponse));
        };
        let backend = self.entrance.backend.clone();
        let if_panics = Event::Controlled { request, result: Err(BackendError::TaskFailed) };
        self.spawn_job(if_panics, async move {
            let result = match request {
                ControlRequest::Admit => backend.admit(&consultation, &token).await,
                ControlRequest::Refuse => backend.refuse(&consultation, &token).await,
                ControlRequest::Remove => backend.remove(&consultation, &token, &identity).await,
                ControlRequest::Mute => backend.mute(&consultation, &token, &identity).await,
                ControlRequest::Permit => backend.permit(&consultation, &token, &identity, true).await,
                ControlRequest::Forbid => backend.permit(&consultation, &token, &identity, false).await,
                ControlRequest::End => backend.end(&consultation, &token).await,
                ControlRequest::MoveToSfu => backend.move_to_sfu(&consultation, &token).await,
            };
            Event::Controlled { request, result }
        });
    }

    /// Asks the backend for something about the consultation itself.
    pub(super) fn control_call(&mut self, request: ControlRequest) {
        let us = self.state().identity.clone();
        self.control(request, &us);
    }

    pub(super) fn on_controlled(&mut self, request: ControlRequest, result: Result<(), BackendError>) {
        let Err(error) = result else { return };
        tracing::warn!(?request, %error, "doctor's request failed");
        let number = self.state().control_failure.as_ref().map_or(0, |failure| failure.number) + 1;
        self.state().control_failure = Some(ControlFailure { request, number });
    }
}
