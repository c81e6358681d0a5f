//! The desktop app: what a person sees.

pub mod answer;
pub mod app;
pub mod i18n;
pub mod known_servers;
pub mod native;
pub mod pairing;
pub mod pin;
#[cfg(not(feature = "kiosk"))]
pub mod recent;
pub mod report;
pub mod settings;
pub mod sound;
pub mod storage;
pub mod theme;
pub mod ui;
mod usage;
