//! End-to-end encryption with one key that all participants share and the SFU never receives.

mod manager;
mod state;

pub use manager::E2eeManager;
pub(crate) use state::E2eeState;
