//! The desktop app: what a person sees. There are two editions: the full app, and the kiosk.

// Some shared controls are only used by the full app.
#![cfg_attr(not(feature = "full"), allow(dead_code))]

pub mod answer;
pub mod app;
#[cfg(feature = "full")]
pub mod full;
pub mod i18n;
pub mod kiosk;
pub mod known_servers;
pub mod native;
pub mod pairing;
pub mod pin;
pub mod program;
pub mod report;
pub mod settings;
pub mod sound;
pub mod storage;
pub mod theme;
pub mod ui;
mod usage;
