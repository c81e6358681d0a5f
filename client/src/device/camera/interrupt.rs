//! Waking a thread that is stuck in a driver.
//!
//! nokhwa waits for frames in `poll` without a timeout. On Linux a signal ends that wait with `EINTR`, so that the
//! thread returns, closes the device (its light goes out) and ends. Elsewhere a stuck thread stays behind.

#[cfg(target_os = "linux")]
mod system {
    use std::sync::Once;

    /// A thread of this process, for as long as it runs.
    #[derive(Clone, Copy, Debug)]
    pub struct ThreadId(libc::pid_t);

    /// SIGURG is ignored by default, so that a late one harms nobody; Go's runtime wakes its threads with it, too.
    const SIGNAL: libc::c_int = libc::SIGURG;

    extern "C" fn nothing(_signal: libc::c_int) {}

    /// The calling thread, made ready to be woken.
    pub fn current_thread() -> ThreadId {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: a zeroed sigaction is valid; the handler does nothing. Without SA_RESTART system calls end.
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

    /// Ends the system call the thread waits in, if any.
    pub fn wake(thread: ThreadId) {
        // SAFETY: plain system call. When the thread has ended it fails, or wakes another that took its id, which does
        // no harm: the signal is ignored or handled by doing nothing.
        unsafe {
            libc::syscall(libc::SYS_tgkill, libc::getpid(), thread.0, SIGNAL);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// Threads can't be woken here.
    #[derive(Clone, Copy, Debug)]
    pub struct ThreadId;

    pub fn current_thread() -> ThreadId {
        ThreadId
    }

    pub fn wake(_thread: ThreadId) {}
}

pub use system::{ThreadId, current_thread, wake};
