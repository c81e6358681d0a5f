use autamedica_api::{ConsultationList, ErrorCode, Failure, Success, Timestamp};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::consultations::show;
use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::Query;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations", get(list))
}

/// The most that one answer lists; no clinic has so many in a day.
const MOST: u32 = 1000;

/// Which day.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Day {
    /// The day, such as `2026-11-24`. Default: today.
    #[param(format = Date)]
    day: Option<String>,
    /// The time zone whose day it is, such as `America/Argentina/Buenos_Aires`. Default: `UTC`.
    #[param(schema_with = zones, required = false)]
    zone: Option<String>,
}

/// The names that this server's time zone database has.
fn zones() -> Object {
    let names = jiff::tz::db().available().map(|name| name.to_string());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// The consultations of a day: those that are to begin then, and those without an appointment that were created then.
#[utoipa::path(get, path = "/api/consultations", tag = "consultations", params(Day),
    responses((status = 200, body = Success<ConsultationList>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(day): Query<Day>,
) -> Result<Json<Success<ConsultationList>>> {
    caller.must(&state, Permission::Read).await?;
    let (from, until) = day.bounds()?;
    let stored = state.store.consultations_between(from, until, MOST).await?;
    Ok(Json(Success::new(ConsultationList { consultations: stored.into_iter().map(show).collect() })))
}

impl Day {
    /// The day's first moment, and the next day's.
    fn bounds(&self) -> Result<(Timestamp, Timestamp)> {
        let wrong = |message: &str| Error::refused(ErrorCode::InvalidRequest, message);
        let zone = TimeZone::get(self.zone.as_deref().unwrap_or("UTC")).map_err(|_| {
            wrong("`zone` must be a time zone's name, such as `America/Argentina/Buenos_Aires` or `UTC`")
        })?;
        let day = match &self.day {
            Some(text) => text.parse::<Date>().ok().filter(|day| day.to_string() == *text),
            None => Some(jiff::Timestamp::now().to_zoned(zone.clone()).date()),
        };
        let day = day.ok_or_else(|| wrong("`day` must be a date such as `2026-11-24`"))?;
        // At the calendar's end there is no next day: no consultation is there either.
        let begin = |day: Option<Date>| {
            let moment = day.and_then(|day| day.to_zoned(zone.clone()).ok());
            Timestamp::from_millis(moment.map_or(i64::MAX, |moment| moment.timestamp().as_millisecond()))
        };
        Ok((begin(Some(day)), begin(day.tomorrow().ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(day: &str, zone: &str) -> Option<(String, String)> {
        let day = Day { day: Some(day.to_owned()), zone: Some(zone.to_owned()) };
        day.bounds().ok().map(|(from, until)| (from.to_string(), until.to_string()))
    }

    #[test]
    fn a_day_is_its_zones() {
        let argentina = bounds("2026-11-24", "America/Argentina/Buenos_Aires").unwrap();
        assert_eq!(argentina, ("2026-11-24T03:00:00.000Z".to_owned(), "2026-11-25T03:00:00.000Z".to_owned()));
        // The day on which the clock is put forward has 23 hours.
        let madrid = bounds("2026-03-29", "Europe/Madrid").unwrap();
        assert_eq!(madrid, ("2026-03-28T23:00:00.000Z".to_owned(), "2026-03-29T22:00:00.000Z".to_owned()));
        for day in ["0001-01-01", "9999-12-31"] {
            assert!(bounds(day, "UTC").is_some(), "{day}");
        }
        for (day, zone) in [
            ("2026-02-29", "UTC"),
            ("20261124", "UTC"),
            ("2026-11-24T00:00", "UTC"),
            ("", "UTC"),
            ("2026-11-24", "Mars"),
        ] {
            assert_eq!(bounds(day, zone), None, "{day} {zone}");
        }
        assert!(Day { day: None, zone: None }.bounds().is_ok());
    }
}
