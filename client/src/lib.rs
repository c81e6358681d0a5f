//! The desktop app: call session, devices, video rendering, screens.

pub mod app;
pub mod call;
pub mod device;
pub mod i18n;
pub mod theme;
pub mod ui;
