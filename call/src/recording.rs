//! The recording of the consultation: requested by a doctor, consented to by the other participants, announced to all.
//!
//! The backend announces the state and the participants who must answer in the room's metadata; the SFU reports whether
//! a recorder is in the room. Rooms without our backend have only the SFU's report.

use std::time::Instant;

use autamedica_api::{
    AnnouncedRecording, CONSENT_TEXT_VERSION, ConsentAnswer, ErrorCode, GiveConsent, RecordingState as Stage,
    RoomAnnouncement, RoomProblemKind,
};

use super::event::Event;
use super::task::Task;
use super::{RecordingProblem, RecordingState};
use crate::backend::BackendError;

/// State of the recording.
#[derive(Default)]
pub(super) struct Recording {
    /// The SFU reports a recorder in the room.
    present: bool,
    announced: Option<AnnouncedRecording>,
    /// A request to the backend is pending.
    asking: bool,
    /// Reason for which the backend refused the last request.
    refused: Option<RecordingProblem>,
    /// Id of the recording whose question we answered, until the backend has the answer.
    answered: Option<String>,
}

impl Recording {
    /// Returns the state to show, based on the state `shown` now.
    fn state(&self, shown: &RecordingState) -> RecordingState {
        let on = || match shown {
            RecordingState::On(since) => RecordingState::On(*since),
            _ => RecordingState::On(Instant::now()),
        };
        match self.announced.as_ref().map(|recording| recording.state) {
            Some(Stage::Asking) => RecordingState::Asking,
            Some(Stage::Starting) => RecordingState::Starting,
            Some(Stage::Recording) => on(),
            Some(Stage::Paused) => RecordingState::Paused,
            // Another recorder, such as an egress.
            None if self.present => on(),
            _ if self.asking => RecordingState::Starting,
            announced => match (self.refused, announced) {
                (Some(problem), _) => RecordingState::Failed(problem),
                (None, Some(Stage::Refused)) => RecordingState::Declined,
                (None, Some(Stage::Failed)) => RecordingState::Failed(RecordingProblem::Broke),
                _ => RecordingState::Off,
            },
        }
    }
}

/// Returns the trouble of a recording that continues in spite of it.
fn trouble(recording: &AnnouncedRecording) -> Option<String> {
    let goes_on = recording.state.is_active() || recording.state == Stage::Storing;
    recording.problem.clone().filter(|_| goes_on)
}

impl Task {
    /// Starts (`true`) or stops the recording.
    pub(super) fn record(&mut self, on: bool) {
        self.recording.refused = None;
        let Some((consultation, token)) = self.consultation_ref().filter(|_| self.session.is_some()) else {
            if on {
                self.recording.refused = Some(RecordingProblem::Unavailable);
            }
            return self.show_recording();
        };
        let backend = self.entrance.backend.clone();
        self.recording.asking = on;
        self.show_recording();
        let if_panics = Event::Recorded { on, result: Err(BackendError::TaskFailed) };
        self.spawn_job(if_panics, async move {
            Event::Recorded { on, result: backend.record(&consultation, &token, on).await }
        });
    }

    pub(super) fn on_recorded(&mut self, on: bool, result: Result<(), BackendError>) {
        self.recording.asking = false;
        if let Err(error) = result {
            tracing::warn!(on, %error, "recording not started or stopped");
            // A recording that could not be stopped must still show.
            self.recording.refused = on.then(|| problem(&error));
        }
        self.show_recording();
    }

    /// Handles a recorder that entered or left the room.
    pub(super) fn on_recorder(&mut self, present: bool) {
        self.recording.present = present;
        self.show_recording();
    }

    /// Reads the announcement on entering the room. Ignores a recording that ended before.
    pub(super) fn on_first_announcement(&mut self, metadata: &str) {
        self.on_announcement(metadata);
        if self.recording.announced.as_ref().is_some_and(|recording| !recording.state.is_active()) {
            self.recording.announced = None;
            self.show_recording();
        }
    }

    /// Reads the announcement after a change of the room's metadata.
    pub(super) fn on_announcement(&mut self, metadata: &str) {
        // Rooms without our backend may have any metadata.
        let announcement: RoomAnnouncement = serde_json::from_str(metadata).unwrap_or_default();
        self.recording.announced = announcement.recording;
        self.publisher.state.foreign_recording =
            announcement.problem.is_some_and(|problem| problem.what == RoomProblemKind::ForeignRecording);
        self.show_recording();
    }

