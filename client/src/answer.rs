//! Something asked for beside the UI, which looks whether it is there yet and never waits.

use std::sync::{Arc, OnceLock};

use crate::call::Wake;

/// The end that looks.
#[derive(Clone, Debug)]
pub struct Answer<T>(Arc<OnceLock<T>>);

/// The end that answers, once. Dropped without an answer, the other end sees none for ever: give one in any case.
pub struct Reply<T> {
    slot: Arc<OnceLock<T>>,
    wake: Wake,
}

/// Both ends; `wake` is called when the answer is there.
pub fn pending<T>(wake: Wake) -> (Answer<T>, Reply<T>) {
    let slot = Arc::new(OnceLock::new());
    (Answer(slot.clone()), Reply { slot, wake })
}

impl<T> Answer<T> {
    /// One that is there already.
    pub fn ready(value: T) -> Self {
        Self(Arc::new(OnceLock::from(value)))
    }

    /// The answer, once it is there.
    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<T> Reply<T> {
    /// Answers.
    pub fn give(self, value: T) {
        // The first and only one: giving takes the end away.
        let _ = self.slot.set(value);
        (self.wake)();
    }
}
