//! The real calls behind the screens.

use tokio::runtime::Handle;

use crate::app::{Call, Calls};
use crate::call::{
    self, CallCommand, CallHandle, CallOptions, CallSettings, CallState, DeviceChoices, Entrance, JoinTarget, Wake,
};
use crate::report::Measurements;

/// Joins real rooms.
pub struct NativeCalls {
    /// Where calls run.
    pub runtime: Handle,
    /// How they get in.
    pub entrance: Entrance,
    /// With which devices.
    pub devices: DeviceChoices,
    /// How they treat sound and picture.
    pub settings: CallSettings,
    /// What they measure.
    pub measurements: Measurements,
    /// A chat line for the first call, sent once somebody else is there.
    pub say: Option<String>,
}

impl Calls for NativeCalls {
    fn join(&mut self, target: JoinTarget, wake: Wake) -> Box<dyn Call> {
        let options = CallOptions {
            target,
            entrance: self.entrance.clone(),
            devices: self.devices.clone(),
            settings: self.settings,
            measurements: self.measurements.clone(),
            say: self.say.take(),
        };
        Box::new(call::start(&self.runtime, options, wake))
    }
}

impl Call for CallHandle {
    fn state(&self) -> std::sync::Arc<CallState> {
        CallHandle::state(self)
    }

    fn send(&self, command: CallCommand) {
        CallHandle::send(self, command);
    }
}
