//! A doctor's consultations of today, polled while the start screen is open.

use std::sync::Arc;
use std::time::Duration;

use autamedica_api::{ConsultationDetails, Id, Timestamp};
use jiff::Zoned;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::backend::BackendError;
use crate::local_key::is_this_machine;
use crate::{Entrance, Wake};

/// Interval of polling.
const POLL_INTERVAL: Duration = Duration::from_secs(15);

/// Today's consultations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agenda {
    /// This app has no API key of the backend.
    NoKey,
    /// First request pending.
    Asking,
    /// Consultations, ordered by time.
    Known(Vec<ConsultationDetails>),
    /// The backend does not answer; the consultations known before.
    Unreachable(Vec<ConsultationDetails>),
    /// The backend refuses the API key.
    Refused,
}

/// Command of the day's list to the backend. Its result shows in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgendaCommand {
    /// Stores the desk's word to a waiting patient; an empty one removes it.
    Notice {
        /// Id of the consultation.
        id: Id,
        /// The word.
        text: String,
    },
}

/// Handle of the polling task. Dropping it ends the task.
#[derive(Debug)]
pub struct AgendaHandle {
    agenda: watch::Receiver<Arc<Agenda>>,
    commands: mpsc::UnboundedSender<AgendaCommand>,
    task: Option<AbortHandle>,
}

impl AgendaHandle {
    /// Returns the newest snapshot. Never blocks.
    pub fn now(&self) -> Arc<Agenda> {
        self.agenda.borrow().clone()
    }

    /// Sends a command. Never blocks.
    pub fn send(&self, command: AgendaCommand) {
        // Fails only after the task has ended.
        let _ = self.commands.send(command);
    }
}

impl Drop for AgendaHandle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Starts polling. Returns at once; the task calls `wake` after each change.
pub fn follow(runtime: &Handle, entrance: Entrance, wake: Wake) -> AgendaHandle {
    // A backend on this machine without any keys serves this machine.
    let may_ask = entrance.key.is_some() || is_this_machine(&entrance.server);
    let first = if may_ask { Agenda::Asking } else { Agenda::NoKey };
    let (shown, agenda) = watch::channel(Arc::new(first));
    let (commands, inbox) = mpsc::unbounded_channel();
    let task = may_ask.then(|| runtime.spawn(run(entrance, shown, wake, inbox)).abort_handle());
    AgendaHandle { agenda, commands, task }
}

/// Shows after a panic of the task that the state is no longer updated.
struct PanicGuard {
    shown: watch::Sender<Arc<Agenda>>,
    wake: Wake,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shown.send_modify(|shown| *shown = Arc::new(next(shown, Err(BackendError::TaskFailed))));
            (self.wake)();
        }
    }
}

async fn run(
    entrance: Entrance,
    shown: watch::Sender<Arc<Agenda>>,
    wake: Wake,
    mut commands: mpsc::UnboundedReceiver<AgendaCommand>,
) {
    let _guard = PanicGuard { shown: shown.clone(), wake: wake.clone() };
    let mut ask = tokio::time::interval(POLL_INTERVAL);
    ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            _ = ask.tick() => Ok(()),
            Some(AgendaCommand::Notice { id, text }) = commands.recv() => {
                entrance.backend.set_notice(&entrance.server, &id, text, entrance.key.as_ref()).await
            }
        };
        let answer = match done {
            Ok(()) => {
                let (from, until) = day_of(&Zoned::now());
                entrance.backend.consultations(&entrance.server, from, until, entrance.key.as_ref()).await
            }
            Err(error) => Err(error),
        };
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

/// Returns the start of a local day and of the next one. Works without a name of the time zone, which may not exist.
fn day_of(now: &Zoned) -> (Timestamp, Timestamp) {
    let begin = |day: Result<Zoned, jiff::Error>| {
        // At the limits of the calendar a day has no start; the list is limited to now there.
        let moment = day.map_or(now.timestamp(), |day| day.timestamp());
        Timestamp::from_millis(moment.as_millisecond())
    };
    (begin(now.start_of_day()), begin(now.tomorrow().and_then(|next| next.start_of_day())))
}

fn next(known: &Agenda, answer: Result<autamedica_api::ConsultationList, BackendError>) -> Agenda {
    match answer {
        Ok(list) => Agenda::Known(list.consultations),
        Err(BackendError::Refused { code, .. }) if is_about_us(code) => Agenda::Refused,
        Err(error) => {
            tracing::debug!(%error, "consultations of today not listed");
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
        let after = next(&Agenda::Known(known.clone()), Err(BackendError::InvalidResponse));
        assert_eq!(after, Agenda::Unreachable(known.clone()));
        assert_eq!(next(&after, refused(ErrorCode::DatabaseUnavailable)), Agenda::Unreachable(known.clone()));
        let back = ConsultationList { consultations: known.clone(), ..ConsultationList::default() };
        assert_eq!(next(&after, Ok(back)), Agenda::Known(known));
    }

    #[test]
    fn a_day_is_the_local_one_whether_or_not_its_zone_has_a_name() {
        let bounds = |zone: jiff::tz::TimeZone| {
            let now: jiff::Timestamp = "2026-11-25T02:30:00Z".parse().unwrap();
            let (from, until) = day_of(&now.to_zoned(zone));
            (from.to_string(), until.to_string())
        };
        let lima = ("2026-11-24T05:00:00.000Z".to_owned(), "2026-11-25T05:00:00.000Z".to_owned());
        // Time zone of `TZ='<-05>5'`, or of an `/etc/localtime` that is a regular file.
        let unnamed = jiff::tz::TimeZone::posix("<-05>5").unwrap();
        assert_eq!(unnamed.iana_name(), None);
        assert_eq!(bounds(unnamed), lima);
        assert_eq!(bounds(jiff::tz::TimeZone::get("America/Lima").unwrap()), lima);
        // With the change to summer time the day has 23 hours.
        let madrid: jiff::Timestamp = "2026-03-29T12:00:00Z".parse().unwrap();
        let (from, until) = day_of(&madrid.to_zoned(jiff::tz::TimeZone::get("Europe/Madrid").unwrap()));
        assert_eq!(until.as_millis() - from.as_millis(), 23 * 60 * 60_000);
    }

    #[test]
    fn a_key_that_isnt_taken_is_told() {
        assert_eq!(next(&Agenda::Asking, refused(ErrorCode::Unauthorized)), Agenda::Refused);
        assert_eq!(next(&Agenda::Asking, Err(BackendError::InvalidResponse)), Agenda::Unreachable(Vec::new()));
    }
}
