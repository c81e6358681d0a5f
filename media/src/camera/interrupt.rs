//! Interrupts a thread that is blocked in a driver.
//!
//! nokhwa waits for frames in `poll` without a timeout. On Linux a signal interrupts it with `EINTR`, so that the
//! thread closes the device (its light goes out) and ends. On other systems a blocked thread stays.

#[cfg(target_os = "linux")]
mod system {
    use std::sync::Once;

    /// Running thread of this process.
    #[derive(Clone, Copy, Debug)]
    pub struct ThreadId(libc::pid_t);

    /// SIGURG is ignored by default, so that a late one does no harm. Go's runtime interrupts threads with it too.
    const SIGNAL: libc::c_int = libc::SIGURG;

    extern "C" fn nothing(_signal: libc::c_int) {}

    /// Returns the calling thread and installs the signal handler.
    pub fn current_thread() -> ThreadId {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: a zeroed sigaction is valid; the handler does nothing. Without SA_RESTART system calls are
            // interrupted.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
                libc::sigemptyset(&raw mut action.sa_mask);
                libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut());
            }
        });
        // SAFETY: no arguments, can't fail.
        ThreadId(unsafe { libc::gettid() })
    }

    /// Interrupts the thread's current system call, if any.
    pub fn wake(thread: ThreadId) {
        // SAFETY: plain system call. After the thread has ended it fails or reaches another thread with the same id,
        // which is harmless: the signal is ignored or handled by doing nothing.
        unsafe {
            libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.0, SIGNAL);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// Threads cannot be interrupted on this system.
    #[derive(Clone, Copy, Debug)]
    pub struct ThreadId;

    pub fn current_thread() -> ThreadId {
        ThreadId
    }

    pub fn wake(_thread: ThreadId) {}
}

pub use system::{ThreadId, current_thread, wake};
