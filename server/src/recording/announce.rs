//! Announcements in a room's metadata: recording state, problem, and index of the end-to-end key. Metadata also reaches
//! foreign clients and participants who join later.

use autamedica_api::{
    AnnouncedRecording, CONSENT_TEXT_VERSION, RecordingState, RoomAnnouncement, RoomProblem, room_name,
};
use livekit_protocol::Room;

use crate::error::Result;
use crate::state::AppState;
use crate::store::{StoredConsultation, StoredRecording};

/// Announces the state of a recording. Skips rooms that aren't open, because the driver repeats the announcement.
///
/// # Errors
/// [`Error::Sfu`](crate::error::Error::Sfu) and [`Error::Database`](crate::error::Error::Database).
pub async fn announce(state: &AppState, recording: &StoredRecording, asked: Vec<String>) -> Result<()> {
    // Participants wait for the outcome of a request, even a negative one.
    let came_to_nothing = matches!(recording.state, RecordingState::Refused | RecordingState::Failed);
    let is_stuck = recording.state == RecordingState::Storing && recording.storage_problem.is_some();
    let e2ee_key_index = state.store.consultation(&recording.consultation).await?.map_or(0, |stored| stored.key_index);
    update(state, &room_name(&recording.consultation), |known| {
        // A finished recording must not replace the announcement of another one, and isn't announced to a room that
        // never saw it.
        let is_others = known.recording.as_ref().map_or(!is_stuck, |known| known.recording_id != recording.id);
        if !recording.state.is_active() && is_others {
            return known;
        }
        RoomAnnouncement {
            problem: known.problem,
            // The consultation was read before the room, so the announced index can be newer.
            e2ee_key_index: e2ee_key_index.max(known.e2ee_key_index),
            recording: (recording.state.is_active() || came_to_nothing || is_stuck).then(|| AnnouncedRecording {
                recording_id: recording.id.clone(),
                state: recording.state,
                problem: recording.current_problem().map(str::to_owned),
                asked,
                text_version: CONSENT_TEXT_VERSION,
            }),
        }
    })
    .await
}

/// Announces the index of the end-to-end key if `open`, a recent state of the room, has an older one.
///
/// # Errors
/// [`Error::Sfu`](crate::error::Error::Sfu).
pub async fn announce_key(state: &AppState, stored: &StoredConsultation, open: &Room) -> Result<()> {
    if read(open).e2ee_key_index >= stored.key_index {
        return Ok(());
    }
    let key_index = stored.key_index;
    update(state, &open.name, |known| RoomAnnouncement { e2ee_key_index: key_index.max(known.e2ee_key_index), ..known })
        .await
}

/// Announces a problem, unless one of the same kind is announced already.
///
/// # Errors
/// [`Error::Sfu`](crate::error::Error::Sfu).
pub async fn announce_problem(state: &AppState, room: &str, problem: RoomProblem) -> Result<()> {
    update(state, room, |known| {
        if known.problem.as_ref().is_some_and(|known| known.what == problem.what) {
            return known;
        }
        RoomAnnouncement { problem: Some(problem), ..known }
    })
    .await
}

/// Updates the announcement of an open room if `change` modifies it.
async fn update(state: &AppState, room: &str, change: impl FnOnce(RoomAnnouncement) -> RoomAnnouncement) -> Result<()> {
    let Some(open) = state.sfu.open_rooms(vec![room.to_owned()]).await?.pop() else { return Ok(()) };
    let known = read(&open);
    let changed = change(known.clone());
    if changed != known {
        let text = serde_json::to_string(&changed).expect("plain texts always become JSON");
        state.sfu.announce(room, &text).await?;
    }
    Ok(())
}

/// Returns the current announcement; the default if the metadata is foreign.
fn read(room: &Room) -> RoomAnnouncement {
    serde_json::from_str(&room.metadata).unwrap_or_default()
}
