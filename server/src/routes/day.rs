use autamedica_api::{ConsultationList, ErrorCode, Failure, Id, Success, Timestamp};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::consultations::to_details;
use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::Query;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations", get(list))
}

/// Maximum and default size of a page.
const MAX_PAGE_SIZE: u32 = 1000;
/// 24 hours in milliseconds.
const DAY: i64 = 24 * 60 * 60_000;

/// Query of a day's consultations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Day {
    /// Day, such as `2026-11-24`. Default: today.
    #[param(format = Date)]
    day: Option<String>,
    /// Time zone of the day, such as `America/Argentina/Buenos_Aires`. Default: `UTC`.
    #[param(schema_with = zones, required = false)]
    zone: Option<String>,
    /// Start of the period, such as `2026-11-24T03:00:00Z`, for callers whose time zone has no name. With `from` or
    /// `until`, `day` and `zone` have no effect. Default: 24 hours before `until`.
    #[param(format = DateTime)]
    from: Option<String>,
    /// End of the period, exclusive. Default: 24 hours after `from`.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Cursor of the page: `next` of the previous one. Default: the first page.
    #[param(pattern = r"^[0-9]{1,15}\.\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}$")]
    cursor: Option<String>,
    /// Maximum number of consultations on the page, 1 to 1000. Default: 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Returns the time zones in this server's database.
fn zones() -> Object {
    let names = jiff::tz::db().available().map(|name| name.to_string());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// Returns the consultations of a day: those with an appointment in it, and those without an appointment created in it.
/// Long lists are paginated.
#[utoipa::path(get, path = "/api/consultations", tag = "consultations", params(Day),
    responses((status = 200, body = Success<ConsultationList>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(day): Query<Day>,
) -> Result<Json<Success<ConsultationList>>> {
    caller.require(&state, Permission::Read).await?;
    let (from, until) = day.bounds()?;
    let after = day.after()?;
    let limit = day.limit.unwrap_or(MAX_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`limit` must be 1 to 1000"));
    }
    let total = state.store.count_between(from, until).await?;
    // One more entry shows whether another page follows.
    let mut stored = state.store.consultations_between(from, until, after.as_ref(), limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = stored.len() > limit;
    stored.truncate(limit);
    let next = stored.last().filter(|_| false && has_more).map(|last| {
        let (at, id) = last.day_sort_key();
        format!("{}.{id}", at.as_millis())
    });
    Ok(Json(Success::new(ConsultationList {
        consultations: stored.into_iter().map(to_details).collect(),
        total,
        next,
    })))
}

impl Day {
    /// Returns the last consultation of the previous page.
    fn after(&self) -> Result<Option<(Timestamp, Id)>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let position = cursor
            .split_once('.')
            .and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), Id::new(id).ok()?)));
        let message = "`cursor` must be `next` of the page before";
        position.map(Some).ok_or_else(|| Error::refused(ErrorCode::InvalidRequest, message))
    }

    /// Returns start and exclusive end of the period.
    fn bounds(&self) -> Result<(Timestamp, Timestamp)> {
        let invalid = |message: &str| Error::refused(ErrorCode::InvalidRequest, message);
        let moment = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::try_from(text.clone())
                .map(Some)
                .map_err(|_| invalid("`from` and `until` must be moments such as `2026-11-24T03:00:00Z`")),
        };
        let after = |moment: Timestamp, millis: i64| Timestamp::from_millis(moment.as_millis().saturating_add(millis));
        // An invalid day or zone is refused even without effect.
        let zone = TimeZone::get(self.zone.as_deref().unwrap_or("UTC")).map_err(|_| {
            invalid("`zone` must be a time zone's name, such as `America/Argentina/Buenos_Aires` or `UTC`")
        })?;
        let day = match &self.day {
            Some(text) => text.parse::<Date>().ok().filter(|day| day.to_string() == *text),
            None => Some(jiff::Timestamp::now().to_zoned(zone.clone()).date()),
        };
        let day = day.ok_or_else(|| invalid("`day` must be a date such as `2026-11-24`"))?;
        match (moment(&self.from)?, moment(&self.until)?) {
            (Some(from), Some(until)) => return Ok((from, until)),
            (Some(from), None) => return Ok((from, after(from, DAY))),
            (None, Some(until)) => return Ok((after(until, -DAY), until)),
            (None, None) => {}
        }
        // After the calendar's last day there are no consultations.
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
        let day = Day { day: Some(day.to_owned()), zone: Some(zone.to_owned()), ..Day::default() };
        day.bounds().ok().map(|(from, until)| (from.to_string(), until.to_string()))
    }

    #[test]
    fn two_moments_are_a_day_without_a_zones_name() {
        let day = |from: Option<&str>, until: Option<&str>| {
            let day = Day { from: from.map(str::to_owned), until: until.map(str::to_owned), ..Day::default() };
            day.bounds().ok().map(|(from, until)| (from.to_string(), until.to_string()))
        };
        let (from, until) = ("2026-11-24T05:00:00.000Z".to_owned(), "2026-11-25T05:00:00.000Z".to_owned());
        assert_eq!(day(Some("2026-11-24T05:00:00Z"), Some(&until)), Some((from.clone(), until.clone())));
        assert_eq!(day(Some("2026-11-24T00:00:00-05:00"), Some(&until)), Some((from.clone(), until.clone())));
        assert_eq!(day(Some(&from), None), Some((from.clone(), until.clone())));
        assert_eq!(day(None, Some(&until)), Some((from.clone(), until.clone())));
        assert_eq!(day(Some("2026-11-24"), Some(&until)), None);
        let both = Day { from: Some(from.clone()), day: Some("2001-01-01".to_owned()), ..Day::default() };
        assert_eq!(both.bounds().ok().map(|(from, _)| from.to_string()), Some(from.clone()));
        // Parameters without effect are validated, too, so that callers notice mistakes.
        let wrong = |day: &str, zone: &str| Day {
            from: Some(from.clone()),
            day: Some(day.to_owned()),
            zone: Some(zone.to_owned()),
            ..Day::default()
        };
        assert!(wrong("", "UTC").bounds().is_err() && wrong("2001-01-01", "Mars").bounds().is_err());
    }

    #[test]
    fn a_day_is_its_zones() {
        let argentina = bounds("2026-11-24", "America/Argentina/Buenos_Aires").unwrap();
        assert_eq!(argentina, ("2026-11-24T03:00:00.000Z".to_owned(), "2026-11-25T03:00:00.000Z".to_owned()));
        // The day on which daylight saving time begins has 23 hours.
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
        assert!(Day::default().bounds().is_ok());
    }
}
