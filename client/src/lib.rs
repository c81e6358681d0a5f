//! The desktop app: call session, devices, video rendering, screens.

pub mod backend;
pub mod call;
pub mod device;
pub mod report;
mod usage;
