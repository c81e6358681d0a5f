//! Requests about the queue of waiting patients.

use autamedica_api::{Id, MoveConsultation, QueuePosition};
use autamedica_text::Secret;
use url::Url;

use super::{Backend, BackendError, ConsultationRef, endpoint};

impl Backend {
    /// Returns a waiting patient's place in the queue and the desk's word to them, with the patient's token.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn queue(&self, consultation: &ConsultationRef, token: &Secret) -> Result<QueuePosition, BackendError> {
        self.fetch(consultation, token, "queue").await
    }

    /// Stores the desk's word to a waiting patient, with the `key` of a paired clinic PC; an empty one removes it.
    ///
    /// # Errors
    /// [`BackendError`].
    pub async fn set_notice(
        &self,
        server: &Url,
        id: &Id,
        notice: String,
        key: Option<&Secret>,
    ) -> Result<(), BackendError> {
        let change = MoveConsultation { scheduled_at: None, duration_minutes: None, notice: Some(notice) };
        let url = endpoint(server, &["api", "consultations", id.as_str()])?;
        let _: serde_json::Value = self.ask(self.http.patch(url).json(&change), key).await?;
        Ok(())
    }
}
