//! Requests of a doctor about participants, with the doctor's token.

use autamedica_api::{AddObserver, ChangeTransport, Id, MuteParticipant, NewTransport, ObserverAdded, PermitObserver};
use autamedica_text::Secret;

use super::{Backend, BackendError, ConsultationRef};

impl Backend {
    /// Admits the waiting patient.
    ///
    /// # Errors
    /// [`BackendError`], as for the other requests here.
    pub async fn admit(&self, consultation: &ConsultationRef, token: &Secret) -> Result<(), BackendError> {
        self.control(consultation, token, &["admit"], &serde_json::json!({})).await
    }

    /// Refuses the waiting patient.
    pub async fn refuse(&self, consultation: &ConsultationRef, token: &Secret) -> Result<(), BackendError> {
        self.control(consultation, token, &["refuse"], &serde_json::json!({})).await
    }

    /// Removes a participant from the room.
    pub async fn remove(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        identity: &Id,
    ) -> Result<(), BackendError> {
        self.control(consultation, token, &["participants", identity.as_str(), "remove"], &serde_json::json!({})).await
    }

    /// Mutes a participant's microphone.
    pub async fn mute(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        identity: &Id,
    ) -> Result<(), BackendError> {
        let microphone = MuteParticipant { source: None };
        self.control(consultation, token, &["participants", identity.as_str(), "mute"], &microphone).await
    }

    /// Grants (`true`) or revokes an observer's permission to speak.
    pub async fn permit(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        identity: &Id,
        publish: bool,
    ) -> Result<(), BackendError> {
        let body = PermitObserver { publish };
        self.control(consultation, token, &["participants", identity.as_str(), "permit"], &body).await
    }

    /// Invites an observer. Returns their join link.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn add_observer(
        &self,
        consultation: &ConsultationRef,
        token: &Secret,
        observer_id: Id,
        label: String,
    ) -> Result<Secret, BackendError> {
        let path = ["api", "consultations", consultation.id.as_str(), "observers"];
        let body = AddObserver { observer_id, label: Some(label) };
        let added: ObserverAdded = self.post(&consultation.server, &path, &body, Some(token)).await?;
        Ok(Secret::new(added.link))
    }

    /// Moves a call from peer to peer over to the SFU.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn move_to_sfu(&self, consultation: &ConsultationRef, token: &Secret) -> Result<(), BackendError> {
        let body = ChangeTransport { transport: NewTransport::Sfu };
        self.control(consultation, token, &["transport"], &body).await
    }

    /// Ends the consultation for all participants.
    pub async fn end(&self, consultation: &ConsultationRef, token: &Secret) -> Result<(), BackendError> {
        self.control(consultation, token, &["end"], &serde_json::json!({})).await
    }
}
