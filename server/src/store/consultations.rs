use autamedica_api::{CreateConsultation, Id, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;

/// A consultation as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsultation {
    /// Its id.
    pub id: Id,
    /// Who is treated.
    pub patient_id: Id,
    /// Who treats.
    pub doctor_id: Id,
    /// When it was created first.
    pub created_at: Timestamp,
}

impl Store {
    /// Creates a consultation unless there is one of this id, and says which one there is now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_consultation(&self, wanted: &CreateConsultation) -> sqlx::Result<StoredConsultation> {
        sqlx::query(
            "INSERT INTO consultations (id, patient_id, doctor_id, state, waiting_room, created_at) \
             VALUES ($1, $2, $3, 'created', 0, $4) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(wanted.consultation_id.as_str())
        .bind(wanted.patient_id.as_str())
        .bind(wanted.doctor_id.as_str())
        .bind(Timestamp::now().as_millis())
        .execute(&self.pool)
        .await?;
        self.consultation(&wanted.consultation_id).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The consultation of an id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consultation(&self, id: &Id) -> sqlx::Result<Option<StoredConsultation>> {
        let row = sqlx::query("SELECT id, patient_id, doctor_id, created_at FROM consultations WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &AnyRow) -> sqlx::Result<StoredConsultation> {
    let id =
        |column: &str| Id::new(row.try_get::<String, _>(column)?).map_err(|error| sqlx::Error::Decode(error.into()));
    Ok(StoredConsultation {
        id: id("id")?,
        patient_id: id("patient_id")?,
        doctor_id: id("doctor_id")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
    })
}
