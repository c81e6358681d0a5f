//! Invitation of an observer by the doctor.

use autamedica_api::{ErrorCode, Id};
use autamedica_text::is_invisible;

use super::Secret;
use super::event::Event;
use super::task::Task;
use crate::backend::BackendError;

/// Invitation of an observer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Invitation {
    /// None was requested.
    #[default]
    None,
    /// Requested.
    Requested,
    /// The observer can join with this link.
    Ready {
        /// Label that the other participants see.
        label: String,
        /// Join link.
        link: Secret,
    },
    /// Refused or failed.
    Failed(InvitationProblem),
}

/// Reason for which an observer was not invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationProblem {
    /// The consultation has as many observers as it may have.
    TooMany,
    /// The backend does not answer, or refuses.
    Unavailable,
}

impl Task {
    /// Requests a link for an observer. The same label again is the same observer, whose earlier link is replaced.
    pub(super) fn invite(&mut self, label: &str) {
        let label: String = label.chars().filter(|c| !is_invisible(*c)).collect();
        let label = label.trim().to_owned();
        let Some((consultation, token)) = self.consultation_ref().filter(|_| !label.is_empty()) else {
            self.state().invitation = Invitation::Failed(InvitationProblem::Unavailable);
            return;
        };
        self.state().invitation = Invitation::Requested;
        let backend = self.entrance.backend.clone();
        let observer = observer_id(&label);
        let if_panics = Event::Invited { label: label.clone(), result: Err(BackendError::TaskFailed) };
        self.spawn_job(if_panics, async move {
            let result = backend.add_observer(&consultation, &token, observer, label.clone()).await;
            Event::Invited { label, result }
        });
    }

    pub(super) fn on_invited(&mut self, label: String, result: Result<Secret, BackendError>) {
        self.state().invitation = match result {
            Ok(link) => Invitation::Ready { label, link },
            Err(error) => {
                tracing::warn!(%error, "observer not invited");
                Invitation::Failed(match error {
                    BackendError::Refused { code: ErrorCode::TooManyObservers, .. } => InvitationProblem::TooMany,
                    _ => InvitationProblem::Unavailable,
                })
            }
        };
    }
}

/// Returns the id of the observer with this label. Ids allow fewer characters than labels.
fn observer_id(label: &str) -> Id {
    let digest = ring::digest::digest(&ring::digest::SHA256, label.to_lowercase().as_bytes());
    let number = digest.as_ref().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    Id::new(format!("observer-{number:016x}")).expect("hexadecimal digits are valid in an id")
}

#[cfg(test)]
mod tests {
    use super::observer_id;

    #[test]
    fn an_observer_is_known_by_the_label() {
        assert_eq!(observer_id("Intérprete de quechua"), observer_id("INTÉRPRETE de quechua"));
        assert_ne!(observer_id("Estudiante 1"), observer_id("Estudiante 2"));
    }
}
