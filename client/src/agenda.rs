//! A doctor's consultations of today, asked for from time to time while somebody looks.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::ConsultationDetails;
use jiff::Zoned;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::backend::BackendError;
use crate::call::{Entrance, Wake};
use crate::pairing::is_this_machine;

/// How often the backend is asked.
const ASK_EVERY: Duration = Duration::from_secs(15);

/// What is known of today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agenda {
    /// This app has no key for the backend.
    NoKey,
    /// Being asked for the first time.
    Asking,
    /// By time.
    Known(Vec<ConsultationDetails>),
    /// Nothing answers. What was known before, if anything.
    Unreachable(Vec<ConsultationDetails>),
    /// The backend doesn't take the key.
    Refused,
}

/// Somebody looks at it: dropping it ends the asking.
#[derive(Debug)]
pub struct AgendaHandle {
    agenda: watch::Receiver<Arc<Agenda>>,
    task: Option<AbortHandle>,
}

impl AgendaHandle {
    /// The newest snapshot. Never waits.
    pub fn now(&self) -> Arc<Agenda> {
        self.agenda.borrow().clone()
    }
}

impl Drop for AgendaHandle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Begins to ask. Returns at once; `wake` is called after each change.
pub fn follow(runtime: &Handle, entrance: Entrance, wake: Wake) -> AgendaHandle {
    // A backend on this machine without any key serves this machine.
    let may_ask = entrance.key.is_some() || is_this_machine(&entrance.server);
    let first = if may_ask { Agenda::Asking } else { Agenda::NoKey };
    let (shown, agenda) = watch::channel(Arc::new(first));
    let task = may_ask.then(|| runtime.spawn(run(entrance, shown, wake)).abort_handle());
    AgendaHandle { agenda, task }
}

async fn run(entrance: Entrance, shown: watch::Sender<Arc<Agenda>>, wake: Wake) {
    let mut ask = tokio::time::interval(ASK_EVERY);
    ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ask.tick().await;
        let now = Zoned::now();
        let zone = now.time_zone().iana_name().unwrap_or("UTC").to_owned();
        let day = now.date().to_string();
        let answer = entrance.backend.consultations(&entrance.server, &day, &zone, entrance.key.as_ref()).await;
        let changed = shown.send_if_modified(|shown| {
            let new = next(shown, answer);
            let changed = **shown != new;
            if changed {
                *shown = Arc::new(new);
            }
            changed
        });
        if changed {
            wake();
        }
    }
}

fn next(known: &Agenda, answer: Result<autamedica_api::ConsultationList, BackendError>) -> Agenda {
    match answer {
        Ok(list) => Agenda::Known(list.consultations),
        Err(BackendError::Refused { code, .. }) if is_about_us(code) => Agenda::Refused,
        Err(error) => {
            tracing::debug!(%error, "today's consultations aren't known");
            match known {
                Agenda::Known(known) | Agenda::Unreachable(known) => Agenda::Unreachable(known.clone()),
                Agenda::NoKey | Agenda::Asking | Agenda::Refused => Agenda::Unreachable(Vec::new()),
            }
        }
    }
}

fn is_about_us(code: autamedica_api::ErrorCode) -> bool {
    use autamedica_api::ErrorCode;
    matches!(code, ErrorCode::Unauthorized | ErrorCode::Forbidden)
}

#[cfg(test)]
mod tests {
    use autamedica_api::{ConsultationList, ErrorCode};

    use super::*;

    fn refused(code: ErrorCode) -> Result<ConsultationList, BackendError> {
        Err(BackendError::Refused { code, message: String::new() })
    }

    #[test]
    fn a_backend_that_is_away_takes_nothing_from_the_screen() {
        let day = r#"{"consultationId": "4821", "roomName": "consultation-4821", "patientId": "p", "doctorId": "d",
            "state": "created", "waitingRoom": true, "admitted": false, "e2ee": true, "createdAt": "2026-11-24T12:00:00Z"}"#;
        let known = vec![serde_json::from_str::<ConsultationDetails>(day).unwrap()];
        let after = next(&Agenda::Known(known.clone()), Err(BackendError::NotOurs));
        assert_eq!(after, Agenda::Unreachable(known.clone()));
        assert_eq!(next(&after, refused(ErrorCode::DatabaseUnavailable)), Agenda::Unreachable(known.clone()));
        let back = ConsultationList { consultations: known.clone() };
        assert_eq!(next(&after, Ok(back)), Agenda::Known(known));
    }

    #[test]
    fn a_key_that_isnt_taken_is_told() {
        assert_eq!(next(&Agenda::Asking, refused(ErrorCode::Unauthorized)), Agenda::Refused);
        assert_eq!(next(&Agenda::Asking, Err(BackendError::NotOurs)), Agenda::Unreachable(Vec::new()));
    }
}
