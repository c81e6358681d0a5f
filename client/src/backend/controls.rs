//! What a doctor asks for about the people in their consultation, with their own token.

use autamedica_api::{ChangeTransport, Id, MuteParticipant, PermitObserver, Transport};

use super::{Backend, BackendError, ConsultationPlace};
use crate::call::Secret;

impl Backend {
    /// Lets the waiting patient in.
    ///
    /// # Errors
    /// When the backend doesn't answer, or answers no; so for the other controls.
    pub async fn admit(&self, place: &ConsultationPlace, token: &Secret) -> Result<(), BackendError> {
        self.control(place, token, &["admit"], &serde_json::json!({})).await
    }

    /// Sends the waiting patient away.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn refuse(&self, place: &ConsultationPlace, token: &Secret) -> Result<(), BackendError> {
        self.control(place, token, &["refuse"], &serde_json::json!({})).await
    }

    /// Sends somebody out of the room.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn remove(&self, place: &ConsultationPlace, token: &Secret, identity: &Id) -> Result<(), BackendError> {
        self.control(place, token, &["participants", identity.as_str(), "remove"], &serde_json::json!({})).await
    }

    /// Mutes somebody's microphone.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn mute(&self, place: &ConsultationPlace, token: &Secret, identity: &Id) -> Result<(), BackendError> {
        let microphone = MuteParticipant { source: None };
        self.control(place, token, &["participants", identity.as_str(), "mute"], &microphone).await
    }

    /// Lets an observer speak, or no longer.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn permit(
        &self,
        place: &ConsultationPlace,
        token: &Secret,
        identity: &Id,
        publish: bool,
    ) -> Result<(), BackendError> {
        let body = PermitObserver { publish };
        self.control(place, token, &["participants", identity.as_str(), "permit"], &body).await
    }

    /// Moves a call from peer to peer over to the SFU.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn move_to_sfu(&self, place: &ConsultationPlace, token: &Secret) -> Result<(), BackendError> {
        let body = ChangeTransport { transport: Transport::Sfu };
        self.control(place, token, &["transport"], &body).await
    }

    /// Ends the consultation for everybody.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn end(&self, place: &ConsultationPlace, token: &Secret) -> Result<(), BackendError> {
        self.control(place, token, &["end"], &serde_json::json!({})).await
    }
}
