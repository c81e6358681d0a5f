//! Feedback about calls.

use autamedica_api::{Feedback, GivenFeedback, Id, Role, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Store;

impl Store {
    /// Stores a participant's feedback; replaces earlier feedback.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn record_feedback(&self, id: &Id, identity: &Id, role: Role, feedback: &Feedback) -> sqlx::Result<()> {
        self.pool.execute(sqlx::query(
            "INSERT INTO feedback (consultation_id, identity, role, stars, reasons, at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (consultation_id, identity) DO UPDATE SET stars = excluded.stars, reasons = excluded.reasons, \
             at = excluded.at",
        )
        .bind(id.as_str())
        .bind(identity.as_str())
        .bind(role.as_str())
        .bind(i64::from(feedback.stars))
        .bind(serde_json::to_string(&feedback.reasons).expect("names always become JSON"))
        .bind(Timestamp::now().as_millis()))
        .await?;
        Ok(())
    }

    /// Returns a consultation's feedback, oldest first.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn feedback(&self, id: &Id) -> sqlx::Result<Vec<GivenFeedback>> {
        let rows = sqlx::query(
            "SELECT identity, role, stars, reasons, at FROM feedback WHERE consultation_id = $1 ORDER BY at, identity",
        )
        .bind(id.as_str())
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Returns the number of ratings per number of stars.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn count_feedback(&self) -> sqlx::Result<Vec<(i64, i64)>> {
        let rows = sqlx::query("SELECT stars, COUNT(*) AS number FROM feedback GROUP BY stars ORDER BY stars")
            .fetch_all(&self.reads)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("stars")?, row.try_get("number")?))).collect()
    }
}

fn read(row: &AnyRow) -> sqlx::Result<GivenFeedback> {
    fn whole<T, E: Into<sqlx::error::BoxDynError>>(value: Result<T, E>) -> sqlx::Result<T> {
        value.map_err(|error| sqlx::Error::Decode(error.into()))
    }
    Ok(GivenFeedback {
        identity: whole(Id::new(row.try_get::<String, _>("identity")?))?,
        role: whole(row.try_get::<String, _>("role")?.parse())?,
        at: Timestamp::from_millis(row.try_get("at")?),
        feedback: Feedback {
            stars: whole(row.try_get::<i64, _>("stars")?.try_into())?,
            reasons: whole(serde_json::from_str(&row.try_get::<String, _>("reasons")?))?,
        },
    })
}