    /// Answers the question for consent.
    pub(super) fn answer_recording(&mut self, accept: bool, language: &str) {
        let (Some((consultation, token)), Some(recording)) = (self.consultation_ref(), &self.recording.announced)
        else {
            return;
        };
        self.recording.answered = Some(recording.recording_id.clone());
        let consent = GiveConsent {
            answer: if accept { ConsentAnswer::Accepted } else { ConsentAnswer::Refused },
            text_version: CONSENT_TEXT_VERSION,
            language: language.to_owned(),
        };
        let backend = self.entrance.backend.clone();
        let if_panics = Event::Answered(Err(BackendError::TaskFailed));
        self.spawn_job(
            if_panics,
            async move { Event::Answered(backend.consent(&consultation, &token, &consent).await) },
        );
        self.show_recording();
    }

    pub(super) fn on_answered(&mut self, result: Result<(), BackendError>) {
        if let Err(error) = result {
            tracing::warn!(%error, "consent not sent; asking again");
            self.recording.answered = None;
        }
        self.show_recording();
    }

    fn show_recording(&mut self) {
        let us = &self.publisher.state.identity;
        let asked = self.recording.announced.as_ref().filter(|recording| recording.asked.contains(us));
        // The backend may ask again later.
        if asked.is_none() {
            self.recording.answered = None;
        }
        let asked = asked.is_some_and(|recording| self.recording.answered.as_ref() != Some(&recording.recording_id));
        let state = &mut self.publisher.state;
        state.recording = self.recording.state(&state.recording);
        state.recording_trouble = self.recording.announced.as_ref().and_then(trouble);
        state.recording_question = asked;
    }
}

fn problem(error: &BackendError) -> RecordingProblem {
    match error {
        BackendError::Unreachable(_) => RecordingProblem::Unreachable,
        BackendError::InvalidResponse | BackendError::TaskFailed => RecordingProblem::Unavailable,
        BackendError::Refused { code, .. } => match code {
            ErrorCode::RecordingUnavailable => RecordingProblem::Unavailable,
            ErrorCode::RecordingActive => RecordingProblem::Active,
            ErrorCode::ConsentRefused => RecordingProblem::JustRefused,
            ErrorCode::RecordingEncrypted => RecordingProblem::Encrypted,
            _ => RecordingProblem::Denied,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(state: Stage) -> Option<AnnouncedRecording> {
        Some(AnnouncedRecording { recording_id: "r".into(), state, problem: None, asked: vec![], text_version: 1 })
    }

    #[test]
    fn what_is_announced_is_shown_and_nothing_is_on_before_it_records() {
        let shown = |state| Recording { present: true, announced: announced(state), ..Recording::default() };
        let off = RecordingState::Off;
        assert_eq!(shown(Stage::Asking).state(&off), RecordingState::Asking);
        assert_eq!(shown(Stage::Starting).state(&off), RecordingState::Starting);
        assert_eq!(shown(Stage::Paused).state(&off), RecordingState::Paused);
        assert!(matches!(shown(Stage::Recording).state(&off), RecordingState::On(_)));
        for over in [Stage::Stopping, Stage::Storing, Stage::Ready, Stage::Cancelled, Stage::Deleted] {
            assert_eq!(shown(over).state(&off), RecordingState::Off, "{over:?}");
        }
        assert_eq!(shown(Stage::Refused).state(&off), RecordingState::Declined);
        assert_eq!(shown(Stage::Failed).state(&off), RecordingState::Failed(RecordingProblem::Broke));
        let since = RecordingState::On(Instant::now());
        assert_eq!(shown(Stage::Recording).state(&since), since, "the clock goes on");
    }

    #[test]
    fn trouble_is_told_while_there_is_something_to_lose() {
        let with = |state| {
            let problem = Some("storage-unreachable".to_owned());
            trouble(&AnnouncedRecording { problem, ..announced(state).unwrap() })
        };
        for state in [Stage::Recording, Stage::Paused, Stage::Stopping, Stage::Storing] {
            assert_eq!(with(state).as_deref(), Some("storage-unreachable"), "{state:?}");
        }
        for state in [Stage::Failed, Stage::Refused, Stage::Ready, Stage::Deleted] {
            assert_eq!(with(state), None, "{state:?}");
        }
        assert_eq!(trouble(&announced(Stage::Recording).unwrap()), None);
    }

    #[test]
    fn a_room_that_announces_nothing_has_the_sfus_word() {
        let mut recording = Recording { present: true, ..Recording::default() };
        assert!(matches!(recording.state(&RecordingState::Off), RecordingState::On(_)));
        recording.present = false;
        assert_eq!(recording.state(&RecordingState::Off), RecordingState::Off);
        recording.refused = Some(RecordingProblem::Active);
        assert_eq!(recording.state(&RecordingState::Off), RecordingState::Failed(RecordingProblem::Active));
        recording.asking = true;
        assert_eq!(recording.state(&RecordingState::Off), RecordingState::Starting);
    }
}
