//! What the room hears of a recording: in its metadata, so that foreign clients and those who come later hear it too.

use autamedica_api::{AnnouncedRecording, CONSENT_TEXT_VERSION, RecordingState, RoomAnnouncement, room_name};

use crate::error::Result;
use crate::state::AppState;
use crate::store::StoredRecording;

/// Tells the room how its recording stands, unless it knows. A room that isn't open is told when it is.
///
/// # Errors
/// When the SFU or the database fails.
pub async fn announce(state: &AppState, recording: &StoredRecording, asked: Vec<String>) -> Result<()> {
    let room = room_name(&recording.consultation);
    let Some(open) = state.sfu.open_rooms(vec![room.clone()]).await?.pop() else { return Ok(()) };
    // That nothing comes of it is news, too: somebody waits for it.
    let came_to_nothing = matches!(recording.state, RecordingState::Refused | RecordingState::Failed);
    // So is that a recording which is over can't be stored.
    let is_stuck = recording.state == RecordingState::Storing && recording.storage_problem.is_some();
    let announcement = RoomAnnouncement {
        recording: (recording.state.is_active() || came_to_nothing || is_stuck).then(|| AnnouncedRecording {
            recording_id: recording.id.clone(),
            state: recording.state,
            problem: recording.trouble().map(str::to_owned),
            asked,
            text_version: CONSENT_TEXT_VERSION,
        }),
    };
    // What no longer goes on is no news to a room that never heard of it, or that hears of the next one already.
    let known: RoomAnnouncement = serde_json::from_str(&open.metadata).unwrap_or_default();
    let is_others = known.recording.as_ref().map_or(!is_stuck, |known| known.recording_id != recording.id);
    if known == announcement || (!recording.state.is_active() && is_others) {
        return Ok(());
    }
    let text = serde_json::to_string(&announcement).expect("plain texts always become JSON");
    state.sfu.announce(&room, &text).await?;
    Ok(())
}
