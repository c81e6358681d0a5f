//! Measurement of a call.

use autamedica_media::audio::PlayoutMeter;

/// Recipient of a call's measurements, for a report. Every method returns at once.
pub trait CallObserver: Send + Sync {
    /// Returns the meter of playout.
    fn playout(&self) -> &PlayoutMeter;

    /// Records the start of joining.
    fn join_asked(&self);

    /// Records that the room was entered, with or without end-to-end encryption.
    fn entered(&self, encrypted: bool);

    /// Records codec and encoder of our camera.
    fn camera_encoded(&self, codec: &str, encoder: &str);

    /// Records that a chat message of another participant arrived.
    fn chat_received(&self);

    /// Detects a tone in the recent playout.
    fn find_tone(&self);

    /// Records the end of the call and its reason.
    fn ended(&self, reason: &str);
}
