//! Whole programs together: our backend, our app in real windows, a browser, the SFU, and what happens when one dies.

mod accessibility;
mod browser;
mod check;
mod demo;
mod faults;
#[path = "../../recorder/tests/common/film.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the recorder's tests use the rest")]
mod film;
mod kiosk;
mod links;
mod person;
mod recorded;
mod support;
mod visit;
