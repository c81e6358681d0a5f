//! A thread for what many ask of the database at the same time.
//!
//! A transaction goes back and forth between its caller and the database. Where requests are served each of these steps would
//! wait behind other requests, and everybody else for the transaction.

use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument as _;

/// How long a piece of work may take. Others wait for it, and a database that is gone without a word would never answer.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The thread. It ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct DatabaseThread {
    runtime: Handle,
    _alive: mpsc::Sender<()>,
}

impl DatabaseThread {
    /// Starts it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, mut ended) = mpsc::channel(1);
        std::thread::Builder::new().name("database".to_owned()).spawn(move || {
            // Nothing is ever sent: it returns when all senders are gone.
            let _: Option<()> = runtime.block_on(ended.recv());
        })?;
        Ok(Self { runtime: handle, _alive: alive })
    }

    /// Does a piece of work there. It goes on when the caller doesn't wait any more: others may wait for the same.
    ///
    /// # Errors
    /// Those of the work, or when it panics, or takes longer than a minute.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = sqlx::Result<T>> + Send + 'static,
    ) -> sqlx::Result<T> {
        self.within(GIVE_UP, work).await
    }

    async fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = sqlx::Result<T>> + Send + 'static,
    ) -> sqlx::Result<T> {
        let done = self.runtime.spawn(timeout(limit, work).in_current_span()).await;
        done.map_err(|_| sqlx::Error::WorkerCrashed)?.map_err(|late| sqlx::Error::Io(late.into()))?
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_without_an_end_is_given_up() {
        let thread = DatabaseThread::start().unwrap();
        let never = thread.within(Duration::from_millis(50), std::future::pending::<sqlx::Result<()>>()).await;
        assert!(matches!(never, Err(sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn work_goes_on_when_its_caller_gives_up_and_a_panic_is_an_error() {
        let thread = DatabaseThread::start().unwrap();
        let (begin, begun) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let work = thread.run(async move {
            begun.await.unwrap();
            done.send(std::thread::current().name().map(str::to_owned)).unwrap();
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
        begin.send(()).unwrap();
        assert_eq!(finished.await.unwrap().as_deref(), Some("database"));
        let panicked = thread.run::<()>(async { panic!("as the test wants it") }).await;
        assert!(matches!(panicked, Err(sqlx::Error::WorkerCrashed)));
        thread.run(async { Ok(()) }).await.unwrap();
    }
}
