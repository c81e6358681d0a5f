//! A consultation's recordings, in every state.

use std::sync::Arc;

use autamedica_api::{Id, Recording, RecordingPart, RecordingState, Timestamp};
use autamedica_call::Wake;
use autamedica_call::recordings::{
    DeleteProblem, FetchProblem, Listed, PartId, Purpose, RecordingsCommand, RecordingsState, Transfer,
};
use autamedica_client::full::DoctorsRecordings;
use parking_lot::Mutex;

/// Each is behind the button of the day's first consultation.
pub const SCENES: &[&str] =
    &["recordings", "recordings-states", "recordings-troubles", "recordings-empty", "recordings-away"];

pub struct GalleryRecordings {
    state: Mutex<Arc<RecordingsState>>,
    wake: Wake,
}

impl GalleryRecordings {
    pub fn new(scene: &str, wake: Wake) -> Self {
        let list = match scene {
            "recordings-empty" => Listed::Known(Vec::new()),
            "recordings-away" => Listed::Unreachable(vec![recording(0, RecordingState::Ready, 1)]),
            "recordings-states" => Listed::Known(
                [
                    RecordingState::Recording,
                    RecordingState::Storing,
                    RecordingState::Failed,
                    RecordingState::Refused,
                    RecordingState::Deleted,
                ]
                .into_iter()
                .zip(0..)
                .map(|(state, n)| recording(n, state, u32::from(n < 2)))
                .collect(),
            ),
            _ => Listed::Known(vec![recording(0, RecordingState::Ready, 1), recording(1, RecordingState::Ready, 2)]),
        };
        let mut state = RecordingsState::new(Id::new("4820").expect("a valid id"), list);
        let mut came = |n: i64, number: u32, transfer: Transfer| {
            state.transfers.insert(PartId { recording: n.to_string(), number }, transfer);
        };
        match scene {
            "recordings" => {
                came(0, 1, Transfer::Saved("/home/gomez/Documentos/consulta-4820.mp4".into()));
                came(1, 1, Transfer::InProgress { purpose: Purpose::Play, bytes: 41_300_000, of: 98_700_000 });
            }
            "recordings-troubles" => {
                came(1, 1, Transfer::Failed(FetchProblem::Differs));
                came(1, 2, Transfer::Failed(FetchProblem::NoPlayer));
                state.not_deleted.insert("0".to_owned(), DeleteProblem::Unreachable);
            }
            _ => {}
        }
        Self { state: Mutex::new(Arc::new(state)), wake }
    }
}

impl DoctorsRecordings for GalleryRecordings {
    fn now(&self) -> Arc<RecordingsState> {
        self.state.lock().clone()
    }

    /// Answers as the task would, so that buttons can be tried.
    fn send(&self, command: RecordingsCommand) {
        let mut slot = self.state.lock();
        let mut state = RecordingsState::clone(&slot);
        let moving = |purpose| Transfer::InProgress { purpose, bytes: 12_000_000, of: 98_700_000 };
        match command {
            RecordingsCommand::Play(part) => drop(state.transfers.insert(part, moving(Purpose::Play))),
            RecordingsCommand::Save { part, .. } => drop(state.transfers.insert(part, moving(Purpose::Save))),
            RecordingsCommand::Cancel(part) => drop(state.transfers.remove(&part)),
            RecordingsCommand::Delete(recording) => state.deleting.push(recording),
        }
        *slot = Arc::new(state);
        drop(slot);
        (self.wake)();
    }
}

fn recording(n: i64, state: RecordingState, parts: u32) -> Recording {
    let at = Timestamp::from_millis(Timestamp::now().as_millis() - (n * 40 + 20) * 60_000);
    let is_written = state == RecordingState::Recording;
    let is_stored = state == RecordingState::Ready;
    let part = |number: u32| RecordingPart {
        number,
        stored: is_stored,
        duration_seconds: 724.0 / f64::from(number),
        size_bytes: 98_700_000 / u64::from(number),
        sha256: (!is_written).then(|| "ab".repeat(32)),
        location: is_stored.then(|| format!("s3://clinic/consultations/4820-{n}-{number}.mp4")),
        encryption: (is_stored && n == 0).then(|| "aws:kms".to_owned()),
        download_url: None,
    };
    let parts: Vec<_> = (1..=parts).map(part).collect();
    let problem = match (state, parts.len()) {
        (RecordingState::Ready, 2) => Some("recorder-crashed"),
        (RecordingState::Storing, _) => Some("storage-unreachable"),
        (RecordingState::Failed, _) => Some("disk-full"),
        _ => None,
    };
    Recording {
        recording_id: n.to_string(),
        consultation_id: Id::new("4820").expect("a valid id"),
        state,
        problem: problem.map(str::to_owned),
        requested_at: at,
        started_at: Some(at),
        stopped_at: None,
        duration_seconds: parts.iter().map(|part| part.duration_seconds).sum(),
        size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
        sha256: None,
        download_url: None,
        parts,
    }
}
