//! Owned handles to the engine's objects.

use proto::room_event::Message;

use crate::prebuilt::{ffi, proto};

/// Owned handle to an object of the engine, released on drop.
#[derive(Debug)]
pub(super) struct Handle(u64);

/// Number of live handles, for the test of leaks.
#[cfg(test)]
pub(super) static LIVE_HANDLES: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

impl Handle {
    /// Takes ownership of a handle from a message of the engine.
    pub(super) fn new(owned: proto::FfiOwnedHandle) -> Self {
        #[cfg(test)]
        LIVE_HANDLES.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Self(owned.id)
    }

    pub(super) fn id(&self) -> u64 {
        self.0
    }

    /// Gives up ownership, because the next request transfers it to the engine.
    pub(super) fn into_id(self) -> u64 {
        let id = self.0;
        #[cfg(test)]
        LIVE_HANDLES.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        std::mem::forget(self);
        id
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        #[cfg(test)]
        LIVE_HANDLES.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if let Some(functions) = ffi::running() {
            functions.drop_handle(self.0);
        }
    }
}

/// Releases the handle of a room event that is not applied.
pub(super) fn release(message: Message) {
    let handle = match message {
        Message::ParticipantConnected(event) => event.info.handle,
        Message::TrackPublished(event) => event.publication.handle,
        Message::TrackSubscribed(event) => event.track.handle,
        Message::ByteStreamOpened(event) => event.reader.handle,
        Message::TextStreamOpened(event) => event.reader.handle,
        Message::DataTrackPublished(event) => event.track.handle,
        Message::DataPacketReceived(event) => match event.value {
            Some(proto::data_packet_received::Value::User(user)) => user.data.handle,
            _ => return,
        },
        _ => return,
    };
    drop(Handle::new(handle));
}
