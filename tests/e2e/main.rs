//! End-to-end tests of whole programs: backend, app in real windows, browser and SFU, including crashes.

mod accessibility;
mod browser;
mod check;
mod consent;
mod demo;
mod devices;
mod embedded;
mod faults;
#[path = "../../recorder/tests/common/film.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the recorder's tests use the rest")]
mod film;
mod hostile;
mod kiosk;
mod links;
#[path = "../../recorder/tests/common/person.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the recorder's tests use the rest")]
mod media;
mod person;
#[path = "../../server/tests/common/postgres.rs"]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod postgres;
mod recorded;
mod support;
mod visit;
