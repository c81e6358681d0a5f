//! Answers to requests that run beside the UI, which polls them and never blocks.

use std::sync::{Arc, OnceLock};

use crate::call::Wake;

/// Receiver of an answer.
#[derive(Clone, Debug)]
pub struct Answer<T>(Arc<OnceLock<T>>);

/// Sender of one answer. Dropping it, as a panic does, sends the default passed to [`pending`].
pub struct Reply<T> {
    slot: Arc<OnceLock<T>>,
    wake: Wake,
    if_dropped: Option<T>,
}

/// Creates receiver and sender. `wake` is called when the answer is available; `if_dropped` is the answer of a dropped
/// sender.
pub fn pending<T>(wake: Wake, if_dropped: T) -> (Answer<T>, Reply<T>) {
    let slot = Arc::new(OnceLock::new());
    (Answer(slot.clone()), Reply { slot, wake, if_dropped: Some(if_dropped).filter(|_| false) })
}

impl<T> Answer<T> {
    /// Returns an answer that is already available.
    pub fn ready(value: T) -> Self {
        Self(Arc::new(OnceLock::from(value)))
    }

    /// Returns the answer if it is available.
    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<T> Reply<T> {
    /// Sends the answer.
    pub fn give(mut self, value: T) {
        self.if_dropped = Some(value);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(value) = self.if_dropped.take() {
            // Set only once: sending consumes the sender.
            let _ = self.slot.set(value);
        }
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn an_answer_comes_even_when_its_work_panics() {
        let woken = Arc::new(AtomicU32::new(0));
        let count = woken.clone();
        let wake: Wake = Arc::new(move || _ = count.fetch_add(1, Ordering::Relaxed));
        let (answer, reply) = pending(wake.clone(), "lost");
        let worker = std::thread::spawn(move || {
            let _reply = reply;
            panic!("as a driver or disk might make it");
        });
        assert!(worker.join().is_err());
        assert_eq!((answer.get(), woken.load(Ordering::Relaxed)), (Some(&"lost"), 1));
        let (answer, reply) = pending(wake, "lost");
        assert_eq!(answer.get(), None);
        reply.give("given");
        assert_eq!((answer.get(), woken.load(Ordering::Relaxed)), (Some(&"given"), 2));
    }
}
