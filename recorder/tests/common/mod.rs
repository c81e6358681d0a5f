//! What the recorder's tests share: a room with people whose picture and sound say when they were made, the recorder as a
//! process, and a look into its files.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used)]

pub mod film;
mod person;
mod recorder;

pub use person::Person;
pub use recorder::{Recorder, order, recover};
