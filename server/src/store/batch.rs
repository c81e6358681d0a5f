//! Doing together what many ask for at the same time: a database takes about as long for one row as for a few.

use tokio::sync::{Mutex, mpsc, oneshot};

/// How many are answered together at most.
const MOST: usize = 32;

/// Questions of one kind. Whoever comes while others are being answered waits, and then asks for all that have come
/// meanwhile; so each is answered with what is there after it was asked.
pub(super) struct Batch<Q, A> {
    sender: mpsc::UnboundedSender<Waiting<Q, A>>,
    /// Who holds it asks for all.
    receiver: Mutex<mpsc::UnboundedReceiver<Waiting<Q, A>>>,
}

struct Waiting<Q, A> {
    question: Q,
    answer: oneshot::Sender<sqlx::Result<A>>,
}

impl<Q, A> std::fmt::Debug for Batch<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batch")
    }
}

impl<Q, A> Default for Batch<Q, A> {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(receiver) }
    }
}

impl<Q, A> Batch<Q, A> {
    /// Gives the answer to a question that changes something. `ask` gets the answers to several, in their order.
    ///
    /// # Errors
    /// When `ask` fails, everybody whose question was with it gets its message. When whoever asked for all was broken off,
    /// what came of it nobody knows.
    pub(super) async fn change<Asking>(&self, question: Q, ask: impl Fn(Vec<Q>) -> Asking) -> sqlx::Result<A>
    where
        Asking: Future<Output = sqlx::Result<Vec<A>>>,
    {
        self.answer(question, &ask).await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// As [`change`](Self::change), of a question that may be asked again when whoever asked for all was broken off.
    ///
    /// # Errors
    /// When `ask` fails, everybody whose question was with it gets its message.
    pub(super) async fn look<Asking>(&self, question: Q, ask: impl Fn(Vec<Q>) -> Asking) -> sqlx::Result<A>
    where
        Q: Clone,
        Asking: Future<Output = sqlx::Result<Vec<A>>>,
    {
        loop {
            if let Some(answer) = self.answer(question.clone(), &ask).await {
                return answer;
            }
        }
    }

    /// The answer; `None` when whoever asked for all was broken off.
    async fn answer<Asking>(&self, question: Q, ask: impl Fn(Vec<Q>) -> Asking) -> Option<sqlx::Result<A>>
    where
        Asking: Future<Output = sqlx::Result<Vec<A>>>,
    {
        let (answer, mut answered) = oneshot::channel();
        // It fails only when the receiver is gone, and that is in the same place.
        let _ = self.sender.send(Waiting { question, answer });
        loop {
            tokio::select! {
                biased;
                answer = &mut answered => return answer.ok(),
                mut receiver = self.receiver.lock() => answer_waiting(&mut receiver, &ask).await,
            }
        }
    }
}

async fn answer_waiting<Q, A, Asking>(
    receiver: &mut mpsc::UnboundedReceiver<Waiting<Q, A>>,
    ask: impl Fn(Vec<Q>) -> Asking,
) where
    Asking: Future<Output = sqlx::Result<Vec<A>>>,
{
    // Few different numbers make few different statements, which are kept prepared.
    let number = receiver.len().min(MOST);
    let number = number.checked_ilog2().map_or(0, |power| 1 << power);
    let (mut questions, mut answers) = (Vec::new(), Vec::new());
    while questions.len() < number
        && let Ok(Waiting { question, answer }) = receiver.try_recv()
    {
        questions.push(question);
        answers.push(answer);
    }
    if questions.is_empty() {
        return;
    }
    // Who doesn't wait any more doesn't hear it.
    match ask(questions).await {
        Ok(found) => answers.into_iter().zip(found).for_each(|(answer, found)| drop(answer.send(Ok(found)))),
        Err(error) => {
            for answer in answers {
                let _ = answer.send(Err(sqlx::Error::Protocol(error.to_string())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_answered_together_and_each_with_their_own() {
        let (batch, asked) = (Arc::new(Batch::<u32, u32>::default()), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for number in 0..100 {
            let (batch, asked) = (batch.clone(), asked.clone());
            callers.spawn(async move {
                let double = async |numbers: Vec<u32>| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    assert!(numbers.len() <= MOST && numbers.len().is_power_of_two(), "{}", numbers.len());
                    tokio::task::yield_now().await;
                    Ok(numbers.into_iter().map(|number| 2 * number).collect())
                };
                (number, batch.look(number, double).await.unwrap())
            });
        }
        for (number, answer) in callers.join_all().await {
            assert_eq!(answer, 2 * number);
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked < 20, "asked {asked} times for 100");
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_and_the_next_question_is_a_new_one() {
        let batch = Batch::<bool, ()>::default();
        let ask = async |questions: Vec<bool>| {
            if questions.contains(&false) { Err(sqlx::Error::RowNotFound) } else { Ok(vec![(); questions.len()]) }
        };
        let (one, other) = tokio::join!(batch.change(true, ask), batch.change(false, ask));
        assert!(one.is_err() || other.is_err());
        batch.change(true, ask).await.unwrap();
    }

    #[tokio::test]
    async fn who_is_broken_off_takes_nobodys_look_along() {
        let batch = Batch::<bool, bool>::default();
        let busy = batch.receiver.lock().await;
        // Whoever asks for both never gets an answer, and gives up.
        let never = async |_| std::future::pending().await;
        let leader = tokio::time::timeout(Duration::from_millis(50), batch.look(false, never));
        let looks = batch.look(true, async |questions| Ok(questions));
        let begin = async {
            tokio::task::yield_now().await;
            drop(busy);
        };
        let (gave_up, looked, ()) = tokio::join!(leader, looks, begin);
        assert!(gave_up.is_err() && looked.unwrap());
    }
}
