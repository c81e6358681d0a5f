//! Shared by the recorder's tests: participants with time codes and beeps, the recorder as a process, and decoded files.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used)]

pub mod film;
mod person;
mod recorder;

pub use person::{Person, token as person_token};
pub use recorder::{PEOPLE, Recorder, order, recover};
