//! The desktop app: call session, devices, video rendering, screens.

pub mod app;
pub mod backend;
pub mod call;
pub mod device;
pub mod i18n;
pub mod native;
pub mod report;
pub mod sound;
pub mod theme;
pub mod ui;
mod usage;
