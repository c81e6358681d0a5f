use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::Arc;

use x11rb::connection::Connection;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::shm;
use x11rb::rust_connection::RustConnection;

/// Memory for a picture of the X server.
pub enum Memory {
    /// Shared memory that the server writes.
    Shared(SharedMemory),
    /// Contents of the server's reply.
    Own(Vec<u8>),
}

impl Memory {
    /// Returns the bytes of the last picture.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(memory) => memory.bytes(),
            Self::Own(bytes) => bytes,
        }
    }
}

/// Memory shared with the X server.
pub struct SharedMemory {
    connection: Arc<RustConnection>,
    segment: shm::Seg,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone on our side, and is not tied to a thread.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Allocates this many bytes.
    ///
    /// # Errors
    /// When the server is on another machine or has no MIT-SHM 1.2, or memory is short.
    pub fn new(connection: &Arc<RustConnection>, len: usize) -> Result<Self, ReplyOrIdError> {
        let segment = connection.generate_id()?;
        let size = u32::try_from(len).map_err(|_| io_error(io::ErrorKind::OutOfMemory.into()))?;
        let reply = shm::create_segment(&**connection, segment, size, false)?.reply()?;
        // SAFETY: a fresh shared mapping of a file descriptor that the server sized to `len`.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, reply.shm_fd.as_raw_fd(), 0)
        };
        let start = if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) };
        let Some(start) = start else {
            let error = io::Error::last_os_error();
            shm::detach(&**connection, segment)?;
            return Err(io_error(error));
        };
        Ok(Self { connection: Arc::clone(connection), segment, start, len })
    }

    /// Returns the server's id of the segment.
    pub fn id(&self) -> shm::Seg {
        self.segment
    }

    /// Returns the bytes that the server wrote last. It writes only while it answers a request for a picture.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped while `self` lives; no request that writes is pending while this is borrowed, because requests
        // wait for their reply.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

fn io_error(error: io::Error) -> ReplyOrIdError {
    ReplyOrIdError::ConnectionError(error.into())
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // Fails only after the connection and with it the segment is lost.
        let _ = shm::detach(&*self.connection, self.segment);
        let _ = self.connection.flush();
        // SAFETY: mapped in `new` with this length, and no longer borrowed.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
