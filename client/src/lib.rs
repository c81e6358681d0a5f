//! The desktop app: calls, devices, video rendering, screens.

#[cfg(not(feature = "kiosk"))]
pub mod agenda;
pub mod answer;
pub mod app;
pub mod backend;
pub mod call;
pub mod check;
pub mod device;
pub mod i18n;
mod job;
pub mod known_servers;
pub mod local_key;
pub mod native;
pub mod pairing;
pub mod pin;
#[cfg(not(feature = "kiosk"))]
pub mod recent;
#[cfg(not(feature = "kiosk"))]
pub mod recordings;
pub mod report;
pub mod settings;
pub mod sound;
pub mod storage;
pub mod theme;
pub mod ui;
mod usage;
