//! The desktop app: call session, devices, video rendering, screens.

pub mod call;
pub mod device;
