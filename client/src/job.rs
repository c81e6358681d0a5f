//! Jobs of an actor that always end in an event.

use std::future::Future;

/// Awaits `work` and passes its event to `send`. After a panic it passes `if_panics`, so that nothing waits forever;
/// the panic hook logs the panic. Aborted work sends nothing.
pub(crate) async fn ends_in_event<E>(if_panics: E, send: impl FnOnce(E), work: impl Future<Output = E>) {
    let mut ending = Ending { send: Some(send), event: Some(if_panics), is_done: false };
    let event = work.await;
    ending.event = Some(event);
    ending.is_done = true;
}

struct Ending<E, F: FnOnce(E)> {
    send: Option<F>,
    event: Option<E>,
    is_done: bool,
}

impl<E, F: FnOnce(E)> Drop for Ending<E, F> {
    fn drop(&mut self) {
        if let (true, Some(send), Some(event)) =
            (self.is_done, self.send.take(), self.event.take())
        {
            send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn finished_and_panicking_work_tell_and_aborted_work_does_not() {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let send = |sent: &Arc<Mutex<Vec<&'static str>>>| {
            let sent = sent.clone();
            move |event| sent.lock().push(event)
        };
        ends_in_event("panic", send(&sent), async { "done" }).await;
        let panics = tokio::spawn(ends_in_event("panic", send(&sent), async {
            tokio::task::yield_now().await;
            panic!("as a driver's reply might make it")
        }));
        assert!(panics.await.unwrap_err().is_panic());
        let begun = Arc::new(Notify::new());
        let begins = begun.clone();
        let aborted = tokio::spawn(ends_in_event("panic", send(&sent), async move {
            begins.notify_one();
            std::future::pending().await
        }));
        begun.notified().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!(*sent.lock(), ["done", "panic"]);
    }
}
